"""Proofs of single entries, in the words of C2SP tlog-proof, and promises kept or broken."""

import pytest

from audit.tree.place import Cosigned
from audit.tree.proofs import LogReader, NotLogged
from edge.encoding import b64u
from keys.ed25519 import Ed25519Signer
from keys.entry_proof import EntryProof, PromiseState, Unproved, promise_state
from keys.notes import Cosigner, Ed25519NoteSigner, open_checkpoint
from ledger.leaf import LeafError, decode, leaf_hash
from tests.audit.builders import LogWorld, a_published_log


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A log of 700 entries that no test changes."""
    return a_published_log(tmp_path_factory.mktemp("proofs"), 700)


def reader(world: LogWorld) -> LogReader:
    """Whoever reads the published log."""
    return LogReader(world.home.place, world.home.source(), world.home.index())


def test_every_entry_is_proved_in_a_form_that_reads_back(world):
    """First, last, any: the text is parsed, verified with either log key, and leads to that very leaf."""
    for partition, leaves in world.feed.partitions.items():
        for data in (leaves[0], leaves[-1], leaves[len(leaves) // 2]):
            entry = decode(data).id
            proof = EntryProof.parse(reader(world).prove(entry).encode())
            assert proof == reader(world).prove(entry)
            for key in world.keys:
                assert proof.verify(leaf_hash(data), [key]).checkpoint.size == 700
            assert reader(world).leaf(proof.index) == data
            assert int(entry[:2], 16) == partition


def test_a_proof_is_of_one_entry_alone(world):
    """Another leaf, another key, another index, a shortened path."""
    first, second = world.feed.partitions[0][:2]
    proof = reader(world).prove(decode(first).id)
    stranger = Ed25519NoteSigner(world.home.origin, Ed25519Signer.generate())
    for changed, leaf, keys in (
        (proof, second, world.keys),
        (proof, first, [stranger.key]),
        (EntryProof(proof.index + 1, proof.path, proof.checkpoint), first, world.keys),
        (EntryProof(proof.index, proof.path[:-1], proof.checkpoint), first, world.keys),
        (EntryProof(proof.index, proof.path, proof.checkpoint.replace("\n700\n", "\n701\n")), first, world.keys),
    ):
        with pytest.raises(Unproved):
            changed.verify(leaf_hash(leaf), keys)


def test_what_is_not_logged_has_no_proof(world):
    """Unknown, beyond the end, no id at all."""
    for entry in ("00-000900", "fe-000001"):
        with pytest.raises(NotLogged):
            reader(world).prove(entry)
    with pytest.raises(LeafError):
        reader(world).prove("nonsense")
    with pytest.raises(NotLogged):
        reader(world).leaf(700)


def test_an_orphans_index_proves_nothing(tmp_path):
    """An index that a dead leader left behind names another entry, or none."""
    world = a_published_log(tmp_path, 20)
    world.home.index().add([(9, 1, 5), (8, 1, 20)])
    for entry in ("09-000001", "08-000001"):
        with pytest.raises(NotLogged):
            reader(world).prove(entry)


def test_a_witnessed_checkpoint_is_preferred(tmp_path):
    """The proof leads to the newest cosigned checkpoint that covers the entry, else to the newest."""
    world = a_published_log(tmp_path, 300)
    cosigner = Cosigner("auditor.example/w1", Ed25519Signer.generate())
    note = world.home.place.read().note
    world.home.place.witnessed(
        note.with_signatures([cosigner.cosign(note.text, 5)]), {"auditor.example/w1": Cosigned(300, 5)}
    )
    world.feed.add(100)
    world.run()
    for data, size in ((world.feed.partitions[0][0], 300), (world.feed.partitions[0][-1], 400)):
        proof = reader(world).prove(decode(data).id)
        opened = proof.verify(leaf_hash(data), world.keys, [cosigner.key])
        assert opened.checkpoint.size == size
        assert len(opened.signed) == (3 if size == 300 else 2)


def test_a_promise_is_kept_pending_or_broken(world):
    """Kept by a proof that holds; pending to its last second; broken after it, or by a proof that does not hold."""
    data = world.feed.partitions[3][7]
    leaf, proof = b64u(leaf_hash(data)), reader(world).prove(decode(data).id)
    assert promise_state(leaf, 100, 200, proof, world.keys)[0] is PromiseState.KEPT
    assert promise_state(leaf, 100, 100, None, world.keys)[0] is PromiseState.PENDING
    assert promise_state(leaf, 100, 101, None, world.keys)[0] is PromiseState.BROKEN
    other = b64u(leaf_hash(world.feed.partitions[3][8]))
    assert promise_state(other, 100, 50, proof, world.keys)[0] is PromiseState.BROKEN
    assert promise_state("nonsense", 100, 50, proof, world.keys)[0] is PromiseState.BROKEN


SPECIFIED = """c2sp.org/tlog-proof@v1
extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=
RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=
AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=

example.com/fancylog
109482
sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

\u2014 example.com/fancylog hI2DJw[...]1roloI=
"""


def test_the_specifications_form_of_a_proof_is_read():
    """tlog-proof's example with its extra line; what departs from the form is refused."""
    text = SPECIFIED
    proof = EntryProof.parse(text)
    assert (proof.index, len(proof.path)) == (73894, 5)
    assert {len(step) for step in proof.path} == {32}
    assert proof.checkpoint.startswith("example.com/fancylog\n109482\n")
    plain = text.replace("extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ\n", "")
    assert EntryProof.parse(plain).encode() == plain
    for broken in (
        "", text.replace("@v1", "@v2"), text.replace("index 73894\n", ""), text.replace("73894", "073894"),
        text.replace("gSKy", "g!Ky"), text.replace("\n\n", "\n"), text.replace("index", "Index"),
    ):  # fmt: skip
        with pytest.raises(Unproved):
            EntryProof.parse(broken)


def test_the_reader_of_an_empty_home_says_so(tmp_path):
    """Before the first checkpoint there is neither state nor proof."""
    world = LogWorld(tmp_path)
    assert reader(world).state() is None
    with pytest.raises(NotLogged):
        reader(world).prove("00-000001")
    world.run()
    assert open_checkpoint(reader(world).state().checkpoint, world.keys).checkpoint.size == 0
