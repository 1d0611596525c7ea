"""Delegation codes: one service for an employer's clerk, for a week, while the holder's card holds and wants it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.memory import ReplayWindow
from accounts.rights import Right
from accounts.security import SecurityKind
from cards.claims import Form
from cards.status import Status
from tests.verifier.booking import CLERK, Phone, flight
from tests.verifier.world import SECRET, identifier
from verifier.records.delegations import LIVE_MOST
from verifier.records.store import VerifierStore
from verifier.rules.delegations import read_code, spaced_code

DESK = frozenset({Right.CHECK_IN, Right.VOID})
EMPLOYER = "白云云聚科技有限公司"
SERVICE = "business-change"


@pytest.fixture
def phone(world):
    """A silver holder's phone."""
    return Phone(world, world.card("silver"))


@pytest.fixture
def registry(world):
    """The registration window."""
    return world.device("gov-registry", DESK)


def make(phone, service: str = SERVICE, employer: str = EMPLOYER, **changes):
    """Ask for a code; the response."""
    return phone.call("POST", "/v1/wallet/delegations", {"service": service, "employer": employer}, **changes)


def made(phone, **changes) -> dict:
    """Ask for a code that is given."""
    response = make(phone, **changes)
    assert response.status_code == 201, response.get_data(as_text=True)
    return response.json


def listed(phone) -> list[dict]:
    """The holder's delegations."""
    return phone.call("POST", "/v1/wallet/delegations/list").json["delegations"]


def revoke(phone, delegation: str):
    """Take one back; the response."""
    return phone.call("POST", f"/v1/wallet/delegations/{delegation}/revoke")


def test_a_code_is_short_checked_and_lives_seven_days(phone):
    """Twenty digits in groups of four; a slip of one digit, or of two neighbours, is no code."""
    answer = made(phone)
    code = answer["code"]
    assert (len(code), code[:2], answer["spaced"]) == (20, "71", spaced_code(code))
    assert read_code(f" {spaced_code(code).replace(' ', '-')} ") == code
    slips = [code[:10] + str((int(code[10]) + 1) % 10) + code[11:], code[:3] + code[4] + code[3] + code[5:]]
    assert [read_code(slip) for slip in slips if slip != code] == [None] * sum(slip != code for slip in slips)
    said = answer["delegation"]
    assert (said["made_at"], said["ends_at"]) == ("2026-10-31T01:00:00Z", "2026-11-07T01:00:00Z")
    assert (said["employer"], said["state"], said["uses"]) == (EMPLOYER, "in-force", 0)


def test_a_code_alone_is_not_granted_before_staff_compared_the_clerks_id(world, phone, registry):
    """Whoever found the code is somebody: without the word that the ID was compared nothing is granted, and nothing
    is said of a printed card.
    """
    answer = registry.outcome(made(phone)["code"], SERVICE)
    assert (answer["outcome"], answer["reason"]) == ("denied", "id-check-needed")
    assert "经办人身份证" in answer["hint"]["zh"]
    assert answer["represented"]["employer"] == EMPLOYER


def test_the_clerk_is_served_for_the_employer_and_logged_as_represented(world, phone, registry):
    """The clerk's ID was compared, not the holder's. The entry is the holder's and holds no employer, no code."""
    answer = made(phone)
    granted = registry.outcome(answer["spaced"], SERVICE, reference="GS-7", id_checked=True)
    assert (granted["outcome"], granted["beneficiary"], granted["assurance"]) == ("granted", "employer", "delegated")
    assert granted["represented"] == {
        "employer": EMPLOYER, "ends_at": "2026-11-07T01:00:00Z", "service": SERVICE, "uses": 0,
    }  # fmt: skip
    (leaf,) = world.log()
    marks = ["id-checked", "represented", "by-code"]
    assert (leaf["marks"], leaf["beneficiary"], leaf["matter"]) == (marks, "employer", SERVICE)
    assert leaf["assurance"] == "delegated"
    assert leaf["holder"] == world.verifier.ledger.pseudonym(phone.card.claims.subject)
    assert not any(secret in str(leaf) for secret in (EMPLOYER, answer["code"], answer["delegation"]["id"]))
    assert [(one["uses"], one["used_at"]) for one in listed(phone)] == [(1, "2026-10-31T01:00:00Z")]


def test_a_code_serves_until_its_end_and_not_at_it(world, phone, registry):
    """A second matter within the week; at the very end it is over, and the refusal is logged."""
    code = made(phone)["code"]
    assert registry.outcome(code, SERVICE, id_checked=True)["outcome"] == "granted"
    world.go("2026-11-07 08:59")
    assert registry.outcome(code, SERVICE, id_checked=True)["outcome"] == "granted"
    world.clock.advance(timedelta(minutes=1))
    over = registry.outcome(code, SERVICE, id_checked=True)
    assert (over["outcome"], over["reason"]) == ("denied", "delegation-over")
    assert "介绍信" in over["hint"]["zh"]
    assert [leaf["outcome"] for leaf in world.log()] == ["granted", "granted", "denied"]
    assert [(one["state"], one["uses"]) for one in listed(phone)] == [("over", 2)]


def test_the_same_operation_is_one_use(phone, registry):
    """A retry gets the first answer; the same operation with another code is a conflict."""
    code, operation = made(phone)["code"], identifier()
    first = registry.outcome(code, SERVICE, operation, id_checked=True)
    again = registry.outcome(code, SERVICE, operation, id_checked=True)
    assert (again["id"], again["replayed"], listed(phone)[0]["uses"]) == (first["id"], True, 1)
    other = registry.check_in(made(phone)["code"], SERVICE, operation, id_checked=True)
    assert (other.status_code, other.json["code"]) == (409, "operation-conflict")


def test_an_overheard_call_is_no_second_use(phone, registry):
    """The device's signed call names itself in the ledger, as for every card without a proof of its own."""
    code = made(phone)["code"]
    body = {"presentation": code, "service": SERVICE, "id_checked": True}
    sent = registry.signed("POST", "/v1/check-ins", body, names=False)
    assert registry.world.client.post("/v1/check-ins", **sent).json["outcome"] == "granted"
    sent["headers"]["Idempotency-Key"] = identifier()
    assert registry.world.client.post("/v1/check-ins", **sent).status_code == 401  # this worker remembers the call
    registry.world.authenticate._seen = ReplayWindow()  # another worker has not seen it
    again = registry.world.client.post("/v1/check-ins", **sent).json
    assert (again["outcome"], again["reason"]) == ("denied", "proof-used")


def test_the_code_serves_the_service_chosen_alone(world, phone, registry):
    """Another registration at the same window, another beneficiary, a booking: refused, each with its remedy."""
    code = made(phone)["code"]
    assert registry.outcome(code, "business-closure")["reason"] == "delegation-elsewhere"
    for changes in ({"beneficiary": "spouse"}, {"not_holder": True}):
        response = registry.check_in(code, SERVICE, **changes)
        assert (response.status_code, response.json["code"]) == (422, "invalid-field")
    lounge = world.device("air-dom", CLERK)
    body = {"service": "airport-dom-departure", "fields": flight("2026-11-01 14:00"), "presentation": code}
    assert lounge.call("POST", "/v1/bookings", body).json["fields"][0]["path"] == "$.presentation"
    elsewhere = world.device("gym").outcome(code, "gym-visit")
    assert (elsewhere["outcome"], elsewhere["reason"]) == ("denied", "delegation-elsewhere")


def test_the_holder_takes_a_code_back(phone, registry, world):
    """At once, and only the holder may; a second time changes nothing."""
    answer = made(phone)
    theirs = Phone(world, world.card("silver"))
    assert revoke(theirs, answer["delegation"]["id"]).status_code == 404
    assert listed(theirs) == []
    assert revoke(phone, answer["delegation"]["id"]).json["state"] == "revoked"
    assert revoke(phone, answer["delegation"]["id"]).json["state"] == "revoked"
    assert registry.outcome(answer["code"], SERVICE, id_checked=True)["reason"] == "delegation-over"


@pytest.mark.parametrize("status", [Status.REVOKED, Status.SUSPENDED])
def test_the_card_must_hold_at_each_use(world, phone, registry, status):
    """A code outlives no card."""
    code = made(phone)["code"]
    world.set_status(phone.card, status)
    assert registry.outcome(code, SERVICE, id_checked=True)["reason"] == status.name.lower()
    refused = make(phone)
    assert (refused.status_code, refused.json["code"], refused.json["reason"]) == (
        409,
        "card-does-not-hold",
        status.name.lower(),
    )


def test_a_new_card_of_the_same_holder_carries_the_code_on(world, phone, registry):
    """Renewed within the week, the old one revoked: the newest that holds stands behind the code."""
    code = made(phone)["code"]
    world.clock.advance(timedelta(seconds=5))
    newer = world.card("silver", subject=phone.card.claims.subject)
    registry.outcome(newer.shown(), SERVICE)
    world.verifier.known.register(newer.token, newer.claims)
    world.set_status(phone.card, Status.REVOKED)
    assert registry.outcome(code, SERVICE, id_checked=True)["outcome"] == "granted"


def test_a_look_tells_whose_clerk_it_is_and_is_confirmed(world, phone, registry):
    """The window sees the employer before it opens a matter; nothing was used up by looking."""
    code = made(phone)["code"]
    look = registry.call("POST", "/v1/verifications", {"presentation": code}).json
    assert (look["valid"], look.get("needs", []), look["represented"]["employer"]) == (
        True,
        ["id_check"],
        EMPLOYER,
    )
    entitled = {one["code"]: one.get("reason") for one in look["services"]}
    assert (entitled[SERVICE], entitled["business-closure"]) == (None, "delegation-elsewhere")
    assert (look["assurance"], look["represented"]["service"]) == ("delegated", SERVICE)
    assert "经办人" in look["hint"]["zh"]
    body = {"look": look["id"], "service": SERVICE, "id_checked": True}
    confirmed = registry.call("POST", "/v1/check-ins", body).json
    assert (confirmed["outcome"], confirmed["beneficiary"]) == ("granted", "employer")
    assert world.log()[-1]["marks"] == ["id-checked", "represented", "by-code"]
    again = registry.call("POST", "/v1/verifications", {"presentation": code}).json["represented"]
    assert (again["uses"], again["used_at"]) == (1, "2026-10-31T01:00:00Z")


@pytest.mark.parametrize(
    ("service", "problem"),
    [("gym-visit", "not-delegable"), ("airport-dom-departure", "not-delegable"), ("green-agency", "invalid-field")],
)
def test_only_what_serves_the_employer_at_a_counter_can_be_delegated(phone, service, problem):
    """A gym visit is the holder's own; agency work has no counter."""
    assert make(phone, service=service).json["code"] == problem


@pytest.mark.parametrize("employer", ["  ", "\u3000\u3000", "\u200b\u200b", "司公\u202e云白", "白云\u0000司"])
def test_no_employer_is_named_that_staff_cannot_read(phone, employer):
    """Spaces alone, letters without width, a line turned around: what the window would show is not what was meant."""
    assert make(phone, employer=employer).json["fields"][0]["path"] == "$.employer"
    assert made(phone, employer=" 白云\u3000云聚 ")["delegation"]["employer"] == "白云 云聚"


def test_ten_codes_at_once_and_no_more(phone):
    """One taken back makes room; the same operation twice is one code."""
    operation = identifier()
    first = made(phone, operation=operation)
    assert made(phone, operation=operation)["code"] == first["code"]
    conflict = make(phone, employer="另一家公司", operation=operation)
    assert conflict.json["code"] == "operation-conflict"
    for _ in range(LIVE_MOST - 1):
        made(phone)
    assert make(phone).json["code"] == "too-many-delegations"
    revoke(phone, first["delegation"]["id"])
    assert make(phone).status_code == 201


def test_an_unknown_code_is_not_found_and_nothing_is_logged(world, registry):
    """Digits that check and were never given out."""
    body = "71" + "0" * 16
    code = f"{body}{98 - int(body) * 100 % 97:02d}"
    response = registry.check_in(code, SERVICE)
    assert (response.status_code, response.json["code"], world.log()) == (422, "card-unknown", [])


def test_guessed_codes_are_told_in_the_security_log(world, registry):
    """Each code that nobody has, by the device that showed it; a right code and junk that is no code are not told."""
    log = world.accounts.security
    for number in range(3):
        head = f"71{number:016d}"
        world_code = f"{head}{98 - int(head) * 100 % 97:02d}"
        assert registry.check_in(world_code, SERVICE).json["code"] == "card-unknown"
    registry.check_in("7100", SERVICE)
    found = log.page(100)
    assert [event.kind for event in found] == [SecurityKind.DELEGATION_REFUSED] * 3
    assert {event.subject for event in found} == {log.subject("device", registry.id)}


def test_a_clerk_with_printed_card_and_letter_is_represented_too(world, registry):
    """The clerk's own ID stands for the holder's; for the employer alone."""
    printed = world.card("silver", Form.PRINT)
    assert registry.outcome(printed.shown(), SERVICE, beneficiary="employer")["reason"] == "id-check-needed"
    granted = registry.outcome(printed.shown(), SERVICE, beneficiary="employer", represented=True)
    assert granted["outcome"] == "granted"
    assert world.log()[-1]["marks"] == ["represented", "by-letter"]
    wrong = registry.check_in(printed.shown(), SERVICE, represented=True)
    assert wrong.json["fields"][0]["path"] == "$.represented"
    world.clock.advance(timedelta(seconds=2))
    phone_card = world.card("silver")
    picture = registry.outcome(phone_card.token, SERVICE, beneficiary="employer", represented=True)
    assert picture["reason"] == "proof-missing"


def test_what_is_kept_opens_to_nobody_without_the_secret_and_goes_in_time(world, phone, tmp_path):
    """Code and employer are not in the file; a month after its end, or with the holder's erasure, it is gone."""
    answer = made(phone)
    kept = (world.folder / "verifier.db").read_bytes() + (world.folder / "verifier.db-wal").read_bytes()
    assert answer["code"].encode() not in kept
    assert EMPLOYER.encode() not in kept
    other = VerifierStore.open(f"sqlite:///{world.folder}/verifier.db", SECRET[::-1])
    assert (other.delegations.of(phone.card.claims.subject), other.delegations.by_code(answer["code"])) == ((), None)
    other.close()
    store, now = world.verifier.store, world.clock.now()
    store.sweep(now + timedelta(days=37))
    assert len(store.delegations.of(phone.card.claims.subject)) == 1
    store.sweep(now + timedelta(days=37, seconds=1))
    assert store.delegations.of(phone.card.claims.subject) == ()
    made(phone)
    store.erase_subject(phone.card.claims.subject)
    assert listed(phone) == []
