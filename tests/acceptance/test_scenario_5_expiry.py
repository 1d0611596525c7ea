"""Scenario 5 (docs/guide-coverage.md): a card that expired at midnight, a tablet with a wrong clock, a renewal."""

import json
from datetime import timedelta

from keys.dpop import build_proof
from tests.verifier.world import BASE, at, identifier


def test_expired_at_midnight_with_date_and_telephone(world):
    """The refusal names the date and the office's number; after the renewal it is granted."""
    gold = world.card("gold", expires_at=at("2026-11-01 00:00"))
    desk = world.device("hosp-2")
    world.go("2026-11-01 00:00")
    answer = desk.outcome(gold.shown(), "hospital-registration")
    assert answer["reason"] == "expired"
    assert "10月31日" in answer["message"]["zh"]
    assert answer["call"]["phone"] == "35912660"

    renewed = world.card("gold", subject=gold.claims.subject)
    world.go("2026-11-01 00:05")
    assert desk.outcome(renewed.shown(), "hospital-registration")["outcome"] == "granted"


def test_a_tablet_with_a_wrong_clock_is_told_clock_not_card(world):
    """The device's own proof is out of its minute: 401 `clock-off` with the server's time, and nothing logged."""
    gold = world.card("gold")
    desk = world.device("hosp-2")
    shown = gold.shown()
    response = _call_with_clock(desk, shown, world.clock.now() - timedelta(minutes=10))
    assert (response.status_code, response.json["code"]) == (401, "clock-off")
    assert response.json["server_time"] == "2026-10-31T01:00:00Z"
    assert world.log() == []


def test_a_device_off_by_minutes_is_told_by_how_much(world):
    """`client_time` is recorded beside the server's and drives nothing but a hint."""
    gold = world.card("gold")
    early = int(world.clock.now().timestamp()) - 3600
    answer = world.device("hosp-2").outcome(gold.shown(), "hospital-registration", client_time=early)
    assert (answer["outcome"], answer["clock_off_by"]) == ("granted", -3600)
    assert world.log()[0]["client_time"] == early * 1000


def test_a_phone_whose_clock_is_ahead_is_told_so(world):
    """A proof from the future is the phone's clock, not the card."""
    gold = world.card("gold")
    ahead = gold.shown(world.clock.now() + timedelta(minutes=3))
    answer = world.device("hosp-2").outcome(ahead, "hospital-registration")
    assert answer["reason"] == "clock-ahead"
    assert "时间" in answer["message"]["zh"]


def _call_with_clock(desk, shown, device_now):
    body = json.dumps({"presentation": shown, "service": "hospital-registration"}).encode()
    operation, url = identifier(), f"{BASE}/v1/check-ins"
    proof = build_proof(desk.signer, "POST", url, body, desk.token, device_now, operation=operation)
    headers = {"Authorization": f"DPoP {desk.token}", "DPoP": proof, "Idempotency-Key": operation}
    return desk.world.client.post("/v1/check-ins", data=body, content_type="application/json", headers=headers)
