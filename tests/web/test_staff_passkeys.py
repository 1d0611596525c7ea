"""Passkeys in Chromium, with its virtual authenticator: set up, used at the door, and not taken from elsewhere."""

import pytest
from playwright.sync_api import expect

from accounts.factors import totp_code
from accounts.rights import Role
from tests.web.site import BY, Site
from tests.web.staffing import PASSWORD, set_up_codes
from tests.web.test_accessibility import LOOKS, violations

pytestmark = pytest.mark.browser
NAME = "admin.hu"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine known by a name: passkeys belong to names, never to numbers."""
    made = Site(tmp_path_factory.mktemp("passkeys"), host="localhost")
    made.office.accounts.people.add(NAME, PASSWORD, [Role.ADMINISTRATOR], by=BY, at=made.clock.now())
    yield made
    made.close()


def authenticator(page) -> None:
    """Plug a security key in that knows its owner."""
    client = page.context.new_cdp_session(page)
    client.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    client.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def give_password(page) -> None:
    """Name and password."""
    page.fill("#name", NAME)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")


def test_a_passkey_is_set_up_and_opens_the_door(opened, site):
    """From the first sign-in to the next one, under the strict policy, with axe on each page."""
    page = opened("/sign-in")
    authenticator(page)
    give_password(page)
    page.wait_for_url("**/account")
    page.goto("/account/passkey")
    found = {"passkey": violations(page)}
    page.fill("#label", "办公室电脑")
    page.click("#passkey-do")
    page.wait_for_url("**/account/recovery-codes")
    page.click("form.act button")
    expect(page.locator("#codes li")).to_have_count(10)
    found["codes"] = violations(page)
    page.goto("/account")
    expect(page.locator("#factors-heading + * tbody, section tbody").first).to_contain_text("办公室电脑")
    found["account"] = violations(page)
    page.goto("/sign-out")
    page.click("#sign-out-do")
    page.goto("/sign-in?next=/account/password")
    give_password(page)
    page.wait_for_url("**/sign-in/second-step**")
    found["second step"] = violations(page)
    page.click("#passkey-do")
    page.wait_for_url("**/account/password")
    found["password"] = violations(page)
    assert {name: faults for name, faults in found.items() if faults} == {}


@pytest.mark.parametrize("look", LOOKS, ids=["-".join(look) for look in LOOKS])
def test_every_page_of_the_account_is_accessible(opened, site, look):
    """Axe on setting codes up, its fault, confirming again, changing the password."""
    language, scheme = look
    person = site.office.accounts.people.named(NAME)
    site.office.accounts.factors.reset(person.id, by=BY, at=site.clock.now())
    page = opened(f"/sign-in?lang={language}", color_scheme=scheme)
    give_password(page)
    page.wait_for_url("**/account")
    found = {"account": violations(page)}
    for path in ("/account/totp", "/account/password"):
        page.goto(path)
        found[path] = violations(page)
        page.click("[type=submit]")
        expect(page.locator("#fault")).to_be_visible()
        page.wait_for_load_state()
        found[f"{path} refused"] = violations(page)
    page.goto("/sign-in/again")
    found["again"] = violations(page)
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_the_administrators_pages_are_accessible(opened, site):
    """People, one person, events."""
    store, at = site.office.accounts, site.clock.now()
    other = store.people.add("officer.xu", PASSWORD, [Role.OFFICER], by=BY, at=at)
    page = opened("/sign-in")
    secret = set_up_codes(store, NAME, at)
    give_password(page)
    page.fill("#code", totp_code(secret, site.clock.now()))
    page.click("#code-do")
    page.wait_for_url(lambda url: "/sign-in" not in url)
    found = {}
    for path in ("/people", f"/people/{other.id}", "/security", "/security?kind=pin-failed&lang=en"):
        page.goto(path)
        found[path] = violations(page)
    assert {name: faults for name, faults in found.items() if faults} == {}
