"""From `/apply` on a phone in Chromium to a granted check-in at a counter: each tier, and one by decision; axe."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from accounts.rights import Grant, Role
from issuer.applications.records import Filter, listed
from issuer.issuing.issuing import cards_of
from issuer.printing.qr import card_text
from tests.issuer.applying import handed_in, pdf, reviewed
from tests.issuer.builders import photo, resident_id
from tests.web.counter import Tablet
from tests.web.site import BY, Site
from tests.web.staffing import PASSWORD, set_up_codes, totp_code
from tests.web.test_accessibility import LOOKS, violations

pytestmark = pytest.mark.browser
PHONE = {"width": 390, "height": 844}
REACHES = {"diamond-11.a": ("title", "钻石卡"), "gold-6.a": ("degree", "金卡"), "silver-6.a": ("company", "银卡"),
           "special.a": ("special", "一事一议")}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine with an officer who reviews and an approver."""
    made = Site(tmp_path_factory.mktemp("flow"))
    people, at = made.office.accounts.people, made.clock.now()
    people.add("liu.ying", PASSWORD, [Grant(Role.OFFICER), Grant(Role.REVIEWER)], by=BY, at=at)
    people.add("lin.huimin", PASSWORD, [Grant(Role.APPROVER)], by=BY, at=at)
    yield made
    made.close()


def check(page, limb, group):
    """Do the self-check and begin on its answer."""
    page.goto("/apply")
    page.check(f"input[value={group}]")
    page.click("#ask")
    page.check(f'input[value="{limb}"]')
    page.check("input[name=employer][value=yes]")
    page.click("#ask")
    expect(page.locator("#answer")).to_contain_text(REACHES[limb][1])
    page.click(f'a[href="/apply/new?limb={limb}"]')


def fill_in(page, number, name="何嘉欣"):
    """Person, receipt, employer, ground."""
    page.fill("#name", name)
    page.fill("#id_number", number)
    page.fill("#phone", "13800001111")
    page.click("[type=submit]")
    receipt = page.locator("#receipt").inner_text()
    page.click("a.button.main")
    page.fill("#employer", "白云区某生物科技有限公司")
    page.check("input[value=registered-or-taxed]")
    page.click("[type=submit]")
    page.wait_for_url("**/apply/ground")
    return receipt


def send(page, key, *, data=None, name="paper.pdf", kind="application/pdf"):
    """Send one file of a paper by its own form."""
    page.set_input_files(f"#{key}-file", {"name": name, "mimeType": kind, "buffer": data or pdf(key)})
    with page.expect_navigation():
        page.click(f"#{key} form:not(.act) button[type=submit]")


def send_all(page):
    """Send every paper that is needed, as a phone's holder does: photos and scans."""
    page.check("#application-form input[name=check_0]")
    page.check("#application-form input[name=check_1]")
    send(page, "application-form")
    page.fill("#contract-begins", "2026-01-01")
    page.fill("#contract-ends", "2028-12-31")
    send(page, "contract")
    page.check("input[value=personal-insurance]")
    page.fill("#insurance-or-tax-begins", "2026-07-01")
    page.fill("#insurance-or-tax-ends", "2026-09-30")
    send(page, "insurance-or-tax")
    send(page, "photo", data=photo(716, 882), name="IMG_0001.JPG", kind="image/jpeg")
    while (left := page.locator("section.paper:has(.pill.no)")).count():
        send(page, left.first.get_attribute("id"))


def enter(page, site, name):
    """Type name and password, then the code of a second step that is set up afresh."""
    at = site.clock.now()
    secret = set_up_codes(site.office.accounts, name, at)
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/second-step**")
    page.fill("#code", totp_code(secret, at))
    page.keyboard.press("Enter")
    page.wait_for_url("**/office**")


def sign_in(opened, site, name):
    """A browser of the office, signed in."""
    page = opened("/sign-in")
    enter(page, site, name)
    return page


def review(page, path, limb):
    """Take it up, look at every paper, pass it on."""
    page.goto(path)
    page.click(f'form[action="{path}/claim"] button')
    for place in range(page.locator("form.checks").count()):
        form = page.locator("form.checks").nth(place)
        for tick in form.locator("input[type=checkbox]").all():
            tick.check()
        form.locator("button").click()
        page.wait_for_load_state()
    if limb.startswith("special"):
        page.select_option("#tier", "gold")
        page.fill("#reference", "云人才〔2026〕3号")
        page.fill("#body", "区人才工作领导小组")
        page.click(f'form[action="{path}/tell"] button')
    page.click("#pass")
    expect(page.locator("#state")).to_contain_text("复审")


@pytest.mark.parametrize("limb", REACHES)
def test_from_the_phone_to_the_counter(opened, site, limb):
    """Self-check, form, papers, two persons, card: the gym lets the new holder in."""
    phone = opened("/apply", viewport=PHONE)
    check(phone, limb, REACHES[limb][0])
    receipt = fill_in(phone, resident_id(sequence=600 + list(REACHES).index(limb)))
    phone.click("[type=submit]")
    send_all(phone)
    phone.click("#hand-in")
    expect(phone.locator("#state")).to_contain_text("待接件")
    desk = site.office.desk
    (line,) = listed(desk, Filter(text=receipt), limit=9)
    path = f"/office/applications/{line.id}"
    review(sign_in(opened, site, "liu.ying"), path, limb)
    approver = sign_in(opened, site, "lin.huimin")
    approver.goto(path)
    approver.click(f'form[action="{path}/approve"] button')
    expect(approver.locator("#state")).to_contain_text("已通过")
    phone.goto("/apply/status")
    expect(phone.locator("#state")).to_contain_text("已通过")
    (line,) = listed(desk, Filter(text=receipt), limit=9)
    holder_id = approver.locator("#holder").get_attribute("href").rpartition("/")[2]
    (card,) = cards_of(desk, holder_id)
    assert card.tier == (line.tier or "gold")
    site.publish()
    tablet = Tablet(opened, site)
    assert tablet.present(card_text(card.token, desk.programme))[0] == "granted"


@pytest.mark.parametrize("look", LOOKS, ids=["-".join(look) for look in LOOKS])
def test_every_page_of_applying_is_accessible(opened, look):
    """Axe on each step, with faults and without, on a phone."""
    language, scheme = look
    page = opened(f"/apply?lang={language}", viewport=PHONE, color_scheme=scheme)
    found = {"check": violations(page)}
    page.goto("/apply?group=company&limb=silver-7.a&employer=yes&m-district-tax=x")
    found["fault"] = violations(page)
    page.goto("/apply?group=degree&limb=gold-6.a&employer=yes")
    found["answer"] = violations(page)
    page.goto("/apply/status")
    found["open"] = violations(page)
    page.goto("/apply/new?limb=gold-11.a")
    found["person"] = violations(page)
    page.click("[type=submit]")
    found["person faults"] = violations(page)
    fill_in(page, resident_id(sequence=700 + LOOKS.index(look)))
    found["ground"] = violations(page)
    page.fill("#m-district-tax", "8000001")
    page.click("[type=submit]")
    expect(page.locator("#missing")).to_be_visible()
    found["papers"] = violations(page)
    send(page, "head-appointment")
    found["one sent"] = violations(page)
    page.goto("/apply/status")
    found["status"] = violations(page)
    assert {name: faults for name, faults in found.items() if faults} == {}


@pytest.mark.parametrize("look", LOOKS, ids=["-".join(look) for look in LOOKS])
def test_every_page_of_the_office_is_accessible(opened, site, look):
    """Axe on list, application in review and in decision, holder, programme, log, renewals."""
    language, scheme = look
    desk, at = site.office.desk, site.clock.now().replace(microsecond=0)
    handed_in(desk, "gold-7", at=at - timedelta(days=20))
    mine, decided = handed_in(desk, "special", at=at), reviewed(desk, at=at)
    page = opened(f"/sign-in?lang={language}", color_scheme=scheme)
    enter(page, site, "liu.ying")
    found = {"list": violations(page)}
    page.goto(f"/office/applications/{mine}")
    page.click(f'form[action="/office/applications/{mine}/claim"] button')
    found["working"] = violations(page)
    for path in (f"/office/applications/{decided}", "/office/holders?text=x", "/office/programme", "/office/log",
                 "/office/renewals"):  # fmt: skip
        page.goto(path)
        found[path] = violations(page)
    page.goto("/office/holders?text=周晓宁")
    found["holder"] = violations(page)
    assert {name: faults for name, faults in found.items() if faults} == {}


@pytest.mark.parametrize("width", [390, 360])
@pytest.mark.parametrize("path", ["/apply", "/apply?group=company&group=degree", "/apply/new", "/apply/status"])
def test_applying_fits_a_phone(opened, width, path):
    """No sideways scrolling, upright."""
    page = opened(path, viewport={"width": width, "height": 800})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
