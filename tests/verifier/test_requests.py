"""Requests: services without a desk, by phone and telephone; what is kept, who sees it, how each is closed."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from accounts.rights import Right, Role
from cards.claims import Form
from cards.numbers import generate
from cards.status import Status
from ledger.values import Fault
from tests.accounts.builders import opened
from tests.verifier.booking import Phone
from tests.verifier.world import at, identifier

OFFICE = frozenset({Right.BOOKINGS, Right.NAMES})
CLERK = frozenset({Right.BOOKINGS})
PAPER = {"recipient": "张晓明", "address": "白云大道南118号七楼", "phone": "13800001234"}
CALL_ME = {"phone": "13800001234"}


@pytest.fixture
def phone(world):
    """A diamond holder's phone: every request is open to it."""
    return Phone(world, world.card("diamond"))


def ask(phone, service: str, fields: dict | None = None, **more):
    """Ask by phone; the response."""
    named = {"operation": more.pop("operation")} if "operation" in more else {}
    body = {"service": service, "fields": fields or {}, **more}
    return phone.call("POST", "/v1/wallet/requests", body, **named)


def asked(phone, service: str, fields: dict | None = None, **more) -> dict:
    """Ask and return the answer, which must be an entry."""
    response = ask(phone, service, fields, **more)
    assert response.status_code == 201, response.get_data(as_text=True)
    return response.json


def own(phone) -> list[dict]:
    """The holder's own requests."""
    return phone.call("POST", "/v1/wallet/requests/list").json["requests"]


def office(world, department: str, rights: frozenset[Right] = OFFICE):
    """A department's own device."""
    return world.device(f"dept-{department}", rights)


def listed(device, department: str, state: str = "open") -> list[dict]:
    """What a department sees."""
    response = device.call("GET", f"/v1/requests?department={department}&state={state}")
    assert response.status_code == 200, response.get_data(as_text=True)
    return response.json["requests"]


def stage(device, request: str, name: str, **more):
    """Record a stage; the response."""
    return device.call("POST", f"/v1/matters/{request}/stages", {"stage": name, **more})


def paper(phone) -> dict:
    """Subscribe to the newspaper."""
    return asked(phone, "steward-newspaper", PAPER)


def test_a_subscription_holds_its_unit_and_goes_to_the_department(world, phone):
    """One a year; the entry is a request at the department, with a commitment and no person."""
    answer = paper(phone)
    assert (answer["outcome"], answer["message"]["zh"]) == ("granted", "已受理：免费订阅白云时事报")
    assert "区融媒体中心" in answer["hint"]["zh"]
    assert [(one["limit"], one["remaining"]) for one in answer["quotas"]] == [("newspaper", 0)]
    assert answer["request"]["details"]["address"] == PAPER["address"]
    (leaf,) = world.log()
    assert (leaf["kind"], leaf["point"], leaf["department"]) == ("request", "dept-media", "media")
    assert (leaf["marks"], leaf["matter"], leaf["assurance"]) == (["channel:wallet"], "steward-newspaper", "proved")
    assert leaf["details"]
    assert not any(secret in str(leaf) for secret in (*PAPER.values(), "晓明"))
    again = asked(phone, "steward-newspaper", PAPER)
    assert (again["outcome"], again["reason"]) == ("denied", "quota-spent")
    assert "request" not in again
    assert [one["id"] for one in listed(office(world, "media"), "media")] == [answer["id"]]


@pytest.mark.parametrize("sign", ["\u202e", "\u2066", "\u200f", "\u061c", "\u200b", "\u00ad", "\n", "\x7f"])
def test_nothing_turns_or_hides_what_a_recipient_or_an_address_says(world, phone, sign):
    """Marks that turn the line around, and such as show as nothing: the department would read another address."""
    for field in ("recipient", "address"):
        answer = ask(phone, "steward-newspaper", {**PAPER, field: f"白云{sign}大道"})
        assert answer.status_code == 422, (field, answer.json)
        assert answer.json["fields"][0]["path"] == f"$.fields.{field}"
    assert world.log() == []


def test_the_same_operation_asks_once(world, phone):
    """A retry is answered again, its details kept if they were lost; another address is a conflict."""
    operation = identifier()
    first = asked(phone, "steward-newspaper", PAPER, operation=operation)
    world.verifier.store.bookings.erase(first["id"])
    again = asked(phone, "steward-newspaper", PAPER, operation=operation)
    assert (again["id"], again["replayed"], again["request"]["details"]) == (first["id"], True, PAPER)
    other = ask(phone, "steward-newspaper", {**PAPER, "address": "别处"}, operation=operation)
    assert other.json["code"] == "operation-conflict"
    assert len(world.log()) == 1


def test_a_subscription_taken_back_gives_its_unit_back(world, phone):
    """By the holder, until the department is at work; then by the department alone. Both say why in the log."""
    first = paper(phone)
    path = f"/v1/wallet/requests/{first['id']}/withdraw"
    back = phone.call("POST", path).json
    assert (back["request"]["outcome"], back["quotas"][0]["used"]) == ("withdrawn", 0)
    assert (world.log()[-1]["kind"], world.log()[-1]["reason"]) == ("void", "withdrawn")
    assert phone.call("POST", path).json["code"] == "already-voided"
    second = paper(phone)
    media = office(world, "media")
    assert stage(media, second["id"], "followed-up").status_code == 201
    late = phone.call("POST", f"/v1/wallet/requests/{second['id']}/withdraw")
    assert (late.status_code, late.json["code"]) == (409, "request-under-way")
    closes = stage(media, second["id"], "closed", outcome="refused")
    assert closes.json["fields"][0]["message"].startswith("take the request back")
    refused = media.call("POST", f"/v1/requests/{second['id']}/take-back", {"outcome": "refused"}).json
    assert (refused["request"]["outcome"], refused["quotas"][0]["used"]) == ("refused", 0)
    assert paper(phone)["outcome"] == "granted"
    assert [one["outcome"] for one in own(phone) if "outcome" in one] == ["refused", "withdrawn"]
    assert not [found for found in world.verifier.ledger.check() if isinstance(found, Fault)]


def test_what_was_delivered_gives_no_unit_back(world, phone):
    """A subscription that was done is withdrawn by nobody, or a holder would have one after the other."""
    first, media = paper(phone), office(world, "media")
    assert stage(media, first["id"], "closed", outcome="done").status_code == 201
    withdrawn = phone.call("POST", f"/v1/wallet/requests/{first['id']}/withdraw")
    assert (withdrawn.status_code, withdrawn.json["code"]) == (409, "matter-closed")
    taken_back = media.call("POST", f"/v1/requests/{first['id']}/take-back", {"outcome": "refused"})
    assert (taken_back.status_code, taken_back.json["code"]) == (409, "matter-closed")
    assert paper(phone)["reason"] == "quota-spent"


def test_a_stranger_withdraws_nothing(world, phone):
    """Another holder's request, a check-in, a made-up id: as if there were none."""
    first = paper(phone)
    theirs = Phone(world, world.card("diamond"))
    for entry in (first["id"], "00-000001"):
        assert theirs.call("POST", f"/v1/wallet/requests/{entry}/withdraw").status_code == 404
    gym = world.device("gym").outcome(phone.card.shown(), "gym-visit")
    assert phone.call("POST", f"/v1/wallet/requests/{gym['id']}/withdraw").status_code == 404
    assert own(theirs) == []


def test_legal_advice_records_that_it_is_personal_and_nothing_else(world, phone):
    """Confirmed or not asked; no field for content, no note at any stage; closed with an outcome alone."""
    response = ask(phone, "legal-advice", CALL_ME)
    assert [one["path"] for one in response.json["fields"]] == ["$.confirmed"]
    unasked = ask(phone, "legal-advice", {**CALL_ME, "case": "离婚"}, confirmed=True)
    assert [one["path"] for one in unasked.json["fields"]] == ["$.fields.case"]
    assert world.log() == []
    answer = asked(phone, "legal-advice", CALL_ME, confirmed=True)
    leaf = world.log()[-1]
    assert leaf["marks"] == ["channel:wallet", "declaration"]
    assert "reference" not in leaf
    justice = office(world, "justice")
    note = stage(justice, answer["id"], "followed-up", note="离婚")
    assert (note.status_code, note.json["code"]) == (422, "no-notes")
    closed = stage(justice, answer["id"], "closed", outcome="done").json["matter"]
    assert (closed["stage"], closed["outcome"]) == ("closed", "done")
    assert set(world.log()[-1]) >= {"reason", "stage"}
    assert "note" not in world.log()[-1]


def test_hospital_help_logs_the_outcome_only(world, phone):
    """Neither department of the hospital nor anything clinical: there is no field for it."""
    answer = asked(phone, "hospital-3a-help", CALL_ME)
    assert ask(phone, "hospital-3a-help", {**CALL_ME, "hospital": "心内科"}).status_code == 422
    health = office(world, "health")
    stage(health, answer["id"], "closed", outcome="passed-on")
    fields = world.log()[-1]
    assert (fields["kind"], fields["reason"]) == ("matter", "passed-on")
    assert not {"note", "reference", "decides"} & fields.keys()


def test_a_stewards_case_is_a_matter_with_departments_stages_and_follow_up(world, phone):
    """Forwarded to the department that can help, followed up, closed; due within the days that the office promises."""
    world.go("2026-11-02 10:00")
    case = asked(phone, "steward-case", {**CALL_ME, "case": "子女入学衔接问题"})
    organisation = office(world, "organisation")
    assert stage(organisation, case["id"], "forwarded", decides="basic-education").status_code == 201
    due = stage(organisation, case["id"], "complete", limit_working_days=5).json["matter"]
    assert due["deadline"] == "2026-11-09T02:00:00Z"
    world.go("2026-11-09 10:01")
    (late,) = listed(organisation, "organisation", "overdue")
    assert (late["id"], late["decides"], late["overdue"]) == (case["id"], "basic-education", True)
    stage(organisation, case["id"], "closed", outcome="done", note="已协调")
    assert own(phone)[0]["outcome"] == "done"
    listed_by_matters = organisation.call("GET", "/v1/matters?point=dept-organisation&state=closed").json["matters"]
    assert [one["id"] for one in listed_by_matters] == [case["id"]]


def test_who_may_see_and_take_requests(world, phone):
    """Rights at the department's own place: a counter of the same department, another department, no right: refused."""
    answer = paper(phone)
    masked = listed(office(world, "media", CLERK), "media")[0]
    assert masked["details"] == {"recipient": "*", "address": "*", "phone": "*******1234"}
    assert masked["holder_name"] == "张*明"
    for device in (
        world.device("gym", OFFICE),
        office(world, "justice"),
        office(world, "media", frozenset({Right.CHECK_IN})),
    ):
        assert device.call("GET", "/v1/requests?department=media").json["code"] == "not-permitted"
        assert device.call("GET", "/v1/matters?point=dept-media").json["code"] == "not-permitted"
        assert stage(device, answer["id"], "closed", outcome="done").status_code == 404
        back = device.call("POST", f"/v1/requests/{answer['id']}/take-back", {"outcome": "refused"})
        assert back.status_code == 404
    kinds = [access["kind"] for access in world.verifier.store.accesses()]
    assert kinds.count("requests") == 1


def test_a_holder_has_another_reference_in_each_department(world, phone):
    """Two departments cannot join their lists; one department knows its holder again."""
    paper(phone)
    asked(phone, "legal-advice", CALL_ME, confirmed=True)
    asked(phone, "legal-advice", CALL_ME, confirmed=True)
    (media,) = listed(office(world, "media"), "media")
    first, second = listed(office(world, "justice"), "justice")
    assert first["holder_ref"] == second["holder_ref"] != media["holder_ref"]
    assert phone.card.claims.subject not in str((media, first))


def test_a_request_by_telephone_is_declared_and_called_back(world, phone):
    """Found by its card number, whose holder was called back; the channel stands in the entry."""
    number = generate(world.programme.card_prefix, Random(7))
    object.__setattr__(world.verifier, "card_by_number", {number: phone.card.token}.get)
    desk = office(world, "media")
    body = {"service": "steward-newspaper", "fields": PAPER, "card_number": number}
    assert desk.call("POST", "/v1/requests", body).json["fields"][0]["path"] == "$.called_back"
    granted = desk.call("POST", "/v1/requests", {**body, "called_back": True}).json
    assert (granted["outcome"], granted["request"]["channel"]) == ("granted", "telephone")
    assert world.log()[-1]["marks"] == ["declared", "channel:telephone"]
    assert "assurance" not in world.log()[-1]
    assert [one["id"] for one in own(phone)] == [granted["id"]]


def test_the_booking_office_takes_calls_for_every_department(world, phone):
    """A person of that role, without a device: telephone requests anywhere, with names."""
    world.accounts.people.add("office.he", "correct horse battery", (Role.DESK,), by="cli:admin", at=world.clock.now())
    number = generate(world.programme.card_prefix, Random(8))
    object.__setattr__(world.verifier, "card_by_number", {number: phone.card.token}.get)
    token = opened(world.accounts, "office.he", world.clock.now()).token
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": identifier()}
    body = {"service": "steward-newspaper", "fields": PAPER, "card_number": number, "called_back": True}
    granted = world.client.post("/v1/requests", json=body, headers=headers).json
    assert (granted["outcome"], granted["request"]["details"]) == ("granted", PAPER)
    assert (world.log()[-1]["caller"], world.log()[-1]["point"]) == ("person", "dept-media")
    found = world.client.get("/v1/requests?department=media", headers=headers).json["requests"]
    assert [one["id"] for one in found] == [granted["id"]]


def test_staff_take_a_request_for_a_card_shown(world):
    """A printed card with its ID compared; whoever only has the right to check in takes none."""
    printed = world.card("silver", Form.PRINT)
    desk = office(world, "media", CLERK)
    body = {"service": "steward-newspaper", "fields": PAPER, "presentation": printed.shown()}
    refused = desk.call("POST", "/v1/requests", body).json
    assert (refused["outcome"], refused["reason"]) == ("denied", "id-check-needed")
    granted = desk.call("POST", "/v1/requests", {**body, "id_checked": True}).json
    assert (granted["outcome"], granted["request"]["details"]["address"]) == ("granted", "*")
    gym = world.device("gym").call("POST", "/v1/requests", {**body, "id_checked": True})
    assert gym.json["code"] == "not-permitted"


def test_a_company_set_up_on_the_platform_opens_a_matter_without_a_counter(world):
    """The registry's office opens it for the holder; a day from complete materials, as every registration."""
    world.go("2026-10-22 10:00")
    printed = world.card("silver", Form.PRINT)
    desk = office(world, "market")
    body = {
        "service": "business-setup",
        "presentation": printed.shown(),
        "id_checked": True,
        "reference": "YWT-2026-77",
    }
    opened = desk.call("POST", "/v1/requests", {**body, "beneficiary": "employer"}).json
    assert (opened["outcome"], opened["request"]["reference"]) == ("granted", "YWT-2026-77")
    assert (world.log()[-1]["kind"], world.log()[-1]["beneficiary"]) == ("request", "employer")
    due = stage(desk, opened["id"], "complete").json["matter"]
    assert due["deadline"] == "2026-10-23T02:00:00Z"


@pytest.mark.parametrize(
    ("service", "by_office"),
    [("business-setup", False), ("party-observe", True), ("gym-visit", True), ("steward-advice", True), ("none", True)],
)
def test_what_is_not_asked_for_is_refused(world, phone, service, by_office):
    """Set-up is opened by its office alone; party matters never enter the log; gym visits have a counter."""
    if by_office:
        desk = office(world, "organisation")
        body = {"service": service, "presentation": world.card("diamond", Form.PRINT).shown(), "id_checked": True}
        response = desk.call("POST", "/v1/requests", body)
    else:
        response = ask(phone, service)
    assert response.json["code"] == "invalid-field"
    assert world.log() == []


def test_a_tier_without_the_service_is_refused_and_logged(world):
    """Legal advice is diamond's; a card that does not hold is refused as everywhere."""
    silver = Phone(world, world.card("silver"))
    answer = asked(silver, "legal-advice", CALL_ME, confirmed=True)
    assert (answer["outcome"], answer["reason"]) == ("denied", "not-entitled")
    world.set_status(silver.card, Status.REVOKED)
    revoked = asked(silver, "steward-newspaper", PAPER)
    assert (revoked["reason"], world.log()[-1]["kind"]) == ("revoked", "request")


def test_guidance_is_for_the_child_and_tells_the_stage_of_schooling(world):
    """The only beneficiary is the child; a stage that is none is refused; no child is named."""
    gold = Phone(world, world.card("gold"))
    wrong = ask(gold, "school-guidance", CALL_ME, reference="大学")
    assert wrong.json["fields"][0]["path"] == "$.reference"
    asked(gold, "school-guidance", CALL_ME, reference="junior")
    leaf = world.log()[-1]
    assert (leaf["beneficiary"], leaf["reference"]) == ("child", "junior")


def test_the_subscriber_list_is_for_the_department_with_names_and_is_logged(world, phone):
    """Who stands in a year, with recipient and address, as JSON and CSV; withdrawn ones left out; formulas disarmed."""
    first = paper(phone)
    world.clock.advance(timedelta(seconds=2))
    other, third = Phone(world, world.card("silver")), Phone(world, world.card("silver"))
    world.clock.advance(timedelta(seconds=2))
    world.publish()
    asked(other, "steward-newspaper", {**PAPER, "recipient": "=HYPERLINK(1)"})
    back = asked(third, "steward-newspaper", PAPER)
    third.call("POST", f"/v1/wallet/requests/{back['id']}/withdraw")
    media = office(world, "media")
    path = "/v1/requests/subscribers?service=steward-newspaper&period=2026"
    said = media.call("GET", f"{path}&format=json").json["subscribers"]
    assert {one["details"]["recipient"] for one in said} == {"张晓明", "=HYPERLINK(1)"}
    assert len(said) == 2
    sheet = media.call("GET", path)
    assert sheet.headers["Content-Disposition"] == "attachment; filename=steward-newspaper-2026.csv"
    lines = sheet.get_data(as_text=True).splitlines()
    assert lines[0].lstrip("\ufeff") == "request,opened_at,holder_ref,channel,recipient,address,phone"
    assert any("'=HYPERLINK(1)" in line for line in lines)
    assert any(line.startswith(f"entry:{first['id']},") and ",holder:" in line for line in lines)
    assert office(world, "media", CLERK).call("GET", path).json["code"] == "not-permitted"
    assert media.call("GET", path.replace("2026", "2025")).get_data(as_text=True).count("\n") == 1
    assert media.call("GET", path.replace("2026", "2026-10")).json["code"] == "invalid-field"
    assert "subscribers steward-newspaper 2026" in [one["what"] for one in world.verifier.store.accesses()]


def test_what_a_request_says_of_persons_is_erased_in_time(world, phone):
    """A month after it is closed; a subscription's a month after its year; by then the entry's commitment is all."""
    subscription, case = paper(phone), asked(phone, "steward-case", {**CALL_ME, "case": "x"})
    stage(office(world, "media"), subscription["id"], "closed", outcome="done")
    stage(office(world, "organisation"), case["id"], "closed", outcome="done")
    store, sweep = world.verifier.store.bookings, world.verifier.store.sweep
    sweep(at("2026-12-01 09:00"))
    assert (store.find(case["id"]), store.find(subscription["id"]) is None) == (None, False)
    sweep(at("2027-02-01 09:00"))
    assert store.find(subscription["id"]) is None


def test_the_list_follows_from_the_log(world, phone):
    """Forgotten and read anew, it is the same: requests, and matters of counters beside them."""
    paper(phone)
    world.device("gov-registry").outcome(phone.card.shown(), "business-change")
    media = office(world, "media")
    before = listed(media, "media")
    assert world.verifier.matters.rebuild() == 2
    assert listed(media, "media") == before


def test_an_erased_holders_requests_say_nothing_any_more(world, phone):
    """Asked for before the ledger forgets whose they are."""
    subscription = paper(phone)
    assert world.verifier.bookings.erase_details(phone.card.claims.subject) == 1
    assert world.verifier.requests.details(subscription["id"]) is None
    assert "details" not in listed(office(world, "media"), "media")[0]
