"""The security log: what it shows, who may read it, and that nobody can push older lines out of it."""

import sqlite3
from datetime import timedelta

import pytest
import sqlalchemy as sa

from accounts.rights import Right
from accounts.security import SAME_MOST, SecurityKind
from edge.metrics import exposition
from keys.signer import FileSigner
from tests.accounts.builders import NOON, PASSWORD, code_of


def kinds(ground):
    """The kinds of all events, newest first."""
    return [event.kind for event in ground.store.security.page(1000)]


def test_each_failure_lock_and_refusal_is_one_event(ground):
    """Passwords, PINs, device codes, rights and tokens."""
    ground.person()
    ground.operator()
    device = ground.device()
    for _ in range(6):
        ground.sign_in(password="wrong password")
    for _ in range(6):
        device.sign_operator_in(pin="0000")
    ground.enrol("AAAA-BBBB-CCCC", FileSigner.generate())
    token = ground.sign_in(address="192.0.2.9").json["token"]
    ground.bearer(token, "/v1/may/void/gym")
    ground.bearer("yp_" + "A" * 43)
    found = kinds(ground)
    assert {kind: found.count(kind) for kind in set(found)} == {
        SecurityKind.SIGN_IN_FAILED: 5,
        SecurityKind.SIGN_IN_LOCKED: 1,
        SecurityKind.PIN_FAILED: 5,
        SecurityKind.PIN_LOCKED: 1,
        SecurityKind.DEVICE_CODE_REFUSED: 1,
        SecurityKind.NEW_PLACE: 1,
        SecurityKind.RIGHT_REFUSED: 1,
        SecurityKind.TOKEN_REFUSED: 1,
    }
    assert b'yunju_security_events_total{kind="pin-failed"}' in exposition()


def test_a_device_that_waits_for_its_operator_is_no_event_and_one_without_the_right_is(ground):
    """Each tablet asks for its day's list in the morning: real refusals must not drown among these."""
    device = ground.device(needs_operator=True)
    assert code_of(device.call(path="/v1/may/check-in/gym")) == "operator-needed"
    assert kinds(ground) == []
    assert code_of(device.call(path="/v1/may/audit/gym")) == "not-permitted"
    assert kinds(ground) == [SecurityKind.RIGHT_REFUSED]


def test_no_name_address_token_or_secret_stands_in_the_log(ground, tmp_path):
    """Neither of who exists nor of who does not, nor what was typed."""
    ground.person()
    token = ground.sign_in().json["token"]
    ground.bearer(token, "/v1/may/void/gym")
    ground.sign_in("王小明", "a secret typed wrong", address="203.0.113.99")
    with sqlite3.connect(tmp_path / "accounts.db") as db:
        rows = repr(db.execute("SELECT * FROM security_events").fetchall())
    for text in ("auditor.li", "王小明", "203.0.113", "198.51.100", token, "typed", PASSWORD):
        assert text not in rows


def test_hashes_join_one_name_and_differ_under_another_secret(ground, tmp_path):
    """Case and width do not matter, as at the sign-in; without the secret nobody can try names."""
    from tests.accounts.builders import AccountStore

    log = ground.store.security
    assert log.subject("person", "Auditor.LI") == log.subject("person", "ａuditor.li")
    other = AccountStore.open(f"sqlite:///{tmp_path}/accounts.db", b"t" * 32)
    assert other.security.subject("person", "auditor.li") != log.subject("person", "auditor.li")
    other.close()


def test_older_events_are_reached_however_many_are_newer(ground):
    """A flood is paged; the first event is still there."""
    log = ground.store.security
    log.note(SecurityKind.RECOVERY_REFUSED, at=NOON, who=("card", "BY003458673562"))
    for number in range(130):
        log.note(SecurityKind.SIGN_IN_FAILED, at=NOON, who=("person", f"x{number}"))
    pages = [log.page(50, offset) for offset in (0, 50, 100)]
    assert [len(page) for page in pages] == [50, 50, 31]
    assert pages[2][-1].kind is SecurityKind.RECOVERY_REFUSED
    assert [event.kind for event in log.page(50, kinds=[SecurityKind.RECOVERY_REFUSED])] == ["recovery-refused"]


def test_one_guesser_writes_a_bounded_number_of_lines_an_hour(ground):
    """All are counted, the last line written says that there were more; others' lines are not affected."""
    log = ground.store.security
    for _ in range(100):
        log.note(SecurityKind.SIGN_IN_FAILED, at=NOON, who=("person", "li"), place="203.0.113.9")
    log.note(SecurityKind.SIGN_IN_FAILED, at=NOON, who=("person", "wang"), place="203.0.113.9")
    found = log.page(1000)
    assert len(found) == SAME_MOST + 1
    assert [event.more for event in found[:3]] == [False, True, False]
    log.note(SecurityKind.SIGN_IN_FAILED, at=NOON + timedelta(hours=1), who=("person", "li"), place="203.0.113.9")
    assert len(log.page(1000)) == SAME_MOST + 2


@pytest.mark.parametrize("change", ["DELETE FROM security_events", "UPDATE security_events SET kind = 'x'"])
def test_the_log_is_append_only(ground, change):
    """The database refuses both."""
    ground.store.security.note(SecurityKind.SIGN_IN_FAILED, at=NOON)
    with pytest.raises(sa.exc.DatabaseError, match="append-only"), ground.store._database.write() as connection:
        connection.exec_driver_sql(change)


def test_one_pin_tried_at_every_operator_is_slowed_at_that_device(ground):
    """A sum per device: spraying is guessing too; an operator known there still gets in, and so does another device."""
    for number in range(30):
        ground.operator(f"{number:04d}", pin="493817", grant={"gym": frozenset({Right.CHECK_IN})})
    device, other = ground.device(), ground.device()
    assert device.sign_operator_in("0029").status_code == 201
    tried = [device.sign_operator_in(f"{number:04d}", "111111").status_code for number in range(25)]
    assert tried == [401] * 20 + [429] * 5
    assert device.sign_operator_in("0028").status_code == 429
    assert device.sign_operator_in("0029").status_code == 201
    assert other.sign_operator_in("0028").status_code == 201
    ground.clock.advance(timedelta(seconds=30))
    assert device.sign_operator_in("0028").status_code == 201


def test_every_kind_is_shown_in_the_figures_from_the_start():
    """A rule that watches for a kind finds it at nought, before the first attack."""
    told = exposition().decode()
    assert {kind for kind in SecurityKind if f'yunju_security_events_total{{kind="{kind}"}}' not in told} == set()


def test_a_busy_store_turns_no_refusal_into_an_outage(ground, monkeypatch, caplog):
    """The event is counted, and that it was not written stands in the log."""

    def busy(*_, **__):
        raise sa.exc.OperationalError("INSERT", {}, sqlite3.OperationalError("database is locked"))

    monkeypatch.setattr(ground.store.security, "note", busy)
    assert ground.bearer("yp_" + "A" * 43).status_code == 401
    assert "counted and not written" in caplog.text
