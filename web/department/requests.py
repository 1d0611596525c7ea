"""`/department`: requests and matters by due time; the page of one matter with its steps and acts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from wtforms import RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import Optional as MayBeEmpty

from accounts.rights import Caller, Right
from cards.programme.types import Beneficiary, Text
from edge.http import request_instant
from edge.problems import Problem
from verifier.desks.certificates import CertificateDesk
from verifier.desks.matters import MatterDesk, OpenedMatter
from verifier.desks.subscribers import subscribed_services
from verifier.records.matters import MatterTab
from verifier.rules.matters import CALL_BACKS, CLOSED, COMPLETE, FOLLOWED, FORWARDED, OUTCOMES
from verifier.rules.wording import BENEFICIARIES
from verifier.services.matters.service import Stage
from web.department.shared import ActForm, DeskPages, choices_of, known, operation_sent
from web.staff.forms import FilterForm, Longest, Needed, Said, figures, option, refuse, stripped
from web.staff.tables import page_of

NOTE_MOST: Final = 500
DAYS_MOST: Final = 365


def note_field() -> TextAreaField:
    """Return the field of the note that every act may carry. The note is erased 30 days later."""
    return TextAreaField("department.note", [MayBeEmpty(), Longest(NOTE_MOST)], filters=[stripped])


class ListFilter(FilterForm):
    """The filters of the list."""

    department = SelectField("department.department", choices=[], validate_choice=False)
    service = SelectField("department.service", choices=[], validate_choice=False)
    reference = StringField("department.reference", filters=[figures])


class TakeUpForm(ActForm):
    """Takes up a matter: its materials are complete, and its deadline runs. `days`: the limit if the rule names
    none.
    """

    kind = SelectField("department.kind", [Needed()], choices=[])
    days = StringField("department.days", [MayBeEmpty()], filters=[figures])
    note = note_field()

    def limit(self) -> float | None:
        """Return the typed working days. Raises ValueError for a text that is no number of days."""
        typed = self.days.data
        return None if not typed else days_typed(typed)


class HandOverForm(ActForm):
    """Hands a matter to another department."""

    department = SelectField("department.to", [Needed()], choices=[])
    note = note_field()


class CallForm(ActForm):
    """The result of calling the holder back."""

    result = RadioField(
        "department.call-result", [Needed()], choices=[option(one, f"department.call.{one}") for one in CALL_BACKS]
    )
    note = note_field()


class CloseForm(ActForm):
    """Closes a matter."""

    outcome = SelectField("department.outcome", [Needed()], choices=[])
    note = note_field()


FORMS: Final[Mapping[str, type[ActForm]]] = {
    "take-up": TakeUpForm,
    "hand-over": HandOverForm,
    "call-back": CallForm,
    "close": CloseForm,
}
"""The acts on a matter's page."""


def add_requests(found: Blueprint, pages: DeskPages) -> None:
    """Add the list and the page of one matter with its acts."""
    desk = MatterDesk(pages.verifier)

    @found.get("/department")
    @pages.staff.needs(Right.BOOKINGS)
    def requests(who: Caller) -> ResponseReturnValue:
        at, form = request_instant(), _filters(pages, desk, who)
        mine = desk.departments(who)
        if not mine:
            return pages.staff.fault(403, "fault.not-permitted")
        tab = _tab(request.args.get("tab", ""))
        departments = known(mine, request.args.get("department"))
        narrowed = {"service": form.service.data or None, "reference": form.reference.data or None}
        part = page_of(
            lambda limit, offset: desk.listed(who, departments, tab, at, limit=limit, offset=offset, **narrowed)
        )
        counts = desk.tabs(who, departments, at, **narrowed)
        subscribed = bool(subscribed_services(pages.verifier, who))
        told = {"subscribed": subscribed, "certified": bool(CertificateDesk(pages.verifier).places(who))}
        return pages.page("requests", part=part, form=form, tab=tab, tabs=list(MatterTab), counts=counts, **told)

    @found.get("/department/requests/<matter>")
    @pages.staff.needs(Right.BOOKINGS)
    def one_request(who: Caller, matter: str) -> ResponseReturnValue:
        opened = desk.opened(who, matter, request_instant())
        return _page(pages, opened, _forms(pages, opened))

    @found.get("/department/requests/<matter>/notice.pdf")
    @pages.staff.needs(Right.BOOKINGS)
    def notice(who: Caller, matter: str) -> ResponseReturnValue:
        at = request_instant()
        opened = desk.opened(who, matter, at)
        if opened.service is None or not opened.has_notice:
            raise Problem("not-found")
        from verifier.services.matters.notice import notice_pdf  # noqa: PLC0415 - the PDF library is large

        return pages.file(notice_pdf(pages.programme, opened.matter, opened.service, at), f"notice-{matter}", "pdf")

    @found.post("/department/requests/<matter>/<any('take-up', 'hand-over', 'call-back', 'close'):act>")
    @pages.staff.needs(Right.BOOKINGS)
    def act_on_request(who: Caller, matter: str, act: str) -> ResponseReturnValue:
        opened = desk.opened(who, matter, request_instant())
        forms = _forms(pages, opened)
        form = forms[act]
        if not form.validate_on_submit() or not _holds(form, opened):
            return _page(pages, opened, forms, status=422)
        return pages.act(f"/department/requests/{matter}", f"department.done.{act}", _done(desk, who, opened, form))


def _tab(asked: str) -> MatterTab:
    return MatterTab(asked) if asked in {one.value for one in MatterTab} else MatterTab.OPEN


def _filters(pages: DeskPages, desk: MatterDesk, who: Caller) -> ListFilter:
    form, any_one = ListFilter(request.args), pages.staff.word("department.any")
    mine = desk.departments(who)
    services = [one for one in pages.programme.services.values() if set(one.departments) & set(mine)]
    services = [one for one in services if one.request is not None or one.matter is not None]
    form.department.choices = [option("", any_one), *pages.department_choices(mine)]
    form.service.choices = [option("", any_one), *(option(one.code, pages.say(one.name)) for one in services)]
    if len(mine) < 2:
        del form.department  # A person with one department is not asked for the department
    return form


def _forms(pages: DeskPages, opened: OpenedMatter) -> dict[str, ActForm]:
    """Return the forms of a matter's page, each filled with the values sent to it."""
    act = request.path.rpartition("/")[2]
    forms = {name: kind(request.form if name == act else None, prefix=f"{name}-") for name, kind in FORMS.items()}
    hand_over, close, take_up = forms["hand-over"], forms["close"], forms["take-up"]
    rule = None if opened.service is None else opened.service.matter
    if opened.kind_open and rule is not None:
        kinds = [option(code, pages.say(name)) for code, name in rule.kinds.items()]
        take_up.kind.choices = [*choices_of(pages, {}), *kinds]
    else:
        del take_up.kind
    hand_over.department.choices = [*choices_of(pages, {}), *pages.department_choices(opened.hand_to)]
    close.outcome.choices = choices_of(pages, {one: f"department.outcome.{one}" for one in OUTCOMES})
    return forms


_OF_COUNTERS: Final = {
    "beneficiary": Text(zh="办理对象", en="For"), "employer": Text(zh="用人单位", en="Employer"),
}  # fmt: skip


def _page(
    pages: DeskPages, opened: OpenedMatter, forms: Mapping[str, ActForm], status: int = 200
) -> ResponseReturnValue:
    rule = None if opened.service is None else opened.service.request
    labels = {} if rule is None else {one.code: pages.say(one.label) for one in rule.fields}
    if opened.fields is not None and "beneficiary" in opened.fields:  # Of a counter's matter
        labels |= {name: pages.say(text) for name, text in _OF_COUNTERS.items()}
        whom = BENEFICIARIES.get(Beneficiary(opened.fields["beneficiary"]))
        opened = replace(opened, fields={**opened.fields, "beneficiary": pages.say(whom)})
    return pages.page("request", status, opened=opened, matter=opened.matter, forms=forms, labels=labels)


def days_typed(text: str) -> float:
    """Return working days, also half days. Raises ValueError for anything else."""
    days = float(text)
    if not 0 < days <= DAYS_MOST:
        raise ValueError("no number of working days")
    return days


def _holds(form: ActForm, opened: OpenedMatter) -> bool:
    """Check a form against its matter: whether a note can be kept, and whether working days are required."""
    if form.note.data and not opened.takes_notes:
        refuse(form.note, "department.no-notes")
    if isinstance(form, TakeUpForm) and opened.limit_days is None:
        try:
            if form.limit() is None:
                refuse(form.days, "form.needed")
        except ValueError:
            refuse(form.days, Said("department.days-wrong", most=DAYS_MOST))
    return not form.errors


def _done(desk: MatterDesk, who: Caller, opened: OpenedMatter, form: ActForm) -> Callable[[], object]:
    """Return the act that a form asks for, as a function."""
    at, operation = request_instant(), operation_sent()

    def stage(name: str, **told: str | float | None) -> Stage:
        return Stage(operation, who, opened.matter.id, name, note=form.note.data or None, **told)  # type: ignore[arg-type]

    if isinstance(form, TakeUpForm):
        days = form.limit() if opened.limit_days is None else None
        kind = form.kind.data if "kind" in form else None
        return lambda: desk.reach(stage(COMPLETE, limit_working_days=days, kind=kind), at)
    if isinstance(form, HandOverForm):
        return lambda: desk.reach(stage(FORWARDED, decides=form.department.data), at)
    if isinstance(form, CallForm):
        return lambda: desk.reach(stage(FOLLOWED, call_back=form.result.data), at)
    return lambda: desk.close(stage(CLOSED, outcome=form.outcome.data), at)
