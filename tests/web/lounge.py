"""A lounge's counter in a test's hand: flights booked by telephone, staff who may answer for more."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from accounts.rights import EVERYWHERE, Right
from cards.claims import Form
from edge.instants import rfc3339
from issuer.issuing.issuing import issue
from issuer.printing.qr import card_text
from tests.web.counter import Tablet

RIGHTS = frozenset({Right.CHECK_IN, Right.VOID, Right.VOID_ANY, Right.OVERRIDE, Right.BOOKINGS, Right.NAMES})
DEPARTURE, ARRIVAL = "airport-dom-departure", "airport-dom-arrival"
PIN = "493817"
SHANGHAI = ZoneInfo("Asia/Shanghai")
_codes = count(3001)
_flights = count(1000)
__all__ = ["ARRIVAL", "DEPARTURE", "PIN", "RIGHTS", "Flyer", "Lounge"]


class Lounge(Tablet):
    """The domestic lounge's tablet."""

    def __init__(self, opened, site, point: str = "air-dom", rights: frozenset[Right] = RIGHTS, **options) -> None:
        made = site.office.accounts.devices.make_code(
            point, needs_operator=False, by="test", at=site.clock.now(), label="1", rights=rights
        )
        super().__init__(opened, site, point, code=made.code, **options)

    def supervisor(self, rights: frozenset[Right] = RIGHTS, name: str = "何敏") -> str:
        """Add an operator who may supervise everywhere; returns the code to sign in with, with `PIN`."""
        code = str(next(_codes))
        at = self.site.clock.now()
        self.site.office.accounts.operators.add(code, name, {EVERYWHERE: rights}, by="test", at=at, pin=PIN)
        return code

    def names_supervisor(self, prefix: str, code: str) -> None:
        self.page.fill(f"#{prefix}-code", code)
        self.page.fill(f"#{prefix}-pin", PIN)


class Flyer:
    """A diamond holder with a printed card, whose flights are booked by telephone."""

    def __init__(self, site, name: str = "周以宁") -> None:
        self.site, self.name = site, name
        desk, at = site.office.desk, site.clock.now()
        self.holder = site.holder("diamond", name)
        card = issue(desk, self.holder, Form.PRINT, by="test", at=at)
        self.number, self.token = card.number, card.token
        site.publish()
        self.shown = card_text(card.token, desk.programme)

    def book(self, integrator, service: str = DEPARTURE, hours: float = 3, **changes: object) -> dict:
        """Book a flight that leaves or lands so many hours from now; returns the booking."""
        scheduled = (self.site.clock.now() + timedelta(hours=hours)).replace(second=0, microsecond=0)
        fields = self._fields(service, scheduled, changes)
        body = {"service": service, "card_number": self.number, "called_back": True, "fields": fields}
        return integrator(body)

    def _fields(self, service: str, scheduled: datetime, changes: dict[str, object]) -> dict[str, object]:
        fields: dict[str, object] = {
            "holder_name": self.name,
            "travel_date": scheduled.astimezone(SHANGHAI).date().isoformat(),
            "flight": f"CZ{next(_flights)}",
            "scheduled_at": rfc3339(scheduled),
            "passenger_count": 2,
            "passengers": [self.name, "林晓雯"],
            "phone": "13800000001",
            "escort_count": 0,
            "vehicle_count": 1,
            "plates": ["粤AD1234"],
            "checked_luggage": True,
        }
        if service == ARRIVAL:
            fields["name_board"] = True
        return fields | changes
