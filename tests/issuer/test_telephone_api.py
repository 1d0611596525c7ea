"""The issuer's call for the number to call back at: for a server whose token may see names, each showing logged."""

from datetime import timedelta

import pytest

from accounts.http import Authenticator
from accounts.rights import EVERYWHERE, Right
from accounts.store import AccountStore
from edge.clock import FixedClock
from edge.http import create_frame
from issuer.api.telephones import telephone_blueprint, telephone_for_call_back
from issuer.issuing.lifecycle import revoke
from issuer.register import office_log
from issuer.register.holders import correct_holder
from tests.issuer.builders import BASE_URL, BY, NOON, person, print_card

PHONE = "13800001234"


@pytest.fixture
def card(desk):
    """A live card of a holder with a telephone."""
    holder = person(desk)
    correct_holder(desk, holder.id, phone=PHONE, by=BY, at=NOON)
    return print_card(desk, holder)


@pytest.fixture
def ask(desk, tmp_path):
    """Ask as an integrator with some rights; the answer."""
    accounts, clock = AccountStore.open(f"sqlite:///{tmp_path}/accounts.db"), FixedClock(NOON)
    app = create_frame("telephones", clock=clock)
    app.register_blueprint(telephone_blueprint(desk, Authenticator(accounts, clock, (BASE_URL,))))
    client = app.test_client()

    def asked(card_id, rights=frozenset({Right.NAMES}), place=EVERYWHERE):
        until = NOON + timedelta(days=1)
        _, token = accounts.integrators.add("verifier", {place: rights}, expires_at=until, by=BY, at=NOON)
        return client.get(f"/v1/cards/{card_id}/telephone", headers={"Authorization": f"Bearer {token}"})

    yield asked
    accounts.close()


def shown(desk):
    """Return the office log's lines of numbers shown."""
    with desk.register.read() as connection:
        lines = office_log.newest(connection, 50)
    return [line for line in lines if line.action is office_log.OfficeAction.PHONE_SHOWN]


def test_a_server_with_the_right_to_names_gets_the_number_and_the_log_says_so(desk, card, ask):
    """Nothing may keep the answer; the log has who asked and whose number it was, by ids and not by the number."""
    answer = ask(card.id)
    assert (answer.status_code, answer.json) == (200, {"phone": PHONE})
    assert answer.headers["Cache-Control"] == "no-store"
    (line,) = shown(desk)
    assert (line.card_id, line.holder_id) == (card.id, card.holder_id)
    assert line.actor.startswith("integrator:")
    assert PHONE not in repr(line)


@pytest.mark.parametrize(
    ("rights", "place"), [({Right.CHECK_IN, Right.DOCUMENTS, Right.BOOKINGS}, EVERYWHERE), ({Right.NAMES}, "gym")]
)
def test_a_server_without_the_right_everywhere_gets_nothing(desk, card, ask, rights, place):
    """Neither the right to documents nor names at one point opens the register."""
    answer = ask(card.id, frozenset(rights), place)
    assert (answer.status_code, answer.json["code"]) == (403, "not-permitted")
    assert shown(desk) == []


def test_an_ended_or_unknown_card_has_no_number_and_a_holder_without_one_is_told_apart(desk, card, ask):
    """Not found, or null; what shows nothing is no line of the log."""
    holder = person(desk)
    correct_holder(desk, holder.id, phone="", by=BY, at=NOON)
    without = print_card(desk, holder)
    revoke(desk, card.id, because="lost", by=BY, at=NOON)
    assert [ask(card_id).status_code for card_id in (card.id, "nobody")] == [404, 404]
    assert (ask(without.id).status_code, ask(without.id).json) == (200, {"phone": None})
    assert telephone_for_call_back(desk, card.id, NOON, by="verifier") is None
    assert shown(desk) == []
