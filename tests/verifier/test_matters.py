"""Matters: opened by a check-in, due so many working days after complete materials, closed once, told by the log."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from accounts.rights import Right
from cards.parts import Presentation
from cards.programme.load import load_programme
from cards.programme.types import Beneficiary
from cards.working_days import is_working_day
from tests.verifier.booking import Phone
from tests.verifier.offline_devices import Tablet
from tests.verifier.world import PROGRAMMES, SECRET, at, identifier
from verifier.rules.matters import Matter, deadline_of, office_day
from verifier.services.erasure import Eraser

BAIYUN = load_programme(PROGRAMMES / "baiyun.toml")
DESK = frozenset({Right.CHECK_IN, Right.VOID})


def stage(device, matter: str, name: str, **more: object):
    """Record a stage; the response."""
    return device.call("POST", f"/v1/matters/{matter}/stages", {"stage": name, **more})


def listed(device, point: str, state: str = "open") -> list[dict]:
    """A point's matters."""
    response = device.call("GET", f"/v1/matters?point={point}&state={state}")
    assert response.status_code == 200, response.get_data(as_text=True)
    return response.json["matters"]


@pytest.fixture
def registry(world):
    """The registration window, on Friday 23 October 2026 at 16:00."""
    world.go("2026-10-23 16:00")
    return world.device("gov-registry", DESK)


@pytest.fixture
def opened(world, registry):
    """A company's change taken up there."""
    answer = registry.outcome(world.card("silver").shown(), "business-change", beneficiary="employer", reference="GS-7")
    assert answer["outcome"] == "granted"
    return answer["id"]


@pytest.mark.parametrize(
    ("complete", "days", "due"),
    [
        ("2026-10-22 10:00", 1, "2026-10-23 10:00"),
        ("2026-10-22 10:00", 0.5, "2026-10-22 14:30"),
        ("2026-10-23 16:00", 1, "2026-10-26 16:00"),
        ("2026-10-23 16:00", 0.5, "2026-10-26 11:30"),
        ("2026-10-22 12:30", 0.5, "2026-10-22 16:30"),
        ("2026-10-22 20:00", 1, "2026-10-23 17:00"),
        ("2026-10-24 09:00", 1, "2026-10-26 17:00"),
        ("2026-09-30 16:00", 1, "2026-10-08 16:00"),
        ("2026-10-09 16:00", 1, "2026-10-10 16:00"),
    ],
)
def test_working_days_are_office_hours_of_the_districts_calendar(complete, days, due):
    """Lunch, nights and weekends stand still; the national holidays too; a weekend that is worked counts."""
    assert deadline_of(BAIYUN, at(complete), days) == at(due)


def test_a_programme_without_office_hours_promises_no_deadline():
    """Said at once, not after a walk through the calendar."""
    with pytest.raises(ValueError, match="office hours"):
        deadline_of(replace(BAIYUN, office_hours=()), at("2026-10-22 10:00"), 1)
    assert office_day(BAIYUN) == timedelta(hours=7)
    assert is_working_day(BAIYUN, at("2026-10-10 12:00").date())


def test_a_check_in_at_the_window_opens_a_matter(world, registry, opened):
    """With its number; no deadline runs before the materials are complete."""
    (matter,) = listed(registry, "gov-registry")
    assert (matter["id"], matter["kind"], matter["reference"]) == (opened, "business-change", "GS-7")
    assert (matter["stage"], "deadline" in matter) == ("opened", False)
    assert world.log()[-1]["matter"] == "business-change"


def test_from_complete_materials_a_working_day_runs_over_the_weekend(world, registry, opened):
    """Complete on Friday at 16:00, due on Monday at 16:00; overdue a second later; closed, it says how late it was."""
    answer = stage(registry, opened, "complete").json
    assert answer["matter"]["deadline"] == "2026-10-26T08:00:00Z"
    assert world.log()[-1]["deadline"] == int(at("2026-10-26 16:00").timestamp() * 1000)
    world.go("2026-10-26 16:00")
    assert listed(registry, "gov-registry", "overdue") == []
    world.clock.advance(timedelta(seconds=1))
    (late,) = listed(registry, "gov-registry", "overdue")
    assert (late["id"], late["overdue"]) == (opened, True)
    closed = stage(registry, opened, "closed", outcome="done").json["matter"]
    assert (closed["outcome"], closed["overdue"]) == ("done", True)
    assert listed(registry, "gov-registry") == []
    assert [one["id"] for one in listed(registry, "gov-registry", "closed")] == [opened]


def test_the_green_channel_names_kind_and_department(world):
    """Both of the programme's lists; another kind or department is refused; its own limit is said at the window."""
    world.go("2026-10-22 10:00")
    desk, card = world.device("gov-green", DESK), world.card("gold")
    wrong = desk.check_in(card.shown(), "green-channel", matter={"kind": "fishing"})
    assert wrong.json["fields"][0]["path"] == "$.matter.kind"
    wrong = desk.check_in(card.shown(), "green-channel", matter={"decides": "culture"})
    assert wrong.json["code"] == "invalid-field"
    said = {"kind": "construction", "decides": "construction"}
    matter = desk.outcome(card.shown(), "green-channel", matter=said, reference="TZ-2026-1")["id"]
    (open_,) = listed(desk, "gov-green")
    assert (open_["kind"], open_["decides"]) == ("construction", "construction")
    forwarded = stage(desk, matter, "forwarded", decides="health", note="asked for by telephone").json["matter"]
    assert (forwarded["stage"], forwarded["decides"]) == ("forwarded", "health")
    complete = stage(desk, matter, "complete", limit_working_days=0.5).json["matter"]
    assert complete["deadline"] == "2026-10-22T06:30:00Z"


def test_a_deadline_that_nobody_promised_at_first_can_be_promised_later_once(world):
    """Counted from when the materials were complete; after that it stands. The register read anew says the same."""
    world.go("2026-10-22 10:00")
    desk = world.device("gov-green", DESK)
    matter = desk.outcome(world.card("gold").shown(), "green-channel", matter={"kind": "other"})["id"]
    assert "deadline" not in stage(desk, matter, "complete").json["matter"]
    world.clock.advance(timedelta(hours=1))
    promised = stage(desk, matter, "complete", limit_working_days=1).json["matter"]
    assert (promised["complete_at"], promised["deadline"]) == ("2026-10-22T02:00:00Z", "2026-10-23T02:00:00Z")
    assert stage(desk, matter, "complete", limit_working_days=2).json["code"] == "matter-complete"
    world.verifier.matters.rebuild()
    assert listed(desk, "gov-green")[0]["deadline"] == "2026-10-23T02:00:00Z"


def test_the_register_names_whose_matter_it_is_until_that_is_erased(world):
    """The masked name, the tier and for whom, at once; the employer for those with the right to names alone."""
    world.go("2026-10-22 10:00")
    desk = world.device("gov-registry", DESK)
    reader = world.device("gov-registry", DESK | {Right.NAMES}, label="Desk 2")
    card = world.card("silver")
    desk.outcome(card.shown(), "business-change", beneficiary="employer", reference="GS-7")
    (line,) = listed(desk, "gov-registry")
    assert (line["holder_name"], line["tier"], line["beneficiary"]) == (card.claims.name, "silver", "employer")
    assert line["holder_ref"]
    code = Phone(world, card).call(
        "POST", "/v1/wallet/delegations",
        {"service": "business-change", "employer": "白云某某科技有限公司"},
    ).json["code"]  # fmt: skip
    world.clock.advance(timedelta(seconds=2))
    made = reader.outcome(code, "business-change", id_checked=True, reference="GS-8")
    assert made["outcome"] == "granted", made
    lines = {one["reference"]: one for one in listed(reader, "gov-registry")}
    assert lines["GS-8"]["employer"] == "白云某某科技有限公司"
    assert "employer" not in lines["GS-7"]
    assert all("employer" not in one for one in listed(desk, "gov-registry"))
    parts = world.verifier
    Eraser(parts.ledger, parts.store, parts.bookings, SECRET).erase(card.claims.subject, world.clock.now(), by="test")
    assert [(one["reference"], "holder_name" in one) for one in listed(reader, "gov-registry")] == [
        ("GS-7", False), ("GS-8", False),
    ]  # fmt: skip


def test_the_offices_own_aim_of_half_a_day_is_told_beside_the_limit(world):
    """Setting up a company: within a working day, and half of one is meant (docs/guide-coverage.md, Read right 4)."""
    world.go("2026-10-22 10:00")
    office = world.device("dept-market", DESK | {Right.BOOKINGS})
    body = {"service": "business-setup", "presentation": world.card("gold").shown(), "fields": {}}
    made = office.call("POST", "/v1/requests", body)
    assert made.status_code == 201, made.get_data(as_text=True)
    matter = stage(office, made.json["id"], "complete").json["matter"]
    assert (matter["target"], matter["deadline"]) == ("2026-10-22T06:30:00Z", "2026-10-23T02:00:00Z")
    world.go("2026-10-22 15:00")
    closed = stage(office, made.json["id"], "closed", outcome="done").json["matter"]
    assert (closed["past_target"], "overdue" in closed) == (True, False)


@pytest.mark.parametrize("service", ["green-agency", "steward-leader-link", "steward-honours", "steward-experts"])
def test_what_a_department_keeps_is_recorded_by_it_alone(world, service):
    """A service without a counter or a request still gets its line in the register; a phone asks for none of it."""
    department = BAIYUN.services[service].departments[0]
    office, card = world.device(f"dept-{department}", DESK | {Right.BOOKINGS}), world.card("diamond")
    made = office.call("POST", "/v1/requests", {"service": service, "presentation": card.shown(), "fields": {}})
    assert (made.status_code, made.json["outcome"]) == (201, "granted"), made.get_data(as_text=True)
    assert world.log()[-1]["matter"] == service
    asked = Phone(world, card).call("POST", "/v1/wallet/requests", {"service": service, "fields": {}})
    assert asked.status_code == 422


@pytest.mark.parametrize("service", ["party-observe", "party-nominate", "party-cobuild"])
def test_party_matters_are_recorded_nowhere(world, service):
    """Kept out of the log on purpose (docs/guide-coverage.md, Read right 14)."""
    department = BAIYUN.services[service].departments[0]
    office = world.device(f"dept-{department}", DESK | {Right.BOOKINGS})
    body = {"service": service, "presentation": world.card("diamond").shown(), "fields": {}}
    assert office.call("POST", "/v1/requests", body).status_code == 422


def test_a_service_with_its_own_limit_takes_no_other(registry, opened):
    """And a limit is said with complete materials alone."""
    assert stage(registry, opened, "complete", limit_working_days=9).json["code"] == "invalid-field"
    assert stage(registry, opened, "forwarded", limit_working_days=1).json["code"] == "invalid-field"


def test_a_closed_matter_stays_closed_and_materials_are_complete_once(registry, opened):
    """409 with its own code; a retry of the same operation is answered again."""
    assert stage(registry, opened, "complete").status_code == 201
    assert stage(registry, opened, "complete").json["code"] == "matter-complete"
    operation = "operation-of-the-closing"
    body = {"stage": "closed", "outcome": "done"}
    path = f"/v1/matters/{opened}/stages"
    first = registry.call("POST", path, body, operation=operation).json
    again = registry.call("POST", path, body, operation=operation).json
    assert (again["id"], again["replayed"]) == (first["id"], True)
    assert stage(registry, opened, "followed-up").json["code"] == "matter-closed"
    assert stage(registry, opened, "closed").json["code"] == "invalid-field"


def test_a_voided_check_in_takes_its_matter_back(registry, opened):
    """It is closed as voided, and takes no stage any more."""
    registry.call("POST", f"/v1/check-ins/{opened}/void", {"reason": "wrong-person"})
    (closed,) = listed(registry, "gov-registry", "closed")
    assert closed["outcome"] == "voided"
    assert stage(registry, opened, "complete").status_code == 409


def test_another_point_sees_and_changes_nothing(world, registry, opened):
    """Neither the list nor a stage."""
    other = world.device("gov-green", DESK)
    assert other.call("GET", "/v1/matters?point=gov-registry").status_code == 403
    assert stage(other, opened, "complete").status_code == 404
    assert stage(registry, "00-000001", "complete").status_code == 404


def test_the_list_is_rebuilt_from_the_log(world, registry, opened):
    """Forgotten and read anew, it is what it was."""
    stage(registry, opened, "complete")
    stage(registry, opened, "closed", outcome="refused", note="papers missing")
    world.clock.advance(timedelta(seconds=2))
    assert registry.outcome(world.card("gold").shown(), "business-other")["outcome"] == "granted"
    before = [listed(registry, "gov-registry", state) for state in ("open", "closed")]
    world.verifier.store.matters.clear()
    assert listed(registry, "gov-registry") == []
    assert world.verifier.matters.rebuild() == 4
    assert [listed(registry, "gov-registry", state) for state in ("open", "closed")] == before


def test_other_services_open_none_and_take_none(world):
    """A gym has no matters."""
    gym, card = world.device("gym"), world.card("silver")
    assert gym.check_in(card.shown(), "gym-visit", matter={"kind": "construction"}).json["code"] == "invalid-field"
    gym.outcome(card.shown(), "gym-visit")
    assert listed(gym, "gym") == []


def test_a_matter_in_time_is_not_overdue():
    """Closed before its deadline it never is, however late one looks."""
    now = at("2026-10-22 10:00")
    matter = Matter("7f-000001", "p", "d", "s", "k", now, 1, deadline=now + timedelta(days=1))
    assert not replace(matter, closed_at=now).overdue(now + timedelta(days=9))
    assert matter.overdue(now + timedelta(days=9))


def test_a_check_in_recorded_offline_opens_its_matter_when_it_is_applied(world):
    """Opened at the time of the use; of the service's own kind, which a stage can still forward."""
    world.go("2026-10-23 10:00")
    tablet, card = Tablet.at(world, "gov-registry"), world.card("silver")
    world.go("2026-10-23 10:30")
    record = tablet.record(card, "business-change", reference="GS-9")
    world.go("2026-10-23 15:00")
    (answer,) = tablet.answers([record])
    (matter,) = listed(tablet.device, "gov-registry")
    assert (matter["id"], matter["kind"], matter["reference"]) == (answer["id"], "business-change", "GS-9")
    assert matter["opened_at"] == "2026-10-23T02:30:00Z"
    assert stage(tablet.device, answer["id"], "complete").json["matter"]["deadline"] == "2026-10-26T07:00:00Z"
    before = listed(tablet.device, "gov-registry")
    assert world.verifier.matters.rebuild() == 2
    assert listed(tablet.device, "gov-registry") == before


def test_what_a_device_refused_offline_opens_none(world):
    """There is nothing to follow."""
    tablet = Tablet.at(world, "gov-registry")
    tablet.answers([tablet.record(world.card("silver"), "business-change", granted=False, reason="offline-limit")])
    assert listed(tablet.device, "gov-registry") == []


def test_a_lost_answer_recorded_offline_is_the_same_matter(world):
    """The record holds neither kind nor department; the operation is the same, and the first answer stands."""
    world.go("2026-10-23 10:00")
    tablet, card = Tablet.at(world, "gov-green"), world.card("silver")
    shown, operation = card.shown(), identifier()
    said = {"kind": "construction", "decides": "construction"}
    first = tablet.device.outcome(shown, "green-channel", operation, matter=said)
    parts = Presentation(*shown.split("~"))
    (answer,) = tablet.answers([tablet.record(card, "green-channel", operation=operation, presentation=parts)])
    assert (answer["status"], answer["id"]) == ("applied", first["id"])
    (matter,) = listed(tablet.device, "gov-green")
    assert (matter["kind"], matter["decides"]) == ("construction", "construction")


def test_a_counter_tells_the_kind_wherever_there_are_kinds(world):
    """Refused at its field with the kinds that there are; where a service has none, nothing is asked."""
    window = world.device("gov-green", DESK)
    for said in ({}, {"matter": {"decides": "construction"}}):
        refused = window.check_in(world.card("gold").shown(), "green-channel", **said)
        assert (refused.status_code, refused.json["fields"][0]["path"]) == (422, "$.matter.kind")
        assert "construction" in refused.json["fields"][0]["message"]
    assert world.log() == []
    assert world.device("gov-registry").outcome(world.card("gold").shown(), "business-change")["outcome"] == "granted"


def test_a_matter_opened_offline_names_whose_it_is_and_waits_for_its_kind(world):
    """Entered by the record's own word; the department tells its kind once, with a stage."""
    world.go("2026-10-23 10:00")
    tablet, card = Tablet.at(world, "gov-green"), world.card("silver")
    record = tablet.record(card, "green-channel", beneficiary=Beneficiary.EMPLOYER)
    (answer,) = tablet.answers([record])
    assert answer["status"] == "applied"
    (matter,) = listed(tablet.device, "gov-green")
    assert (matter["kind"], matter["kind_open"]) == ("green-channel", True)
    assert (matter["holder_name"], matter["tier"], matter["beneficiary"]) == ("张*明", "silver", "employer")
    desk = world.device("gov-green", DESK)
    wrong = stage(desk, matter["id"], "complete", limit_working_days=3, kind="fishing")
    assert (wrong.status_code, wrong.json["fields"][0]["path"]) == (422, "$.kind")
    told = stage(desk, matter["id"], "complete", limit_working_days=3, kind="construction").json["matter"]
    assert (told["kind"], "kind_open" in told) == ("construction", False)
    again = stage(desk, matter["id"], "followed-up", kind="other")
    assert (again.status_code, again.json["fields"][0]["path"]) == (422, "$.kind")
    world.verifier.matters.rebuild()
    assert listed(desk, "gov-green")[0]["kind"] == "construction"
