"""Applications that were made elsewhere: on the platform of the province or district, or in a department's list.

One HTTP call, an imported file and the command line all use this module. Each application is named by its channel and
its receipt there. A repeated call changes nothing; a call with other content is refused. No application is approved
here: two persons still review and decide.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cards.names import mask
from cards.programme.types import Ground
from edge.ids import new_id
from issuer.applications import notices, records
from issuer.applications.content import (
    TEXT_MOST,
    Applicant,
    BadField,
    Content,
    checked_facts,
    checked_person,
    ground_claim,
)
from issuer.applications.papers import ground_of, lacks
from issuer.applications.records import Application
from issuer.applications.service import CODE, local_day, new_receipts
from issuer.applications.states import State, due_on
from issuer.register import office_log
from issuer.register.application_tables import APPLICATION_EVENTS, APPLICATIONS
from issuer.register.codes import new_code
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer
from issuer.register.office_log import OfficeAction

T = TypeVar("T")

RECEIPT_MOST: Final = 64
LIST: Final = "list-"
"""The channel of a department's list: this text and the department's code."""
_AT_ONCE: Final = 400


@dataclass(frozen=True, slots=True)
class IntakeText:
    """An application as another system gives it, not checked yet. `facts`: the text of each measure."""

    channel: str
    channel_receipt: str
    person: Applicant = field(repr=False)
    ground: str
    limb: str = ""
    employer: str = field(default="", repr=False)
    employer_kind: str = ""
    post: str = field(default="", repr=False)
    facts: Mapping[str, str] = field(default_factory=dict)
    basis_ends: date | None = None
    permit_ends: date | None = None
    listed_by: str = ""
    reference: str = ""
    language: str = "zh"


class BadTold(ValueError):
    """The values cannot be used. `faults` names each field with its remedy, without quoting the values."""

    def __init__(self, faults: Iterable[BadField]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{one.field}: {one}" for one in self.faults))


@dataclass(frozen=True, slots=True)
class CheckedIntake:
    """A checked application, ready to be taken in. `name_there` finds the application again.

    `content_hash` is the hash of its content.
    """

    channel: str
    channel_receipt: str
    ground: Ground
    limb: str
    content: Content = field(repr=False)
    content_hash: str
    identity_hash: str
    language: str


class IntakeOutcome(StrEnum):
    """The outcome of one application."""

    NEW = "new"
    KNOWN = "known"
    DIFFERS = "differs"
    TWICE = "twice"


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What happened to one application: its id and this office's receipt. The secret code is set only for a new
    application.
    """

    outcome: IntakeOutcome
    id: str = ""
    receipt: str = ""
    code: str | None = field(default=None, repr=False)


class Differs(RefusedError):
    """An application with the same channel and receipt was taken in before, with other content."""

    def __init__(self) -> None:
        super().__init__(
            "this receipt was taken in before, and said something else",
            "what changed is supplied by the applicant, or written down by the first review",
        )


def list_department(channel: str) -> str | None:
    """Return the code of the department whose list a channel names, or None for any other channel."""
    return channel.removeprefix(LIST) if channel.startswith(LIST) else None


def check(issuer: Issuer, told: IntakeText, today: date) -> CheckedIntake:
    """Return the values ready to be taken in. Raises BadTold with every fault."""
    faults: list[BadField] = []
    person = _kept(faults, lambda: checked_person(told.person, today))
    named = _kept(faults, lambda: _ground(issuer, told))
    _kept(faults, lambda: _place(issuer, told))
    _kept(faults, lambda: _text("employer", told.employer))
    _kept(faults, lambda: _text("post", told.post))
    _kept(faults, lambda: _employer_kind(issuer, told.employer_kind))
    facts = None if named is None else _kept(faults, lambda: _facts(*named, told.facts))
    if faults or person is None or named is None or facts is None:
        raise BadTold(faults)
    content = msgspec.structs.replace(
        person,
        employer=told.employer.strip(),
        employer_kind=told.employer_kind,
        post=told.post.strip(),
        facts=facts,
        basis_ends=told.basis_ends,
        permit_ends=told.permit_ends,
        listed_by=told.listed_by,
        reference=told.reference if named[0].tier is None else "",
    )
    return _checked(issuer, told, named[0], named[1], content)


def _checked(issuer: Issuer, told: IntakeText, ground: Ground, limb: str, content: Content) -> CheckedIntake:
    said = json.dumps([ground.code, limb, msgspec.to_builtins(content)], sort_keys=True, ensure_ascii=False)
    hashed = issuer.register.hash("identity", content.identity.unique_text)
    receipt = told.channel_receipt.strip()
    if told.channel.startswith(LIST):  # A list has no receipts: person, ground and reference together name its line
        receipt = issuer.register.hash("list-line", f"{hashed}:{ground.code}:{told.reference}")[:40]
    return CheckedIntake(
        told.channel,
        receipt,
        ground,
        limb,
        content,
        issuer.register.hash("application-content", said),
        hashed,
        told.language,
    )


def _kept(faults: list[BadField], find: Callable[[], T]) -> T | None:
    try:
        return find()
    except BadField as error:
        faults.append(error)
        return None


def _ground(issuer: Issuer, told: IntakeText) -> tuple[Ground, str]:
    """Return the ground and the limb. If a ground has one limb, it need not be named."""
    ground = issuer.programme.grounds.get(told.ground)
    if ground is None:
        raise BadField("ground", "the programme has no such ground")
    limb = told.limb or (ground.limbs[0].code if len(ground.limbs) == 1 else "")
    if ground_of(issuer.programme, told.ground, limb) is None:
        raise BadField("limb", f"say which one: {', '.join(one.code for one in ground.limbs)}")
    return ground, limb


def _place(issuer: Issuer, told: IntakeText) -> None:
    """Check the channel and the receipt by the programme's rules and the size of a column."""
    listed = list_department(told.channel) in issuer.programme.departments
    if told.channel not in issuer.programme.channels and not listed:
        raise BadField("channel", f"one of {', '.join(issuer.programme.channels)}")
    receipt = told.channel_receipt.strip()
    if not listed and (not receipt or len(receipt) > RECEIPT_MOST or not receipt.isprintable()):
        raise BadField("receipt", f"the platform's receipt number, 1 to {RECEIPT_MOST} characters")


def _text(name: str, text: str) -> None:
    if len(text) > TEXT_MOST or not text.isprintable():
        raise BadField(name, f"at most {TEXT_MOST} characters on one line")


def _employer_kind(issuer: Issuer, kind: str) -> None:
    if kind and kind not in issuer.programme.employers:
        raise BadField("employer_kind", f"one of {', '.join(issuer.programme.employers)}")


def _facts(ground: Ground, limb: str, told: Mapping[str, str]) -> dict[str, int | str]:
    asked = next(one for one in ground.limbs if one.code == limb).thresholds
    units = {one.measure: one.unit for one in asked}
    for measure in told:
        if measure not in units:
            raise BadField(measure, "the ground asks for no such figure")
    return checked_facts(told, units)


def take_in(issuer: Issuer, checked: CheckedIntake, *, by: str, at: datetime) -> TakenIn:
    """Take in one application. A repeated call changes nothing. Raises Differs if the earlier content was different.

    A new application has a secret code, which is shown only this once. With the code, the applicant sends papers and
    reads the status.
    """
    with issuer.register.change() as connection:
        taken = take_in_many(issuer, connection, [checked], by=by, at=at, coded=True)[0]
        if taken.outcome is IntakeOutcome.DIFFERS:
            raise Differs
        if taken.outcome is IntakeOutcome.NEW:
            told = {"application": taken.id, "ground": checked.ground.code}
            office_log.append(connection, OfficeAction.APPLICATION_RECEIVED, by=by, at=at, **told)
            notices.queue(issuer, connection, records.read(issuer, connection, taken.id), "received", at=at)
    return taken


def take_in_many(
    issuer: Issuer, connection: Connection, told: list[CheckedIntake], *, by: str, at: datetime, coded: bool = False
) -> list[TakenIn]:
    """Take in applications inside a transaction, one part at a time. Return the result of each, in order.

    The caller writes the line in the office log, and queues the notices.
    """
    found: list[TakenIn] = []
    for start in range(0, len(told), _AT_ONCE):
        found += _take_part(issuer, connection, told[start : start + _AT_ONCE], by=by, at=at, coded=coded)
    return found


def known_of(connection: Connection, told: list[CheckedIntake]) -> dict[tuple[str, str], tuple[str, str, str]]:
    """Return what the register already has by channel and receipt: content hash, id, this office's receipt."""
    t = APPLICATIONS
    found: dict[tuple[str, str], tuple[str, str, str]] = {}
    for start in range(0, len(told), _AT_ONCE):
        names = sorted({one.channel_receipt for one in told[start : start + _AT_ONCE]})
        asked = sa.select(t.c.channel, t.c.channel_receipt, t.c.content_hash, t.c.id, t.c.receipt)
        for row in connection.execute(asked.where(t.c.channel_receipt.in_(names))):
            found[row.channel, row.channel_receipt] = (row.content_hash or "", row.id, row.receipt)
    return found


def intake_outcome(checked: CheckedIntake, known: Mapping[tuple[str, str], tuple[str, str, str]]) -> TakenIn:
    """Return the outcome of an application, given what the register already has."""
    before = known.get((checked.channel, checked.channel_receipt))
    if before is None:
        return TakenIn(IntakeOutcome.NEW)
    same = before[0] == checked.content_hash
    return TakenIn(IntakeOutcome.KNOWN if same else IntakeOutcome.DIFFERS, before[1], before[2])


def _take_part(
    issuer: Issuer, connection: Connection, told: list[CheckedIntake], *, by: str, at: datetime, coded: bool
) -> list[TakenIn]:
    known, found = known_of(connection, told), []
    rows, lines, receipts = [], [], list[str]()
    for one in told:
        taken = intake_outcome(one, known)
        if taken.outcome is IntakeOutcome.NEW:
            receipts = receipts or new_receipts(issuer, connection, at, len(told))
            receipt = receipts.pop()
            taken = TakenIn(IntakeOutcome.NEW, new_id(), receipt, new_code() if coded else None)
            known[one.channel, one.channel_receipt] = (one.content_hash, taken.id, receipt)
            rows.append(_row(issuer, one, taken, by=by, at=at))
            detail = {"channel": one.channel}
            lines.append({"application_id": taken.id, "at": at, "actor": by, "act": "import", "detail": detail})
        found.append(taken)
    if rows:
        connection.execute(APPLICATIONS.insert(), rows)
        connection.execute(APPLICATION_EVENTS.insert(), lines)
    return found


def _row(issuer: Issuer, one: CheckedIntake, taken: TakenIn, *, by: str, at: datetime) -> dict[str, object]:
    """Return the row of a new application, which counts as handed in."""
    ground, day = one.ground, local_day(issuer, at)
    return {
        "id": taken.id,
        "receipt": taken.receipt,
        "channel": one.channel,
        "channel_receipt": one.channel_receipt,
        "code_hash": None if taken.code is None else issuer.register.code_hash(CODE, taken.code),
        "content_hash": one.content_hash,
        "state": State.SUBMITTED.value,
        "ground": ground.code,
        "limb": one.limb,
        "tier": ground.tier,
        "department": ground.reviewer or issuer.programme.second_reviewer,
        "masked_name": mask(one.content.name),
        "language": one.language,
        "created_at": at,
        "submitted_at": at,
        "due_on": due_on(issuer.programme, State.SUBMITTED, day),
        "lacking": _lacking(issuer, one, day),
        "recorded_by": by,
        **records.seal_content(issuer, taken.id, one.content),
    }


def _lacking(issuer: Issuer, one: CheckedIntake, day: date) -> list[str]:
    found = lacks(issuer.programme, ground_claim(one.content, one.ground.code, one.limb, ()), day, reviewed=False)
    return list(dict.fromkeys(lack.shown for lack in found))


def find_told(issuer: Issuer, channel: str, receipt: str) -> Application | None:
    """Return the application with a channel's receipt, or None if none was taken in."""
    t = APPLICATIONS
    asked = sa.select(t.c.id).where(t.c.channel == channel, t.c.channel_receipt == receipt)
    with issuer.register.read() as connection:
        found = connection.execute(asked).scalar_one_or_none()
        return None if found is None else records.read(issuer, connection, found)
