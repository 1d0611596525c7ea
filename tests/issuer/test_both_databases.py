"""What either database promises: the same tests over SQLite, and over PostgreSQL wherever that is installed."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from cards.status import Status
from issuer.enrolment.enrolling import Enrolment, NoCardGiven, enrol, make_code
from issuer.enrolment.phone import Recovery, block
from issuer.issuing.issuing import cards_of, reissue
from issuer.issuing.lifecycle import revoke
from issuer.register import office_log
from issuer.register.database import Register
from issuer.register.errors import RefusedError
from issuer.register.holders import NewHolder, add_holder
from issuer.register.tables import METADATA, OFFICE_LOG, CardState
from keys.jwk import public_jwk
from keys.signer import FileSigner
from tests.issuer.builders import (
    BY,
    NOON,
    SECRET,
    give_ground,
    identity,
    make_desk,
    person,
    print_card,
    published_status,
    resident_id,
)

DATABASES = ["sqlite", "postgresql"]


@pytest.fixture(params=DATABASES)
def url(request, tmp_path, make_database):
    """The address of an empty database."""
    return f"sqlite:///{tmp_path}/register.db" if request.param == "sqlite" else make_database()


@pytest.fixture
def office(tmp_path, url):
    """An office over the database, ready."""
    made = make_desk(tmp_path, url=url)
    yield made
    made.close()


def test_the_baseline_makes_exactly_the_tables_that_the_code_uses(office):
    """Migration and tables do not drift apart."""
    with office.register.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "register_version"})
        assert compare_metadata(context, METADATA) == []


def test_processes_that_start_together_make_the_tables_once(url):
    """Several workers on an empty database."""
    with ThreadPoolExecutor(4) as pool:
        registers = list(pool.map(lambda _: Register.open(url, SECRET), range(4)))
    for register in registers:
        register.close()


def test_the_life_of_cards(office):
    """Register, issue, tier change, enrol, block, revoke: the same answers on either."""
    holder = person(office, number=resident_id("19851129", 362))
    silver = print_card(office, holder)
    give_ground(office, holder, "gold-6")
    gold = reissue(office, silver.id, because="tier-change", by=BY, at=NOON)
    code = make_code(office, holder.id, by=BY, at=NOON).code
    key = public_jwk(FileSigner.generate().public_key)
    phone = enrol(office, Enrolment(code, holder.identity.last_four, key), by="wallet", at=NOON)
    blocked = block(office, Recovery(phone.card.number, phone.recovery_code), by="wallet", at=NOON)
    revoke(office, gold.id, because="lost", by=BY, at=NOON)
    assert [card.state for card in cards_of(office, holder.id)].count(CardState.REPLACED) == 1
    assert (published_status(office, silver), published_status(office, gold)) == (Status.REVOKED, Status.REVOKED)
    assert published_status(office, blocked) is Status.SUSPENDED


def test_one_identity_registered_by_many_at_once_is_one_holder(office):
    """The race for one identity has one winner, the others are told."""
    who = identity()

    def attempt(_):
        try:
            return add_holder(office, NewHolder("张启明", who), by=BY, at=NOON).id
        except RefusedError as refused:
            return str(refused)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(attempt, range(8)))
    assert sum("already" in answer for answer in answers) == 7


def test_one_code_used_by_many_at_once_gives_one_card(office):
    """The race for one code has one winner."""
    holder = person(office)
    code = make_code(office, holder.id, by=BY, at=NOON).code

    def attempt(_):
        key = public_jwk(FileSigner.generate().public_key)
        try:
            return enrol(office, Enrolment(code, holder.identity.last_four, key), by="wallet", at=NOON)
        except NoCardGiven:
            return None  # the code was used a moment before

    with ThreadPoolExecutor(4) as pool:
        won = [each for each in pool.map(attempt, range(8)) if each]
    assert len(won) == len(cards_of(office, holder.id)) == 1


@pytest.mark.parametrize("verb", ["UPDATE office_log SET actor = 'nobody'", "DELETE FROM office_log"])
def test_the_office_log_is_append_only(office, verb):
    """The database itself refuses."""
    person(office)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), office.register.change() as connection:
        connection.execute(sa.text(verb))
    with office.register.read() as connection:
        assert (
            len(office_log.newest(connection, 10))
            == connection.execute(sa.select(sa.func.count()).select_from(OFFICE_LOG)).scalar_one()
        )
