"""`/office`: the worklist by due day, with filters and a search; beside it, cards that end soon and matters to attend
to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, SelectField, StringField

from accounts.rights import Caller, Right
from cards.programme.types import Ground, Programme, Text
from edge.http import request_instant
from issuer.applications import records, service
from issuer.applications.letters import ground_label
from issuer.applications.papers import Lack, LackKind, ground_of
from issuer.applications.records import Filter, ListedApplication
from issuer.applications.states import State
from issuer.applications.wording import plain_lack
from web.office.shared import OfficePages, actor, departments_seen
from web.pages import page_language
from web.staff.forms import FilterForm, option, stripped
from web.staff.tables import page_of

TABS: Final = {
    "all": frozenset({State.SUBMITTED, State.IN_REVIEW, State.SUPPLEMENT, State.IN_DECISION}),
    "mine": frozenset({State.IN_REVIEW, State.SUPPLEMENT, State.IN_DECISION}),
    "submitted": frozenset({State.SUBMITTED}),
    "in-review": frozenset({State.IN_REVIEW}),
    "in-decision": frozenset({State.IN_DECISION}),
    "supplement": frozenset({State.SUPPLEMENT}),
    "approved": frozenset({State.APPROVED}),
    "refused": frozenset({State.REFUSED}),
    "withdrawn": frozenset({State.WITHDRAWN}),
}


class WorkFilter(FilterForm):
    """The filters of the worklist."""

    text = StringField("office.search", filters=[stripped])
    tier = SelectField("office.tier", choices=[], validate_choice=False)
    ground = SelectField("office.ground", choices=[], validate_choice=False)
    department = SelectField("office.department", choices=[], validate_choice=False)
    overdue = BooleanField("office.overdue")
    lacking = BooleanField("office.lacking")


@dataclass(frozen=True, slots=True)
class WorklistRow:
    """One line of the worklist, with the text of its cells."""

    line: ListedApplication
    left: int | None
    provisional: bool
    limb: Text | None
    lacks: tuple[Text, ...]


def add_worklist(found: Blueprint, pages: OfficePages) -> None:
    """Add the worklist to the pages."""

    @found.get("/office")
    @pages.staff.needs(Right.APPLICATIONS)
    def worklist(who: Caller) -> ResponseReturnValue:
        tab = request.args.get("tab", "all")
        tab = tab if tab in TABS else "all"
        form = _form(pages)
        today = service.local_day(pages.issuer, request_instant())
        asked = _asked(form, who, tab, pages, searched=bool(form.text.data))
        part = page_of(lambda limit, offset: records.listed(pages.issuer, asked, limit=limit, offset=offset))
        rows = [_row(pages, line) for line in part.rows]
        counts = records.counted(pages.issuer, Filter(departments=departments_seen(who)))
        open_ones = sum(count for state, count in counts.items() if state.open)
        holders = records.holders_named(pages.issuer, form.text.data) if form.text.data else []
        return pages.page(
            "worklist",
            part=part,
            rows=rows,
            today=today,
            me=actor(who),
            holders=holders,
            form=form,
            tab=tab,
            tabs=TABS,
            counts=counts,
            total=open_ones,
        )


def filter_of(pages: OfficePages, who: Caller) -> Filter:
    """Return the filter in the address, limited to what this person sees."""
    form, tab = _form(pages), request.args.get("tab", "all")
    return _asked(form, who, tab if tab in TABS else "all", pages, searched=bool(form.text.data))


def _form(pages: OfficePages) -> WorkFilter:
    programme, language, any_one = pages.issuer.programme, page_language(), pages.staff.word("office.any")
    reviewers = dict.fromkeys(one.reviewer for one in programme.grounds.values() if one.reviewer)
    form = WorkFilter(request.args)
    tiers = [option(one.code, one.name.in_language(language)) for one in programme.tiers.values()]
    grounds = [option(one.code, _ground_name(programme, one)[:60]) for one in programme.grounds.values()]
    departments = [option(code, programme.departments[code].name.in_language(language)) for code in reviewers]
    form.tier.choices = [option("", any_one), *tiers]
    form.ground.choices = [option("", any_one), *grounds]
    form.department.choices = [option("", any_one), *departments]
    return form


def _ground_name(programme: Programme, ground: Ground) -> str:
    """Return a ground's name for people: tier, number, wording."""
    language = page_language()
    tier = programme.tiers[ground.tier].name.in_language(language) if ground.tier else ""
    return f"{tier} {ground_label(ground.code, language)} {ground.text.in_language(language)}".strip()


def _asked(form: WorkFilter, who: Caller, tab: str, pages: OfficePages, *, searched: bool) -> Filter:
    """Return the filter in the address. A search covers every state."""
    today = service.local_day(pages.issuer, request_instant())
    return Filter(
        states=None if searched else TABS[tab],
        tier=form.tier.data or None,
        ground=form.ground.data or None,
        department=form.department.data or None,
        claimed_by=actor(who) if tab == "mine" and not searched else None,
        overdue_on=today if form.overdue.data else None,
        lacking=True if form.lacking.data else None,
        text=form.text.data or None,
        departments=departments_seen(who),
    )


def _row(pages: OfficePages, line: ListedApplication) -> WorklistRow:
    programme = pages.issuer.programme
    named = ground_of(programme, line.ground or "", line.limb or "")
    today = service.local_day(pages.issuer, request_instant())
    lacks = tuple(dict.fromkeys(plain_lack(programme, _lack(code)) for code in line.lacking))
    left = pages.days_left(line.due_on, today) if line.state.open else None
    return WorklistRow(line, left, pages.provisional(line.due_on), None if named is None else named[1].text, lacks)


def _lack(code: str) -> Lack:
    kind, _, rest = code.partition(":")
    key, _, part = rest.partition(":")
    return Lack(key, LackKind(kind), part)
