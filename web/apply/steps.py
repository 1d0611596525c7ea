"""The steps before the papers: employer, ground, and the figures that a ground asks for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from cards.programme.types import Text
from edge.http import request_instant
from issuer.applications import records, service
from issuer.applications.content import BadField, checked_facts
from issuer.applications.records import Application
from issuer.register.errors import RefusedError
from web.apply.forms import EmployerForm, GroundForm
from web.apply.shared import CHANGING, ApplyPages
from web.pages import page_language
from web.staff.forms import option


def add_steps(found: Blueprint, pages: ApplyPages) -> None:
    """Add the two steps to the pages."""

    @found.route("/apply/employer", methods=["GET", "POST"])
    def employer() -> ResponseReturnValue:
        held = pages.held()
        if held is None or held.state not in CHANGING:
            return pages.staff.go("/apply/status")
        content = held.content
        form = EmployerForm(employer=content.employer, employer_kind=content.employer_kind, post=content.post)
        form.employer_kind.choices = [
            option(code, text.in_language(page_language())) for code, text in pages.issuer.programme.employers.items()
        ]
        if not form.validate_on_submit():
            return pages.page("employer", 422 if form.errors else 200, form=form, application=held)
        told = {"employer": form.employer.data, "employer_kind": form.employer_kind.data, "post": form.post.data or ""}
        service.fill_in(pages.issuer, held.id, told, at=request_instant(), by=service.APPLICANT)
        return pages.staff.go("/apply/ground")

    @found.route("/apply/ground", methods=["GET", "POST"])
    def ground() -> ResponseReturnValue:
        held = pages.held()
        if held is None or held.state not in CHANGING:
            return pages.staff.go("/apply/status")
        form = GroundForm(ground=f"{held.ground}.{held.limb}" if held.ground else "")
        form.ground.choices = [option("", pages.staff.word("apply.choose")), *_ground_choices(pages)]
        if not form.validate_on_submit():
            return _ground_page(pages, held, form, 422 if form.errors else 200)
        return _ground_chosen(pages, held, form, request_instant())


def _ground_choices(pages: ApplyPages) -> list[Any]:
    language, programme = page_language(), pages.issuer.programme
    found = []
    for one in programme.grounds.values():
        tier = programme.tiers[one.tier].name.in_language(language) if one.tier else ""
        texts = {f"{one.code}.{limb.code}": f"{tier} {limb.text.in_language(language)}" for limb in one.limbs}
        found += [option(name, text.strip()) for name, text in texts.items()]
    return found


def _measures(pages: ApplyPages, held: Application) -> list[tuple[str, Text, str]]:
    """Return the figures that the chosen limb asks for: code, name, unit."""
    if held.ground is None:
        return []
    _, limb = held.named_ground(pages.issuer)
    names = pages.issuer.programme.applying.measures
    units = {one.measure: one.unit for one in limb.thresholds}
    return [(code, names.get(code, Text(code, code)), unit) for code, unit in units.items()]


def _ground_page(
    pages: ApplyPages, held: Application, form: GroundForm, status: int, fault: str | None = None
) -> ResponseReturnValue:
    named = None if held.ground is None else held.named_ground(pages.issuer)
    values = {"measures": _measures(pages, held), "named": named, "fault_of": fault}
    return pages.page("ground", status, form=form, application=held, **values)


def _ground_chosen(pages: ApplyPages, held: Application, form: GroundForm, at: datetime) -> ResponseReturnValue:
    code, _, limb = (form.ground.data or "").rpartition(".")
    changed = (code, limb) != (held.ground, held.limb)
    try:
        if changed:
            service.choose_ground(pages.issuer, held.id, code, limb, at=at, by=service.APPLICANT)
            held = records.find(pages.issuer, held.id)
    except RefusedError as error:
        pages.refused(error)
        return pages.staff.go("/apply/ground")
    asked = _measures(pages, held)
    if changed and asked and not any(request.form.get(f"m-{code}") for code, _, _ in asked):
        return pages.staff.go("/apply/ground")  # The limb was chosen; its figures come next
    try:
        typed = {code: request.form.get(f"m-{code}", "")[:40] for code, _, _ in asked}
        facts = checked_facts(typed, {code: unit for code, _, unit in asked})
    except BadField as error:
        return _ground_page(pages, held, form, 422, error.field)
    service.fill_in(pages.issuer, held.id, {"facts": facts}, at=at, by=service.APPLICANT)
    return pages.staff.go("/apply/papers")
