"""A booking by telephone on one machine: the verifier asks the register beside it for the card of a number."""

from __future__ import annotations

import json
from datetime import timedelta

from accounts.rights import Right
from cards.claims import Form
from issuer.issuing.issuing import issue
from keys.dpop import build_proof
from keys.jwk import public_jwk
from keys.signer import FileSigner
from tests.verifier.booking import flight
from tests.verifier.world import identifier
from tests.web.site import BY, SHANGHAI

RIGHTS = frozenset({Right.CHECK_IN, Right.BOOKINGS})


def booked(site, number: str, scheduled: str):
    """Book a departure for a card number, from a desk at the domestic lounge."""
    signer, now = FileSigner.generate(), site.clock.now()
    code = site.device_code("air-dom", RIGHTS)
    _, token = site.office.accounts.devices.enrol(code, public_jwk(signer.public_key), at=now)
    fields = flight(scheduled, holder_name="张小明", passengers=["张小明", "李雷"])
    asked = {"service": "airport-dom-departure", "fields": fields, "card_number": number, "called_back": True}
    body = json.dumps(asked).encode()
    operation, url = identifier(), f"{site.base}/v1/bookings"
    proof = build_proof(signer, "POST", url, body, token, site.clock.now(), operation=operation)
    headers = {"Authorization": f"DPoP {token}", "DPoP": proof, "Idempotency-Key": operation}
    client = site.app.test_client()
    return client.post("/v1/bookings", data=body, headers=headers, content_type="application/json")


def test_a_number_that_is_read_out_books_for_its_card(site):
    """The register knows the number, the verifier the card behind it; a number of nobody's books nothing."""
    card = issue(site.office.desk, site.holder("diamond"), Form.PRINT, by=BY, at=site.clock.now())
    site.publish()
    tomorrow = (site.clock.now() + timedelta(days=1)).astimezone(SHANGHAI).strftime("%Y-%m-%d 14:00")
    answer = booked(site, f"{card.number[:-4]} {card.number[-4:]}", tomorrow)
    assert (answer.status_code, answer.json["outcome"]) == (201, "granted"), answer.get_data(as_text=True)
    assert answer.json["booking"]["channel"] == "telephone"
    assert booked(site, card.number[:-1] + "x", tomorrow).status_code == 422
