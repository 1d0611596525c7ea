"""A log worth looking at, and an auditor at a browser."""

from __future__ import annotations

import secrets
import time
from datetime import timedelta

from playwright.sync_api import Page, expect

from accounts.factors import totp_code
from accounts.rights import EVERYWHERE, Right, Role
from tests.web.site import BY, Site
from tests.web.staffing import set_up_codes

NAME, PASSWORD = "auditor.wang", "correct horse battery"


class Counters:
    """Checks cards in at any point, as a hospital's own server would."""

    def __init__(self, site: Site) -> None:
        self._site = site
        rights = {EVERYWHERE: frozenset({Right.CHECK_IN, Right.VOID, Right.AUDIT, Right.NAMES})}
        at = site.clock.now()
        made, self.token = site.office.accounts.integrators.add(
            "desk", rights, expires_at=at + timedelta(days=300), by=BY, at=at
        )
        self.id = made.id
        self.client = site.app.test_client()

    def post(self, path: str, body: dict):
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": secrets.token_hex(16)}
        return self.client.post(path, json=body, headers=headers)

    def get(self, path: str):
        return self.client.get(path, headers={"Authorization": f"Bearer {self.token}"})

    def use(self, card: str, service: str, point: str, **more: object) -> dict:
        """Present a card whose ID was compared; returns the answer."""
        body = {"presentation": card, "service": service, "point": point, "id_checked": True, **more}
        answer = self.post("/v1/check-ins", body)
        assert answer.status_code == 201, answer.json
        return answer.json


def fill_log(site: Site) -> Counters:
    """Make a day of uses: grants, refusals of several reasons, a void, cards at two points, a clock that is off."""
    made = Counters(site)
    cards = {tier: [site.printed(tier) for _ in range(3)] for tier in ("diamond", "gold", "silver")}
    visits = (("gym-visit", "gym"), ("hospital-registration", "hosp-baiyun"), ("library-facilities", "library"))
    for number in range(3):
        for service, point in visits:
            for tier in ("diamond", "gold", "silver"):
                made.use(cards[tier][number], service, point)
            site.clock.advance(timedelta(minutes=11))
    for _ in range(2):
        made.use(cards["silver"][0], "gym-visit", "gym")
    made.use(cards["silver"][1], "school-place", "edu-centres", matter={"kind": "primary"})
    made.use(cards["gold"][0], "hospital-payment", "hosp-mch", client_time=int(site.clock.now().timestamp()) - 600)
    for number in range(3):
        entry = made.use(cards["gold"][number], "culture-facilities", "culture")["id"]
        voided = made.post(f"/v1/check-ins/{entry}/void", {"reason": "wrong-service"})
        assert voided.status_code == 201, voided.json
    made.use(cards["gold"][1], "hospital-registration", "hosp-baiyun", id_checked=False)
    return made


class Desk:
    """A page in an auditor's hands."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def sign_in(self, name: str = NAME, password: str = PASSWORD) -> None:
        self.page.fill("#name", name)
        self.page.fill("#password", password)
        self.page.click("[type=submit]")

    def second_step(self, site: Site, name: str, password: str) -> None:
        """Sign in with a code too: its secret is set up afresh, so that no code is a used one."""
        secret = set_up_codes(site.office.accounts, name, site.clock.now())
        self.sign_in(name, password)
        self.page.fill("#code", totp_code(secret, site.clock.now()))
        self.page.click("#code-do")

    def ready(self) -> None:
        """Wait until every part of the page has been filled, or has failed."""
        self.page.wait_for_url(lambda url: "/sign-in" not in url)
        expect(self.page.locator("[data-part][aria-busy=true], [data-part]:not([data-state])")).to_have_count(0)

    def go(self, path: str) -> Page:
        """Open another page and wait until it is filled."""
        self.page.goto(path)
        self.ready()
        return self.page

    def states(self) -> dict[str, str]:
        parts = self.page.locator("[data-part]")
        return {part.get_attribute("data-part"): part.get_attribute("data-state") for part in parts.all()}


def add_auditor(site: Site) -> None:
    """Add a person with the role of an auditor."""
    site.office.accounts.people.add(NAME, PASSWORD, (Role.AUDITOR,), by=BY, at=site.clock.now())


def wait_for_log(site: Site, made: Counters, entry: str) -> None:
    """Wait until an entry is in the published tree."""
    for _ in range(100):
        if made.get(f"/v1/log/proof/{entry}").status_code == 200:
            return
        time.sleep(0.1)
    raise AssertionError("the log did not take the entry in")
