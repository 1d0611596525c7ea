"""The last day of a card: the card's face, the office, the wallet, the public check, its API and the command line
agree.
"""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from playwright.sync_api import expect

from cards.claims import Form
from cards.periods import last_day
from issuer.enrolment.enrolling import make_code
from issuer.issuing.issuing import issue
from issuer.issuing.views import card_view
from issuer.printing.qr import card_text
from tests.web.phone import Phone
from tests.web.site import BY, SHANGHAI
from verifier.__main__ import main

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def fresh_limit(site):
    """From one place only so many cards are checked a minute."""
    site.go(minutes=3)


def public_check(site, text: str) -> dict:
    """What anyone is answered."""
    return site.app.test_client().post("/v1/public-checks", json={"presentation": text}).json


def test_everybody_calls_the_same_day_the_last(opened, site, monkeypatch):
    """A printed card and the same holder's phone card: the day on the face, nowhere the day after."""
    desk = site.office.desk
    holder = site.holder("gold")
    phone = Phone(opened, site, code=make_code(desk, holder, by=BY, at=site.clock.now()).code)
    printed = issue(desk, holder, Form.PRINT, by=BY, at=site.clock.now())
    site.publish()
    text = card_text(printed.token, desk.programme)
    day = card_view(desk, printed)["last_day"]
    assert day == last_day(printed.valid_until, SHANGHAI).isoformat()

    answer = public_check(site, text)
    assert (answer["last_day"], answer["valid_until"]) == (day, printed.valid_until.isoformat().replace("+00:00", "Z"))
    page = opened("/check")
    page.fill("#presented", text)
    page.press("#presented", "Enter")
    expect(page.locator("#answer .until")).to_have_text(f"至 {day}")

    expect(phone.page.locator("#pass-until")).to_contain_text(day)
    phone.page.reload()
    phone.page.click("#tab-benefits")
    expect(phone.page.locator("[data-view=benefits]")).to_contain_text(day)
    monkeypatch.setattr("verifier.__main__.CLOCK", site.clock)
    for name, value in {"YUNJU_VAR": str(site.settings.var), "YUNJU_BASE_URL": site.base}.items():
        monkeypatch.setenv(name, value)
    said = CliRunner().invoke(main, ["check", text])
    assert f"until {day} " in said.output, said


def test_a_phones_card_is_checked_to_its_own_end_and_not_to_its_tokens(opened, site):
    """Its token is renewed every week: a stranger is told when the card ends, or no day at all."""
    phone = Phone(opened, site)
    phone.choose("full")
    text = phone.copied()
    answer = public_check(site, text)
    assert answer["last_day"][:4] == str(site.clock.now().year + 5)
    page = opened("/check")
    page.fill("#presented", text)
    page.press("#presented", "Enter")
    expect(page.locator("#answer .until")).to_have_text(f"至 {answer['last_day']}")
