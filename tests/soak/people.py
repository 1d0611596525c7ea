"""Traffic beside the counters: phones that book and look, an auditor who searches and exports, an office."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from http.client import HTTPException
from random import Random

import httpx
from sqlalchemy.exc import OperationalError

from edge.instants import rfc3339
from issuer.applications.records import find
from issuer.register.errors import RefusedError
from tests.issuer.applying import handed_in
from tests.soak.journal import FORM_OVER, Journal, Operation
from tests.soak.town import Phone, Town, identity_of
from tests.verifier.machine import ROOT, Answer, identifier

WORDS = {
    name: json.loads((ROOT / f"web/translations/pages/{name}.zh.json").read_text("utf-8"))
    for name in ("office", "staff")
}
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
DONE = frozenset({"done"})


class PhoneUser:
    """Holders with phones: book a transfer, cancel it, read the history and what is left."""

    BOOKABLE = frozenset({"granted", "quota-spent", "not-entitled", "stale-wallet-proof"})

    def __init__(self, town: Town, journal: Journal, seed: int) -> None:
        self.town, self.journal, self.random = town, journal, Random(seed)
        self._held: list[tuple[Phone, str]] = []

    def step(self) -> None:
        """Do one thing, chosen by chance."""
        steps = (self.book, self.cancel, lambda: self.read("history"), lambda: self.read("usage"))
        self.random.choices(steps, weights=(3, 2, 3, 2))[0]()

    def book(self) -> None:
        """Book a departure of the day after tomorrow."""
        phone = self.random.choice(self.town.phones)
        when = (self.town.machine.now() + timedelta(days=2)).replace(minute=0, second=0, microsecond=0)
        zone = self.town.machine.desk.programme.zone
        fields = {
            "holder_name": "周晓宁", "travel_date": when.astimezone(zone).date().isoformat(), "flight": "CZ3101",
            "scheduled_at": rfc3339(when), "passenger_count": 1, "passengers": ["周晓宁"], "phone": "13800001234",
            "escort_count": 0, "vehicle_count": 1, "plates": ["粤A12345"], "checked_luggage": True,
        }  # fmt: skip
        body = {"service": "airport-dom-departure", "fields": fields}
        made = self._signed("booking", phone, "/v1/wallet/bookings", body, self.BOOKABLE)
        if made.told == "granted" and made.answer is not None:
            self._held.append((phone, made.answer.json["booking"]["id"]))

    def cancel(self) -> None:
        """Cancel one of the bookings made here."""
        if self._held:
            phone, booking = self._held.pop(self.random.randrange(len(self._held)))
            path = f"/v1/wallet/bookings/{booking}/cancel"
            made = self._signed("cancel", phone, path, {}, frozenset({"granted", "done"}))
            made.target = booking

    def read(self, what: str) -> None:
        """Ask for the own history, or for what is left."""
        self._signed(what, self.random.choice(self.town.phones), f"/v1/wallet/{what}", {}, DONE)

    def _signed(
        self, kind: str, phone: Phone, path: str, body: dict[str, object], expected: frozenset[str]
    ) -> Operation:
        def call(operation: str) -> Answer:
            return phone.call("POST", path, body, operation)

        made = Operation(
            kind, path if len(path) < 30 else "/v1/wallet/bookings/…", call, expected, holder=phone.subject
        )
        return self.journal.do(made)


class Auditor:
    """An auditor's program: searches, figures, exports, proofs."""

    def __init__(self, town: Town, journal: Journal, seed: int) -> None:
        self.town, self.journal, self.random = town, journal, Random(seed)
        self._headers = {"Authorization": f"Bearer {town.session('auditor')}"}

    def step(self) -> None:
        """Ask one question, chosen by chance."""
        today = self.town.machine.now().date()
        span = f"since={today - timedelta(days=1)}&until={today + timedelta(days=2)}"
        paths = (
            "/v1/log/entries?limit=50", "/v1/log/entries?outcome=denied&limit=50", "/v1/log/entries?point=gym",
            f"/v1/audit/figures?{span}", f"/v1/audit/anomalies?{span}", "/v1/audit/export?format=csv",
            "/v1/log/status", "/v1/log/checkpoint", "/readyz", "/metrics",
        )  # fmt: skip
        path = self.random.choice(paths)
        self.journal.do(Operation("audit", path.partition("?")[0], lambda _: self._get(path), DONE))

    def _get(self, path: str) -> Answer:
        return self.town.machine.send("GET", path, headers=self._headers)


class Office:
    """An office: a platform hands applications in, an officer reviews by the pages, an approver decides.

    `decided`: what was acknowledged: an application's id to the state that its answer told.
    """

    def __init__(self, town: Town, journal: Journal, seed: int) -> None:
        self.town, self.journal, self.random = town, journal, Random(seed)
        self.decided: dict[str, str] = {}
        self.taken: dict[str, str] = {}
        self._desks: dict[str, httpx.Client] = {}
        for name in ("officer", "approver"):
            client = httpx.Client(base_url=town.machine.base, timeout=30, follow_redirects=False)
            client.cookies.set("yunju_session", town.session(name), domain="127.0.0.1")
            self._desks[name] = client

    def step(self) -> None:
        """Take one in from a platform, or bring one from its papers to a decision."""
        if self.random.random() < 0.5:
            self.intake()
        else:
            self.decide()

    def intake(self) -> None:
        """A platform's call, sent again until it is answered: once however often."""
        number, receipt = self.town.new_number(), f"GD-{identifier()}"
        person = {
            "name": "何嘉欣",
            "id_type": "resident-id",
            "id_number": identity_of(number),
            "phone": "13800000099",
        }
        body = {"channel": "province", "receipt": receipt, "person": person, "ground": "gold-6", "employer": "某单位"}
        headers = {"Authorization": f"Bearer {self.town.platform}"}

        def call(_: str) -> Answer:
            return self.town.machine.send("POST", "/v1/applications", body, headers)

        made = self.journal.do(Operation("intake", "/v1/applications", call, DONE))
        if made.told == "done" and made.answer is not None:
            self.taken[receipt] = made.answer.json["receipt"]

    def decide(self) -> None:
        """An application with all papers: claim, tick, pass on, approve or refuse; each by the page's own form."""
        desk, at = self.town.machine.desk, self.town.machine.now().replace(microsecond=0)
        try:
            made = handed_in(desk, at=at, number=identity_of(self.town.new_number()))
            papers = [paper.key for paper in find(desk, made).papers]
        except (OSError, OperationalError, RefusedError):  # this office's own disk may be full as well
            return
        if not self._act("officer", made, "claim"):
            return
        for key in papers:
            self._act("officer", made, "check", paper=key, check_0="yes", check_1="yes")
        advice = self.random.choice(("approve", "refuse"))
        if self._act("officer", made, "forward", advice=advice, text="soak"):
            act = {"approve": ("approve", {}), "refuse": ("refuse", {"reason": "ground-not-met"})}[advice]
            if self._act("approver", made, act[0], **act[1]):
                self.decided[made] = {"approve": "approved", "refuse": "refused"}[advice]

    def _act(self, who: str, application: str, name: str, **values: str) -> bool:
        """Send one form of the application's page; True when the next page says that it was done."""
        path, about = f"/office/applications/{application}", f"/office/applications/…/{name}"

        def call(_: str) -> Answer:
            answer = self._form(self._desks[who], path, name, values)
            if answer.status == 400 and WORDS["staff"]["fault.form"] in answer.body.decode("utf-8", "replace"):
                self.journal.note(about, 400, FORM_OVER)
                return self._form(self._desks[who], path, name, values)
            return answer

        made = self.journal.do(Operation("office", about, call, DONE))
        return made.told == "done" and self._says(self._desks[who], path, WORDS["office"][f"office.done.{name}"])

    @staticmethod
    def _says(client: httpx.Client, path: str, notice: str) -> bool:
        """Read the page that follows an act. Where it does not come, nobody was told that the act was done."""
        try:
            return notice in client.get(path).text
        except httpx.HTTPError:
            return False

    @staticmethod
    def _form(client: httpx.Client, path: str, name: str, values: dict[str, str]) -> Answer:
        try:
            page = client.get(path)
            if page.status_code != 200:
                return Answer(page.status_code, dict(page.headers), page.content)
            token = TOKEN.search(page.text)
            assert token is not None, page.text[:200]
            headers = {"Origin": str(client.base_url).rstrip("/")}
            sent = client.post(f"{path}/{name}", data={"csrf_token": token[1], **values}, headers=headers)
        except httpx.HTTPError as error:
            raise HTTPException(type(error).__name__) from error
        return Answer(sent.status_code, dict(sent.headers), sent.content)

    def close(self) -> None:
        """Close both browsers."""
        for client in self._desks.values():
            client.close()
