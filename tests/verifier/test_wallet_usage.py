"""What a phone learns of its card: the uses left, when they reset, how each service is used, and who learns nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from cards.claims import Form
from cards.status import Status
from edge.http import create_frame
from keys.signer import FileSigner
from keys.wallet_proof import SignedCall, sign_wallet_proof
from tests.verifier.booking import Phone, flight
from tests.verifier.world import BASE, at
from verifier.api.surface import blueprint

PATH = "/v1/wallet/usage"


@pytest.fixture
def phone(world, diamond):
    """The phone that holds it."""
    return Phone(world, diamond)


def told(phone) -> dict[str, dict]:
    """What the phone is told, by service."""
    response = phone.call("POST", PATH)
    assert response.status_code == 200, response.get_data(as_text=True)
    return {service["code"]: service for service in response.json["services"]}


def test_a_use_and_a_booking_are_counted_with_the_date_that_they_start_anew(world, phone, diamond):
    """The month's sport by the month, the year's airport services by the year, for all four of them."""
    assert told(phone)["gym-visit"]["quotas"][0]["remaining"] == 2
    world.device("gym").outcome(diamond.shown(), "gym-visit")
    phone.booked("airport-dom-departure", flight("2026-11-01 14:00"))
    services = told(phone)
    (gym,), (airport,) = services["gym-visit"]["quotas"], services["airport-intl-arrival"]["quotas"]
    assert (gym["remaining"], gym["maximum"], gym["resets_at"]) == (1, 2, "2026-10-31T16:00:00Z")
    assert (airport["remaining"], airport["resets_at"]) == (1, "2026-12-31T16:00:00Z")
    assert "quotas" not in services["hospital-registration"]


def test_a_service_tells_how_it_is_used(phone):
    """Materials, steps, places and telephones in both languages; a service that is not open says why."""
    services = told(phone)
    airport = services["airport-dom-departure"]
    assert all(text["zh"] and text["en"] for text in airport["materials"] + airport["steps"])
    assert {"13560135683", "36611377"} <= {phone["number"] for phone in airport["phones"]}
    assert len(services["hospital-registration"]["places"]) == 7
    assert services["housing-apartment"]["closed"]["zh"]
    assert "closed" not in airport


def test_a_service_of_another_tier_is_said_not_to_be_carried(world):
    """Without figures: there is nothing left of what one never had."""
    services = told(Phone(world, world.card("silver")))
    assert (services["gym-visit"]["entitled"], services["airport-dom-departure"]["entitled"]) == (True, False)
    assert "quotas" not in services["airport-dom-departure"]


def test_a_choice_is_told_before_it_is_made(world, phone):
    """Two of one: a diamond card may take either; a gold card has nothing to choose between."""
    gold, services = Phone(world, world.card("gold")), told(phone)
    assert services["official-checkup"]["one_of"] != services["union-checkup"]["one_of"]
    assert len(services["union-retreat"]["one_of"]) == 1
    assert "one_of" not in told(gold)["union-checkup"]


def test_what_a_booking_asks_for_is_told_with_its_times(world):
    """The form is the programme's: fields with both names, the lead, the most people; nothing of another tier's."""
    phone, other = Phone(world, world.card("diamond")), Phone(world, world.card("silver"))
    answer, silver = phone.call("POST", PATH).json, other.call("POST", PATH).json
    rule = answer["booking_rules"][told(phone)["airport-dom-arrival"]["booking"]]
    assert (rule["basis"], rule["lead_minutes"], rule["party_most"]) == ("journey", 120, 5)
    fields = {field["code"]: field for field in rule["fields"]}
    assert fields["name_board"]["services"] == ["airport-dom-arrival"]
    assert fields["plates"]["label"] == {"zh": "车牌号", "en": "Plates"}
    assert set(silver["booking_rules"]) == {"room", "museum", "event"}


def test_what_a_request_asks_for_is_told_and_what_a_clerk_may_be_sent_for(phone):
    """Fields, choices, what to declare, who takes it; the services for an employer."""
    services = told(phone)
    newspaper, legal = services["steward-newspaper"]["request"], services["legal-advice"]["request"]
    assert [field["code"] for field in newspaper["fields"]] == ["recipient", "address", "phone"]
    assert newspaper["departments"].keys() == {"media"}
    assert legal["declarations"][0]["zh"].startswith("与持卡人")
    assert services["promotion"]["request"]["reference"]["choices"]["arts"]["en"] == "Culture and the arts"
    assert "request" not in services["gym-visit"]
    assert {code for code, service in services.items() if service.get("delegable")} == {
        "green-channel", "business-change", "business-closure", "business-other", "tax-matter",
    }  # fmt: skip


def test_until_when_the_holder_is_entitled_is_told_where_the_register_is(world, phone, diamond):
    """Elsewhere it is left out: the verifier holds no register, and the phone knows it from its issuer."""
    assert "entitled_until" not in phone.call("POST", PATH).json
    until = {diamond.claims.card_id: at("2029-06-30 00:00")}
    verifier = replace(world.verifier, entitled_until=lambda card, _at: until.get(card))
    app = create_frame("register", clock=world.clock)
    app.register_blueprint(blueprint(verifier, world.authenticate))
    world.client = app.test_client()
    assert phone.call("POST", PATH).json["entitled_until"] == "2029-06-29T16:00:00Z"


def test_only_ones_own_use_is_told(world, phone):
    """Another holder's use changes nothing."""
    other = world.card("diamond")
    world.device("gym").outcome(other.shown(), "gym-visit")
    assert told(phone)["gym-visit"]["quotas"][0]["used"] == 0


@pytest.mark.parametrize("status", [Status.REVOKED, Status.SUSPENDED])
def test_a_card_that_was_stopped_learns_why_and_nothing_else(world, phone, diamond, status):
    """Whoever holds a blocked phone may be a finder: no tier, no figures."""
    world.set_status(diamond, status)
    answer = phone.call("POST", PATH).json
    assert (answer["valid"], answer["reason"]) == (False, status.name.lower())
    assert answer["message"]["zh"]
    assert answer.keys().isdisjoint({"services", "tier", "items"})


@pytest.mark.parametrize("change", ["key", "another", "address", "method", "body", "card", "none", "old"])
def test_a_call_that_the_phones_key_did_not_sign_is_refused(world, phone, diamond, change):
    """A fresh key, another holder's, another address, method, body or card, none, an old one: 401."""
    now, other = world.clock.now(), world.card("diamond")
    call = SignedCall("POST", BASE + PATH, json.dumps({"card": diamond.token}).encode(), diamond.token)
    altered = {
        "address": {"url": BASE + "/v1/wallet/bookings/list"},
        "method": {"method": "GET"},
        "body": {"body": b"{}"},
        "card": {"card": other.token},
    }
    signer = {"key": FileSigner.generate(), "another": other.signer}.get(change, diamond.signer)
    made = now - timedelta(minutes=2) if change == "old" else now
    proof = "none" if change == "none" else sign_wallet_proof(signer, replace(call, **altered.get(change, {})), made)
    response = phone.call("POST", PATH, proof=proof)
    told = {"address": "htu", "method": "htm", "body": "bh", "card": "ath", "none": "three segments", "old": "iat"}
    assert (response.status_code, response.json["code"]) == (
        401,
        "clock-off" if change == "old" else "bad-wallet-proof",
    )
    assert told.get(change, "key that is enrolled") in response.json["detail"]
    assert ("server_time" in response.json) == (change == "old")


def test_a_proof_is_good_for_one_call(world, phone, diamond):
    """Heard on the way and sent again, it tells nothing."""
    call = SignedCall("POST", BASE + PATH, json.dumps({"card": diamond.token}).encode(), diamond.token)
    proof = sign_wallet_proof(diamond.signer, call, world.clock.now())
    assert phone.call("POST", PATH, proof=proof).status_code == 200
    replayed = phone.call("POST", PATH, proof=proof)
    assert (replayed.status_code, replayed.json["code"]) == (401, "bad-wallet-proof")
    assert replayed.json["detail"].startswith("jti was used before")


def test_a_card_proof_is_no_wallet_proof_and_a_printed_card_has_no_phone(world, phone, diamond):
    """What is shown at a counter opens nothing here."""
    assert phone.call("POST", PATH, proof=diamond.proof()).status_code == 401
    printed = world.card("diamond", Form.PRINT)
    response = world.client.post(PATH, json={"card": printed.token}, headers={"Wallet-Proof": diamond.proof()})
    assert (response.status_code, response.json["code"]) == (401, "bad-token")
