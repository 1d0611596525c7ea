"""The signed documents of a verifier: never an older version, never another programme's rules, complete at the first
request.
"""

import errno
import json
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from cards.programme.load import load_programme
from cards.status import Status, sign_status_list
from keys.bundle import ProgrammePin, sign_bundle
from tests.verifier.world import Signers
from verifier.trust import published
from verifier.trust.published import PublishedFolder, Untrusted


def folder_of(world, programme=None):
    """Open the published folder anew, as another worker does."""
    memory = world.folder / "seen.json"
    return PublishedFolder(world.published, programme or world.programme, Signers.root.kid, memory)


def saved(world):
    """Return what is published now, to be put back later."""
    return {path: path.read_bytes() for path in world.published.rglob("*") if path.is_file()}


def put_back(files):
    """Publish old files again, as an attacker who kept them would."""
    for path, content in files.items():
        path.write_bytes(content)


def asked_while_read(monkeypatch, folder, ask, times):
    """Ask by several threads at once, all of them while the first one still reads; what each was told."""
    inside, go_on, read, found = threading.Event(), threading.Event(), folder._read, []

    def slowly(at):
        inside.set()
        assert go_on.wait(10)
        return read(at)

    monkeypatch.setattr(folder, "_read", slowly)
    threads = [threading.Thread(target=lambda: found.append(ask())) for _ in range(times)]
    threads[0].start()
    assert inside.wait(10)
    for thread in threads[1:]:
        thread.start()
    threads[1].join(0.1)
    go_on.set()
    for thread in threads:
        thread.join(10)
    return found


def test_first_requests_of_a_worker_wait_for_the_documents(world, monkeypatch):
    """Requests that come while the first one still reads are served, not told that nothing is published."""
    fresh = folder_of(world)
    found = asked_while_read(monkeypatch, fresh, lambda: fresh.current(world.clock.now()), 4)
    assert [documents.bundle.version for documents in found] == [world.version] * 4


def test_nobody_goes_by_old_documents_while_new_ones_are_read(world, monkeypatch):
    """After a pause of a worker, all of its first requests wait: the old lists miss what was revoked in the pause."""
    silver, folder = world.card("silver"), folder_of(world)
    folder.current(world.clock.now())
    world.set_status(silver, Status.REVOKED)
    place = silver.claims.status_uri, silver.claims.status_index

    def ask():
        now = world.clock.now()
        return folder.current(now).trust.status.status(*place, now).status

    found = asked_while_read(monkeypatch, folder, ask, 3)
    assert found == [Status.REVOKED] * 3


def test_a_list_refused_for_the_clock_is_taken_once_the_clock_is_right(world):
    """The folder has not changed since, and is read again all the same: the list refused is the newest there is."""
    silver, folder = world.card("silver"), folder_of(world)
    folder.current(world.clock.now())
    place = (silver.claims.status_uri, silver.claims.status_index)
    early = world.clock.now() + timedelta(seconds=2)
    right = early + timedelta(minutes=1)
    world.statuses[silver.claims.status_index] = Status.REVOKED
    world._write("status-lists/0.jwt", sign_status_list(Signers.status, world._status_list(right)))
    assert folder.current(early).trust.status.status(*place, early).status is Status.VALID
    assert "from the future" in str(folder.fault)
    assert folder.current(right).trust.status.status(*place, right).status is Status.REVOKED
    assert folder.fault is None


def test_a_fault_is_told_on_while_the_documents_are_read_again(world, monkeypatch):
    """A bad list is read again each second: nobody who asks at that moment hears that all is well."""
    folder = folder_of(world)
    folder.current(world.clock.now())
    world._write("status-lists/0.jwt", "no list")
    after = world.clock.now() + timedelta(seconds=2)
    folder.current(after)
    told, lists = folder.fault, folder._lists
    seen = []

    def while_reading(*given):
        seen.append(folder.fault)
        return lists(*given)

    monkeypatch.setattr(folder, "_lists", while_reading)
    folder.current(after + timedelta(seconds=2))
    assert told is not None
    assert seen == [told]


def test_rolled_back_folder_changes_nothing(world):
    """Old documents, all validly signed, do not bring a revoked card back: not now and not after a restart."""
    silver, gym = world.card("silver"), world.device("gym")
    older = saved(world)
    world.set_status(silver, Status.REVOKED)
    assert gym.outcome(silver.shown(), "gym-visit")["reason"] == "revoked"
    put_back(older)
    world.clock.advance(timedelta(seconds=2))
    assert gym.outcome(silver.shown(), "gym-visit")["reason"] == "revoked"
    world.restart()
    answer = gym.check_in(silver.shown(), "gym-visit")
    assert (answer.status_code, answer.json["code"]) == (503, "not-trusted")


def test_another_programme_in_the_bundle_stops_the_server(world):
    """From the bundle's instant on the old rules grant nothing more; before it they still hold (docs/design.md §4)."""
    silver, gym = world.card("silver"), world.device("gym")
    now = world.clock.now()
    world.version += 1
    pin = ProgrammePin("2099.1", "0" * 64, now + timedelta(hours=1))
    world._write("trust-bundle.jwt", sign_bundle(replace(world._bundle(now), programme=pin), Signers.root))
    world.clock.advance(timedelta(minutes=59))
    assert gym.outcome(silver.shown(), "gym-visit")["outcome"] == "granted"
    world.clock.advance(timedelta(minutes=1))
    answer = gym.check_in(silver.shown(), "gym-visit")
    assert (answer.status_code, answer.json["code"]) == (503, "not-trusted")
    assert "2099.1" in answer.json["detail"]
    assert world.client.get("/readyz").status_code == 503
    assert len(world.log()) == 1


def test_a_slow_worker_takes_no_version_back(world):
    """Two workers share the memory of the highest versions: the one that read older documents last changes nothing."""
    slow, quick = folder_of(world), folder_of(world)
    older = saved(world)
    world.clock.advance(timedelta(seconds=2))
    world.publish()
    assert quick.current(world.clock.now()).bundle.version == world.version
    put_back(older)
    slow.current(world.clock.now())
    assert json.loads((world.folder / "seen.json").read_text())["bundle"] == world.version


def test_a_worker_that_starts_while_the_disk_is_full_serves_and_keeps_the_versions_later(world, monkeypatch):
    """The new documents come into force, no older ones after them, and the memory is written once there is room."""
    older = saved(world)
    world.clock.advance(timedelta(seconds=2))
    world.publish()
    fresh, now = folder_of(world), world.clock.now
    with monkeypatch.context() as full:
        full.setattr(published, "replace_file", raising(OSError(errno.ENOSPC, "No space left on device")))
        for _ in range(2):
            assert fresh.current(now()).bundle.version == world.version
            assert "seen.json cannot be written" in str(fresh.fault)
            world.clock.advance(timedelta(seconds=2))
        newest = saved(world)
        put_back(older)
        assert fresh.current(now()).bundle.version == world.version
        put_back(newest)
        world.clock.advance(timedelta(seconds=2))
    assert fresh.current(now()).bundle.version == world.version
    assert fresh.fault is None
    assert json.loads((world.folder / "seen.json").read_text())["bundle"] == world.version


def raising(error):
    """Return what raises an error, whatever it is called with."""

    def fails(*_, **__):
        raise error

    return fails


@pytest.mark.parametrize(
    "content", ["", "5", "[]", "null", '{"bundle": "x"}', '{"lists": 3}', '{"lists": {"u": null}}']
)
def test_a_damaged_memory_is_told_with_its_remedy(world, content):
    """Forgetting the highest versions would let old ones in: the server does not start, and says what to restore."""
    (world.folder / "seen.json").write_text(content)
    with pytest.raises(Untrusted, match="restore it from a backup"):
        folder_of(world)


def test_another_issuers_bundle_is_not_taken(world):
    """A bundle of another district, even by the pinned root, leaves the documents in force as they were."""
    world.verifier.published.current(world.clock.now())
    foreign = replace(world._bundle(world.clock.now()), version=world.version + 1, issuer="https://other.example")
    world._write("trust-bundle.jwt", sign_bundle(foreign, Signers.root))
    world.clock.advance(timedelta(seconds=2))
    assert world.verifier.published.current(world.clock.now()).bundle.version == world.version
    assert "other.example" in str(world.verifier.published.fault)


def test_example_programme_does_not_pass_for_the_shipped_one(world):
    """A server started on another file has nothing to go by."""
    other = load_programme(world.file.with_name("example.toml"))
    with pytest.raises(Untrusted, match="this server's programme"):
        folder_of(world, other).current(world.clock.now())
