"""Staff's pages in Chromium: without a script, by the keyboard, in both languages and colour schemes."""

import pytest
from playwright.sync_api import expect

from accounts.rights import Role
from tests.web.site import BY, Site
from tests.web.staffing import PASSWORD
from tests.web.test_accessibility import LOOKS, violations

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine with an auditor."""
    made = Site(tmp_path_factory.mktemp("staffpages"))
    made.office.accounts.people.add("auditor.wang", PASSWORD, [Role.AUDITOR], by=BY, at=made.clock.now())
    yield made
    made.close()


def sign_in(page, name="auditor.wang"):
    """Type name and password, and send them with Enter."""
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/sign-in" not in url)


@pytest.mark.parametrize("look", LOOKS, ids=["-".join(look) for look in LOOKS])
def test_every_page_of_the_sign_in_is_accessible(opened, look):
    """Axe on the door, its faults, the account and the question before leaving."""
    language, scheme = look
    page = opened(f"/sign-in?lang={language}", color_scheme=scheme)
    found = {"sign-in": violations(page)}
    page.click("[type=submit]")
    expect(page.locator("#fault")).to_be_visible()
    page.wait_for_load_state()
    found["empty"] = violations(page)
    page.fill("#name", "nobody.here")
    page.fill("#password", "wrong")
    page.click("[type=submit]")
    expect(page.locator("#fault")).to_contain_text("不正确" if language == "zh" else "not right")
    page.wait_for_load_state()
    found["refused"] = violations(page)
    page.goto("/account")
    sign_in(page)
    for path in ("/account", "/sign-out"):
        page.goto(path)
        found[path] = violations(page)
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_signing_in_and_out_works_without_a_script(browser, site):
    """Plain forms: the way back, the language, leaving."""
    context = browser.new_context(base_url=site.base, java_script_enabled=False)
    page = context.new_page()
    page.goto("/account?lang=en")
    sign_in(page)
    assert page.url.endswith("/account?lang=en")
    page.goto("/account")
    expect(page.locator("h1")).to_have_text("My account")
    page.click("#sign-out")
    page.click("#sign-out-do")
    expect(page.locator(".note")).to_contain_text("signed out")
    page.goto("/account")
    assert "/sign-in" in page.url
    context.close()


@pytest.mark.parametrize("width", [1280, 800, 360])
def test_the_sign_in_fits_every_width(opened, width):
    """No sideways scrolling, from a phone to a desk."""
    page = opened("/sign-in", viewport={"width": width, "height": 800})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
