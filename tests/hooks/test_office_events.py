"""Events of applications: each stage, no ground, name or reason; the receipt number to whoever handed it in alone."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from accounts.rights import Right
from hooks.events import KINDS, OFFICE
from hooks.following import follow
from issuer.applications.deciding import refuse
from issuer.applications.importing import bring_in
from issuer.applications.intake import check, take_in
from issuer.applications.office_events import KINDS as TOLD
from issuer.applications.office_events import OfficeLog
from issuer.applications.service import withdraw
from tests.hooks.conftest import a_place
from tests.hooks.test_following import told
from tests.issuer.applying import APPROVER, approved, handed_in, reviewed
from tests.issuer.builders import NOON, TODAY
from tests.issuer.conftest import desk, ready_office
from tests.issuer.test_importing import LIST, csv_file, rows
from tests.issuer.test_intake import told as an_application

__all__ = ["desk", "ready_office"]


@pytest.fixture
def hooked(tmp_path, clock):
    """Webhooks beside an office."""
    clock.set(NOON)
    folder = tmp_path / "hooks"
    folder.mkdir()
    made = a_place(folder, clock)
    yield made
    made.hooks.close()


def test_every_stage_is_told_and_nothing_of_the_person(desk, hooked):
    """In the order of the office log, one reference for one application; who, why and which ground stay here."""
    who = hooked.integrator("Platform", **{"*": Right.INTAKE})
    hooked.hook("https://host.example/", "application", integrator=who)
    application, _ = approved(desk)
    other = handed_in(desk, at=NOON + timedelta(days=2))
    withdraw(desk, other, at=NOON + timedelta(days=2), by="applicant")
    follow(hooked.hooks, OfficeLog(desk.register), hooked.clock.now())
    follow(hooked.hooks, OfficeLog(desk.register), hooked.clock.now())
    found = told(hooked)
    assert [one["type"] for one in found] == [
        "application.received", "application.reviewed", "application.approved",
        "application.received", "application.withdrawn",
    ]  # fmt: skip
    references = [one["data"]["application"]["ref"] for one in found]
    assert len(set(references[:3])) == 1
    assert len(set(references)) == 2
    numbers = [one["data"]["sequence"] for one in found]
    assert numbers == sorted(numbers)
    assert all(set(one["data"]) == {"log", "entry", "partition", "sequence", "application"} for one in found)
    assert all(set(one["data"]["application"]) == {"ref"} for one in found)
    assert application not in json.dumps(found)


def test_the_receipt_number_goes_to_whoever_handed_the_application_in(desk, hooked):
    """The platform can join it with what it was answered; another integrator gets a reference of its own."""
    own, other = (hooked.integrator(label, **{"*": Right.INTAKE}) for label in ("Own", "Other"))
    mine, theirs = (hooked.hook("https://h.example/", "application", integrator=who)[0] for who in (own, other))
    taken = take_in(desk, check(desk, an_application(), TODAY), by=f"integrator:{own}", at=NOON)
    follow(hooked.hooks, OfficeLog(desk.register), hooked.clock.now())
    (first,), (second,) = told(hooked, mine), told(hooked, theirs)
    assert first["data"]["application"]["receipt"] == taken.receipt
    assert set(second["data"]["application"]) == {"ref"}
    assert first["data"]["application"]["ref"] != second["data"]["application"]["ref"]


def test_each_application_of_a_list_is_told_as_received(desk, hooked):
    """Each new application of a list is told once, however often it is imported; the file's line tells nothing."""
    hooked.hook("https://h.example/", "application", integrator=hooked.integrator("P", **{"*": Right.INTAKE}))
    for _ in range(2):
        bring_in(desk, csv_file(rows()), LIST, by="person:a", at=NOON)
    for _ in range(3):
        follow(hooked.hooks, OfficeLog(desk.register), hooked.clock.now())
    found = told(hooked)
    assert [one["type"] for one in found] == ["application.received"] * 3
    assert len({one["data"]["application"]["ref"] for one in found}) == 3
    assert all(set(one["data"]["application"]) == {"ref"} for one in found)


def test_a_refusal_tells_no_reason_and_a_new_webhook_begins_now(desk, hooked):
    """What the office did before the webhook was registered is not told."""
    application = reviewed(desk)
    hooked.clock.set(NOON + timedelta(days=3))
    hooked.hook("https://h.example/", "application", integrator=hooked.integrator("P", **{"*": Right.INTAKE}))
    refuse(desk, application, APPROVER, reason="other", text="for a reason of its own", at=hooked.clock.now())
    follow(hooked.hooks, OfficeLog(desk.register), hooked.clock.now())
    (only,) = told(hooked)
    assert only["type"] == "application.refused"
    assert "reason" not in json.dumps(only)


def test_the_kinds_of_both_rooms_are_the_same():
    """What can be chosen is what the office log can tell."""
    assert set(TOLD.values()) == {kind for kind, log in KINDS.items() if log == OFFICE}
