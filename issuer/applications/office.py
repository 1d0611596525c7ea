"""The office's acts on an application: claim, check papers, ask, review, return. Every rule is checked again here.

A page shows beforehand which acts are not permitted. The check that counts is here, inside the transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from issuer.applications import notices, records
from issuer.applications.attachments import Attachments
from issuer.applications.papers import GROUND, LackKind, Paper
from issuer.applications.records import Application, StoredFile
from issuer.applications.service import missing, step_in
from issuer.applications.states import Act, Objection, OfficePerson, State, review_objection
from issuer.applications.wording import requirement_of, supplement_text
from issuer.register import office_log
from issuer.register.application_tables import APPLICATION_EVENTS, APPLICATIONS
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer
from issuer.register.office_log import OfficeAction
from issuer.register.tables import CARDS, HOLDERS, CardState

NOTE_MOST: Final = 1000
_TOLD_BY_OFFICE: Final = frozenset(
    {"exclusions_seen", "listed_by", "basis_ends", "permit_ends", "tier", "reference", "body"}
)
OBJECTIONS: Final[Mapping[Objection, tuple[str, str]]] = {
    Objection.NOT_A_PERSON: ("only a person who signed in reviews and decides", "use the office's pages"),
    Objection.NOT_YOUR_DEPARTMENT: ("another department reviews this ground", "leave it to that department"),
    Objection.NOT_YOUR_TIER: ("your right does not cover this tier", "leave it to whoever decides it"),
    Objection.SECOND_PERSON: ("whoever recorded or reviewed an application does not decide it", "ask a second person"),
    Objection.ANOTHERS_CLAIM: ("somebody else works on this application", "ask for its release"),
    Objection.WRONG_STATE: ("the application is not at this step", "open its page anew"),
    Objection.INCOMPLETE: ("something is still missing", "the page names each thing"),
}


class Objected(RefusedError):
    """The rules forbid this act to this person now. `objection` says why, for the page's own words."""

    def __init__(self, objection: Objection) -> None:
        super().__init__(*OBJECTIONS[objection])
        self.objection = objection


@dataclass(frozen=True, slots=True)
class Duplicate:
    """What the office should know before any work: the same person's card, application, or earlier refusal."""

    kind: str
    id: str
    label: str
    at: datetime
    tier: str | None = None


def claim(issuer: Issuer, application_id: str, person: OfficePerson, *, at: datetime) -> None:
    """Claim an application for review. Raises Objected if another department or another person has it."""
    with issuer.register.change() as connection:
        found = records.read(issuer, connection, application_id)
        _require_reviewer(found, person)
        step_in(issuer, connection, found, Act.CLAIM, at=at, by=person.id, claimed_by=person.id)
        _log(connection, OfficeAction.APPLICATION_CLAIMED, found, person, at)


def release(issuer: Issuer, application_id: str, person: OfficePerson, *, at: datetime) -> None:
    """Give back a claimed application to the department's list."""
    with issuer.register.change() as connection:
        found = _claimed(issuer, connection, application_id, person)
        step_in(issuer, connection, found, Act.RELEASE, at=at, by=person.id, claimed_by=None)
        _log(connection, OfficeAction.APPLICATION_RELEASED, found, person, at)


def note(issuer: Issuer, application_id: str, text: str, person: OfficePerson, *, at: datetime) -> None:
    """Add a note for the office. It is sealed, never changed, and never shown to the applicant."""
    plain = text.strip()
    if not plain or len(plain) > NOTE_MOST:
        raise RefusedError(f"a note has 1 to {NOTE_MOST} characters", "say it shorter")
    with issuer.register.change() as connection:
        found = records.read(issuer, connection, application_id)
        records.add_event(issuer, connection, found.id, "note", by=person.id, at=at, note=plain)
        _log(connection, OfficeAction.APPLICATION_NOTED, found, person, at)


def check_paper(
    issuer: Issuer, application_id: str, key: str, seen: frozenset[int], person: OfficePerson, *, at: datetime
) -> None:
    """Record which of a paper's checks an officer found correct."""
    with issuer.register.change() as connection:
        found = _claimed(issuer, connection, application_id, person)
        asked = requirement_of(issuer.programme, found.claim, key)
        known = next((paper for paper in found.papers if paper.key == key), None)
        if asked is None or known is None or known.files < 1:
            raise RefusedError("this paper is not there", "ask the applicant for it")
        kept = seen & set(range(len(asked.checks_for(known.variant))))
        paper = Paper(key, known.files, known.variant, known.begins, known.ends, known.confirmed)
        records.write_paper(connection, found.id, paper, seen=sorted(kept), seen_by=person.id, seen_at=at)
        keep_lacking(issuer, connection, found.id, at)
        records.add_event(issuer, connection, found.id, "check", by=person.id, at=at, paper=key, seen=sorted(kept))


def tell(
    issuer: Issuer, application_id: str, told: Mapping[str, object], person: OfficePerson, *, at: datetime
) -> None:
    """Record what the office itself knows: exclusions, a department's list, the ends, the group's decision."""
    if not told.keys() <= _TOLD_BY_OFFICE:
        raise ValueError("not for the office to tell")
    tier = told.get("tier")
    if tier and tier not in issuer.programme.tiers:
        raise RefusedError("the programme has no such tier", f"one of {', '.join(issuer.programme.tiers)}")
    with issuer.register.change() as connection:
        found = _claimed(issuer, connection, application_id, person)
        content = msgspec.structs.replace(found.content, **told)
        ground, _ = found.named_ground(issuer)
        sealed = records.seal_content(issuer, found.id, content)
        records.update(connection, found.id, **sealed, tier=ground.tier or content.tier or None)
        keep_lacking(issuer, connection, found.id, at)
        records.add_event(issuer, connection, found.id, "tell", by=person.id, at=at, fields=sorted(told))


def suggested_supplement(issuer: Issuer, application: Application, at: datetime) -> str:
    """Return the notice that asks for everything missing at once, in the applicant's language, or an empty text if
    nothing is missing.
    """
    looked_at = {paper.key for paper in application.papers if paper.looked_at}
    found = [
        one
        for one in missing(issuer, application, at, reviewed=True)
        if one.key != GROUND and (one.kind is not LackKind.CHECK or one.key in looked_at)
    ]
    if not found:
        return ""
    return supplement_text(issuer.programme, application.claim, found).in_language(application.language)


def ask(issuer: Issuer, application_id: str, text: str, person: OfficePerson, *, at: datetime) -> None:
    """Ask the applicant once for everything missing (一次告知). The term stops until the papers arrive."""
    plain = text.strip()
    if not plain or len(plain) > NOTE_MOST:
        raise RefusedError(f"a notice has 1 to {NOTE_MOST} characters", "write what is missing")
    with issuer.register.change() as connection:
        found = _claimed(issuer, connection, application_id, person)
        sealed = issuer.register.seal(plain.encode(), f"applications.supplement:{found.id}")
        step_in(issuer, connection, found, Act.ASK, at=at, by=person.id, supplement=sealed)
        keep_lacking(issuer, connection, found.id, at)
        notices.queue(issuer, connection, found, "supplement", at=at)
        _log(connection, OfficeAction.APPLICATION_ASKED, found, person, at)


def forward(
    issuer: Issuer, application_id: str, person: OfficePerson, *, advice: str, at: datetime, text: str = ""
) -> None:
    """End the first review with an advice: "approve" (nothing may be missing) or "refuse". A second person decides."""
    if advice not in {"approve", "refuse"}:
        raise ValueError("advise to approve or to refuse")
    with issuer.register.change() as connection:
        found = _claimed(issuer, connection, application_id, person)
        if advice == "approve" and missing(issuer, found, at, reviewed=True):
            raise Objected(Objection.INCOMPLETE)
        step_in(issuer, connection, found, Act.FORWARD, at=at, by=person.id)
        records.update(connection, found.id, reviewed_by=person.id, advice=advice, claimed_by=None, lacking=[])
        if text.strip():
            records.add_event(issuer, connection, found.id, "note", by=person.id, at=at, note=text.strip()[:NOTE_MOST])
        _log(connection, OfficeAction.APPLICATION_REVIEWED, found, person, at, advice=advice)


def files_of(application: Application, key: str) -> list[StoredFile]:
    """Return the files of one paper, oldest first."""
    return [one for one in application.files if one.key == key]


def show_file(issuer: Issuer, application_id: str, file_id: str, *, by: str, at: datetime) -> tuple[StoredFile, bytes]:
    """Open a paper for a person of the office. The office log records this."""
    found = records.find(issuer, application_id)
    known = next((one for one in found.files if one.id == file_id), None)
    if known is None:
        raise RefusedError("the application has no such file", "open its page anew")
    data = Attachments(issuer.attachments, issuer.register).open(known.id)
    with issuer.register.change() as connection:
        told = {"application": found.id, "paper": known.key}
        office_log.append(connection, OfficeAction.APPLICATION_SHOWN, by=by, at=at, holder=found.holder_id, **told)
    return known, data


def show_person(issuer: Issuer, application_id: str, *, by: str, at: datetime) -> Application:
    """Return an application with its identity number. The log records who asked to see the number."""
    with issuer.register.change() as connection:
        found = records.read(issuer, connection, application_id)
        told = {"application": found.id, "paper": "identity-number"}
        office_log.append(connection, OfficeAction.APPLICATION_SHOWN, by=by, at=at, holder=found.holder_id, **told)
    return found


def duplicates(issuer: Issuer, application: Application) -> list[Duplicate]:
    """Return what is already known of the same person: a card in force, an open application, an earlier refusal."""
    hashed = issuer.register.hash("identity", application.content.identity.unique_text)
    t, live = APPLICATIONS, [CardState.VALID, CardState.SUSPENDED]
    others = sa.select(t).where(t.c.id_hash == hashed, t.c.id != application.id, t.c.state != State.DRAFT)
    cards = sa.select(CARDS).join(HOLDERS, HOLDERS.c.id == CARDS.c.holder_id).where(HOLDERS.c.id_hash == hashed)
    with issuer.register.read() as connection:
        held = [
            Duplicate("card", row.id, row.number, row.not_before, row.tier)
            for row in connection.execute(cards.where(CARDS.c.state.in_(live)).order_by(CARDS.c.not_before))
        ]
        applied = [
            Duplicate(_kind(State(row.state)), row.id, row.receipt, row.decided_at or row.submitted_at)
            for row in connection.execute(others.order_by(t.c.submitted_at))
            if State(row.state).open or row.state == State.REFUSED
        ]
    return [*held, *applied]


def _kind(state: State) -> str:
    return "open" if state.open else state.value


def involved_in(connection: Connection, found: Application) -> set[str]:
    """Return everybody who recorded, checked or reviewed an application. These people may not decide it."""
    worked = {
        "begin",
        "import",
        "check",
        "tell",
        "claim",
        "ask",
        "forward",
        "fill-in",
        "ground",
        "paper",
        "attach",
        "detach",
        "submit",
        "supply",
    }
    e = APPLICATION_EVENTS
    asked = sa.select(e.c.actor).where(e.c.application_id == found.id, e.c.act.in_(sorted(worked))).distinct()
    acted = set(connection.execute(asked).scalars())
    return {*acted, found.recorded_by, *filter(None, (found.reviewed_by,))}


def _require_reviewer(found: Application, person: OfficePerson) -> None:
    objection = review_objection(person, found.department or "", found.claimed_by)
    if objection is not None:
        raise Objected(objection)


def _claimed(issuer: Issuer, connection: Connection, application_id: str, person: OfficePerson) -> Application:
    """Return an application in review that this person has claimed. Raises Objected for any other."""
    found = records.read(issuer, connection, application_id)
    _require_reviewer(found, person)
    if found.state is not State.IN_REVIEW:
        raise Objected(Objection.WRONG_STATE)
    if found.claimed_by != person.id:
        raise Objected(Objection.ANOTHERS_CLAIM)
    return found


def keep_lacking(issuer: Issuer, connection: Connection, application_id: str, at: datetime) -> None:
    """Keep the list of missing papers in clear text, so that the worklist opens no sealed content."""
    found = records.read(issuer, connection, application_id)
    lacking = missing(issuer, found, at, reviewed=True)
    records.update(connection, application_id, lacking=list(dict.fromkeys(one.shown for one in lacking)))


def _log(
    connection: Connection, action: OfficeAction, found: Application, person: OfficePerson, at: datetime, **told: str
) -> None:
    detail = {"application": found.id, **told}
    office_log.append(connection, action, by=person.id, at=at, holder=found.holder_id, card=None, **detail)
