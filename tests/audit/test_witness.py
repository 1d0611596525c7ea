"""Witnesses: the protocol's answers one by one, durable memory, forks and roll-backs refused, lateness told."""

import json
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from audit.evidence.exporting import Exported, LogFilter, json_lines
from audit.evidence.watching import Forked, LogWatcher, UrlSource
from audit.evidence.witness import WitnessBook, _read_request
from audit.tree.place import Cosigned
from audit.tree.sequencing import Sequencing, SequencingParts
from audit.tree.tiles import FolderSource, Tree
from audit.tree.witnesses import Contradicted, Witness, WitnessAway, ask, largest_seen, late, read_witnesses
from edge.clock import FixedClock
from keys.ed25519 import Ed25519Signer
from keys.entry_proof import EntryProof
from keys.merkle import EMPTY_ROOT
from keys.notes import (
    Checkpoint,
    Cosigner,
    Ed25519NoteSigner,
    Note,
    NoteError,
    open_checkpoint,
    parse_note,
    parse_signature,
)
from tests.audit.builders import ORIGIN, LogWorld, a_published_log
from verifier.__main__ import main
from verifier.api.audit.witness import create_witness

NOW = datetime(2026, 11, 1, 1, 0, tzinfo=UTC)
NAME = "auditor.example/w1"


class Auditor:
    """A witness's application in this process, and the way to call it."""

    def __init__(self, folder, keys):
        self.folder, self.keys = folder, keys
        self.clock = FixedClock(NOW)
        self.cosigner = Cosigner(NAME, Ed25519Signer.generate())
        self.witness = Witness(self.cosigner.key, "http://witness.example")
        self.away = False
        self.open()

    def open(self):
        self.client = create_witness(WitnessBook(self.folder, self.keys, self.cosigner), self.clock).test_client()

    def call(self, url, body):
        if self.away:
            raise WitnessAway("away")
        path = urlsplit(url).path
        answer = self.client.get(path) if body is None else self.client.post(path, data=body)
        return answer.status_code, answer.get_data()


@pytest.fixture
def world(tmp_path):
    """A log of 300 entries."""
    return a_published_log(tmp_path, 300)


@pytest.fixture
def auditor(tmp_path, world):
    """A witness that watches it."""
    return Auditor(tmp_path / "witness", world.keys)


def body_of(note: str, old: int, proof=()) -> bytes:
    """An add-checkpoint request."""
    return f"old {old}\n{''.join(b64encode(step).decode() + chr(10) for step in proof)}\n{note}".encode()


def grown(world: LogWorld, count: int) -> tuple[str, Tree]:
    """The log with so many entries more: its newest note and its tree."""
    world.feed.add(count)
    world.run()
    state = world.home.place.read()
    return state.checkpoint, Tree(FolderSource(world.folder), state.size)


def signed(world: LogWorld, size: int, root: bytes) -> str:
    """A checkpoint of anything, signed by the log."""
    text = Checkpoint(ORIGIN, size, root).text
    return Note(text, (world.ed25519.sign(text),)).encode()


def test_a_growing_log_is_cosigned_step_by_step(world, auditor):
    """First from nothing, then with a proof from the size before; a client that knows nothing is told the size."""
    state = world.home.place.read()
    tree = Tree(FolderSource(world.folder), state.size)
    _, seen = ask(auditor.witness, state.note, tree, 0, auditor.call)
    assert seen == Cosigned(300, int(NOW.timestamp()))
    note, tree = grown(world, 500)
    signature, seen = ask(auditor.witness, parse_note(note), tree, 0, auditor.call)
    assert seen.size == 800
    whole = parse_note(note).with_signatures([signature]).encode()
    opened = open_checkpoint(whole, world.keys, [auditor.witness.key])
    assert [each.at for each in opened.signed if each.key.name == NAME] == [int(NOW.timestamp())]
    assert largest_seen(auditor.witness, ORIGIN, world.keys, auditor.call) == opened.checkpoint


def test_the_protocols_refusals(world, auditor):
    """Each with the status that tlog-witness names."""
    note, tree = grown(world, 100)
    root300 = tree.root(300)
    post = lambda body: auditor.client.post("/add-checkpoint", data=body)  # noqa: E731 - said six times below
    assert post(body_of(note, 0)).status_code == 200
    assert post(body_of(note, 401)).status_code == 400
    conflict = post(body_of(note, 300, tree.consistency(300)))
    assert (conflict.status_code, conflict.get_data()) == (409, b"400\n")
    assert conflict.content_type == "text/x.tlog.size"
    forked = post(body_of(signed(world, 400, root300), 400))
    assert (forked.status_code, forked.get_data()) == (409, b"400\n"), "another root of the same size"
    assert post(body_of(note, 400)).status_code == 200
    more, tree = grown(world, 50)
    wrong = [sha256(step).digest() for step in tree.consistency(400)]
    assert post(body_of(more, 400, wrong)).status_code == 422
    assert post(body_of(more, 400)).status_code == 422
    assert post(body_of(more, 400, tree.consistency(400))).status_code == 200
    stranger = Ed25519NoteSigner(ORIGIN, Ed25519Signer.generate())
    text = Checkpoint(ORIGIN, 450, tree.root()).text
    assert post(body_of(Note(text, (stranger.sign(text),)).encode(), 450)).status_code == 403
    assert post(body_of(more.replace("\n450\n", "\n451\n"), 450)).status_code == 403
    other = Ed25519NoteSigner("other.example/log", Ed25519Signer.generate())
    text = Checkpoint("other.example/log", 0, EMPTY_ROOT).text
    assert post(body_of(Note(text, (other.sign(text),)).encode(), 0)).status_code == 404


EXAMPLE = """old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
\u2014 example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
"""  # noqa: E501 - the specification's own lines
ANSWER = """\u2014 witness.example/w1 CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6Up69HVOw==
\u2014 witness.example/w1 I7rEps0pvK2UqkS2gSpVUDhrhVtQV9lgF6pRrWAvjJHjyWpW7VcE3SiOlVlbQNt64vWhO+DlkL0+UfzuOBMh9ChdMkP1vi/lCAsmlw==
\u2014 witness.example/w2 AWui8Sk55XjYLOijihBjhqEH6nS1ndDymE0a+6idX7pLcnoB+dhnz0854aLZgrrKbYKA7nC3HNJhm/kWl7oJlqU3rXXvpysAdyP3wQ==
"""  # noqa: E501 - likewise


def test_the_specifications_request_is_read_and_its_log_not_watched_here(auditor):
    """tlog-witness' own example: old size, four steps, a checkpoint of two signatures; of a log unknown to this one."""
    old, proof, note = _read_request(EXAMPLE.encode())
    assert (old, len(proof), len(note.signatures)) == (20852014, 4, 2)
    assert {len(step) for step in proof} == {32}
    assert Checkpoint.parse(note.text).size == 20852163
    assert auditor.client.post("/add-checkpoint", data=EXAMPLE.encode()).status_code == 404


def test_the_specifications_answer_is_read_line_by_line(world, auditor):
    """Several witnesses' lines, none of ours: passed over, and so no cosignature."""
    state = world.home.place.read()
    tree = Tree(FolderSource(world.folder), state.size)
    lines = [parse_signature(line) for line in ANSWER.splitlines()]
    assert [line.name for line in lines] == ["witness.example/w1", "witness.example/w1", "witness.example/w2"]
    assert {len(line.value) for line in lines} == {72}, "eight bytes of time and a signature"
    with pytest.raises(WitnessAway, match="did not cosign"):
        ask(auditor.witness, state.note, tree, 0, lambda _url, _body: (200, ANSWER.encode()))
    own = auditor.cosigner.cosign(state.note.text, 5).line
    signature, _ = ask(auditor.witness, state.note, tree, 0, lambda _url, _body: (200, (ANSWER + own).encode()))
    assert signature.line == own


def test_two_logs_of_one_size_contradict_whatever_status_says_so(world, auditor):
    """409 with the size that we have ourselves: the root must be another."""
    state = world.home.place.read()
    tree = Tree(FolderSource(world.folder), state.size)
    with pytest.raises(Contradicted, match="another"):
        ask(auditor.witness, state.note, tree, state.size, lambda _url, _body: (409, b"%d\n" % state.size))


@pytest.mark.parametrize(
    "body",
    [b"", b"old 0\n", b"old 00\n\nx\n", b"old -1\n\nx", b"new 0\n\nx\n", b"old 0\n!!!\n\nx\n", b"\xff", b"old 0\n\n\n"],
)
def test_a_malformed_request_is_400(auditor, body):
    """Nothing of it is remembered."""
    assert auditor.client.post("/add-checkpoint", data=body).status_code == 400
    assert auditor.client.get(f"/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint").status_code == 404


def test_too_long_a_proof_is_400(auditor, world):
    """No more than 63 lines, as the protocol has it."""
    note = world.home.place.read().checkpoint
    assert auditor.client.post("/add-checkpoint", data=body_of(note, 0, [bytes(32)] * 64)).status_code == 400


def test_an_empty_log_is_cosigned_with_the_empty_root_alone(auditor, world):
    """Size nought has one root."""
    assert auditor.client.post("/add-checkpoint", data=body_of(signed(world, 0, bytes(32)), 0)).status_code == 409
    assert auditor.client.post("/add-checkpoint", data=body_of(signed(world, 0, EMPTY_ROOT), 0)).status_code == 200
    note = world.home.place.read().checkpoint
    assert auditor.client.post("/add-checkpoint", data=body_of(note, 0)).status_code == 200


def test_a_witness_remembers_over_a_restart(world, auditor):
    """What it answered for is on its disk."""
    note = world.home.place.read().checkpoint
    assert auditor.client.post("/add-checkpoint", data=body_of(note, 0)).status_code == 200
    auditor.open()
    assert auditor.client.post("/add-checkpoint", data=body_of(note, 0)).status_code == 409


def test_a_fork_and_a_rollback_get_no_cosignature(tmp_path, world, auditor):
    """The second of two logs with one key is found out by the witness, and the client says so."""
    note, tree = grown(world, 100)
    ask(auditor.witness, parse_note(note), tree, 0, auditor.call)
    other = LogWorld(tmp_path / "other")
    other.signers, other.keys = world.signers, world.keys
    other.feed.add(500, partitions=5)
    other.run()
    state = other.home.place.read()
    with pytest.raises(Contradicted, match="another"):
        ask(auditor.witness, state.note, Tree(FolderSource(other.folder), 500), 0, auditor.call)
    short = LogWorld(tmp_path / "short")
    short.signers, short.keys = world.signers, world.keys
    short.feed.add(50)
    short.run()
    state = short.home.place.read()
    with pytest.raises(Contradicted, match="400 entries, here are 50"):
        ask(auditor.witness, state.note, Tree(FolderSource(short.folder), 50), 0, auditor.call)


def sequencing_of(world: LogWorld, auditor: Auditor) -> Sequencing:
    """The service's sequencing with one witness."""
    clock = FixedClock(NOW)
    parts = SequencingParts(world.home, world.feed, lambda _at: world.signers, clock, (auditor.witness,), auditor.call)
    return Sequencing(parts)


def test_cosignatures_are_kept_with_the_checkpoint(world, auditor):
    """The newest witnessed note stays while the log goes on; each key signs it once."""
    sequencing = sequencing_of(world, auditor)
    assert sequencing.once() == 300
    assert sequencing.cosign() == 1
    assert sequencing.cosign() == 0  # nothing new, and fresh
    world.feed.add(10)
    assert sequencing.once() == 310
    state = world.home.place.read()
    opened = open_checkpoint(state.witnessed, world.keys, [auditor.witness.key])
    assert (opened.checkpoint.size, state.size) == (300, 310)
    assert len(opened.note.signatures) == 3
    assert sequencing.cosign() == 1
    assert open_checkpoint(world.home.place.read().witnessed, world.keys).checkpoint.size == 310


def told_by(*words: object) -> tuple[int, str]:
    """What `python -m verifier audit` answers: exit code and words."""
    ran = CliRunner().invoke(main, ["audit", *map(str, words)])
    return ran.exit_code, ran.output


def the_keys(world: LogWorld, *witnesses: Cosigner) -> list[str]:
    """The options that name the log's keys and these witnesses."""
    named = [("--key", key.vkey) for key in world.keys] + [("--witness", each.key.vkey) for each in witnesses]
    return [word for pair in named for word in pair]


def test_whose_cosignatures_hold_is_told_of_a_folder_an_export_and_a_proof(world, auditor, tmp_path):
    """Our own tools check them: of two witnesses one has signed, ten entries ago; two are not to be had."""
    sequencing = sequencing_of(world, auditor)
    stranger = Cosigner("other.example/w2", Ed25519Signer.generate())
    assert sequencing.once() == 300
    code, told = told_by("verify", world.folder, *the_keys(world, auditor.cosigner))
    assert (code, "cosigned by 0 of 1 witnesses; none of auditor.example/w1; 1 needed" in told) == (1, True)
    assert sequencing.cosign() == 1
    state = world.home.place.read()
    assert parse_note(state.published).signed_by(auditor.witness.key), "published with what witnesses signed"
    proof = EntryProof(7, tuple(Tree(FolderSource(world.folder), 300).inclusion(7, 300)), state.witnessed)
    (tmp_path / "proof").write_text(proof.encode())
    (tmp_path / "leaf").write_bytes(Tree(FolderSource(world.folder), 300).entry(7))
    exported = Exported(world.home.source(), open_checkpoint(state.published, world.keys))
    (tmp_path / "all.jsonl").write_bytes(b"".join(json_lines(exported, LogFilter())))
    world.feed.add(10)
    assert sequencing.once() == 310
    assert not parse_note(world.home.place.read().published).signed_by(auditor.witness.key)
    both = the_keys(world, auditor.cosigner, stranger)
    one_of_two = (
        f"cosigned by 1 of 2 witnesses: {NAME} over 300 entries at 2026-11-01T01:00:00Z; none of other.example/w2"
    )
    for words in (
        ("verify", world.folder),
        ("verify", tmp_path / "all.jsonl"),
        ("check-proof", tmp_path / "proof", tmp_path / "leaf"),
    ):
        code, told = told_by(*words, *both)
        assert (code, one_of_two in told) == (0, True), told
        code, told = told_by(*words, *both, "--quorum", 2)
        assert (code, "2 needed" in told) == (1, True), told
    code, told = told_by("verify", world.folder, *both, "--json")
    assert json.loads(told)["witnesses"] == {
        "held": [{"name": NAME, "size": 300, "at": "2026-11-01T01:00:00Z"}], "missing": ["other.example/w2"]
    }  # fmt: skip
    code, told = told_by("verify", world.folder, *the_keys(world), "--witness", world.keys[1].vkey)
    assert (code, "no witness's key" in told) == (1, True)


def test_a_cosigned_checkpoint_of_another_history_is_a_fault(world, auditor):
    """A witness signed what the folder does not begin with: the log was rewritten behind it, or its line was forged."""
    sequencing = sequencing_of(world, auditor)
    sequencing.once()
    text = signed(world, 200, sha256(b"other").digest())
    rewritten = parse_note(text).with_signatures([auditor.cosigner.cosign(parse_note(text).text, 1)]).encode()
    (world.folder / "checkpoint.cosigned").write_text(rewritten)
    code, told = told_by("verify", world.folder, *the_keys(world, auditor.cosigner))
    assert (code, "rewritten" in told) == (1, True)
    forged = rewritten.replace("\n200\n", "\n201\n")
    (world.folder / "checkpoint.cosigned").write_text(forged)
    code, told = told_by("verify", world.folder, *the_keys(world, auditor.cosigner))
    assert (code, "does not hold" in told) == (1, True)


def test_a_watcher_says_whose_cosignatures_hold(world, auditor, tmp_path):
    """It reads the cosigned note beside the newest one, which must begin with it; a fork between them is shouted."""
    sequencing = sequencing_of(world, auditor)
    sequencing.once()

    def fetch(url: str) -> bytes | None:
        path = world.folder / url.removeprefix("https://log.example/")
        return path.read_bytes() if path.exists() else None

    watcher = LogWatcher(UrlSource("https://log.example", fetch), world.keys, tmp_path / "seen", [auditor.witness.key])
    assert watcher.visit().witnesses.words == f"cosigned by 0 of 1 witnesses; none of {NAME}"
    sequencing.cosign()
    world.feed.add(10)
    sequencing.once()
    visit = watcher.visit()
    assert (visit.now.size, [one.size for one in visit.witnesses.held]) == (310, [300])
    text = signed(world, 290, sha256(b"other").digest())
    other = parse_note(text).with_signatures([auditor.cosigner.cosign(parse_note(text).text, 1)]).encode()
    (world.folder / "checkpoint.cosigned").write_text(other)
    with pytest.raises(Forked):
        watcher.visit()


def test_a_witness_is_late_after_ten_minutes(world, auditor):
    """One that never answered counts from the beginning."""
    sequencing = sequencing_of(world, auditor)
    auditor.away = True
    sequencing.once()
    assert sequencing.cosign() == 0
    assert late(world.home.place.read(), [auditor.witness], NOW) == [NAME]
    auditor.away = False
    assert sequencing.cosign() == 1
    state = world.home.place.read()
    assert late(state, [auditor.witness], NOW + timedelta(minutes=10)) == []
    assert late(state, [auditor.witness], NOW + timedelta(minutes=10, seconds=1)) == [NAME]
    lines = (world.folder / "incidents.jsonl").read_text()
    assert "witness-away" in lines


def test_a_forged_cosignature_is_not_kept(world, auditor):
    """Another key's answer under the witness's name, or nonsense."""
    note, tree = world.home.place.read().note, Tree(FolderSource(world.folder), 300)
    stranger = Cosigner(NAME, Ed25519Signer.generate())
    forged = replace(stranger.cosign(note.text, 1), key_id=auditor.witness.key.key_id)
    for answer in (stranger.cosign(note.text, 1).line, forged.line, "— x\n", "", "\xff"):
        with pytest.raises(WitnessAway):
            ask(
                auditor.witness,
                note,
                tree,
                0,
                lambda _url, _body, answer=answer: (200, answer.encode()),
            )
    for status, answer in ((500, b""), (409, b"x\n"), (409, b"")):
        with pytest.raises(WitnessAway):
            ask(auditor.witness, note, tree, 0, lambda _url, _body, answer=answer, status=status: (status, answer))


def test_the_file_of_witnesses_is_read_strictly(tmp_path, auditor, world):
    """A key and an address a line; anything else is refused, since a witness left out is a witness not asked."""
    path = tmp_path / "witnesses"
    path.write_text(f"# the auditor's\n{auditor.witness.key.vkey} https://w.example/w1/ # ours\n\n")
    assert read_witnesses(path) == (Witness(auditor.witness.key, "https://w.example/w1"),)
    assert read_witnesses(None) == ()
    for line in ("nonsense", f"{auditor.witness.key.vkey} ftp://x", f"{world.ed25519.key.vkey} https://x"):
        path.write_text(line)
        with pytest.raises(NoteError):
            read_witnesses(path)
