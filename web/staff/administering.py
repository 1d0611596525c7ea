"""`/people` and `/security`: who may sign in, with what, from where; and failed attempts. For administrators."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from wtforms import SelectField, StringField

from accounts.people import LastAdministrator, Person, UnknownPerson
from accounts.rights import Caller, Right
from accounts.security import SecurityKind
from edge.http import request_instant
from edge.problems import Problem
from web.staff.forms import FilterForm, Longest, stripped
from web.staff.frame import StaffFrame
from web.staff.roles import add_roles, role_form
from web.staff.tables import page_of

PEOPLE: Final = "/people"
SECURITY: Final = "/security"


class EventFilter(FilterForm):
    """The kind of event, the name, and the day."""

    kind = SelectField("security.kind", choices=[])
    person = StringField("security.person", [Longest(100)], filters=[stripped])
    day = StringField("security.day", [Longest(10)], filters=[stripped], render_kw={"type": "date"})


def administrator_pages(staff: StaffFrame) -> Blueprint:
    """Return the pages for administrators of accounts. Nobody can change their own account here."""
    found = staff.blueprint("administering")
    staff.door(PEOPLE, "door.people", "person", Right.ACCOUNTS)
    staff.door(SECURITY, "door.security", "shield", Right.ACCOUNTS)
    _add_people(found, staff)
    _add_acts(found, staff)
    add_roles(found, staff)
    _add_security(found, staff)
    return found


def _add_people(found: Blueprint, staff: StaffFrame) -> None:
    store = staff.authenticate.store

    @found.get(PEOPLE)
    @staff.needs(Right.ACCOUNTS)
    def people(who: Caller) -> ResponseReturnValue:
        del who
        return staff.page("staff/people", people=store.people.list(), role_name=staff.role_name)

    @found.get("/people/<person_id>")
    @staff.needs(Right.ACCOUNTS)
    def person(who: Caller, person_id: str) -> ResponseReturnValue:
        one, at = _known(staff, person_id), request_instant()
        return staff.page(
            "staff/person",
            one=one,
            own=one.id == who.id,
            roles=[staff.role_name(grant) for grant in sorted(one.grants)],
            factors=store.factors.of(one.id),
            codes=store.factors.codes_left(one.id),
            sessions=[held for held in store.sessions.of(one.id) if held.alive(at)],
            form=role_form(staff),
            given=[(str(grant), staff.role_name(grant)) for grant in sorted(one.grants)],
        )


def _add_acts(found: Blueprint, staff: StaffFrame) -> None:
    store = staff.authenticate.store

    @found.post("/people/<person_id>/sessions/<session_id>/end")
    @staff.needs(Right.ACCOUNTS, fresh=True)
    def end_one(who: Caller, person_id: str, session_id: str) -> ResponseReturnValue:
        one = _known(staff, person_id)
        if one.id == who.id:
            return staff.fault(403, "people.not-own")
        if store.sessions.end(one.id, session_id, by=f"person:{who.id}", at=request_instant()):
            staff.tell("account.session-ended")
        return staff.go(f"/people/{one.id}")

    def act(path: str, do: Callable[[Person, str], object], said: str) -> None:
        @staff.needs(Right.ACCOUNTS, fresh=True)
        def view(who: Caller, person_id: str) -> ResponseReturnValue:
            one = _known(staff, person_id)
            if one.id == who.id:
                return staff.fault(403, "people.not-own")
            _done(staff, lambda: do(one, f"person:{who.id}"), said)
            return staff.go(f"/people/{one.id}")

        found.add_url_rule(f"/people/<person_id>/{path}", path, view, methods=["POST"])

    def now_ended(one: Person, by: str) -> object:
        return store.sessions.end_all(one.id, by=by, at=request_instant())

    def now_reset(one: Person, by: str) -> object:
        store.factors.reset(one.id, by=by, at=request_instant())
        return now_ended(one, by)

    act("end-sessions", now_ended, "people.sessions-ended")
    act("enable", lambda one, by: store.people.enable(one.id, by=by, at=request_instant()), "people.enabled")
    act("reset-factors", now_reset, "people.factors-reset")
    act("disable", lambda one, by: store.people.disable(one.name, by=by, at=request_instant()), "people.disabled")


def _done(staff: StaffFrame, do: Callable[[], object], said: str) -> None:
    """Do one act. The next page says that the act was done, or the reason against it."""
    try:
        do()
    except LastAdministrator:
        staff.tell("people.last-administrator", "no")
    except UnknownPerson:  # Another administrator was faster
        staff.tell("people.changed-meanwhile", "amber")
    else:
        staff.tell(said)


def _known(staff: StaffFrame, person_id: str) -> Person:
    try:
        return staff.authenticate.store.people.get(person_id)
    except UnknownPerson:
        raise Problem("not-found") from None


def _add_security(found: Blueprint, staff: StaffFrame) -> None:
    store = staff.authenticate.store

    @found.get(SECURITY)
    @staff.needs(Right.ACCOUNTS)
    def security(who: Caller) -> ResponseReturnValue:
        del who
        form = EventFilter(request.args)
        keys = [("", "security.any"), *((kind.value, f"security.{kind}") for kind in SecurityKind)]
        form.kind.choices = [(value, staff.word(key)) for value, key in keys]
        chosen = [kind for kind in SecurityKind if kind.value == form.kind.data]
        # The log holds hashes: a hash can be matched only with a name that is known here.
        names = {store.security.subject("person", one.name): one.name for one in store.people.list()}
        subject = store.security.subject("person", form.person.data) if form.person.data else None
        span = _day(form.day.data or "", staff.programme.zone)
        page = page_of(
            lambda limit, offset: store.security.page(limit, offset, kinds=chosen, subject=subject, span=span)
        )
        kinds = chosen or sorted({event.kind for event in page.rows})
        return staff.page("staff/security", form=form, page=page, names=names, kinds=kinds)


def _day(text: str, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
    """Return the span of a local day, or None for an empty text and for a text that is no day."""
    try:
        begin = datetime.combine(date.fromisoformat(text), time(), zone)
        return begin.astimezone(UTC), (begin + timedelta(days=1)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
