"""The call-back of a booking or a request by telephone: the registered number shown where it may be, and logged."""

from __future__ import annotations

import json

import pytest

from tests.verifier.test_photos import NOW, TOKEN, issuer
from tests.verifier.world import at
from tests.web.desks import DeskWorld
from tests.web.staffing import text_of
from tests.web.test_desks import DOMESTIC, FLIGHT
from verifier.trust.issuer_relay import IssuerRelay

PHONE = "02012345678"
CASE = "/department/new/steward-case/organisation"
SHOWS = 'value="telephone"'


@pytest.fixture
def desks(tmp_path):
    """A verifier whose register has a telephone of everybody; a diamond holder known by card number."""
    made = DeskWorld(tmp_path, "2026-10-23 10:00")
    made.diamond, made.phone = made.numbered("diamond"), PHONE
    made.go("2026-10-23 10:01")
    yield made
    made.close()


def asked(browser, path: str, number: str, **fields):
    """Press the button that shows the number."""
    return browser.send(path, card_number=number, do="telephone", **fields)


def noted(desks) -> list[tuple]:
    """What the access log tells of telephone numbers: where, and whether one was shown."""
    return [(line["point"], line["what"]) for line in desks.verifier.store.accesses(kind="telephone")]


def test_a_desk_is_shown_the_number_beside_what_it_typed(desks):
    """Nothing is booked and nothing is at fault yet; the log says who was shown whose number, and not the number."""
    desk = desks.browser("desk:investment")
    page = asked(desk, DOMESTIC, desks.diamond, **FLIGHT)
    assert page.status_code == 200
    body = page.get_data(as_text=True)
    assert f'id="registered-phone">{PHONE}<' in body
    assert "不要拨打来电人自报的号码" in body
    assert 'value="CZ3101"' in body
    assert "-fault" not in body
    assert desks.log() == []
    (line,) = desks.verifier.store.accesses(kind="telephone")
    assert (line["point"], line["what"]) == ("air-dom", "shown")
    assert line["caller"]
    assert PHONE not in str(line)
    assert PHONE not in desk.get(DOMESTIC).get_data(as_text=True)
    assert desk.send(DOMESTIC, card_number=desks.diamond, called_back="y", **FLIGHT).status_code == 303
    asked(desk, DOMESTIC, desks.diamond)
    again, _ = desks.verifier.store.accesses(kind="telephone")
    assert again["holder"] == desks.log()[-1]["holder"]


def test_a_department_is_shown_the_number_for_its_requests(desks):
    """The same button on the form of a request, at the department's own place."""
    page = asked(desks.browser("desk:organisation"), CASE, desks.diamond)
    assert PHONE in page.get_data(as_text=True)
    assert noted(desks) == [("dept-organisation", "shown")]


@pytest.mark.parametrize("path", [DOMESTIC, CASE])
def test_without_the_right_to_names_the_page_says_whom_to_ask_and_tells_nothing(desks, path):
    """By a password alone there is no right to names: no button, and a button of one's own making is refused."""
    desk = desks.browser("desk", factor=False)
    page = desk.get(path)
    assert page.status_code == 200
    assert SHOWS not in page.get_data(as_text=True)
    assert "35912660" in text_of(page)
    refused = asked(desk, path, desks.diamond)
    assert refused.status_code == 403
    assert PHONE not in refused.get_data(as_text=True)
    assert noted(desks) == []


@pytest.mark.parametrize(("phone", "said"), [(None, "登记系统没有答复"), ("", "没有登记电话")])
@pytest.mark.parametrize("path", [DOMESTIC, CASE])
def test_where_no_number_can_be_shown_the_page_says_what_to_do(desks, path, phone, said):
    """The register is away, or has no number: whom to ask instead, and that the caller's own number is none."""
    desks.phone = phone
    page = asked(desks.browser("desk"), path, desks.diamond)
    assert page.status_code == 200
    assert said in text_of(page)
    assert "35912660" in text_of(page)
    assert [what for _, what in noted(desks)] == ["absent"]


@pytest.mark.parametrize("path", [DOMESTIC, CASE])
def test_a_number_of_no_card_or_of_an_ended_card_shows_nothing(desks, path):
    """The fault stands at the card number."""
    desk, ended = desks.browser("desk"), desks.numbered("diamond", expires_at=at("2026-10-23 10:05"))
    desks.go("2026-10-23 10:06")
    for number in ("", "BY 0000 0000 0000", ended):
        page = asked(desk, path, number)
        assert page.status_code == 422, number
        assert 'id="card_number-fault"' in page.get_data(as_text=True)
        assert PHONE not in page.get_data(as_text=True)
    assert noted(desks) == []


def test_enter_in_a_field_sends_the_form_and_never_asks_for_the_number(desks):
    """The first button of a form is what Enter presses: it must not be the one that shows the number."""
    body = desks.browser("desk").get(DOMESTIC).get_data(as_text=True)
    form = body[body.index('<form class="panel stack narrow"') :]
    assert form.index('type="submit" tabindex="-1"') < form.index(SHOWS)


@pytest.mark.parametrize(
    ("status", "body", "phone"),
    [
        (200, {"phone": PHONE}, PHONE),
        (200, {"phone": None}, ""),
        (200, {"phone": 5}, None),
        (200, {}, None),
        (200, [], None),
        (403, {"phone": PHONE}, None),
        (404, {}, None),
        (500, {}, None),
    ],
)
def test_an_issuer_elsewhere_is_asked_and_its_absence_told_from_a_missing_number(tmp_path, status, body, phone):
    """Whatever it answers else is no answer, and never an error for the desk."""
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    with issuer(status, json.dumps(body).encode()) as (url, calls):
        assert IssuerRelay(url, file).phone_of("a/b", NOW) == phone
    assert calls == [("/v1/cards/a%2Fb/telephone", f"Bearer {TOKEN}")]
