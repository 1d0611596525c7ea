"""Sequencing beside a service: entries are integrated by themselves, one process leads, and a fault is reported and
survived.
"""

import json
import time
from datetime import timedelta

import pytest

from audit.tree import sequencing
from audit.tree.sequencer import LARGE_STEP, NotLeader, TreeIncident
from audit.tree.sequencing import (
    Sequencing,
    SequencingParts,
    log_reader,
    log_sequencing,
    log_signers,
    open_home,
    origin_of,
)
from edge.clock import FixedClock, SystemClock
from edge.repeating import Repeating
from edge.settings import SettingsError, load_settings
from issuer.publishing.setup import set_up
from issuer.register.issuer import open_issuer
from keys.notes import KeyKind, NoteKey, open_checkpoint
from tests.audit.builders import ORIGIN, START_MS, LogWorld
from tests.audit.test_witness import NOW


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """Look often."""
    monkeypatch.setattr(sequencing, "INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(sequencing, "RETRY_SECONDS", 0.01)


@pytest.fixture
def world(tmp_path):
    """An empty log."""
    return LogWorld(tmp_path)


def beside(world: LogWorld) -> Sequencing:
    """Sequencing of a world's log."""
    return Sequencing(SequencingParts(world.home, world.feed, lambda _at: world.signers, FixedClock(NOW)))


class Working:
    """The jobs of a log in their threads, as the background work repeats them."""

    def __init__(self, service: Sequencing) -> None:
        self._repeated = [Repeating(job, FixedClock(NOW)) for job in service.jobs()]

    def start(self) -> None:
        for one in self._repeated:
            one.start()

    def stop(self) -> None:
        for one in self._repeated:
            one.stop()


def reaches(world: LogWorld, size: int) -> bool:
    """Wait until the published log has a size."""
    for _ in range(500):
        state = world.home.place.read()
        if state is not None and state.size == size:
            return True
        time.sleep(0.01)
    return False


def test_entries_appear_by_themselves(world):
    """Now and again new ones; after stop no more."""
    service = Working(beside(world))
    service.start()
    assert reaches(world, 0)
    world.feed.add(30)
    assert reaches(world, 30)
    world.feed.add(5)
    assert reaches(world, 35)
    service.stop()
    world.feed.add(5)
    time.sleep(0.1)
    assert reaches(world, 35)


def test_the_next_process_leads_when_the_first_ends(world):
    """Two services on one folder: both run, one leads, nobody loses an entry."""
    first, second = Working(beside(world)), Working(beside(world))
    first.start()
    assert reaches(world, 0)
    second.start()
    with pytest.raises(NotLeader):
        beside(world).once()
    world.feed.add(20)
    assert reaches(world, 20)
    first.stop()
    world.feed.add(20)
    assert reaches(world, 40)
    second.stop()
    second.stop()


def test_a_fault_is_told_and_outlived(world, caplog):
    """While tiles are damaged nothing is signed; once they are restored the log goes on."""
    world.feed.add(10)
    world.run()
    path = world.folder / "tile/0/000.p/10"
    kept = path.read_bytes()
    path.write_bytes(bytes(320))
    service = Working(beside(world))
    service.start()
    world.feed.add(1)
    for _ in range(200):
        if caplog.records:
            break
        time.sleep(0.01)
    assert caplog.records[0].safe_fields["job"] == "log"
    assert "the tiles do not match the checkpoint" in caplog.records[0].safe_fields["error"]
    assert world.home.place.read().size == 10
    path.write_bytes(kept)
    assert reaches(world, 11)
    service.stop()


def test_a_checkpoint_is_published_an_interval_and_not_an_entry(world):
    """Whatever came since the last call is one step, one signature, one sync; without new entries there is none."""
    service = beside(world)
    assert service.lead() == 0
    world.feed.add(7)
    world.feed.add(5)
    assert service.lead() == 12
    first = world.home.place.read()
    assert first.size == 12
    assert service.lead() == 0
    assert world.home.place.read() == first
    service.give_up()


def test_a_backlog_is_worked_off_at_once_in_large_steps(world):
    """After an outage nobody waits an interval for each part of what was left."""
    for _ in range(3):
        world.feed.add(LARGE_STEP)
    service = beside(world)
    assert service.lead() == 3 * LARGE_STEP
    assert world.home.place.read().size == 3 * LARGE_STEP
    service.give_up()


def test_the_witnesses_are_asked_only_by_the_process_that_leads(world):
    """Another one has nothing to show them."""
    first, second = beside(world), beside(world)
    asked = []
    second.cosign = lambda: asked.append("second") or 0
    first.cosign = lambda: asked.append("first") or 0
    assert (first.lead(), second.lead()) == (0, 0)
    first.ask_witnesses()
    second.ask_witnesses()
    assert asked == ["first"]
    first.give_up()


def test_incidents_are_kept_in_a_list(world):
    """One line of JSON each."""
    service = beside(world)
    service.report(TreeIncident("altered", "03-000001", "words"))
    service.report(TreeIncident("late", "03-000002", "more words"))
    lines = [json.loads(line) for line in (world.folder / "incidents.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["altered", "late"]
    assert lines[0]["at"] == "2026-11-01T01:00:00Z"


def test_a_service_with_the_log_key_sequences_and_one_without_does_not(tmp_path):
    """By its settings; the checkpoint opens with the bundle's key and with the pinned one."""
    settings = load_settings({"YUNJU_VAR": str(tmp_path / "var")})
    bare = load_settings({"YUNJU_VAR": str(tmp_path / "counter")})
    world = LogWorld(tmp_path / "feed")
    world.feed.append(1, START_MS)
    desk = open_issuer(settings)
    set_up(desk, SystemClock().now() - timedelta(seconds=5))
    issuer = desk.programme.issuer
    desk.close()
    assert log_sequencing(bare, issuer, world.feed, SystemClock()) is None
    assert log_sequencing(settings, issuer, world.feed, SystemClock()).once() == 1
    home = open_home(settings, issuer)
    keys = [signer.key for signer in log_signers(settings, home.origin, SystemClock().now())]
    assert {key.kind for key in keys} == {KeyKind.ECDSA, KeyKind.ED25519}
    state = log_reader(settings, issuer).state()
    for key in keys:
        assert open_checkpoint(state.checkpoint, [NoteKey.parse(key.vkey)]).checkpoint.size == 1
    assert home.origin == origin_of(issuer) == "yunju.baiyun.example/v1/log" != ORIGIN


def test_a_file_of_witnesses_that_cannot_be_used_is_a_setting_that_is_wrong(tmp_path):
    """Missing, or with a line that names none."""
    for content in (None, "nonsense"):
        path = tmp_path / "witnesses"
        if content:
            path.write_text(content)
        settings = load_settings({"YUNJU_VAR": str(tmp_path), "YUNJU_WITNESSES": str(path)})
        with pytest.raises(SettingsError, match="YUNJU_WITNESSES"):
            log_reader(settings, "https://x.example")
