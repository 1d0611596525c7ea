"""Pictures of every page in three sizes and two languages: `make pictures`, for anyone who wants to look.

They lie under build/pictures, as PAGE-STATE-SIZE-LANGUAGE.png, with an index.html beside them. Pages that are wider
than their window are named; all else is for who looks.
"""

from __future__ import annotations

import argparse
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from accounts.factors import totp_code
from accounts.rights import EVERYWHERE, Grant, Right, Role
from issuer.applications.records import Filter, listed
from issuer.applications.states import State
from issuer.register.holders import set_photo
from tests.accounts.builders import opened as session
from tests.issuer.builders import identity, resident_id
from tests.web.auditing import Desk, add_auditor, fill_log
from tests.web.clerk import clerk_code
from tests.web.counter import Tablet
from tests.web.lounge import ARRIVAL, Flyer, Lounge
from tests.web.pictures_operator import hooked, operator_pages
from tests.web.site import BY, Site
from tests.web.staffing import PASSWORD, set_up_codes
from web.seeding_applications import seed_applications
from web.seeding_photos import drawn_photo

CHROMIUM = "/usr/bin/chromium"
SIZES = {"390x844": (390, 844), "768x1024": (768, 1024), "1280x800": (1280, 800)}
LANGUAGES = ("zh", "en")
SHOWN_MS = 250
WIDER = "() => Math.max(0, document.documentElement.scrollWidth - innerWidth)"
"""By how many pixels a page is wider than its window."""

Opened = Callable[..., Page]
Scene = Callable[[Opened, Site], Iterator[tuple[str, Page]]]


def home(opened: Opened, _site: Site) -> Iterator[tuple[str, Page]]:
    """The first page, and an address that does not exist."""
    yield "home", opened("/")
    yield "home-wrong-address", opened("/no-such-page")


def check(opened: Opened, site: Site) -> Iterator[tuple[str, Page]]:
    """The public check: empty, valid, not valid."""
    page = opened("/check")
    yield "check", page
    for name, text in (("valid", site.printed("gold")), ("unreadable", "hello")):
        page.fill("#presented", text)
        page.press("#presented", "Enter")
        page.wait_for_timeout(1200)
        yield f"check-{name}", page


def counter(opened: Opened, site: Site) -> Iterator[tuple[str, Page]]:
    """The gym's tablet: from its code to each answer."""
    yield "counter-enrol", opened("/counter")
    tablet = Tablet(opened, site)
    page = tablet.page
    yield "counter-scan", page
    card = site.printed("silver")
    tablet.paste(card)
    tablet.shows("identity")
    yield "counter-identity", page
    page.click("#id-confirm")
    tablet.outcome()
    yield "counter-granted", page
    page.click("#void-this")
    yield "counter-void", page
    page.click("#void [data-close]")
    tablet.next()
    tablet.present(card)
    yield "counter-already-in", page
    tablet.next()
    page.check("#not-holder")
    tablet.present(site.printed("gold"))
    yield "counter-denied", page
    tablet.next()
    tablet.paste("hello")
    yield "counter-unreadable", page
    page = Tablet(opened, site).page
    for name in ("today", "help"):
        page.click(f"#show-{name}")
        yield f"counter-{name}", page
        page.keyboard.press("Escape")


def windows(opened: Opened, site: Site) -> Iterator[tuple[str, Page]]:
    """Windows with more to ask: an employer's clerk, a hospital, a long name."""
    window = Tablet(opened, site, "gov-green")
    window.page.locator("#service-list label").first.click()
    yield "counter-window-scan", window.page
    window.page.select_option("#matter-kind", "construction")
    window.paste(clerk_code(site))
    window.shows("look")
    yield "counter-clerk", window.page
    window.page.click("#clerk-confirm")
    window.outcome()
    yield "counter-clerk-granted", window.page
    hospital = Tablet(opened, site, "hosp-baiyun")
    hospital.page.locator("#service-list label").first.click()
    flyer = Flyer(site, "Maximilian Alexander von Habsburg-Lothringen")
    hospital.paste(flyer.shown)
    hospital.shows("identity")
    yield "counter-long-name-identity", hospital.page
    hospital.page.click("#id-confirm")
    hospital.outcome()
    yield "counter-long-name-granted", hospital.page


def telephone(site: Site) -> Callable[[dict[str, object]], dict]:
    """Return what books by telephone."""
    rights = {EVERYWHERE: frozenset({Right.BOOKINGS, Right.NAMES})}
    at = site.clock.now()
    name = f"telephone-{secrets.token_hex(3)}"
    _, token = site.office.accounts.integrators.add(name, rights, expires_at=at + timedelta(days=90), by=BY, at=at)

    def book(body: dict[str, object], path: str = "/v1/bookings") -> dict:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": secrets.token_urlsafe(16)}
        answer = site.app.test_client().post(path, json=body, headers=headers, base_url=site.base)
        assert answer.status_code == 201, answer.json
        return answer.json.get("booking", {})

    return book


def lounge(opened: Opened, site: Site) -> Iterator[tuple[str, Page]]:
    """The domestic lounge: list, booking found, granted with its checklist; a tier without the service."""
    book, flyer = telephone(site), Flyer(site)
    flyer.book(book, escort_count=1, escorts=["许国强"])
    Flyer(site, "李晓雯").book(book, ARRIVAL, hours=4)
    tablet = Lounge(opened, site)
    page = tablet.page
    yield "counter-lounge-scan", page
    page.click("#show-bookings")
    page.locator("#bookings-list .booking-row").first.wait_for()
    yield "counter-lounge-list", page
    page.locator("#bookings-list .booking-row").last.click()
    yield "counter-lounge-booking", page
    page.click("#bookings-book")
    page.locator("#booking-form").wait_for()
    yield "counter-lounge-book", page
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    tablet.paste(flyer.shown)
    tablet.shows("look")
    yield "counter-lounge-look", page
    page.click("#look-confirm")
    tablet.outcome()
    yield "counter-lounge-granted", page
    tablet.next()
    tablet.present(site.printed("gold"))
    yield "counter-lounge-denied", page


def wallet(opened: Opened, site: Site) -> Iterator[tuple[str, Page]]:
    """The holder's phone: from the code to each tab."""
    page = opened("/wallet")
    yield "wallet-enrol", page
    page.click("#lost-open")
    yield "wallet-lost", page
    code = site.wallet_code("diamond")
    page = opened(f"/wallet#code={code}")
    page.fill("#id-last4", site.last_four)
    page.click("#enrol-do")
    page.locator("#recovery-code").filter(has_text="-").wait_for()
    yield "wallet-recovery", page
    page.click("#recovery-do")
    page.locator("#code[data-modules]").wait_for()
    yield "wallet-card", page
    page.click("#card-info summary")
    yield "wallet-card-details", page
    for tab in ("benefits", "bookings", "history"):
        page.click(f"#tab-{tab}")
        page.wait_for_timeout(800)
        yield f"wallet-{tab}", page
    page.click("#tab-bookings")
    for name in ("requests", "delegations"):
        page.click(f".doings:visible [value={name}]")
        page.wait_for_timeout(500)
        yield f"wallet-{name}", page
    page.click(".doings:visible [value=bookings]")
    for service in ("airport-dom-departure", "library-room", "union-checkup", "steward-training"):
        page.locator(f"[data-open={service}]").click()
        page.wait_for_timeout(500)
        yield f"wallet-book-{service}", page
        page.locator("[data-view] .back:visible").first.click()


def audit(opened: Opened, _site: Site) -> Iterator[tuple[str, Page]]:
    """The auditor's pages."""
    page = opened("/audit")
    yield "audit-sign-in", page
    desk = Desk(page)
    desk.sign_in()
    desk.ready()
    for name in ("log", "figures", "anomalies", "integrity", "report", "names"):
        path = "/audit" if name == "log" else f"/audit/{name}"
        yield f"audit-{name}", desk.go(path)


def desks(opened: Opened, site: Site) -> Iterator[tuple[str, Page]]:
    """Departments' pages and the booking desks': lists, one of each, forms, statements."""
    store, at = site.office.accounts, site.clock.now()
    name = f"desk-{secrets.token_hex(3)}"
    store.people.add(name, PASSWORD, [Grant.parse("supervisor")], by=BY, at=at)
    cookie = site.app.extensions["staff"].authenticate.cookie
    book = telephone(site)
    Flyer(site).book(book, escort_count=1, escorts=["许国强"])
    Flyer(site, "李晓雯").book(book, ARRIVAL, hours=4)
    page = opened("/sign-in")
    page.context.add_cookies([{"name": cookie, "value": session(store, name, at).token, "url": site.base}])
    paths = {
        "department": "/department", "department-new": "/department/new",
        "department-asked": "/department/new/steward-newspaper/media", "department-held": "/department/held",
        "department-statements": "/department/statements?department=sports-centre",
        "department-subscribers": "/department/subscribers", "desk-lounge": "/desk?point=air-dom",
        "desk-room": "/desk?point=library", "desk-new": "/desk/new/air-dom/airport-dom-departure",
        "desk-print": "/desk/print?point=air-dom", "desk-events": "/desk/events",
        "desk-missed": "/desk/missed", "desk-receipts": "/desk/receipts?point=union",
        "desk-notices": "/desk/notices", "department-certificates": "/department/certificates",
    }  # fmt: skip
    for named, path in paths.items():
        page.goto(path)
        yield named, page
    page.goto("/desk?point=air-dom")
    page.click(".bk a")
    yield "desk-booking", page


def applying(opened: Opened, site: Site) -> Iterator[tuple[str, Page]]:
    """What an applicant sees, from the self-check to the status."""
    page = opened("/apply")
    yield "apply", page
    page.check("input[value=degree]")
    page.click("#ask")
    yield "apply-questions", page
    page.check('input[value="gold-6.a"]')
    page.check("input[name=employer][value=yes]")
    page.click("#ask")
    page.locator("#answer").wait_for()
    yield "apply-answer", page
    page.click('a[href="/apply/new?limb=gold-6.a"]')
    yield "apply-person", page
    page.fill("#name", "何嘉欣")
    page.fill("#id_number", identity().number)
    page.fill("#phone", "13800001111")
    page.click("[type=submit]")
    page.locator("#receipt").wait_for()
    yield "apply-receipt", page
    page.click("a.button.main")
    yield "apply-employer", page
    page.fill("#employer", "白云区某生物科技有限公司")
    page.check("input[value=registered-or-taxed]")
    page.click("[type=submit]")
    page.wait_for_url("**/apply/ground")
    yield "apply-ground", page
    page.click("[type=submit]")
    page.wait_for_url("**/apply/papers")
    yield "apply-papers", page
    page.route("**/apply/papers/*/upload/*", lambda route: route.abort("connectionreset"))
    page.set_input_files("#degree-file", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": bytes(600_000)})
    page.click("#degree form[data-upload] button[type=submit]")
    page.wait_for_timeout(SHOWN_MS)
    yield "apply-papers-upload-broken", page
    page.goto("/apply/papers")
    yield "apply-papers-upload-left", page
    page.goto("/apply/status")
    yield "apply-status", page
    yield "apply-status-empty", opened("/apply/status")


def signed_in(opened: Opened, site: Site, name: str) -> Page:
    """Return a browser in which somebody signed in, by two steps where a second is asked for."""
    page, at = opened("/sign-in"), site.clock.now()
    secret = set_up_codes(site.office.accounts, name, at)
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/second-step**")
    page.fill("#code", totp_code(secret, at))
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "sign-in" not in url)
    return page


def signing_in(opened: Opened, site: Site) -> Iterator[tuple[str, Page]]:
    """Signing in, the second step, the own account, what an administrator sees."""
    page = opened("/sign-in")
    yield "sign-in", page
    page.fill("#name", "nobody")
    page.fill("#password", "wrong")
    page.keyboard.press("Enter")
    page.wait_for_load_state()
    yield "sign-in-wrong", page
    page = opened("/sign-in")
    set_up_codes(site.office.accounts, OFFICER, site.clock.now())
    page.fill("#name", OFFICER)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/second-step**")
    yield "sign-in-second-step", page
    page = signed_in(opened, site, ADMINISTRATOR)
    for path in ("account", "account/password", "account/totp", "account/passkey", "people", "security", "sign-out"):
        page.goto(f"/{path}")
        yield path.replace("/", "-"), page
    page.goto("/people")
    page.locator("main table a").first.click()
    yield "people-person", page
    page.goto("/office")
    yield "staff-not-permitted", page


def office(opened: Opened, site: Site) -> Iterator[tuple[str, Page]]:
    """Officers' pages: the lists, an application in each state of its way, a holder."""
    page = signed_in(opened, site, OFFICER)
    for path in ("", "/holders", "/import", "/renewals", "/notices", "/programme", "/log"):
        page.goto(f"/office{path}")
        yield f"office{path.replace('/', '-')}", page
    for line in listed(site.office.desk, Filter(states=frozenset(State)), limit=20):
        if line.state is not State.DRAFT:
            page.goto(f"/office/applications/{line.id}")
            yield f"office-application-{line.state}", page
    page.goto(f"/office/holders/{site.demo.holders[0].id}")
    yield "office-holder", page


def registering(opened: Opened, site: Site) -> Iterator[tuple[str, Page]]:
    """Officers' pages of many at once: a file looked at before it is taken in, notices, the keys and one's cards."""
    page = signed_in(opened, site, OFFICER)
    page.goto("/office/import")
    page.check("[name=kind][value=list]")
    page.select_option("#department", "development")
    page.select_option("#ground", "gold-12/b")
    page.fill("#reference", "穗云发改〔2026〕1号")
    page.set_input_files("input[type=file]", files=[{"name": "list.csv", "mimeType": "text/csv", "buffer": NOMINATED}])
    page.click("main form [type=submit]")
    page.wait_for_load_state()
    yield "office-import-look", page
    page.goto("/office/notices?all=")
    yield "office-notices-all", page
    page = signed_in(opened, site, ADMINISTRATOR)
    page.goto("/office/keys")
    yield "office-keys", page
    page.locator("main table a").first.click()
    page.wait_for_load_state()
    yield "office-key", page


def operating(opened: Opened, site: Site) -> Iterator[tuple[str, Page]]:
    """Pages of whoever runs the system."""
    name, label = f"system-{secrets.token_hex(3)}", hooked(site)
    site.office.accounts.people.add(name, PASSWORD, (Role.SYSTEM_OPERATOR,), by=BY, at=site.clock.now())
    Tablet(opened, site)
    yield from operator_pages(signed_in(opened, site, name), label)


SCENES: dict[str, Scene] = {
    "home": home, "check": check, "counter": counter, "windows": windows, "lounge": lounge,
    "wallet": wallet, "audit": audit, "applying": applying, "signing-in": signing_in, "office": office,
    "desks": desks, "registering": registering, "operating": operating,
}  # fmt: skip
OFFICER, APPROVER, ADMINISTRATOR = "officer.liu", "approver.hu", "admin.hu"
NOMINATED = f"""姓名,证件号码,单位名称,职务,到期日期,备注
林志远,{resident_id(sequence=501)},白云区某公司,总监,2027/12/31,
何晓雯,{resident_id(sequence=502)},白云区某生物科技有限公司,研究员,2027/12/31,
欧阳若兰,440111198001010010,白云区某公司,工程师,2027/13/31,
""".encode()
"""A department's list with one row that cannot be."""


def people_and_papers(site: Site) -> None:
    """Add somebody of each role, applications in every state, and a request that waits."""
    at, accounts = site.clock.now(), site.office.accounts
    roles = {
        OFFICER: (Role.OFFICER, Role.REVIEWER), APPROVER: (Role.APPROVER,), ADMINISTRATOR: (Role.ADMINISTRATOR,),
    }  # fmt: skip
    for name, given in roles.items():
        accounts.people.add(name, PASSWORD, given, by=BY, at=at)
    seed_applications(site.office.desk, accounts, at)
    for number, holder in enumerate(site.demo.holders):
        set_photo(site.office.desk, holder.id, drawn_photo(site.office.desk.programme.photo, number), by=BY, at=at)
    fields = {"phone": "13800000001", "case": "子女入学手续需要协调，请回电。"}
    asked = {"service": "steward-case", "presentation": site.printed("gold"), "id_checked": True, "fields": fields}
    telephone(site)(asked, "/v1/requests")


class Album:
    """Takes pictures in one size and language at a time."""

    def __init__(self, folder: Path, browser: Browser, site: Site) -> None:
        self.folder, self.browser, self.site = folder, browser, site
        self.taken: list[str] = []
        self.wide: list[str] = []

    def take(self, scene: Scene, size: str, language: str) -> None:
        """Run a scene, with a picture at each of its stops; what it opened is closed at its end."""
        width, height = SIZES[size]
        contexts = []

        def opened(path: str, **_options: object) -> Page:
            context = self.browser.new_context(
                base_url=self.site.base, viewport={"width": width, "height": height},
                locale="zh-CN" if language == "zh" else "en-GB", service_workers="block",
            )  # fmt: skip
            contexts.append(context)
            context.add_cookies([{"name": "yunju_language", "value": language, "url": self.site.base}])
            page = context.new_page()
            page.goto(path)
            page.wait_for_load_state("networkidle")
            return page

        try:
            for name, page in scene(opened, self.site):
                page.wait_for_timeout(SHOWN_MS)
                self._keep(name, page, size, language)
        finally:
            for context in contexts:
                context.close()

    def _keep(self, name: str, page: Page, size: str, language: str) -> None:
        file = f"{name}-{size}-{language}.png"
        page.screenshot(path=self.folder / file, full_page=not name.startswith("counter"))
        self.taken.append(file)
        if too_wide := page.evaluate(WIDER):
            self.wide.append(f"{file}: {too_wide}")

    def index(self) -> None:
        """Write the page that shows them all."""
        rows = "\n".join(
            f'<figure><img src="{name}" alt="" loading="lazy"><figcaption>{name}</figcaption></figure>'
            for name in sorted(self.taken)
        )
        style = "body{display:flex;flex-wrap:wrap;gap:16px;font:14px sans-serif} img{max-width:420px} figure{margin:0}"
        page = f'<!doctype html><meta charset="utf-8"><title>Pictures</title><style>{style}</style>{rows}'
        (self.folder / "index.html").write_text(page, encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Take the pictures that are asked for, all of them otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/pictures"))
    parser.add_argument("--scene", action="append", choices=SCENES, help="only this part; may be given again")
    parser.add_argument("--size", action="append", choices=SIZES)
    parser.add_argument("--language", action="append", choices=LANGUAGES)
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = Site(Path(folder))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        album = Album(asked.out, browser, site)
        fill_log(site)
        add_auditor(site)
        people_and_papers(site)
        for language in asked.language or LANGUAGES:
            for size in asked.size or SIZES:
                for name in asked.scene or SCENES:
                    site.go(minutes=2)  # from one place only so many codes are taken a minute
                    album.take(SCENES[name], size, language)
        album.index()
        browser.close()
        site.close()
    print("\n".join(f"wider than its window: {line}" for line in album.wide) or "no page is wider than its window")  # noqa: T201 - a tool
    print(f"{len(album.taken)} pictures in {asked.out} after {time.monotonic() - started:.0f} s")  # noqa: T201 - a tool


if __name__ == "__main__":
    main()
