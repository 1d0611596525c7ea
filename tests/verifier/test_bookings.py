"""Bookings through the API: by phone, at counters, by telephone; who may, what is shown to whom, what is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from accounts.memory import ReplayWindow
from accounts.rights import Right, Role
from cards.claims import Form
from cards.numbers import generate
from cards.status import Status
from keys.signer import FileSigner
from keys.wallet_proof import SignedCall, sign_wallet_proof
from ledger.judgement import Standing, judge
from ledger.values import Fault, Operation
from tests.accounts.builders import opened
from tests.ledger.builders import a_draft
from tests.verifier.booking import CLERK, HOLDER, Phone, day_list, flight, lounge, patch
from tests.verifier.world import BASE, identifier
from verifier.counter.checking_in import check_in_of, judged_use
from verifier.counter.intents import Override, Use
from verifier.services.bookings.upkeep import booking_upkeep

SERVICE = "airport-dom-departure"
FLIGHT = flight("2026-11-01 14:00")


@pytest.fixture
def phone(world, diamond):
    """The phone that holds it."""
    return Phone(world, diamond)


@pytest.fixture
def booked(phone):
    """A departure booked for tomorrow, 14:00."""
    return phone.booked(SERVICE, FLIGHT)["booking"]


def used(world, card) -> dict:
    """The holder's counters."""
    return world.verifier.ledger.usage(card.claims.subject, world.clock.now()).counters


def test_the_answer_says_when_and_where_and_what_is_left(world, phone):
    """The holder sees all that was given; the entry holds a commitment and no name, number or plate."""
    answer = phone.booked(SERVICE, FLIGHT)
    assert answer["message"]["zh"] == "已预约：国内航班送机"
    assert (answer["quotas"][0]["remaining"], answer["booking"]["point"]) == (1, "air-dom")
    assert answer["booking"]["details"]["passengers"] == [HOLDER, "李雷"]
    assert answer["promise"]
    (leaf,) = world.log()
    assert leaf["details"]
    assert leaf["marks"] == ["channel:wallet"]
    assert (leaf["assurance"], leaf["caller"]) == ("proved", "wallet")
    assert not any(secret in str(leaf) for secret in ("晓明", "李雷", "13800001234", "粤A12345", "CZ3101"))


def test_every_fault_of_the_fields_is_told_at_once_and_nothing_is_written(world, phone):
    """422 with each field's path."""
    response = phone.book(SERVICE, flight("2026-11-01 14:00", passenger_count=3, phone=None))
    assert (response.status_code, response.json["code"]) == (422, "invalid-field")
    assert {fault["path"] for fault in response.json["fields"]} == {"$.fields.phone"}
    response = phone.book(SERVICE, flight("2026-11-01 14:00", passenger_count=3, vehicle_count=2))
    paths = {fault["path"] for fault in response.json["fields"]}
    assert paths == {"$.fields.passenger_count", "$.fields.vehicle_count"}
    assert world.log() == []


def test_the_same_operation_books_once(world, phone, diamond):
    """A retry is answered again; the same id for another flight is a conflict."""
    operation = identifier()
    first = phone.book(SERVICE, FLIGHT, operation=operation).json
    again = phone.book(SERVICE, FLIGHT, operation=operation).json
    assert (again["id"], again["replayed"], used(world, diamond)) == (first["id"], True, {("airport", "2026"): 1})
    other = phone.book(SERVICE, flight("2026-11-01 15:00"), operation=operation)
    assert (other.status_code, other.json["code"]) == (409, "operation-conflict")


def test_details_lost_between_ledger_and_store_are_kept_by_the_retry(world, phone):
    """The commitment of the entry opens to what the retry kept."""
    operation = identifier()
    booking = phone.book(SERVICE, FLIGHT, operation=operation).json["booking"]["id"]
    before = world.verifier.store.bookings.find(booking)
    world.verifier.store.bookings.erase(booking)
    phone.book(SERVICE, FLIGHT, operation=operation)
    assert world.verifier.store.bookings.find(booking) == before


@pytest.mark.parametrize("change", ["key", "address", "body", "card", "replayed", "old", "none"])
def test_a_call_that_the_phones_key_did_not_sign_is_refused(world, phone, diamond, change):
    """Another key, address, body or card, a proof used before, an old one, none: 401, nothing written."""
    path, now = "/v1/wallet/bookings", world.clock.now()
    signer = FileSigner.generate() if change == "key" else diamond.signer
    body = {"service": SERVICE, "fields": FLIGHT}
    data = json.dumps({"card": diamond.token, **body}).encode()
    call = SignedCall("POST", BASE + path, data, diamond.token)
    if change == "address":
        call = replace(call, url=BASE + "/v1/wallet/bookings/list")
    if change == "body":
        call = replace(call, body=b"{}")
    if change == "card":
        call = replace(call, card=world.card("diamond").token)
    if change == "old":
        now -= timedelta(minutes=2)
    proof = "none" if change == "none" else sign_wallet_proof(signer, call, now)
    if change == "replayed":
        assert phone.book(SERVICE, FLIGHT, proof=proof).status_code == 201
    response = phone.book(SERVICE, FLIGHT, proof=proof)
    assert (response.status_code, response.json["code"]) == (
        401,
        "clock-off" if change == "old" else "bad-wallet-proof",
    )
    assert len(world.log()) == (change == "replayed")


def test_a_card_proof_is_no_wallet_proof_and_a_print_card_has_no_phone(world, phone, diamond):
    """One serves at counters, the other in calls; never the reverse."""
    assert phone.book(SERVICE, FLIGHT, proof=diamond.proof()).status_code == 401
    printed = world.card("diamond", Form.PRINT)
    response = world.client.post(
        "/v1/wallet/bookings",
        json={"card": printed.token, "service": SERVICE, "fields": FLIGHT},
        headers={"Idempotency-Key": identifier(), "Wallet-Proof": "x"},
    )
    assert response.status_code == 401


def test_nobody_changes_or_cancels_anothers_booking(world, booked):
    """Another holder's phone finds nothing."""
    other = Phone(world, world.card("diamond"))
    assert other.cancel(booked["id"]).status_code == 404
    response = other.call("PATCH", f"/v1/wallet/bookings/{booked['id']}", {"fields": {"flight": "CZ1"}})
    assert response.status_code == 404
    assert other.own() == []


def test_a_change_keeps_what_it_does_not_name(phone, booked):
    """Only the cars change; the counts must still agree."""
    changed = phone.change(booked["id"], {"plates": ["粤B54321", "粤C1111A"], "vehicle_count": 2})
    assert changed["booking"]["details"]["plates"] == ["粤B54321", "粤C1111A"]
    assert changed["booking"]["details"]["passengers"] == [HOLDER, "李雷"]
    response = phone.call("PATCH", f"/v1/wallet/bookings/{booked['id']}", {"fields": {"vehicle_count": 1}})
    assert response.json["code"] == "invalid-field"


def test_cancelled_in_time_the_unit_comes_back(world, phone, diamond, booked):
    """Until the flight; the list still tells of it."""
    answer = phone.cancel(booked["id"]).json
    assert (answer["outcome"], answer["quotas"][0]["used"], used(world, diamond)) == ("granted", 0, {})
    assert [own["state"] for own in phone.own()] == ["cancelled"]
    again = phone.cancel(booked["id"])
    assert (again.status_code, again.json["code"]) == (409, "booking-was-cancelled")


def test_after_take_off_only_staff_cancel(world, phone, booked):
    """The holder is told to telephone; the point may, with its reason in the log."""
    world.go("2026-11-01 14:01")
    assert phone.cancel(booked["id"]).json["code"] == "too-late-to-cancel"
    desk = world.device("air-dom", CLERK)
    answer = desk.call("DELETE", f"/v1/bookings/{booked['id']}?reason=carrier-cancelled").json
    assert answer["outcome"] == "granted"
    assert world.log()[-1]["reason"] == "carrier-cancelled"


def test_staff_book_for_a_card_shown(world, diamond):
    """A live code or a printed card with its ID check; the proof is used up."""
    desk = world.device("air-dom", CLERK)
    shown = diamond.shown()
    asked = {"service": SERVICE, "fields": FLIGHT, "presentation": shown}
    response = desk.call("POST", "/v1/bookings", asked)
    assert (response.status_code, response.json["outcome"]) == (201, "granted")
    assert response.json["booking"]["details"]["passengers"] == ["张*明", "李*"]
    assert desk.outcome(shown, SERVICE)["reason"] == "proof-used"
    screenshot = desk.call("POST", "/v1/bookings", {**asked, "presentation": diamond.token}).json
    assert screenshot["reason"] == "proof-missing"


def test_an_overheard_call_books_nothing_a_second_time(world):
    """A copy of staff's signed call at another worker, its operation id changed: a printed card has no proof."""
    card, desk = world.card("diamond", Form.PRINT), world.device("air-dom", CLERK)
    asked = {"service": SERVICE, "fields": FLIGHT, "presentation": card.token, "id_checked": True}
    sent = desk.signed("POST", "/v1/bookings", asked, names=False)
    assert world.client.post("/v1/bookings", **sent).json["outcome"] == "granted"
    world.authenticate._seen = ReplayWindow()  # another worker has not seen the call
    sent["headers"]["Idempotency-Key"] = identifier()
    assert world.client.post("/v1/bookings", **sent).json["reason"] == "proof-used"
    assert set(used(world, card).values()) == {1}


def test_by_telephone_the_number_is_called_back_and_the_entry_says_declared(world, diamond):
    """A card number found by the register of the same host; without the call back nothing is booked."""
    number = generate(world.programme.card_prefix, Random(1))
    numbers = {number: diamond.token}
    object.__setattr__(world.verifier, "card_by_number", numbers.get)
    desk = world.device("air-dom", CLERK)
    asked = {"service": SERVICE, "fields": FLIGHT, "card_number": number}
    assert desk.call("POST", "/v1/bookings", asked).json["fields"][0]["path"] == "$.called_back"
    answer = desk.call("POST", "/v1/bookings", {**asked, "called_back": True}).json
    assert (answer["outcome"], answer["booking"]["channel"]) == ("granted", "telephone")
    leaf = world.log()[-1]
    assert leaf["marks"] == ["declared", "channel:telephone"]
    assert "assurance" not in leaf


def test_a_number_mistyped_or_unknown_books_nothing(world):
    """The check digits catch a slip; a number of nobody's is card-unknown."""
    desk = world.device("air-dom", CLERK)
    asked = {"service": SERVICE, "fields": FLIGHT, "called_back": True}
    wrong = desk.call("POST", "/v1/bookings", {**asked, "card_number": "123"})
    assert wrong.json["fields"][0]["path"] == "$.card_number"
    number = generate(world.programme.card_prefix, Random(2))
    unknown = desk.call("POST", "/v1/bookings", {**asked, "card_number": number})
    assert unknown.json["code"] == "card-unknown"
    assert desk.call("POST", "/v1/bookings", asked).json["code"] == "invalid-field"


def test_bookings_need_their_right_at_the_point_of_use(world, diamond, booked):
    """Neither a counter without the right nor another point's."""
    plain, elsewhere = world.device("air-dom"), world.device("library", CLERK)
    asked = {"service": SERVICE, "fields": FLIGHT, "presentation": diamond.shown()}
    for device in (plain, elsewhere):
        assert device.call("POST", "/v1/bookings", asked).status_code == 403
        assert device.call("GET", "/v1/bookings?point=air-dom").status_code == 403
    assert plain.call("DELETE", f"/v1/bookings/{booked['id']}").status_code == 403
    assert elsewhere.call("DELETE", f"/v1/bookings/{booked['id']}").status_code == 404
    assert elsewhere.call("DELETE", "/v1/bookings/00-000001").status_code == 404


def test_only_a_supervisor_reopens(world, booked):
    """The right to bookings alone moves and cancels; reopening answers for a person."""
    desk = world.device("air-dom", CLERK)
    reopen = {"reopen": {"until": "2026-11-01T15:00:00Z", "note": "landed late"}}
    assert desk.call("PATCH", f"/v1/bookings/{booked['id']}", reopen).status_code == 403
    supervised = lounge(world)
    far = {"reopen": {"until": "2026-12-01T15:00:00Z", "note": "landed late"}}
    assert supervised.call("PATCH", f"/v1/bookings/{booked['id']}", far).json["code"] == "invalid-field"
    assert patch(supervised, booked["id"], **reopen)["outcome"] == "granted"


def test_delays_and_reopenings_are_answered_again(world, booked):
    """The same operation after a lost answer, also when the booking has moved meanwhile."""
    desk, path = lounge(world), f"/v1/bookings/{booked['id']}"
    delay = {"delay": {"expected_at": "2026-11-01T08:00:00Z"}}
    first = desk.call("PATCH", path, delay, operation="the-carriers-delay").json
    world.go("2026-11-01 22:30")
    desk = lounge(world)
    again = {"reopen": {"until": "2026-11-01T16:00:00Z", "note": "still on the way"}}
    opened = desk.call("PATCH", path, again, operation="opened-by-the-lead").json
    assert opened["booking"]["expected_at"] == "2026-11-01T14:30:00Z"
    world.clock.advance(timedelta(seconds=5))
    replayed = desk.call("PATCH", path, again, operation="opened-by-the-lead").json
    assert (replayed["id"], replayed["replayed"]) == (opened["id"], True)
    assert first["booking"]["expected_at"] == "2026-11-01T08:00:00Z"
    assert [leaf["kind"] for leaf in world.log()] == ["booking", "booking-change", "booking-change"]


def test_a_change_is_one_of_three(world, booked):
    """None and two are refused."""
    desk = world.device("air-dom", CLERK)
    two = {"delay": {"expected_at": "2026-11-01T15:00:00Z"}, "change": {"fields": {}}}
    for body in ({}, two):
        assert desk.call("PATCH", f"/v1/bookings/{booked['id']}", body).json["code"] == "invalid-field"


def test_the_days_list_masks_names_without_the_right_to_them(world, booked):
    """With it they stand in full; every reading is kept; the reference is the department's own."""
    plain = world.device("air-dom", CLERK)
    named = world.device("air-dom", CLERK | {Right.NAMES})
    (masked,), (full,) = day_list(plain, "air-dom", "2026-11-01"), day_list(named, "air-dom", "2026-11-01")
    assert masked["booking"]["details"]["passengers"] == ["张*明", "李*"]
    assert masked["booking"]["details"]["phone"].endswith("1234")
    assert masked["booking"]["details"]["phone"].startswith("***")
    assert full["booking"]["details"]["passengers"] == [HOLDER, "李雷"]
    assert masked["holder_ref"] == full["holder_ref"]
    kinds = [access["kind"] for access in world.verifier.store.accesses()]
    assert kinds.count("bookings") == 2
    assert day_list(plain, "air-dom", "2026-11-02") == []
    held = plain.call("GET", "/v1/bookings?point=air-dom").json["bookings"]
    assert [one["booking"]["id"] for one in held] == [booked["id"]]


def test_details_are_erased_thirty_days_after_use(world, phone, diamond, booked):
    """The booking stays in the log and the lists, without a name."""
    desk = world.device("air-dom", CLERK)
    world.go("2026-11-01 12:00")
    desk.outcome(diamond.shown(), SERVICE)
    world.clock.advance(timedelta(days=30) - timedelta(seconds=1))
    world.verifier.store.sweep(world.clock.now())
    assert world.verifier.store.bookings.find(booked["id"]) is not None
    world.clock.advance(timedelta(seconds=2))
    assert world.verifier.store.sweep(world.clock.now()) >= 1
    assert world.verifier.store.bookings.find(booked["id"]) is None
    world.publish()
    (listed,) = day_list(desk, "air-dom", "2026-11-01")
    assert "details" not in listed["booking"]
    assert "holder_ref" not in listed


def test_what_the_store_holds_is_sealed(world, booked):
    """Neither name nor number nor plate stands in the file."""
    raw = b"".join(path.read_bytes() for path in world.folder.glob("verifier.db*"))
    for secret in (HOLDER, "李雷", "13800001234", "粤A12345"):
        assert secret.encode() not in raw


def test_an_erased_holders_details_go_at_once(world, diamond, booked):
    """Asked for before the ledger forgets who it is."""
    assert world.verifier.bookings.erase_details(diamond.claims.subject) == 1
    assert world.verifier.store.bookings.find(booked["id"]) is None
    assert day_list(world.device("air-dom", CLERK), "air-dom", "2026-11-01")[0]["booking"]["state"] == "held"


def test_two_missed_a_year_are_listed_for_the_office(world, phone, diamond):
    """One is nobody's business; the second is, with the department's own name for the holder."""
    desk = world.device("air-dom", CLERK)
    for number, day in enumerate(("2026-11-01", "2026-11-03"), start=1):
        phone.booked(SERVICE, flight(f"{day} 14:00"))
        world.go(f"{day} 20:01")
        assert world.verifier.upkeep.sweep(world.clock.now()).missed == 1
        listed = desk.call("GET", "/v1/bookings/missed").json["holders"]
        assert [one["missed"] for one in listed] == ([] if number == 1 else [2])
    assert (listed[0]["rule"], listed[0]["holder_name"]) == ("air-dom", "张*明")
    assert world.device("gym", CLERK).call("GET", "/v1/bookings/missed").status_code == 403
    assert used(world, diamond) == {}


def test_the_booking_office_reads_days_and_missed_lists_everywhere(world, booked):
    """A person of that role, with names, at every point; an auditor, who may read the log, may not."""
    world.accounts.people.add("office.he", "correct horse battery", (Role.DESK,), by="cli:admin", at=world.clock.now())
    bearer = {"Authorization": f"Bearer {opened(world.accounts, 'office.he', world.clock.now()).token}"}
    day = world.client.get("/v1/bookings?point=air-dom&on=2026-11-01", headers=bearer).json["bookings"]
    assert [(one["booking"]["id"], one["booking"]["details"]["passengers"]) for one in day] == [
        (booked["id"], [HOLDER, "李雷"])
    ]
    assert world.client.get("/v1/bookings/missed", headers=bearer).json["holders"] == []
    auditor = {"Authorization": f"Bearer {world.auditor()}"}
    for path in ("/v1/bookings?point=air-dom&on=2026-11-01", "/v1/bookings/missed"):
        assert world.client.get(path, headers=auditor).status_code == 403


def test_sweeping_twice_says_missed_once(world, booked):
    """Every process may sweep: the operation is the same."""
    world.go("2026-11-01 20:01")
    assert world.verifier.upkeep.sweep(world.clock.now()).missed == 1
    assert world.verifier.upkeep.sweep(world.clock.now()).missed == 0
    booking_upkeep(world.verifier.upkeep, world.clock).once()
    assert [leaf["kind"] for leaf in world.log()] == ["booking", "booking-missed"]
    assert world.log()[-1]["device"] == "sweeper"


def test_a_voided_use_can_be_used_again_in_its_window(world, diamond, booked):
    """Scanned by mistake: taken back, held, used."""
    world.go("2026-11-01 12:00")
    desk = lounge(world)
    entry = desk.outcome(diamond.shown(), SERVICE)["id"]
    assert desk.call("POST", f"/v1/check-ins/{entry}/void", {"reason": "double-scan"}).status_code == 201
    assert desk.outcome(diamond.shown(), SERVICE)["outcome"] == "granted"
    assert used(world, diamond) == {("airport", "2026"): 1}


def test_a_booking_named_at_the_counter_is_the_one_that_is_used(world, phone, diamond, booked):
    """Two overlapping bookings: the counter says which; another holder's needs a booking."""
    later = phone.booked(SERVICE, flight("2026-11-01 15:00"))["booking"]["id"]
    desk, other = world.device("air-dom", CLERK), world.card("diamond")
    world.go("2026-11-01 12:00")
    assert desk.outcome(diamond.shown(), SERVICE, booking=later)["booking"]["id"] == later
    assert desk.outcome(other.shown(), SERVICE, booking=booked["id"])["reason"] == "booking-needed"


def test_companions_are_counted_where_the_service_allows_them(world, diamond, booked):
    """Four beside the holder at the lounge, none at a hospital; more are refused and nothing is written."""
    desk = world.device("air-dom", CLERK)
    world.go("2026-11-01 12:00")
    assert desk.check_in(diamond.shown(), SERVICE, companions=5).json["fields"][0]["path"] == "$.companions"
    hospital = world.device("hosp-2")
    response = hospital.check_in(diamond.shown(), "hospital-registration", companions=1)
    assert response.json["code"] == "invalid-field"
    beyond = desk.check_in(diamond.shown(), SERVICE, companions=2).json["fields"][0]
    assert (beyond["path"], "names 1 beside the holder" in beyond["message"]) == ("$.companions", True)
    assert desk.outcome(diamond.shown(), SERVICE, companions=1)["outcome"] == "granted"
    assert world.log()[-1]["companions"] == 1


def test_an_override_lifts_how_a_card_is_shown_and_nothing_else(world, diamond):
    """A screenshot with the ID compared and a supervisor's word; a spent quota, a revoked card, another tier stay."""
    gym = lounge(world, "gym")
    override = {"reason": "card-unreadable", "note": "the code cannot be scanned"}
    first = gym.outcome(diamond.token, "gym-visit", override=override, id_checked=True)
    assert (first["outcome"], first["assurance"]) == ("granted", "copyable")
    for hour in ("12:00", "15:00"):
        world.go(f"2026-10-31 {hour}")
        last = gym.outcome(diamond.token, "gym-visit", override=override, id_checked=True)
    assert last["reason"] == "quota-spent"
    world.set_status(diamond, Status.REVOKED)
    assert gym.outcome(diamond.token, "gym-visit", override=override, id_checked=True)["reason"] == "revoked"


def test_an_override_never_gives_a_card_what_its_tier_lacks(world):
    """A supervisor's word lifts neither the tier nor for whom a service is, whatever the service."""
    card, programme, at = world.card("silver"), world.programme, world.clock.now()
    silver = card.claims
    override, documents = Override("other", "he insists"), world.verifier.published(at)
    lacking = [service for service in programme.services.values() if "silver" not in service.tiers]
    assert len(lacking) > 5
    for service in lacking:
        use = Use(point=programme.points["gym"], service=service, override=override)
        judged = judged_use(use, silver, documents, (), at)
        change = check_in_of(judged, Operation(silver.subject, "tablet", "", b""), at, a_draft())
        verdict = judge(replace(change, findings=("not-entitled",)), at, "00-000001", Standing(False, None, {}, None))
        assert ("not-entitled" in judged.intended.findings, verdict.reason) == (True, "not-entitled"), service.code
    gym = lounge(world, "gym")
    body = {"override": {"reason": "other", "note": "he insists"}, "id_checked": True, "beneficiary": "spouse"}
    answer = gym.outcome(card.shown(), "gym-visit", **body)
    assert (answer["outcome"], answer["reason"]) == ("denied", "not-for-beneficiary")


def test_an_override_lifts_two_reasons_and_no_other(world):
    """An hour that has not come and a visit that nobody closed; no tier, place, person, quota, choice or ruling."""
    silver, programme, at = world.card("silver").claims, world.programme, world.clock.now()
    use = Use(point=programme.points["gym"], service=programme.services["gym-visit"], override=Override("other", "he"))
    judged = judged_use(use, silver, world.verifier.published(at), (), at)
    change = check_in_of(judged, Operation(silver.subject, "tablet", "", b""), at, a_draft())
    standing = Standing(False, None, {}, None)
    lifted = {
        reason
        for reason in change.order
        if judge(replace(change, findings=(reason,)), at, "00-000001", standing).reason is None
    }
    assert lifted == {"booking-too-early", "already-in"}
    assert len(change.order) > 10


def test_a_service_that_is_not_booked_takes_no_booking(phone):
    """Said as a fault of the request."""
    assert phone.book("gym-visit", {}).json["fields"][0]["path"] == "$.service"


def test_rooms_museum_and_receipts_are_booked_by_their_own_rules(world):
    """Each with its own fields; none of them counts a limit but the receipt."""
    phone = Phone(world, world.card("gold"))
    for service, fields, limits in (
        ("library-room", {"slot": "2026-11-05T06:00:00Z", "people": 4}, 0),
        ("museum-visit", {"slot": "2026-11-05T06:00:00Z", "people": 10, "guide": True}, 0),
        ("union-checkup", {"year": 2026}, 1),
    ):
        answer = phone.booked(service, fields)
        assert (answer["outcome"], len(answer.get("quotas", []))) == ("granted", limits)
    world.go("2026-10-31 09:01")
    late = phone.booked("library-room", {"slot": "2026-11-01T01:00:00Z", "people": 4})
    assert late["reason"] == "booking-too-late"
    assert len(phone.own()) == 3


def test_the_log_accounts_for_everything(world, phone, booked):
    """After bookings, changes and ends the ledger's check finds nothing."""
    phone.change(booked["id"], {"flight": "CZ3102"})
    phone.cancel(booked["id"])
    assert [found for found in world.verifier.ledger.check() if isinstance(found, Fault)] == []


def test_a_stranger_learns_nothing_from_what_a_change_would_be_refused_for(world):
    """Entry numbers can be guessed: no count, no name of another's booking shows in what is wrong with a change."""
    theirs, stranger = Phone(world, world.card("diamond")), Phone(world, world.card("diamond"))
    booking = theirs.booked("airport-dom-departure", flight("2026-11-05 10:00"))["booking"]["id"]
    for fields in ({}, {"passenger_count": 3}, {"holder_name": "王小红"}, {"holder_name": HOLDER}, {"none": 1}):
        answer = stranger.call("PATCH", f"/v1/wallet/bookings/{booking}", {"fields": fields})
        nothing = stranger.call("PATCH", "/v1/wallet/bookings/00-000099", {"fields": fields})
        assert (answer.status_code, answer.json["code"]) == (404, "not-found")
        assert answer.json | {"instance": ""} == nothing.json | {"instance": ""}
