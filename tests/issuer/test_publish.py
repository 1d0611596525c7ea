"""Publishing: the content of the folder, what never goes back, and that another run repairs the folder."""

import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest
import sqlalchemy as sa

from cards.marks import MarkKind, verify_marks
from cards.programme.load import load_programme
from cards.status import LIST_SIZE, Freshness, Status
from edge.clock import FixedClock
from edge.repeating import Repeating
from edge.strictjson import loads
from issuer.issuing.lifecycle import revoke
from issuer.publishing import folder as files
from issuer.publishing import publish
from issuer.publishing.ages import published_figures
from issuer.publishing.publisher import publishing
from issuer.publishing.setup import set_up
from issuer.register import indexes
from issuer.register.errors import RefusedError
from issuer.register.tables import PUBLICATIONS, STATUS_INDEXES, IndexState
from keys.bundle import LIFETIME, RENEWAL_DUE, verify_bundle
from keys.keyset import Purpose
from keys.store import KeyStore
from tests.issuer.builders import (
    BY,
    DAY,
    EXAMPLE,
    NOON,
    make_desk,
    person,
    print_card,
    programme,
    published_bundle,
    published_list,
    published_status,
)


def marks(desk, *, at=NOON):
    """Return the published holder marks, verified."""
    text = (desk.published / files.MARKS_FILE).read_text()
    return verify_marks(text, published_bundle(desk, at=at).key_set(), at, issuer=desk.programme.issuer)


def states(desk, state):
    """Return the status indexes in a state."""
    with desk.register.read() as connection:
        return connection.execute(sa.select(STATUS_INDEXES).where(STATUS_INDEXES.c.state == state)).all()


def test_a_monitor_is_told_the_age_and_the_end_of_what_was_published(desk):
    """Each document by name, each purpose's key; a damaged document has no figures and takes nobody else's away."""

    def told():
        families = published_figures(desk.published)
        return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}

    bundle = published_bundle(desk)
    before = told()
    assert before["yunju_document_issued_timestamp_seconds", "trust-bundle"] == bundle.issued_at.timestamp()
    assert before["yunju_document_expires_timestamp_seconds", "trust-bundle"] == bundle.expires_at.timestamp()
    ends = [key.not_after for key in bundle.keys if key.purpose is Purpose.CARD]
    assert before["yunju_key_expires_timestamp_seconds", "card"] == max(ends).timestamp()
    named = {key[1] for key in before if key[0].startswith("yunju_document_expires")}
    lists = {f"status-list-{path.stem}" for path in (desk.published / files.LISTS_FOLDER).glob("*.jwt")}
    assert lists
    assert named == {"trust-bundle", "holder-marks"} | lists
    (desk.published / files.BUNDLE_FILE).write_bytes(b"\xff~no bundle")
    assert {key[1] for key in told()} == {"holder-marks"} | lists


def test_the_folder_holds_everything_that_a_verifier_needs(desk):
    """The names of the contract, and every document verifies under the published root."""
    shown = {path.relative_to(desk.published).as_posix() for path in desk.published.rglob("*") if path.is_file()}
    assert shown == {
        ".lock",
        "binding-lists/0.jwt",
        "binding-lists/1.jwt",
        "holder-marks.jwt",
        "jwks.json",
        "office-checkpoint",
        "programme.toml",
        "root.jwk",
        "status-lists/0.jwt",
        "status-lists/1.jwt",
        "trust-bundle.jwt",
    }
    bundle = published_bundle(desk)
    assert bundle.programme.sha256 == desk.programme.sha256
    assert bundle.status_lists == tuple(f"{desk.programme.status_base}{number}" for number in (0, 1))
    assert {key.purpose for key in bundle.keys} == set(Purpose) - {Purpose.ROOT}
    assert loads((desk.published / "jwks.json").read_bytes()) == bundle.key_set().jwks()
    assert (desk.published / "programme.toml").read_bytes() == desk.programme_file.read_bytes()
    assert marks(desk).marks == ()


def test_published_files_are_readable_by_the_services_and_hold_no_secret(desk):
    """Mode 0644, and no private key among them."""
    for path in desk.published.rglob("*.j*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        assert b"PRIVATE" not in path.read_bytes()
        assert b'"d"' not in path.read_bytes()


def test_an_unassigned_index_is_published_as_revoked(desk):
    """All of the list but the pool and the cards."""
    print_card(desk, person(desk))
    statuses = published_list(desk).statuses
    valid = [index for index in range(LIST_SIZE) if statuses.lookup(index) is Status.VALID]
    assert len(statuses) == LIST_SIZE
    assert len(valid) == desk.pool_size + 1
    assert {statuses.lookup(index) for index in range(LIST_SIZE)} == {Status.VALID, Status.REVOKED}


def test_an_index_is_shown_as_valid_one_publication_before_a_card_has_it(desk):
    """The indexes that become ready are those that the folder has shown."""
    for row in states(desk, IndexState.READY):
        assert published_list(desk, row.list).statuses.lookup(row.index) is Status.VALID
    assert states(desk, IndexState.POOLED) == []


def test_an_index_rests_until_the_last_token_and_grace_are_over(desk):
    """Reused only when no token of its card could still be shown."""
    card = print_card(desk, person(desk))
    revoke(desk, card.id, because="lost", by=BY, at=NOON)
    free_at = card.expires_at + desk.programme.validity.grace
    for at, free in ((free_at - DAY, False), (free_at, True)):
        with desk.register.read() as connection:
            row = sa.select(indexes._free(at)).where(STATUS_INDEXES.c.card_id == card.id)
            assert bool(connection.execute(row).scalar_one()) is free
            said = indexes.entries(connection, card.status_list, at)
            assert card.status_index not in said


def test_a_rested_index_serves_again_as_a_fresh_one(desk, monkeypatch):
    """The pool takes it back with an id of its own, bound to nothing of the old card."""
    card = print_card(desk, person(desk))
    revoke(desk, card.id, because="lost", by=BY, at=NOON)
    later = card.expires_at + desk.programme.validity.grace
    with desk.register.change() as connection:
        monkeypatch.setattr(indexes.secrets, "randbelow", lambda _size: card.status_index)
        indexes._pool(connection, card.status_list, later)
        row = connection.execute(sa.select(STATUS_INDEXES).where(STATUS_INDEXES.c.index == card.status_index)).one()
    assert (row.state, row.binding, row.reusable_at) == (IndexState.POOLED, None, None)
    assert row.card_id not in {None, card.id}


def test_a_full_list_gives_way_to_the_spare_and_a_new_spare_is_named(desk, monkeypatch):
    """The bundle names the next list before it is needed."""
    monkeypatch.setattr(indexes, "_FULL_AT", 10)
    done = publish.publish(replace(desk, pool_size=desk.pool_size + 5), NOON)
    assert len(done.status_lists) == 3
    assert published_bundle(desk).status_lists == done.status_lists
    assert {row.list for row in states(desk, IndexState.READY)} == {0, 1}


def test_lists_are_fresh_then_stale_then_expired(desk):
    """`ttl` and a day."""
    signed = published_list(desk)
    assert signed.freshness(NOON + timedelta(seconds=300)) is Freshness.FRESH
    assert signed.freshness(NOON + timedelta(minutes=10)) is Freshness.STALE
    assert signed.freshness(NOON + DAY) is Freshness.EXPIRED


def test_the_bundle_changes_only_when_its_content_does_or_renewal_is_due(desk):
    """Publishing again keeps the version; 60 days renew it."""
    before = (desk.published / files.BUNDLE_FILE).read_bytes()
    assert publish.publish(desk, NOON + DAY).bundle_version == 1
    assert (desk.published / files.BUNDLE_FILE).read_bytes() == before
    assert publish.publish(desk, NOON + RENEWAL_DUE - timedelta(seconds=1)).bundle_version == 1
    assert publish.publish(desk, NOON + RENEWAL_DUE).bundle_version == 2
    assert published_bundle(desk, at=NOON + RENEWAL_DUE, seen_version=1).version == 2


def test_a_rotated_or_compromised_key_makes_a_new_bundle(desk):
    """A key that is to come is published before it signs; one that is compromised leaves at once."""
    successor = desk.keys.rotate(Purpose.CARD, NOON + DAY)
    assert publish.publish(desk, NOON + DAY).bundle_version == 2
    old = desk.keys.signer(Purpose.CARD, NOON + DAY)
    assert {old.kid, successor.kid} <= {key.kid for key in published_bundle(desk, at=NOON + DAY).keys}
    desk.keys.compromise(old.kid)
    publish.publish(desk, NOON + DAY)
    bundle = published_bundle(desk, at=NOON + DAY)
    assert (bundle.version, old.kid in {key.kid for key in bundle.keys}) == (3, False)
    assert published_list(desk, at=NOON + DAY).bundle == 3


def test_another_programme_is_pinned_from_the_moment_it_is_published(desk, tmp_path):
    """Version, hash and the instant of its first bundle."""
    text = desk.programme_file.read_text() + "\n# a later edition\n"
    edited = tmp_path / "edited.toml"
    edited.write_text(text)
    changed = replace(desk, programme=programme(edited), programme_file=edited)
    first = published_bundle(desk).programme
    publish.publish(changed, NOON + DAY)
    pinned = published_bundle(desk, at=NOON + DAY).programme
    assert (pinned.sha256, pinned.effective_at) == (changed.programme.sha256, NOON + DAY)
    assert (first.effective_at, first.sha256) == (NOON, desk.programme.sha256)
    publish.publish(changed, NOON + RENEWAL_DUE + DAY)
    assert published_bundle(desk, at=NOON + RENEWAL_DUE + DAY).programme.effective_at == NOON + DAY


def test_a_process_with_the_old_programme_does_not_take_the_new_one_back(desk, tmp_path):
    """Its lists still go out; bundle and programme stay those of the process that read the new file."""
    edited = tmp_path / "edited.toml"
    edited.write_text(desk.programme_file.read_text())
    old = replace(desk, programme_file=edited, programme=load_programme(edited))
    card = print_card(old, person(old))
    edited.write_text(edited.read_text() + "\n# a later edition\n")
    new = replace(old, programme=load_programme(edited))
    assert publish.publish(new, NOON).bundle_version == 2
    revoke(old, card.id, because="lost", by=BY, at=NOON)
    assert "restart" in publish.publish(old, NOON).bundle_due.hint
    assert published_bundle(desk).programme.sha256 == new.programme.sha256
    assert (desk.published / "programme.toml").read_bytes() == edited.read_bytes()
    assert published_status(desk, card) is Status.REVOKED


def test_without_the_root_lists_go_out_and_the_bundle_is_said_to_be_due(desk):
    """A revocation never waits for the offline root; the operator is told."""
    card = print_card(desk, person(desk))
    away = replace(desk, roots=None)
    desk.keys.rotate(Purpose.STATUS, NOON)
    revoke(away, card.id, because="lost", by=BY, at=NOON)
    assert published_status(desk, card) is Status.REVOKED
    done = publish.publish(away, NOON)
    assert (done.bundle_version, "--root-keys" in done.bundle_due.hint) == (1, True)
    assert publish.publish(desk, NOON).bundle_due is None


def test_the_first_publication_needs_the_root(tmp_path):
    """Nothing is published that nobody could trust."""
    desk = make_desk(tmp_path, ready=False, roots=None)
    with pytest.raises(RefusedError, match="root key"):
        set_up(desk, NOON)
    assert not (desk.published / files.BUNDLE_FILE).exists()
    roots = KeyStore(tmp_path / "offline")
    made, done = set_up(replace(desk, roots=roots), NOON)
    assert done.bundle_version == 1
    assert [key.purpose for key in made] == [Purpose.ROOT]
    assert Purpose.ROOT not in {key.purpose for key in desk.keys.list()}
    desk.close()


def test_setting_up_again_changes_nothing(desk):
    """No second keys, no second bundle."""
    made, done = set_up(desk, NOON)
    assert (made, done.bundle_version, len(desk.keys.list())) == ([], 1, 5)


def test_a_new_root_comes_in_a_bundle_signed_by_old_and_new(desk):
    """During the roll-over either pin verifies; afterwards the new root signs alone."""
    old = loads((desk.published / files.ROOT_FILE).read_bytes())
    desk.roots.rotate(Purpose.ROOT, NOON)
    publish.publish(desk, NOON)
    document = (desk.published / files.BUNDLE_FILE).read_text()
    bundle = published_bundle(desk)
    assert bundle.next_root is not None
    assert publish.publish(desk, NOON).bundle_version == bundle.version == 2
    assert verify_bundle(document, old, NOON) == bundle
    after = NOON + timedelta(days=101)
    publish.publish(desk, after)
    assert published_bundle(desk, at=after).next_root is None


def test_versions_and_serials_never_go_back_after_a_restored_backup(desk, tmp_path):
    """A register from yesterday's backup goes on above what verifiers have seen."""
    backup = tmp_path / "backup"
    backup.mkdir()
    restored = make_desk(backup, ready=False, keys=desk.keys, roots=desk.roots, published=desk.published)
    desk.keys.rotate(Purpose.LOG, NOON)
    publish.publish(desk, NOON + DAY)
    seen = marks(desk, at=NOON + DAY).serial
    done = publish.publish(restored, NOON + DAY)
    assert done.bundle_version == 3
    assert marks(desk, at=NOON + DAY).serial > seen
    restored.close()


def test_a_clock_set_back_does_not_date_a_list_back(desk):
    """Verifiers refuse a list that is older than one they have seen."""
    publish.publish(desk, NOON + DAY)
    publish.publish(desk, NOON)
    assert published_list(desk, at=NOON + DAY, seen=NOON + DAY).issued_at == NOON + DAY


def test_a_crash_between_register_and_files_is_repaired_by_the_next_publication(desk, monkeypatch):
    """Killed before any file: what was decided is published later, and indexes not shown are not given out."""
    card = print_card(desk, person(desk))
    desk = replace(desk, pool_size=desk.pool_size + 3)

    def killed(*_args):
        raise KeyboardInterrupt

    quiet = desk.quiet()
    revoke(quiet, card.id, because="lost", by=BY, at=NOON)
    desk.keys.rotate(Purpose.LOG, NOON)
    with monkeypatch.context() as patched:
        patched.setattr(publish, "_write_files", killed)
        with pytest.raises(KeyboardInterrupt):
            publish.publish(desk, NOON)
    assert published_status(desk, card) is Status.VALID
    assert len(states(desk, IndexState.POOLED)) == 3
    assert publish.publish_if_due(desk, NOON).bundle_version == 2
    assert published_status(desk, card) is Status.REVOKED
    assert states(desk, IndexState.POOLED) == []


@pytest.mark.parametrize("crash_at", range(1, 7))
def test_a_crash_after_any_file_leaves_a_folder_that_verifies(desk, monkeypatch, crash_at):
    """Whatever was replaced, each document is whole and trusted; the next publication completes it."""
    card = print_card(desk, person(desk))
    later = NOON + timedelta(hours=1)
    revoke(desk.quiet(), card.id, because="lost", by=BY, at=later)
    desk.keys.rotate(Purpose.STATUS, later)
    replaced, written = files.replace_published, []

    def dying(folder, name, content):
        if len(written) == crash_at:
            raise KeyboardInterrupt
        written.append(name)
        return replaced(folder, name, content)

    with monkeypatch.context() as patched:
        patched.setattr(files, "replace_published", dying)
        with pytest.raises(KeyboardInterrupt):
            publish.publish(desk, later)
    assert published_bundle(desk, at=later).version in (1, 2)
    assert published_list(desk, 0, at=later).statuses
    assert published_list(desk, 1, at=later).statuses
    publish.publish(desk, later)
    assert published_bundle(desk, at=later).version == 2
    assert published_status(desk, card, at=later) is Status.REVOKED


def test_a_reader_never_sees_half_a_file(desk):
    """While publications go on, every read is a whole document."""
    done, broken = Event(), []

    def reading():
        while not done.is_set():
            try:
                published_list(desk, at=NOON + timedelta(hours=1))
            except Exception as error:  # noqa: BLE001 - any failure is the finding
                broken.append(error)

    with ThreadPoolExecutor(2) as pool:
        reader = pool.submit(reading)
        for seconds in range(15):
            publish.publish(desk, NOON + timedelta(seconds=seconds))
        done.set()
        reader.result()
    assert broken == []


def test_publishers_at_once_take_turns(desk):
    """Serials rise by one each, and nothing is lost."""
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: publish.publish(desk, NOON), range(8)))
    serials = sorted(each.serial for each in done)
    assert serials == list(range(serials[0], serials[0] + 8))
    assert marks(desk).serial == serials[-1]


def test_leftovers_of_a_dead_publisher_are_swept_away(desk):
    """Temporary files do not pile up, and no published file is touched."""
    leftover = desk.published / "status-lists" / ".0.jwt.0123456789abcdef"
    leftover.write_bytes(b"half")
    publish.publish(desk, NOON)
    assert not leftover.exists()
    assert published_list(desk)


def test_marks_are_published_with_the_next_publication(desk):
    """A ground that raises a benefit marks its holder."""
    holder = person(desk, ground="diamond-2")
    publish.publish(desk, NOON)
    shown = marks(desk).of(holder.id)
    assert shown
    assert {mark.kind for mark in shown} == {MarkKind.BENEFIT}


def test_old_publications_are_forgotten(desk, monkeypatch):
    """The table of publications does not grow for ever."""
    monkeypatch.setattr(publish, "_KEPT_PUBLICATIONS", 3)
    for _ in range(6):
        publish.publish(desk, NOON)
    with desk.register.read() as connection:
        assert len(connection.execute(sa.select(PUBLICATIONS)).all()) == 3


def test_a_publisher_publishes_when_half_the_ttl_is_over(desk):
    """Often enough that a list is never stale, not more often."""
    clock = FixedClock(NOON)
    publisher = Repeating(publishing(desk, clock), clock)
    for seconds, issued in ((149, 0), (150, 150), (200, 150), (300, 300)):
        clock.set(NOON + timedelta(seconds=seconds))
        publisher.once()
        at = NOON + timedelta(seconds=seconds)
        assert published_list(desk, at=at).issued_at == NOON + timedelta(seconds=issued)


def test_a_failed_publication_is_logged_and_tried_again(desk, caplog):
    """The job goes on; the log names the error, no content."""
    clock = FixedClock(NOON + DAY)
    publisher = Repeating(publishing(desk, clock), clock)
    (desk.published / "status-lists").rename(desk.published / "gone")
    (desk.published / "status-lists").write_text("in the way")
    publisher.once()
    assert [line.safe_fields["job"] for line in caplog.records] == ["publish"]
    (desk.published / "status-lists").unlink()
    publisher.once()
    assert published_list(desk, at=NOON + DAY).issued_at == NOON + DAY


def test_a_publisher_looks_four_times_in_the_lists_ttl(desk):
    """A list of 300 seconds is looked at every 75."""
    assert publishing(desk, FixedClock(NOON)).every == 75


def test_another_programme_has_its_own_lists(tmp_path):
    """The small programme publishes under its own names."""
    desk = make_desk(tmp_path, path=EXAMPLE)
    assert published_list(desk).uri == "https://cards.millbrook.example/v1/status-lists/0"
    assert published_bundle(desk).expires_at == NOON + LIFETIME
    desk.close()
