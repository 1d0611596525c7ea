"""The binding of each index, from the pool to the card, and a register from the time before binding lists."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from cards.binding import card_binding, pool_binding, verify_binding_list
from cards.claims import CARD, Form, parse
from cards.status import StatusListError, StatusLists
from issuer.enrolment.phone import refresh
from issuer.issuing.issuing import issue, reissue
from issuer.issuing.lifecycle import revoke, suspend
from issuer.publishing import folder as files
from issuer.publishing.publish import publish
from issuer.register.database import Register
from issuer.register.tables import STATUS_INDEXES, IndexState
from keys.jwk import public_jwk
from keys.signer import FileSigner
from keys.tokens import parse_unverified
from tests.issuer.builders import BY, DAY, NOON, SECRET, make_desk, person, print_card, published_bundle, published_list


def bound(desk, number=0, *, at=NOON):
    """Return a published binding list, verified as a verifier does."""
    text = (desk.published / files.bindings_file(number)).read_text()
    keys = published_bundle(desk, at=at).key_set()
    return verify_binding_list(
        text, keys, at, uri=f"{desk.programme.status_base}{number}", issuer=desk.programme.issuer
    )


def claims(card):
    """Return what a card's token says."""
    return parse(parse_unverified(card.token, CARD).claims)


def rows(desk, state):
    """Return the indexes in a state."""
    with desk.register.read() as connection:
        return connection.execute(sa.select(STATUS_INDEXES).where(STATUS_INDEXES.c.state == state)).all()


def test_every_index_that_is_not_revoked_is_bound_and_no_other(desk):
    """Cards to all of themselves, the pool to ids drawn beforehand, unassigned and ended ones to nothing."""
    card, ended = print_card(desk, person(desk)), print_card(desk, person(desk))
    suspended = print_card(desk, person(desk))
    suspend(desk, suspended.id, because="lost", by=BY, at=NOON)
    revoke(desk, ended.id, because="lost", by=BY, at=NOON)
    listed = bound(desk).listed
    for one in (card, suspended):
        assert listed.at(one.status_index) == card_binding(claims(one))
    assert listed.at(ended.status_index) is None
    pool = rows(desk, IndexState.READY)
    uri = f"{desk.programme.status_base}0"
    assert all(listed.at(row.index) == pool_binding(uri, row.index, row.card_id) for row in pool)
    told = {index for index in range(listed.size) if listed.at(index) is not None}
    assert told == {card.status_index, suspended.status_index, *(row.index for row in pool)}


def test_a_card_has_the_id_drawn_for_its_index_and_fits_before_the_next_list(desk):
    """Issued from the pool without a publication: the list in hand knows it already."""
    before = {row.index: row.card_id for row in rows(desk, IndexState.READY)}
    card = print_card(desk.quiet(), person(desk))
    assert before[card.status_index] == card.id
    assert bound(desk).at(card.status_index) == pool_binding(claims(card).status_uri, card.status_index, card.id)


def test_no_id_of_the_pool_is_published(desk):
    """Not in any file: who has the card key alone cannot know one."""
    content = b"".join(path.read_bytes() for path in desk.published.rglob("*") if path.is_file())
    pool = rows(desk, IndexState.READY)
    assert len(pool) == desk.pool_size
    assert not any(row.card_id.encode() in content for row in pool)


def test_a_refresh_leaves_the_binding_and_a_reissue_makes_another(desk, signer_key):
    """Times are not bound; a new card is."""
    card = issue(desk, person(desk).id, Form.CHIP, by=BY, at=NOON, key=signer_key)
    first = bound(desk).at(card.status_index)
    later = NOON + 8 * DAY
    refreshed = refresh(desk, card.id, by=BY, at=later).card
    publish(desk, later)
    assert (refreshed.token != card.token, bound(desk, at=later).at(card.status_index)) == (True, first)
    new = reissue(desk, card.id, because="damaged", by=BY, at=later)
    assert bound(desk, at=later).at(card.status_index) is None
    assert bound(desk, at=later).at(new.status_index) == card_binding(claims(new))


@pytest.fixture
def signer_key():
    """A chip's public key."""
    return public_jwk(FileSigner.generate().public_key)


def test_list_and_bindings_are_a_pair(desk):
    """Published together, they are taken together; bindings of before the list are not."""
    old = bound(desk)
    later = NOON + DAY / 24
    publish(desk, later)
    lists = StatusLists()
    listed = published_list(desk, at=later)
    with pytest.raises(StatusListError):
        lists.put(listed, old)
    lists.put(listed, bound(desk, at=later))
    assert lists.get(listed.uri) == listed


@pytest.mark.slow
def test_a_register_of_before_bindings_is_bound_by_its_first_publication(tmp_path):
    """Ids are drawn for the pool when it is opened, cards are bound by the next publication, ended ones are not."""
    desk = make_desk(tmp_path)
    card, ended = print_card(desk, person(desk)), print_card(desk, person(desk))
    revoke(desk, ended.id, because="lost", by=BY, at=NOON)
    _go_back(desk)
    desk.register.close()
    desk = replace(desk, register=Register.open(f"sqlite:///{tmp_path}/register.db", SECRET))
    assert all(row.card_id is not None for row in rows(desk, IndexState.READY))
    publish(desk, NOON)
    assert bound(desk).at(card.status_index) == card_binding(claims(card))
    assert bound(desk).at(ended.status_index) is None
    fresh = print_card(desk, person(desk))
    assert bound(desk).at(fresh.status_index) == card_binding(claims(fresh))
    desk.register.close()


def _go_back(desk) -> None:
    """Make the register one of version 0001."""
    with desk.register.change() as connection:
        waiting = STATUS_INDEXES.c.state != IndexState.ASSIGNED
        connection.execute(STATUS_INDEXES.update().where(waiting).values(card_id=None))
        connection.execute(sa.text("ALTER TABLE status_indexes DROP COLUMN binding"))
        for table in (
            "application_uploads",
            "application_events",
            "application_files",
            "application_papers",
            "notices",
            "office_chain",
        ):
            connection.execute(sa.text(f"DROP TABLE {table}"))
        for table in ("applications", "imports", "erased_identities"):
            connection.execute(sa.text(f"DROP TABLE {table}"))
        for index in ("ix_cards_unprinted", "ix_cards_ends", "ix_cards_of_holder", "ix_office_log_action"):
            connection.execute(sa.text(f"DROP INDEX {index}"))
        connection.execute(sa.text("ALTER TABLE cards DROP COLUMN printed_at"))
        connection.execute(sa.text("ALTER TABLE holders DROP COLUMN erased_at"))
        connection.execute(sa.text("ALTER TABLE enrolment_codes DROP COLUMN phone_hash"))
        for column in ("name_hash", "masked_id_hash"):
            connection.execute(sa.text(f"DROP INDEX ix_holders_{column}"))
            connection.execute(sa.text(f"ALTER TABLE holders DROP COLUMN {column}"))
        connection.execute(sa.text("UPDATE register_version SET version_num = '0001'"))
