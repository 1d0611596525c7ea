"""Moving a ledger to a file, from it, and to another store: nothing is lost, changed or told wrongly afterwards."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.clock import FixedClock
from edge.encoding import b64u
from ledger.contents import Damaged
from ledger.moving import MoveFailed, export_to, import_from, migrate
from ledger.sqlite import SqliteLedger
from ledger.values import LedgerError, OperationConflict, device_subject
from tests.ledger.builders import (
    HOLDER,
    START,
    a_change,
    a_check_in,
    a_check_out,
    a_choice,
    a_claim,
    a_draft,
    a_gym_visit,
    a_hold,
    a_use,
    a_void,
    a_window,
    an_end,
    faults,
)
from tests.ledger.conftest import STORES
from tests.ledger.offline_builders import a_record
from verifier.__main__ import main

OTHER = "another-holder"
ERASED = "a-holder-who-left"
NEW_LINE = b"\n"


def untold(_entries: int) -> None:
    """Nobody watches."""


def fill(ledger, clock) -> list:
    """Make every kind of entry; return some of the changes with the answers they first got."""
    first = a_gym_visit(claim=a_claim(), choice=a_choice())
    told = [(first, ledger.check_in(first))]
    ledger.check_out(a_check_out(told[0][1].entry))
    ledger.check_in(a_gym_visit())
    voided = ledger.check_in(a_check_in(holder=OTHER, choice=a_choice()))
    ledger.void(a_void(voided.entry))
    ledger.check_in(a_gym_visit(holder=ERASED))
    nobody = a_draft(card=None, tier=None, form=None, assurance=None)
    ledger.check_in(a_check_in(holder=device_subject("tablet-1"), draft=nobody, findings=("not-entitled",)))
    clock.advance(timedelta(hours=3))
    denied = a_gym_visit(clock.now(), findings=("not-entitled",))
    told.append((denied, ledger.check_in(denied)))
    booked = ledger.hold(a_hold(clock.now(), window=a_window(clock.now())))
    ledger.change_booking(a_change(booked.entry, clock.now(), window=a_window(clock.now())))
    use = a_use(booked.entry, clock.now())
    told.append((use, ledger.check_in(use)))
    ledger.end_booking(an_end(ledger.hold(a_hold(clock.now(), holder=OTHER)).entry, clock.now()))
    ledger.hold(a_hold(clock.now(), holder=OTHER))
    ledger.record_offline(a_record(START - timedelta(minutes=50), clock.now(), holder=OTHER))
    ledger.claim("who only looked", "tablet-2", a_claim("looked"), clock.now())
    ledger.erase(ERASED)
    return told


def everything(ledger) -> list:
    """All that a ledger holds, without the times until which it keeps some of it."""
    return [
        (
            one.partition,
            one.leaves,
            one.holders,
            {(kept.scope, kept.device, kept.operation, kept.request, kept.answer) for kept in one.answers},
            {(kept.card, kept.proof, kept.device, kept.spent) for kept in one.proofs},
        )
        for one in ledger.dump()
    ]


@pytest.fixture
def full(tmp_path, clock):
    """A full SQLite ledger and what it answered."""
    ledger = SqliteLedger(tmp_path / "full" / "ledger.db", clock)
    (tmp_path / "full").mkdir()
    told = fill(ledger, clock)
    yield ledger, told
    ledger.close()


@pytest.fixture
def exported(full, tmp_path) -> Path:
    """The full ledger as a file."""
    export_to(full[0], tmp_path / "export.jsonl", untold)
    return tmp_path / "export.jsonl"


def require_goes_on(ledger, told, clock) -> None:
    """A moved ledger answers retries as before, keeps the erased erased, and judges by what was used."""
    assert faults(ledger) == []
    for change, first in told:
        assert ledger.check_in(change) == replace(first, replayed=True)
    change = told[0][0]
    with pytest.raises(OperationConflict):
        ledger.check_in(a_check_in(holder=HOLDER, operation=change.operation.id, request=b"x" * 32))
    assert ledger.pseudonym(ERASED) is None
    assert not ledger.claim("who only looked", "tablet-3", a_claim("looked"), clock.now())
    assert ledger.check_in(a_gym_visit(clock.now())).granted
    assert ledger.check_in(a_gym_visit(clock.now(), device="tablet-2")).reason == "already-in"
    assert faults(ledger) == []


def test_a_ledger_moves_into_every_store_and_goes_on_there(full, store, tmp_path, clock):
    """From SQLite to each store: the same leaves and heads, a sound check, first answers to retries, nobody back."""
    source, told = full
    target = store(tmp_path, clock)
    moved = migrate(source, target, clock, untold)
    assert everything(target) == everything(source)
    assert target.heads() == source.heads()
    assert moved.entries == sum(source.heads().values())
    require_goes_on(target, told, clock)
    target.close()


def test_a_ledger_moves_from_every_store_to_sqlite(store, tmp_path, clock):
    """From each store to SQLite, by a file: the same."""
    source = store(tmp_path, clock)
    told = fill(source, clock)
    told_entries: list[int] = []
    export_to(source, tmp_path / "export.jsonl", told_entries.append)
    assert sum(told_entries) == sum(source.heads().values())
    target = SqliteLedger(tmp_path / "target.db", clock)
    with (tmp_path / "export.jsonl").open("rb") as file:
        import_from(file, target, clock, untold)
    assert everything(target) == everything(source)
    require_goes_on(target, told, clock)
    source.close()
    target.close()


def test_a_file_is_taken_in_by_every_store(full, exported, store, tmp_path, clock):
    """The file of a SQLite ledger makes the same ledger in each store, and that one the same file again."""
    target = store(tmp_path, clock)
    with exported.open("rb") as file:
        import_from(file, target, clock, untold)
    assert everything(target) == everything(full[0])
    require_goes_on(target, full[1], clock)
    target.close()


def test_the_file_is_its_owners_alone(exported):
    """It holds salts: mode 0600, the erased holder nowhere in it."""
    assert stat.S_IMODE(exported.stat().st_mode) == 0o600
    assert HOLDER.encode() in exported.read_bytes()
    assert ERASED.encode() not in exported.read_bytes()


def test_no_file_is_overwritten(full, exported):
    """An export over another file is refused and leaves it as it is."""
    before = exported.read_bytes()
    with pytest.raises(FileExistsError):
        export_to(full[0], exported, untold)
    assert exported.read_bytes() == before


def refusal_of(data: bytes, target, clock) -> str:
    """What an import of this file says; the target must stay empty."""
    with pytest.raises(Damaged) as refused:
        import_from(BytesIO(data), target, clock, untold)
    assert target.heads() == {}
    assert list(target.dump()) == []
    return str(refused.value)


@pytest.fixture
def empty(tmp_path, clock):
    """An empty SQLite ledger."""
    ledger = SqliteLedger(tmp_path / "empty.db", clock)
    yield ledger
    ledger.close()


@pytest.mark.slow
def test_every_altered_removed_or_swapped_line_is_named(exported, empty, clock):
    """Whichever line it is, the first that is wrong is named and nothing is written."""
    lines = exported.read_bytes().splitlines(keepends=True)
    for place, line in enumerate(lines):
        named = f"line {place + 1}:"
        before, after = lines[:place], lines[place + 1 :]
        assert named in refusal_of(b"".join([*before, line.replace(b'":"', b'": "', 2), *after]), empty, clock)
        assert named in refusal_of(b"".join([*before, *after]), empty, clock)
        if after:
            assert named in refusal_of(b"".join([*before, after[0], line, *after[1:]]), empty, clock)
    assert f"line {len(lines) + 1}:" in refusal_of(b"".join([*lines, lines[-1]]), empty, clock)


def test_no_changed_byte_goes_unnoticed(exported, empty, clock):
    """Any one byte of a file made another: the line that it stands in is named."""
    whole = exported.read_bytes()

    @settings(max_examples=60, deadline=None)
    @given(place=st.integers(0, len(whole) - 1), flipped=st.integers(1, 255))
    def change(place, flipped):
        changed = bytearray(whole)
        changed[place] ^= flipped
        assert f"line {whole[:place].count(NEW_LINE) + 1}:" in refusal_of(bytes(changed), empty, clock)

    change()


def test_a_line_forged_with_its_sums_breaks_the_chain_of_the_log(exported, empty, clock):
    """Sums are anybody's to write; a use told otherwise still does not fit the hashes of the log."""
    bodies = [line[len('{"sum":"","line":') + 43 : -1] for line in exported.read_bytes().splitlines()]
    place = next(place for place, body in enumerate(bodies) if b'"kind":"void"' in body)
    bodies[place - 1] = bodies[place - 1].replace(b'"device":"tablet-1"', b'"device":"tablet-9"')
    last, forged = bytes(32), b""
    for body in bodies:
        last = sha256(last + body).digest()
        forged += b'{"sum":"' + b64u(last).encode() + b'","line":' + body + b"}\n"
    assert f"line {place + 1}: the chain of hashes is broken" in refusal_of(forged, empty, clock)


def test_an_export_that_somebody_wrote_into_is_given_up(full, tmp_path, clock):
    """The count at the beginning does not fit: refused, and no file is left."""
    ledger = full[0]

    def write_too(_entries: int) -> None:
        for number in range(20):
            ledger.check_in(a_check_in(clock.now(), holder=f"late-{number}"))

    with pytest.raises(LedgerError, match="stop the verifiers"):
        export_to(ledger, tmp_path / "export.jsonl", write_too)
    assert not (tmp_path / "export.jsonl").exists()


LOST = {"answers": "kept answers", "proofs": "proof markers", "holders": "holders"}


@pytest.mark.parametrize("lost", sorted(LOST))
def test_a_move_that_lost_something_says_so(full, empty, clock, monkeypatch, lost):
    """What a target does not hold afterwards is named, whatever it said when it was filled."""
    restore = empty.restore
    monkeypatch.setattr(empty, "restore", lambda contents: restore(replace(contents, **{lost: ()})))
    with pytest.raises(MoveFailed, match=LOST[lost]):
        migrate(full[0], empty, clock, untold)


def test_only_an_empty_ledger_takes_a_file_in(exported, tmp_path, clock):
    """One that knows as much as a single look is refused, and stays as it is."""
    target = SqliteLedger(tmp_path / "target.db", clock)
    target.claim(HOLDER, "tablet-1", a_claim(), clock.now())
    before = everything(target)
    with exported.open("rb") as file, pytest.raises(LedgerError, match="not empty"):
        import_from(file, target, clock, untold)
    assert everything(target) == before
    target.close()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["visit", "void", "leave", "offline", "hold", "end", "look"]),
        st.sampled_from(["holder-1", "holder-2"]),
        st.integers(0, 90),
    ),
    max_size=15,
)


@pytest.mark.parts
@settings(max_examples=15, deadline=None)
@given(steps=STEPS)
def test_any_history_moves_whole(steps):
    """Whatever was done, the moved ledger holds the same and its check finds nothing; there and back, through Redis."""
    with TemporaryDirectory() as name:
        folder, clock = Path(name), FixedClock(START)
        source = SqliteLedger(folder / "source.db", clock)
        live(source, clock, steps)
        between = STORES["redis" if "redis" in STORES else "sqlite"](folder, clock)
        back = SqliteLedger(folder / "back.db", clock)
        migrate(source, between, clock, untold)
        migrate(between, back, clock, untold)
        assert everything(source) == everything(back)
        for ledger in (source, between, back):
            ledger.close()


def live(ledger, clock, steps) -> None:
    """Do the steps; one that its target does not allow is left out."""
    entries: list[str] = []
    for kind, holder, minutes in steps:
        clock.advance(timedelta(minutes=minutes))
        now, last = clock.now(), entries[-1] if entries else "00-000001"
        try:
            match kind:
                case "visit":
                    proof = a_claim(f"proof-{minutes}", at=now)
                    entries.append(ledger.check_in(a_gym_visit(now, holder=holder, claim=proof)).entry)
                case "void":
                    ledger.void(a_void(last, now))
                case "leave":
                    ledger.check_out(a_check_out(last, now))
                case "offline":
                    use = a_record(now - timedelta(minutes=minutes), now, holder=holder)
                    entries.append(ledger.record_offline(use).entry)
                case "hold":
                    entries.append(ledger.hold(a_hold(now, holder=holder)).entry)
                case "end":
                    ledger.end_booking(an_end(last, now))
                case "look":
                    ledger.claim(holder, "tablet-1", a_claim(f"look-{minutes}", at=now), now)
        except LedgerError:
            continue


def test_the_commands_move_a_ledger(tmp_path, monkeypatch):
    """Export, a damaged import, an import and a migration, as an operator types them."""
    monkeypatch.setenv("YUNJU_VAR", str(tmp_path / "var"))
    monkeypatch.setenv("YUNJU_LEDGER_URL", f"sqlite:///{tmp_path}/one.db")
    clock = FixedClock(START)
    ledger = SqliteLedger(tmp_path / "one.db", clock)
    fill(ledger, clock)
    entries = sum(ledger.heads().values())
    ledger.close()
    file = tmp_path / "moved.jsonl"

    def said(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["ledger", *words])
        return result.exit_code, result.output

    code, text = said("export", str(file))
    assert code == 0
    assert "keep it secret" in text
    assert said("export", str(file))[0] == 1
    assert said("import", str(file))[0] == 1
    monkeypatch.setenv("YUNJU_LEDGER_URL", f"sqlite:///{tmp_path}/two.db")
    broken = tmp_path / "broken.jsonl"
    broken.write_bytes(file.read_bytes().replace(b"gym-visit", b"gym-visot", 1))
    code, text = said("import", str(broken))
    assert code == 1
    assert "line " in text
    code, text = said("import", str(file))
    assert code == 0
    assert f"{entries} entries" in text
    assert said("migrate", f"sqlite:///{tmp_path}/three.db")[0] == 0
    monkeypatch.setenv("YUNJU_LEDGER_URL", f"sqlite:///{tmp_path}/three.db")
    assert said("check") == (0, f"{entries} entries, no fault\n")
