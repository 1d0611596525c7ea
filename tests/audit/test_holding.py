"""Held partitions: every call that records an entry is refused there, and all other calls are served."""

import inspect

import pytest

from audit.tree.holding import EVERY, Held, HeldLedger, held_back
from edge.clock import FixedClock
from ledger.interface import Ledger
from ledger.leaf import leaf_hash
from ledger.sqlite import SqliteLedger
from ledger.values import LedgerUnavailable, partition_of
from tests.audit.builders import START_MS, a_leaf, a_published_log
from tests.ledger.builders import HOLDER, START, a_change, a_check_out, a_gym_visit, a_hold, a_void, an_end
from tests.ledger.offline_builders import a_record

RECORDS = {"check_in", "record_offline", "hold", "void", "check_out", "follow", "change_booking", "end_booking"}


def test_every_call_that_returns_an_outcome_is_guarded():
    """A call added to the ledger that records an entry cannot be forgotten here."""
    calls = {name: call for name, call in vars(Ledger).items() if inspect.isfunction(call) and not name.startswith("_")}
    recording = {name for name, call in calls.items() if call.__annotations__.get("return") == "Outcome"}
    assert recording == RECORDS
    assert {name for name, call in vars(HeldLedger).items() if not name.startswith("_")} == RECORDS


@pytest.fixture
def held(tmp_path):
    """No partition yet."""
    return Held(tmp_path / "held", seconds=0)


@pytest.fixture
def ledger(tmp_path, held):
    """A ledger behind the guard."""
    opened = SqliteLedger(tmp_path / "ledger.db", FixedClock(START))
    yield held_back(opened, held)
    opened.close()


def test_what_is_held_is_refused_and_what_is_not_passes(ledger, held):
    """By the holder's partition, or the target's; reads go on."""
    entry = ledger.check_in(a_gym_visit()).entry
    held.put({partition_of(HOLDER)})
    for call in (
        lambda: ledger.check_in(a_gym_visit()),
        lambda: ledger.hold(a_hold()),
        lambda: ledger.void(a_void(entry)),
        lambda: ledger.check_out(a_check_out(entry)),
        lambda: ledger.change_booking(a_change(entry)),
        lambda: ledger.end_booking(an_end(entry)),
        lambda: ledger.record_offline(a_record()),
    ):
        with pytest.raises(LedgerUnavailable, match="nothing is recorded there"):
            call()
    assert ledger.entry(entry) is not None
    assert ledger.check_in(a_gym_visit(holder="somebody-else")).granted
    held.put(set())
    ledger.void(a_void(entry))


def test_another_process_sees_it_and_a_damaged_file_holds_everything(held, tmp_path):
    """The file is the one word; what cannot be read is not taken for none."""
    Held(tmp_path / "held").put({3, 200})
    assert held.get() == {3, 200}
    (tmp_path / "held").write_text("[3,")
    assert held.get() == EVERY
    assert (tmp_path / "held").stat().st_mode & 0o777 == 0o600


def test_the_sequencer_says_what_is_held_and_when_it_is_no_more(tmp_path):
    """Behind, or another entry under the same number: held until the ledger is what the log says again."""
    world = a_published_log(tmp_path, 70)
    said = []
    whole = list(world.feed.partitions[3]), list(world.feed.partitions[5])
    leader = world.sequencer(hold=said.append)
    leader.step(world.now)
    del world.feed.partitions[3][8:]
    leader.step(world.now)
    world.feed.partitions[5][9] = a_leaf(5, 10, leaf_hash(whole[1][8]), START_MS + 5, operation="another-operation")
    world.feed.name = "another feed"
    leader.step(world.now)
    world.feed.partitions[3], world.feed.partitions[5] = whole
    leader.step(world.now)
    world.feed.append(3, START_MS + 10**6)
    assert leader.step(world.now) == 1
    leader.close()
    assert said == [frozenset(), {3}, {3, 5}, frozenset(), frozenset()]
    kinds = [(incident.kind, incident.place) for incident in world.incidents if incident.kind != "late"]
    assert all("日志" in one.zh or "逾期" in one.zh for one in world.incidents), "in Chinese too"
    assert kinds == [("rolled-back", "03-000010"), ("altered", "05-000010"), ("other-store", "ledger")]


def test_another_processs_word_is_looked_for_once_a_second(tmp_path):
    """A check-in does not look at the file each time; this process's own word counts at once."""
    now = [100.0]
    held = Held(tmp_path / "held", elapsed=lambda: now[0])
    assert held.get() == frozenset()
    Held(tmp_path / "held").put({3})
    now[0] += 0.9
    assert held.get() == frozenset()
    now[0] += 0.1
    assert held.get() == {3}
    held.put({4})
    assert held.get() == {4}
