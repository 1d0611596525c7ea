"""The office's search while it is typed, in Chromium: what is found stands there, and the plain form does the same."""

from datetime import timedelta
from urllib.parse import unquote

import pytest
from playwright.sync_api import expect

from accounts.rights import Grant, Role
from tests.accounts.builders import opened as session
from tests.issuer.applying import handed_in
from tests.web.site import BY, Site
from tests.web.staffing import PASSWORD
from tests.web.test_accessibility import violations

pytestmark = pytest.mark.browser
WAIT = 400


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine with an officer and three applications; the site's own four people hold cards."""
    made = Site(tmp_path_factory.mktemp("searching"))
    at = made.clock.now().replace(microsecond=0)
    made.office.accounts.people.add("liu.ying", PASSWORD, [Grant(Role.OFFICER)], by=BY, at=at)
    for name in ("何嘉欣", "何嘉欣", "欧阳明"):
        handed_in(made.office.desk, at=at, name=name)
    yield made
    made.close()


class Search:
    """A page with a search. Its clock stands still: `wait` is how long nobody types."""

    def __init__(self, opened, site, path, **options):
        self.page = opened("/sign-in", **options)
        frame = site.app.extensions["staff"]
        token = session(site.office.accounts, "liu.ying", site.clock.now()).token
        self.page.context.add_cookies([{"name": frame.authenticate.cookie, "value": token, "url": site.base}])
        scripted = options.get("java_script_enabled", True)
        if scripted:
            self.page.clock.install(time=site.clock.now())
        self.page.goto(path)
        if scripted:
            self.page.clock.pause_at(site.clock.now() + timedelta(days=1))
        self.asked = []
        self.page.on("request", lambda one: "x-searching" in one.headers and self.asked.append(one.url))
        self.told = self.page.locator("#told")
        self.text = self.page.locator("input[name=text]")
        self.rows = self.page.locator("#found tbody tr")

    def wait(self, milliseconds=WAIT):
        """Let time go by."""
        self.page.clock.run_for(milliseconds)

    def violations(self):
        """What axe finds: it needs the time to go on."""
        self.page.clock.resume()
        return violations(self.page)


def test_what_is_found_stands_there_while_it_is_typed(opened, site):
    """One question for all the letters; the field keeps the focus, the region tells, the address can be kept."""
    search = Search(opened, site, "/office")
    expect(search.rows).to_have_count(3)
    search.text.focus()
    for letter in "欧阳明":
        search.page.keyboard.insert_text(letter)
        search.wait(WAIT - 1)
    assert search.asked == []
    search.wait(1)
    expect(search.told).to_have_text("列出 1 件申请")
    expect(search.rows).to_have_count(1)
    expect(search.rows).to_contain_text("欧*明")
    assert len(search.asked) == 1
    expect(search.text).to_be_focused()
    expect(search.text).to_have_value("欧阳明")
    assert search.violations() == []
    search.page.click(".languages a[lang=en]")
    expect(search.told).to_have_text("Applications listed: 1")
    expect(search.text).to_have_value("欧阳明")


def test_letters_of_a_name_that_is_still_composed_are_not_asked(opened, site):
    """A Chinese keyboard puts letters into the field until a character is chosen."""
    search = Search(opened, site, "/office")
    send = """(field, [name, value]) => {
      if (value) field.value = value;
      field.dispatchEvent(new (name === "input" ? InputEvent : CompositionEvent)(name, {
        bubbles: true, isComposing: name === "input" }));
    }"""
    for letters in ("h", "he", "he'j"):
        search.text.evaluate(send, ["input", letters])
        search.wait(2 * WAIT)
    assert search.asked == []
    search.text.evaluate(send, ["input", "何嘉欣"])
    search.text.evaluate(send, ["compositionend", ""])
    search.wait()
    expect(search.told).to_have_text("列出 2 件申请")
    assert len(search.asked) == 1


def test_the_other_filters_are_followed_and_nothing_is_asked_twice(opened, site):
    """A tick narrows the list of the open tab; back and forth within the wait asks nothing."""
    search = Search(opened, site, "/office?tab=submitted")
    search.page.check("#overdue")
    search.wait()
    expect(search.told).to_have_text("列出 0 件申请")
    expect(search.page.locator("#found nav a[aria-current]")).to_contain_text("待接件")
    search.page.uncheck("#overdue")
    search.page.check("#overdue")
    search.wait()
    assert len(search.asked) == 1
    search.text.fill("nobody")
    search.wait()
    expect(search.page.locator("#found")).to_contain_text("没有找到")


def test_without_an_answer_the_page_says_so_and_the_button_still_asks(opened, site):
    """The list stays as it was, and what was typed too."""
    search = Search(opened, site, "/office")
    search.page.route("**/office?*", lambda route: route.abort())
    search.text.fill("欧阳明")
    search.wait()
    expect(search.told).to_contain_text("暂时查不到")
    expect(search.rows).to_have_count(3)
    search.page.unroute("**/office?*")
    search.page.click("form[role=search] button")
    expect(search.rows).to_have_count(1)


def test_whoever_is_signed_out_meanwhile_comes_back_to_the_search(opened, site):
    """The sign-in's page is no list: it is opened, and it knows the way back."""
    search = Search(opened, site, "/office")
    search.page.context.clear_cookies()
    search.text.fill("欧阳明")
    search.wait()
    search.page.wait_for_url(lambda address: "/sign-in?" in address and "text=欧阳明" in unquote(unquote(address)))


def test_a_holder_is_shown_while_typing_and_opened_on_enter(opened, site):
    """A page does not change under somebody who still types."""
    search = Search(opened, site, "/office/holders")
    search.text.fill("周晓宁")
    search.wait()
    expect(search.told).to_have_text("找到 1 位持卡人")
    assert search.violations() == []
    expect(search.text).to_be_focused()
    search.page.keyboard.press("Enter")
    search.page.wait_for_url("**/office/holders/*")


@pytest.mark.parametrize("path", ["/office", "/office/holders"])
def test_without_a_script_the_form_does_the_same(opened, site, path):
    """The button asks, and the page tells how many it lists."""
    search = Search(opened, site, path, java_script_enabled=False)
    search.text.fill("nobody")
    search.page.click("form[role=search] button")
    expect(search.told).to_contain_text({"/office": "列出 0 件申请", "/office/holders": "找到 0 位持卡人"}[path])
