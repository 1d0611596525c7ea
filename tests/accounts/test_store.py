"""The store itself: its tables, its log, its promises to several processes."""

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from accounts.database import AccountsDatabase
from accounts.factors import new_totp_secret
from accounts.journal import AccountAction
from accounts.people import NameTaken
from accounts.rights import Right, Role
from accounts.store import AccountStore
from accounts.tables import METADATA
from edge.database import UnusableDatabase
from keys.jwk import public_jwk
from keys.signer import FileSigner
from tests.accounts.builders import ADMIN, NOON, PASSWORD, Ground, new_store, opened


def test_opening_again_changes_nothing(tmp_path):
    """A second process finds the tables made."""
    first = new_store(tmp_path)
    first.people.add("Li", PASSWORD, [Role.AUDITOR], by=ADMIN, at=NOON)
    second = new_store(tmp_path)
    second.migrate()
    assert [one.name for one in second.people.list()] == ["Li"]
    first.close()
    second.close()


def test_the_file_is_its_owners_alone_durable_and_held_to_its_references(store, tmp_path):
    """Mode 0600, write-ahead log, full sync, foreign keys."""
    assert stat.S_IMODE((tmp_path / "accounts.db").stat().st_mode) == 0o600
    with store._database.read() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/x", "redis://localhost"])
def test_an_address_that_cannot_serve_is_refused(url):
    """Memory is not shared between processes; other databases are not tried."""
    with pytest.raises(UnusableDatabase):
        AccountStore.open(url)


def test_every_change_is_one_line_of_the_log_without_names_or_secrets(ground):
    """Who did what to whom, by id; nobody's name, password, PIN, code or token."""
    ground.person()
    ground.operator()
    device = ground.device()
    device.sign_operator_in()
    made, bearer = ground.integrator()
    token = ground.sign_in().json["token"]
    ground.store.integrators.revoke(made.id, by=ADMIN, at=NOON)
    ground.store.devices.set_operator(device.id, needs_operator=True, by=ADMIN, at=NOON)
    ground.store.devices.move(device.id, "museum", services=(), by=ADMIN, at=NOON)
    ground.code()
    ground.store.devices.withdraw(ground.store.devices.codes(NOON)[0].id, by=ADMIN, at=NOON)
    ground.store.devices.revoke(device.id, by=ADMIN, at=NOON)
    ground.store.operators.set_pin("0417", "271828", by=ADMIN, at=NOON)
    ground.store.operators.set_rights("0417", {"gym": frozenset({Right.VOID})}, by=ADMIN, at=NOON)
    ground.store.operators.disable("0417", by=ADMIN, at=NOON)
    person, store = ground.store.people.named("auditor.li"), ground.store
    secret = new_totp_secret()
    factor = store.factors.add_totp(person.id, secret, None, "phone", by=ADMIN, at=NOON)
    codes = store.factors.new_codes(person.id, by=ADMIN, at=NOON)
    store.factors.use_code(person.id, codes[0], NOON)
    store.factors.remove(person.id, factor.id, by=ADMIN, at=NOON)
    store.factors.reset(person.id, by=ADMIN, at=NOON)
    store.sessions.end_all(person.id, by=ADMIN, at=NOON)
    store.people.set_roles("auditor.li", [Role.OFFICER], by=ADMIN, at=NOON)
    store.people.link("auditor.li", "https://login.example", "subject-1", by=ADMIN, at=NOON)
    ground.store.people.change_password("auditor.li", PASSWORD + "!", by=ADMIN, at=NOON)
    ground.store.people.disable("auditor.li", by=ADMIN, at=NOON)
    ground.store.people.enable(person.id, by=ADMIN, at=NOON)
    notes = ground.store.log()
    of_hooks = {action for action in AccountAction if action.name.startswith("HOOK_")}  # tests/hooks tries these
    assert {note.action for note in notes} == set(AccountAction) - of_hooks
    assert [note.id for note in notes] == sorted((note.id for note in notes), reverse=True)
    told = repr(notes)
    for hidden in ("auditor.li", "陈小明", PASSWORD, "493817", "271828", device.token, device.session, bearer, token,
                   secret, *codes, "subject-1"):  # fmt: skip
        assert hidden not in told


def test_a_change_that_fails_leaves_no_line(ground):
    """The line and the change are one transaction."""
    ground.operator()
    before = len(ground.store.log())
    with pytest.raises(NameTaken):
        ground.operator()
    assert len(ground.store.log()) == before


def test_writers_wait_for_one_another(ground):
    """Twenty codes from four threads: all made, none lost to a busy file."""
    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(lambda _: ground.code(), range(20)))
    assert len(set(codes)) == 20


def test_a_busy_store_does_not_turn_a_known_device_away(ground, tmp_path, caplog):
    """The coarse last use is not worth a visitor's time: it is left out, with a warning that names nobody."""
    device = ground.device()
    other = sqlite3.connect(tmp_path / "accounts.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ground.clock.set(NOON.replace(hour=14))
    with ground.store._database.read() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 10")
    assert device.call().status_code == 200
    other.execute("ROLLBACK")
    other.close()
    assert "last use was not noted" in caplog.text
    assert device.id not in caplog.text


def test_the_tables_can_be_made_in_postgresql():
    """Every type and constraint compiles for it."""
    for table in METADATA.sorted_tables:
        assert f"CREATE TABLE {table.name}" in str(CreateTable(table).compile(dialect=postgresql.dialect()))


def test_times_keep_their_instant(store):
    """Aware UTC in, aware UTC out."""
    store.devices.make_code("gym", needs_operator=False, by=ADMIN, at=NOON)
    assert store.log()[0].at == NOON
    assert store.log()[0].at.utcoffset() is not None


def test_a_session_cannot_name_a_device_that_is_not(store):
    """References are held by the database."""
    operator = store.operators.add("1", "A", {"gym": frozenset({Right.CHECK_IN})}, by=ADMIN, at=NOON)
    statement = sa.text(
        "INSERT INTO operator_sessions (token_hash, operator_id, device_id, opened_at, expires_at) "
        "VALUES ('h', :operator, 'nobody', 0, 0)"
    )
    with pytest.raises(sa.exc.IntegrityError), store._database.write() as connection:
        connection.execute(statement, {"operator": operator.id})


def test_what_is_shown_of_a_code_or_session_hides_its_secret(ground):
    """A repr may reach a log."""
    made = ground.store.devices.make_code("gym", needs_operator=False, by=ADMIN, at=NOON)
    assert made.code not in repr(made)
    ground.person()
    session = opened(ground.store, "auditor.li", NOON)
    assert session.token not in repr(session)


def test_devices_are_listed_by_point(store):
    """The administrator of the gym asks for the gym's."""
    ground = Ground(store)
    gym, _ = ground.device("gym"), ground.device("museum")
    assert [one.id for one in store.devices.list(point="gym")] == [gym.id]
    assert len(store.devices.list()) == 2


def test_the_database_of_accounts_is_opened_by_its_address(tmp_path):
    """A folder that is missing is made."""
    database = AccountsDatabase(f"sqlite:///{tmp_path}/deep/er/accounts.db")
    assert database.revision == 0
    database.close()
    assert (tmp_path / "deep/er/accounts.db").exists()


def test_enrolling_ends_the_older_enrolment_in_one_step(store):
    """There is never a moment with two live devices of one key."""
    jwk = public_jwk(FileSigner.generate().public_key)
    for point in ("gym", "museum"):
        store.devices.enrol(store.devices.make_code(point, needs_operator=False, by=ADMIN, at=NOON).code, jwk, at=NOON)
    assert [one.point for one in store.devices.list() if one.revoked_at is None] == ["museum"]
