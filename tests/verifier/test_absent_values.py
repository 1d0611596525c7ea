"""Values that are not given, in requests and answers (decision 0195)."""

from pathlib import Path

import msgspec

from verifier.counter.answers import CheckInRequest, Represented

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "accounts",
    "audit",
    "cards",
    "devices",
    "doctor",
    "edge",
    "hooks",
    "issuer",
    "ledger",
    "ops",
    "verifier",
    "web",
)


def test_an_absent_value_is_none_in_every_type():
    """No type tells absence by a second value."""
    told = [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "UNSET" in path.read_text("utf-8")]
    assert told == []


def test_null_and_a_member_left_out_mean_the_same():
    """A client may say that it has no reference."""
    left_out = msgspec.json.decode(b'{"service":"gym-visit"}', type=CheckInRequest)
    assert msgspec.json.decode(b'{"service":"gym-visit","reference":null}', type=CheckInRequest) == left_out


def test_an_answer_leaves_out_what_is_absent_and_tells_a_nought():
    """A code that was never used says so: the count is no default."""
    said = msgspec.json.decode(msgspec.json.encode(Represented("Firm", "2026-11-30T00:00:00Z", "gym-visit", 0)))
    assert said == {"employer": "Firm", "ends_at": "2026-11-30T00:00:00Z", "service": "gym-visit", "uses": 0}
