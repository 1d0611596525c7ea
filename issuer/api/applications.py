"""Applications from other platforms, with the platform's own receipt number. A call may be repeated as often as the
network requires.

Only for servers whose token has the right `intake` everywhere. Nothing that was handed in can be read back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, Literal

import flask
import msgspec
from flask import Blueprint, Request

from accounts.rights import Caller, Right
from edge.fields import invalid, invalid_fields
from edge.http import answer, read_body, request_instant
from edge.openapi import describe
from edge.problems import Problem, ProblemKind, register_problem
from issuer.api.servers import asking_server
from issuer.applications import intake
from issuer.applications.content import Applicant
from issuer.applications.intake import BadTold, Differs, IntakeOutcome, IntakeText, TakenIn
from issuer.applications.service import local_day
from issuer.register.issuer import Issuer

DIFFERS = register_problem(
    ProblemKind(
        "application-differs",
        409,
        "该渠道回执号已登记，内容不同",
        "This receipt number of the channel is known already, with another content",
        "Send the first content again. The applicant sends a change later, or tells the office of the change.",
    )
)
_Text = Annotated[str, msgspec.Meta(max_length=200)]
_Code = Annotated[str, msgspec.Meta(max_length=40)]
_Figures = Annotated[dict[_Code, Annotated[str, msgspec.Meta(max_length=40)]], msgspec.Meta(max_length=20)]


class ToldPerson(msgspec.Struct, forbid_unknown_fields=True):
    """A person as on the identity document. `id_country` (three letters) is only for a passport."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    id_type: _Code
    id_number: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    id_country: Annotated[str, msgspec.Meta(max_length=3)] = ""
    phone: _Code = ""
    email: Annotated[str, msgspec.Meta(max_length=254)] = ""


class ToldApplication(msgspec.Struct, forbid_unknown_fields=True):
    """An application from a platform. `channel` and `ground` are the programme's codes, `receipt` is the platform's
    number.

    `limb` may be left out if the ground has only one. `figures`: the values that the ground asks for, each an amount or
    a day as text. The two days are ISO 8601.
    """

    channel: _Code
    receipt: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    person: ToldPerson
    ground: _Code
    limb: _Code = ""
    employer: _Text = ""
    employer_kind: _Code = ""
    post: _Text = ""
    figures: _Figures = {}
    basis_ends: date | None = None
    permit_ends: date | None = None
    language: Literal["zh", "en"] = "zh"


class TakenApplication(msgspec.Struct, omit_defaults=True):
    """This office's receipt number, for the status page together with `code`. The code is given only with the first
    answer.
    """

    receipt: str
    new: bool
    code: str | None = None


def application_blueprint(issuer: Issuer, authenticate: Callable[[Request], Caller]) -> Blueprint:
    """Return POST /v1/applications."""
    made = Blueprint("issuer-applications", __name__)

    @made.post("/v1/applications")
    @describe(
        summary="Hand in an application of another platform, by its channel and receipt number",
        tag="applications",
        body=ToldApplication,
        answers={201: TakenApplication, 200: TakenApplication},
        problems={"not-permitted", "application-differs"},
        auth="integrator",
    )
    def hand_in() -> flask.Response:
        caller = asking_server(authenticate, Right.INTAKE)
        taken = _taken(issuer, read_body(ToldApplication), f"integrator:{caller.id}")
        new = taken.outcome is IntakeOutcome.NEW
        return answer(TakenApplication(taken.receipt, new, taken.code), 201 if new else 200)

    return made


def _taken(issuer: Issuer, body: ToldApplication, by: str) -> TakenIn:
    at = request_instant()
    try:
        return intake.take_in(issuer, intake.check(issuer, _told(body), local_day(issuer, at)), by=by, at=at)
    except BadTold as error:
        raise invalid_fields((_path(one.field, body), str(one)) for one in error.faults) from None
    except Differs:
        raise Problem(DIFFERS.code) from None


def _told(body: ToldApplication) -> IntakeText:
    if body.channel.startswith(intake.LIST):
        raise invalid("$.channel", "a department's list is imported by the office")
    who = body.person
    return IntakeText(
        channel=body.channel,
        channel_receipt=body.receipt,
        person=Applicant(who.name, who.id_type, who.id_number, who.id_country, who.phone, who.email),
        ground=body.ground,
        limb=body.limb,
        employer=body.employer,
        employer_kind=body.employer_kind,
        post=body.post,
        facts=body.figures,
        basis_ends=body.basis_ends,
        permit_ends=body.permit_ends,
        language=body.language,
    )


def _path(name: str, body: ToldApplication) -> str:
    if name in ToldPerson.__struct_fields__:
        return f"$.person.{name}"
    return f"$.figures.{name}" if name in body.figures else f"$.{name}"
