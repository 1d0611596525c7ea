"""The client verifies the log's proofs itself: a real server's, spoilt ones, and other people's independent cases."""

from __future__ import annotations

import json
import os
from base64 import b64decode
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from yunju_client import MisuseError, UnprovedError, errors, prove, read_trust, verify_proof
from yunju_client.notes import NoteError, NoteKey
from yunju_client.proving import verify_inclusion

from audit.tree.place import Cosigned
from audit.tree.proofs import LogReader
from cards.claims import Form
from keys.ed25519 import Ed25519Signer
from keys.notes import Cosigner
from ledger.leaf import leaf_hash
from tests.audit.builders import ORIGIN, a_published_log
from tests.audit.test_http import LoggedWorld
from tests.client.parties import Parties
from tests.verifier.world import Signers
from tests.web.test_promises import SIZE, altered

VECTORS = os.environ.get("VECTORS")


@pytest.fixture
def parties(tmp_path):
    """A verifier with a log behind it, and who calls it."""
    world = LoggedWorld(tmp_path)
    yield Parties(world, tmp_path)
    world.close()


@pytest.fixture
def gym(parties):
    """The client of a gym's server."""
    with parties.server(points="gym") as made:
        yield made


@pytest.fixture
def use(parties, gym):
    """A granted use, not yet in the log."""
    shown = parties.world.card("silver", Form.PRINT).shown()
    return gym.check_in(presentation=shown, service="gym-visit", id_checked=True, point="gym")


def own_keys(parties) -> list[str]:
    """The log's keys, as `audit keys` prints them."""
    return [key.vkey for key in parties.world.log_world.keys]


def trust(parties):
    """What the bundle says that the server publishes, held to the root that the test itself made."""
    document = (parties.world.published / "trust-bundle.jwt").read_text()
    return read_trust(document, Signers.root.kid, parties.world.clock.now().timestamp())


def proved_by(parties, gym, use, keys, **more):
    """The proof of a use, by keys of the log that are named here."""
    return prove(gym, use, trust(parties), keys=keys, **more)


def witness(parties, name: str = "auditor.example/w1") -> str:
    """Have a witness cosign what is published; its key."""
    place, cosigner = parties.world.log_world.home.place, Cosigner(name, Ed25519Signer.generate())
    state = place.read()
    place.witnessed(state.note.with_signatures([cosigner.cosign(state.note.text, 7)]), {name: Cosigned(state.size, 7)})
    return cosigner.key.vkey


def test_a_check_in_is_proved_by_either_key_of_the_log(parties, gym, use):
    """From the answer as it came; what was verified is kept, and verified again without the server."""
    assert parties.world.sequence() == 1
    for keys in ([one] for one in own_keys(parties)):
        proved = proved_by(parties, gym, use, keys)
        assert (proved.entry, proved.index, proved.size, proved.origin) == (use.id, 0, 1, ORIGIN)
        assert proved.witnesses == ()
        assert verify_proof(use.id, proved.leaf, proved.proof, keys) == proved


def test_a_proof_is_waited_for_as_the_server_asks_and_not_for_ever(parties, gym, use):
    """Nothing is slept in the test: the seconds are counted, and the log goes on while the client waits."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            parties.world.sequence()

    assert proved_by(parties, gym, use, own_keys(parties), sleep=sleep).index == 0
    assert slept == [2.0] * 3
    parties.world.clock.advance(timedelta(hours=3))
    shown = parties.world.card("gold", Form.PRINT).shown()
    fresh = gym.check_in(presentation=shown, service="gym-visit", id_checked=True, point="gym")
    with pytest.raises(errors.ProblemError) as never:
        proved_by(parties, gym, fresh, own_keys(parties), wait=10, sleep=slept.append)
    assert never.value.code == "not-logged-yet"
    assert sum(slept[3:]) <= 10


def test_witnesses_are_counted_and_a_missing_one_is_refused(parties, gym, use):
    """One where any is named; `quorum` for more. An unknown witness is none, and a spoilt cosignature refuses all."""
    parties.world.sequence()
    seen, unseen = witness(parties), Cosigner("other.example/w", Ed25519Signer.generate()).key.vkey
    proved = proved_by(parties, gym, use, own_keys(parties), witnesses=[seen, unseen])
    assert [(one.name, one.at) for one in proved.witnesses] == [("auditor.example/w1", 7)]
    for others, quorum in (([unseen], None), ([seen, unseen], 2)):
        with pytest.raises(UnprovedError, match="cosigned"):
            proved_by(parties, gym, use, own_keys(parties), witnesses=others, quorum=quorum)
    with pytest.raises(MisuseError, match="too few"):
        proved_by(parties, gym, use, own_keys(parties), witnesses=[seen, seen], quorum=2)
    later = proved.proof.replace("auditor.example/w1", "auditor.example/w2")
    with pytest.raises(UnprovedError):
        verify_proof(use.id, proved.leaf, later, own_keys(parties), witnesses=[seen])


def test_an_answer_whose_promise_is_anothers_proves_nothing(parties, gym, use):
    """The promise names the entry; without one there is nothing to compare a proof with."""
    parties.world.sequence()
    other = replace(use, id="00-000009")
    with pytest.raises(UnprovedError, match="another entry"):
        proved_by(parties, gym, other, own_keys(parties))
    for promise in (None, ""):
        with pytest.raises(MisuseError, match="no promise"):
            proved_by(parties, gym, replace(use, promise=promise), own_keys(parties))
    for promise in ("a.b.c", "nonsense", "."):
        with pytest.raises(UnprovedError, match="not signed"):
            proved_by(parties, gym, replace(use, promise=promise), own_keys(parties))


def test_a_server_that_proves_another_entry_is_found_out(parties, gym, use):
    """A proof that is good, of somebody else's entry."""
    parties.world.sequence()
    proof = gym.log_proof(use.id).proof
    with pytest.raises(UnprovedError, match="another root"):
        verify_proof(use.id, leaf_hash(b"another"), proof, own_keys(parties))


@pytest.mark.parametrize("keys", [[], ["nonsense"], ["name+00000000+AQ=="], "a text"])
def test_keys_that_cannot_be_used_are_the_programs_fault(parties, gym, use, keys):
    """Told apart from a proof that does not hold; nobody is trusted by default."""
    parties.world.sequence()
    with pytest.raises(MisuseError):
        proved_by(parties, gym, use, keys)


def test_the_keys_are_those_that_the_server_writes(parties):
    """Name, kind and id, of each kind."""
    cosigner = Cosigner("auditor.example/w1", Ed25519Signer.generate())
    for key in (*parties.world.log_world.keys, cosigner.key):
        read = NoteKey.parse(key.vkey)
        assert (read.name, read.kind, read.public, read.key_id) == (key.name, key.kind, key.public, key.key_id)
        with pytest.raises(NoteError):
            NoteKey.parse(key.vkey.replace("+", "+0", 1))


def test_what_the_servers_own_verifier_takes_and_refuses(tmp_path):
    """Proofs at every kind of place, whole and spoilt in every part: the verdicts of the server and of the page."""
    log = a_published_log(tmp_path, SIZE)
    reader, keys = LogReader(log.home.place, log.home.source(), log.home.index()), [key.vkey for key in log.keys]
    for place in (0, 1, 127, 255, 256, 298, 299):
        data = reader.leaf(place)
        proof = reader.prove(json.loads(data)["id"])
        assert verify_proof("x", leaf_hash(data), proof.encode(), keys).index == place
        for name, text in altered(proof).items():
            with pytest.raises(UnprovedError):
                verify_proof(name, leaf_hash(data), text, keys)
    other = a_published_log(tmp_path / "other", 3)
    with pytest.raises(UnprovedError, match="no key that was handed in"):
        verify_proof("x", leaf_hash(data), proof.encode(), [key.vkey for key in other.keys])


@pytest.mark.skipif(not VECTORS, reason="set VECTORS to the folder of independent vectors")
def test_every_independent_vector_gets_its_verdict():
    """transparency-dev's inclusion proofs, good and malformed."""
    found = sorted((Path(VECTORS) / "merkle" / "inclusion").rglob("*.json"))
    assert len(found) > 40
    wrong = [str(path) for path in found if accepts(json.loads(path.read_bytes())) is _wants_error(path)]
    assert wrong == []


def _wants_error(path: Path) -> bool:
    return json.loads(path.read_bytes())["wantErr"]


def accepts(case: dict) -> bool:
    """Whether the client takes a case."""
    path = [b64decode(step or "") for step in case["proof"] or ()]
    leaf, root = b64decode(case["leafHash"] or ""), b64decode(case["root"] or "")
    try:
        verify_inclusion(leaf, case["leafIdx"], case["treeSize"], path, root)
    except NoteError:
        return False
    return True
