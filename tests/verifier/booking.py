"""Bookings for the tests of the verifier: the guide's fields filled in, and the calls of staff and of the phone."""

from __future__ import annotations

import json
from itertools import count

from accounts.rights import Right
from edge.instants import rfc3339
from keys.wallet_proof import SignedCall, sign_wallet_proof
from tests.verifier.world import BASE, Card, World, at, identifier

LOUNGE = frozenset({Right.CHECK_IN, Right.VOID, Right.VOID_ANY, Right.BOOKINGS, Right.OVERRIDE})
CLERK = frozenset({Right.CHECK_IN, Right.BOOKINGS})
HOLDER = "张晓明"
_codes = count(1000)


def flight(scheduled: str, **changes: object) -> dict[str, object]:
    """The guide's nine groups of fields for a flight at a local time; None leaves one out."""
    fields: dict[str, object] = {
        "holder_name": HOLDER,
        "travel_date": scheduled[:10],
        "flight": "CZ3101",
        "scheduled_at": rfc3339(at(scheduled)),
        "passenger_count": 2,
        "passengers": [HOLDER, "李雷"],
        "phone": "13800001234",
        "escort_count": 0,
        "vehicle_count": 1,
        "plates": ["粤A12345"],
        "checked_luggage": True,
    }
    return {name: value for name, value in (fields | changes).items() if value is not None}


def arrival(scheduled: str, **changes: object) -> dict[str, object]:
    """The same for an arrival: with or without a name board."""
    return flight(scheduled, **{"name_board": True, **changes})


class Phone:
    """A holder's phone: it signs each of its calls for the card that it holds."""

    def __init__(self, world: World, card: Card) -> None:
        self.world, self.card = world, card

    def call(self, method: str, path: str, body: dict[str, object] | None = None, **changes):
        """Send a signed call; `operation`, `proof` and `card` can be given."""
        data = json.dumps({"card": self.card.token, **(body or {})}).encode()
        call = SignedCall(method, BASE + path, data, self.card.token)
        proof = changes.get("proof") or sign_wallet_proof(self.card.signer, call, self.world.clock.now())
        headers = {"Wallet-Proof": proof, "Idempotency-Key": changes.get("operation") or identifier()}
        return self.world.client.open(path, method=method, data=data, headers=headers, content_type="application/json")

    def book(self, service: str, fields: dict[str, object], **changes):
        """Book; the response."""
        return self.call("POST", "/v1/wallet/bookings", {"service": service, "fields": fields}, **changes)

    def booked(self, service: str, fields: dict[str, object]) -> dict:
        """Book and return the answer, which must be an entry."""
        response = self.book(service, fields)
        assert response.status_code == 201, response.get_data(as_text=True)
        return response.json

    def change(self, booking: str, fields: dict[str, object], **more) -> dict:
        """Change and return the answer."""
        response = self.call("PATCH", f"/v1/wallet/bookings/{booking}", {"fields": fields, **more})
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.json

    def cancel(self, booking: str):
        """Cancel; the response."""
        return self.call("POST", f"/v1/wallet/bookings/{booking}/cancel")

    def own(self) -> list[dict]:
        """The holder's own bookings."""
        response = self.call("POST", "/v1/wallet/bookings/list")
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.json["bookings"]


def lounge(world: World, point: str = "air-dom", rights: frozenset[Right] = LOUNGE):
    """A tablet at a lounge with a supervisor signed in."""
    device = world.device(point, rights)
    operator = world.operator(f"{next(_codes):04d}", {point: rights})
    device.sign_in(operator.code)
    return device


def day_list(device, point: str, on: str) -> list[dict]:
    """What staff see of a point's day."""
    response = device.call("GET", f"/v1/bookings?point={point}&on={on}")
    assert response.status_code == 200, response.get_data(as_text=True)
    return response.json["bookings"]


def patch(device, booking: str, **change: object) -> dict:
    """Change a booking as staff and return the answer."""
    response = device.call("PATCH", f"/v1/bookings/{booking}", change)
    assert response.status_code == 200, response.get_data(as_text=True)
    return response.json
