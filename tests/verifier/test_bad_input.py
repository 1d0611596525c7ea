"""Whatever a client sends to any described call: a problem document with a known code, never a 500, nothing written."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from accounts.rights import Right
from cards.programme.load import load_programme
from edge.problems import PROBLEMS
from keys.dpop import build_proof
from tests.verifier.booking import CLERK, Phone, flight
from tests.verifier.world import BASE, PROGRAMMES, World, identifier
from verifier.rules.entitlement import reference_fault

ENTRY = "00-000001"
PLACES = {
    "entry": ENTRY,
    "entry_id": ENTRY,
    "booking": ENTRY,
    "code": "gym",
    "number": "0",
    "look": "x",
    "delegation": "x",
    "digest": "x" * 43,
}
DEEP = "[" * 5000 + "]" * 5000
BODIES = {
    "not json": b"{",
    "empty": b"",
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "deep": DEEP.encode(),
    "bad utf-8": b'{"presentation":"\xff\xfe"}',
    "utf-16": '{"presentation":"x"}'.encode("utf-16"),
    "unknown field": b'{"nonsense":true}',
    "wide number": b'{"client_time":1e400,"service":"gym-visit","presentation":"x"}',
    "lone surrogate": b'{"presentation":"\\ud800","service":"gym-visit"}',
    "nul": b'{"presentation":"a\\u0000b","service":"gym-visit"}',
    "wrong types": b'{"presentation":7,"service":[],"reason":{},"look":false,"code":1,"jwk":"x","at":9,"operator":[]}',
    "huge": b'{"presentation":"' + b"x" * 100_000 + b'"}',
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One world for all: nothing here may write to its log."""
    made = World(tmp_path_factory.mktemp("world"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def calls(world):
    """Every described call: method, path, whether it takes a body, whether it needs somebody."""
    paths = world.client.get("/v1/openapi.json").json["paths"]
    found = []
    for path, methods in paths.items():
        placed = path.format_map(PLACES)
        for method, operation in methods.items():
            found.append((method.upper(), placed, "requestBody" in operation, bool(operation.get("security"))))
    return found


@pytest.fixture(scope="module")
def device(world):
    """A device with every right at the gym."""
    return world.device("gym", frozenset(Right) - {Right.HOLDERS, Right.CARDS})


def problem_of(response):
    """Return the problem's code after checking that it is one."""
    assert 400 <= response.status_code < 500, (response.status_code, response.get_data(as_text=True)[:300])
    assert response.content_type == "application/problem+json"
    assert response.json["code"] in PROBLEMS
    return response.json["code"]


@pytest.mark.slow
def test_no_call_breaks_on_a_bad_body(world, calls, device):
    """Each body that cannot be right, to each call that takes one."""
    for method, path, takes_body, _ in calls:
        if not takes_body:
            continue
        for name, body in BODIES.items():
            response = signed(device, method, path, body)
            assert problem_of(response), (path, name)
    assert world.log() == []


def test_no_call_takes_another_content_type(calls, device):
    """Forms and texts are not JSON, whatever they hold."""
    for method, path, takes_body, _ in calls:
        if takes_body:
            response = signed(device, method, path, b"{}", content_type="text/plain")
            assert problem_of(response) == "unsupported-media-type"


@pytest.mark.slow
def test_no_call_answers_a_wrong_method_or_a_stranger(world, calls):
    """405 names what is allowed; without credentials 401."""
    for method, path, _, needs_somebody in calls:
        wrong = world.client.open(path, method="PUT")
        assert (problem_of(wrong), "Allow" in wrong.headers) == ("method-not-allowed", True)
        if needs_somebody:
            bare = world.client.open(path, method=method, json={}, headers={"Idempotency-Key": identifier()})
            assert problem_of(bare) in {"unauthenticated", "invalid-field", "bad-token", "not-permitted"}, path


def test_an_operation_needs_its_id(device, world):
    """No Idempotency-Key, or a bad one: 400, nothing written."""
    silver = world.card("silver")
    body = json.dumps({"presentation": silver.shown(), "service": "gym-visit"}).encode()
    for key in ("", "short", "x" * 65, "white space here!"):
        assert problem_of(signed(device, "POST", "/v1/check-ins", body, key=key)) == "bad-request"
    assert world.log() == []


def test_services_that_are_not_for_counters_are_refused(device, world):
    """An unknown service and one kept by a department: 422 with the field's path, nothing written."""
    silver = world.card("silver")
    for service in ("nonsense", "party-observe", "green-agency"):
        response = device.check_in(silver.shown(), service)
        assert problem_of(response) == "invalid-field"
        assert response.json["fields"][0]["path"] == "$.service"
    assert world.log() == []


def test_a_token_of_another_point_does_nothing_here(world):
    """A device cannot name a point that is not its own; an integrator none that is not among its rights."""
    silver, gym = world.card("silver"), world.device("gym")
    assert problem_of(gym.check_in(silver.shown(), "gym-visit", point="library")) == "not-permitted"
    assert world.log() == []


def test_unreadable_presentations_are_no_entries(device, world):
    """Step 1 fails: 422 `malformed`, nothing written."""
    for text in ("x", "a.b.c", "YJ01:", "YJ99:AAAA", "9301", "9301999", "~", "YJ01:" + "Z" * 400, "x" * 8000, "é"):
        assert problem_of(device.check_in(text, "gym-visit")) == "malformed"
    assert world.log() == []


def test_the_ends_of_the_calendar_break_nothing(world):
    """Windows, days and months around what is asked about are no dates any more: a field's fault, never a 500."""
    world.clock.advance(timedelta(seconds=2))
    phone, clerk = Phone(world, world.card("diamond")), world.device("events", CLERK)
    event = {"code": "END-1", "service": "steward-training", "name": {"zh": "甲", "en": "A"}, "capacity": 2}
    for day in ("0001-01-01", "1969-12-31", "9999-01-01", "9999-12-31"):
        starts, ends = f"{day}T12:00:00Z", f"{day}T13:00:00Z"
        assert problem_of(phone.book("library-room", {"slot": f"{starts}/{ends}", "people": 4})) == "invalid-field"
        travel = flight("2026-11-05 10:00") | {"scheduled_at": starts, "travel_date": day}
        assert problem_of(phone.book("airport-dom-departure", travel)) == "invalid-field"
        kept = clerk.call("POST", "/v1/events", {**event, "starts_at": starts, "ends_at": ends})
        assert problem_of(kept) == "invalid-field"
        assert problem_of(clerk.call("GET", f"/v1/bookings?point=events&on={day}")) == "invalid-field"
    assert world.log() == []


@pytest.mark.parametrize("year", ["0000", "0001", "9999"])
def test_no_statement_or_list_is_made_of_a_year_without_neighbours(world, year):
    """A period has a beginning and an end, or is refused."""
    paid = world.device("gym", frozenset({Right.STATEMENT}))
    office = world.device("dept-media", frozenset({Right.BOOKINGS, Right.NAMES}))
    subscribers = f"/v1/requests/subscribers?service=steward-newspaper&period={year}"
    assert problem_of(office.call("GET", subscribers)) == "invalid-field"
    for month in (f"{year}-01", f"{year}-12", "2026-10%0A", "%EF%BC%92%EF%BC%90%EF%BC%92%EF%BC%96-10"):
        answer = paid.call("GET", f"/v1/statements?point=gym&since={month}&until={month}")
        assert problem_of(answer) == "invalid-field"


def test_a_code_that_ends_in_a_new_line_is_none(world):
    """`$` stops before a last new line: a list or a file's name would break there."""
    clerk = world.device("events", CLERK)
    event = {"service": "steward-training", "name": {"zh": "甲", "en": "A"}, "capacity": 2}
    event |= {"starts_at": "2026-11-05T00:00:00Z", "ends_at": "2026-11-05T01:00:00Z"}
    for wrong in ({"code": "ABC\n"}, {"code": "ABC", "name": {"zh": "甲\n", "en": "A"}}):
        assert problem_of(clerk.call("POST", "/v1/events", {**event, **wrong})) == "invalid-field"


def test_an_identity_number_is_no_reference(world):
    """Whatever the service's pattern admits: the log is for ever, and an identity number has no place in it."""
    gold = world.card("gold")
    registry = world.device("gov-registry")
    for reference in ("440111199003070028", "44011119900307002X", "A-440111199003070028"):
        response = registry.check_in(gold.shown(), "business-change", beneficiary="employer", reference=reference)
        assert problem_of(response) == "invalid-field"
    assert world.log() == []


@pytest.mark.parametrize("reference", ["440111199003070028", "44011119900307002X", "A-440111199003070028"])
def test_an_identity_number_is_refused_where_the_pattern_would_take_it(reference):
    """A pattern that takes 18 characters of any kind takes no identity number: that is what it is refused for."""
    service = load_programme(PROGRAMMES / "baiyun.toml").services["business-change"]
    assert service.reference is not None
    wide = replace(service, reference=replace(service.reference, pattern="[A-Z0-9-]{1,40}"))
    assert reference_fault(wide, "440111-2026-0000000028") is None
    assert "identity number" in (reference_fault(wide, reference) or "")


def signed(device, method, path, body, *, content_type="application/json", key=None):
    """Send bytes as they are, signed by the device."""
    device.world.clock.advance(timedelta(seconds=20))  # so that no rate limit hides what is tried
    bare = path.partition("?")[0]
    operation, now = identifier() if key is None else key, device.world.clock.now()
    proof = build_proof(device.signer, method, f"{BASE}{bare}", body, device.token, now, operation=operation)
    headers = {"Authorization": f"DPoP {device.token}", "DPoP": proof, "Idempotency-Key": operation}
    return device.world.client.open(path, method=method, data=body, content_type=content_type, headers=headers)
