"""The issuer's call for photos: for a server whose token may see names, of live cards alone, each showing logged."""

from datetime import timedelta

import pytest

from accounts.http import Authenticator
from accounts.rights import EVERYWHERE, Right
from accounts.store import AccountStore
from edge.clock import FixedClock
from edge.http import create_frame
from issuer.api.photos import photo_blueprint, photo_for_check
from issuer.issuing.lifecycle import revoke
from issuer.register import office_log
from issuer.register.holders import set_photo
from tests.issuer.builders import BASE_URL, BY, NOON, person, photo, print_card


@pytest.fixture
def card(desk):
    """A live card of a holder with a photo."""
    holder = person(desk)
    set_photo(desk, holder.id, photo(), by=BY, at=NOON)
    return print_card(desk, holder)


@pytest.fixture
def ask(desk, tmp_path):
    """Ask as an integrator with some rights; the answer."""
    accounts, clock = AccountStore.open(f"sqlite:///{tmp_path}/accounts.db"), FixedClock(NOON)
    app = create_frame("photos", clock=clock)
    app.register_blueprint(photo_blueprint(desk, Authenticator(accounts, clock, (BASE_URL,))))
    client = app.test_client()

    def asked(card_id, rights=frozenset({Right.NAMES})):
        until = NOON + timedelta(days=1)
        _, token = accounts.integrators.add("verifier", {EVERYWHERE: rights}, expires_at=until, by=BY, at=NOON)
        return client.get(f"/v1/cards/{card_id}/photo", headers={"Authorization": f"Bearer {token}"})

    yield asked
    accounts.close()


def shown(desk):
    """Return the office log's lines of photos shown."""
    with desk.register.read() as connection:
        lines = office_log.newest(connection, 50)
    return [line for line in lines if line.action is office_log.OfficeAction.PHOTO_SHOWN]


def test_a_server_with_the_right_to_names_gets_the_photo_and_the_log_says_so(desk, card, ask):
    """A JPEG that nothing may keep; who asked and whose it was, by ids."""
    answer = ask(card.id)
    assert (answer.status_code, answer.content_type) == (200, "image/jpeg")
    assert answer.data.startswith(b"\xff\xd8\xff")
    assert answer.headers["Cache-Control"] == "no-store"
    (line,) = shown(desk)
    assert (line.card_id, line.holder_id) == (card.id, card.holder_id)
    assert line.actor.startswith("integrator:")


def test_a_server_without_the_right_gets_nothing(desk, card, ask):
    """The right to documents is not the right to faces."""
    answer = ask(card.id, frozenset({Right.CHECK_IN, Right.BOOKINGS}))
    assert (answer.status_code, answer.json["code"]) == (403, "not-permitted")
    assert shown(desk) == []


def test_there_is_no_photo_of_an_ended_or_unknown_card_or_a_holder_without_one(desk, card, ask):
    """The same answer for all of them."""
    without = print_card(desk, person(desk))
    revoke(desk, card.id, because="lost", by=BY, at=NOON)
    codes = [ask(card_id).status_code for card_id in (card.id, without.id, "nobody")]
    assert codes == [404, 404, 404]
    assert photo_for_check(desk, card.id, NOON, by="verifier") is None
    assert shown(desk) == []
