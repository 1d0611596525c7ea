"""What either database promises: the same tests over SQLite, and over PostgreSQL wherever that is installed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from accounts.attempts import ENROLMENT, SIGN_IN, TooSoon
from accounts.devices import CodeRefused
from accounts.people import NameTaken, WrongCredentials
from accounts.rights import EVERYWHERE, Right, Role
from accounts.store import AccountStore
from accounts.tables import METADATA
from keys.jwk import public_jwk
from keys.signer import FileSigner
from tests.accounts.builders import ADMIN, NOON, PASSWORD, Ground, code_of, opened

DATABASES = ["sqlite", "postgresql"]


@pytest.fixture(params=DATABASES)
def url(request, tmp_path, make_database):
    """The address of an empty database."""
    return f"sqlite:///{tmp_path}/accounts.db" if request.param == "sqlite" else make_database()


@pytest.fixture
def store(url):
    """A store in it."""
    opened = AccountStore.open(url)
    yield opened
    opened.close()


def at_once(work, times=6):
    """The outcomes, or exceptions, of one piece of work done by several threads together."""
    gate = Barrier(times)

    def one(number):
        gate.wait()
        return work(number)

    with ThreadPoolExecutor(times) as pool:
        futures = [pool.submit(one, number) for number in range(times)]
        return [future.exception() or future.result() for future in futures]


def jwk():
    """A new device's key."""
    return public_jwk(FileSigner.generate().public_key)


def test_the_baseline_makes_the_tables_that_the_code_knows(store):
    """No column, index or constraint differs."""
    with store._database.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "accounts_version"})
        assert compare_metadata(context, METADATA) == []


def test_processes_that_start_together_make_the_tables_once(url):
    """All succeed."""
    stores = at_once(lambda _: AccountStore.open(url))
    assert all(one.people.list() == [] for one in stores)
    for one in stores:
        one.close()


def test_one_code_enrols_one_device(store):
    """However many ask at once."""
    code = store.devices.make_code("gym", needs_operator=False, by=ADMIN, at=NOON).code
    outcomes = at_once(lambda _: store.devices.enrol(code, jwk(), at=NOON))
    assert sum(isinstance(outcome, CodeRefused) for outcome in outcomes) == 5
    assert len(store.devices.list()) == 1


def test_one_key_is_one_live_device(store):
    """Also when several codes are used with it at once: whoever wins, one is live, and a code refused stays good."""
    codes, key = [store.devices.make_code("gym", needs_operator=False, by=ADMIN, at=NOON).code for _ in range(5)], jwk()
    store.devices.enrol(codes.pop(), key, at=NOON)
    outcomes = at_once(lambda number: store.devices.enrol(codes[number], key, at=NOON), 4)
    assert {type(one) for one in outcomes} <= {tuple, CodeRefused}
    refused = [code for code, one in zip(codes, outcomes, strict=True) if isinstance(one, CodeRefused)]
    for code in refused:
        store.devices.enrol(code, key, at=NOON)
    assert len([one for one in store.devices.list() if one.revoked_at is None]) == 1
    assert len(store.devices.list()) == 5


def test_guesses_at_once_are_all_counted(store):
    """The first row of a place is made by one and waited for by the others; ENROLMENT.free are tried."""
    outcomes = at_once(lambda _: store.count_wrong_code("203.0.113.9", NOON), ENROLMENT.free + 4)
    assert sum(isinstance(outcome, TooSoon) for outcome in outcomes) == 4


def test_one_name_is_taken_once(store):
    """Two administrators add it together."""
    outcomes = at_once(lambda _: store.people.add("Li", PASSWORD, [Role.AUDITOR], by=ADMIN, at=NOON), 3)
    assert sum(isinstance(outcome, NameTaken) for outcome in outcomes) == 2
    assert len(store.log()) == 1


@pytest.mark.parametrize("statement", ["UPDATE account_log SET actor = 'x'", "DELETE FROM account_log"])
def test_the_log_is_append_only(store, statement):
    """The database itself refuses."""
    store.devices.make_code("gym", needs_operator=False, by=ADMIN, at=NOON)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), store._database.write() as connection:
        connection.execute(sa.text(statement))
    assert [note.actor for note in store.log()] == [ADMIN]


def test_everything_is_read_as_it_was_written(store):
    """People, devices, integrators, operators and their rights."""
    rights = {"gym": frozenset({Right.CHECK_IN, Right.VOID}), EVERYWHERE: frozenset({Right.NAMES})}
    person = store.people.add("王小明", PASSWORD, [Role.AUDITOR, Role.OFFICER], by=ADMIN, at=NOON)
    operator = store.operators.add("0417", "陈", rights, by=ADMIN, at=NOON, pin="493817")
    made, token = store.integrators.add("H", rights, expires_at=NOON + timedelta(days=1), by=ADMIN, at=NOON)
    code = store.devices.make_code(
        "gym", needs_operator=True, services=["gym-visit"], by=ADMIN, at=NOON, rights=rights["gym"], label="前台"
    ).code
    device, _ = store.devices.enrol(code, jwk(), at=NOON)
    assert (device.needs_operator, device.services) == (True, ("gym-visit",))
    assert store.people.list() == [person]
    assert store.operators.list() == [operator]
    assert store.integrators.list() == [made]
    assert token not in repr(made)
    assert store.devices.list() == [device]
    assert device.label == "前台"


def test_sign_in_locks_and_opens_again(store):
    """Wrong, locked, waited, right."""
    store.people.add("Li", PASSWORD, [Role.AUDITOR], by=ADMIN, at=NOON)
    for _ in range(SIGN_IN.free):
        with pytest.raises(WrongCredentials):
            store.people.check("Li", "wrong password", source="x", at=NOON)
    with pytest.raises(TooSoon):
        store.people.check("Li", PASSWORD, source="x", at=NOON)
    later = NOON + timedelta(seconds=2)
    assert store.people.check("Li", PASSWORD, source="x", at=later).name == "Li"
    assert opened(store, "Li", later).session.alive(later)


def test_a_device_an_operator_and_their_end(store):
    """From code to revocation over HTTP."""
    ground = Ground(store)
    device = ground.device()
    ground.operator()
    assert device.sign_operator_in().status_code == 201
    assert device.call().status_code == 200
    assert device.call("DELETE", "/v1/operators/sessions").status_code == 204
    store.devices.revoke(device.id, by=ADMIN, at=NOON)
    assert code_of(device.call()) == "device-revoked"
