"""Papers that staff attach to an application which came from a platform or a list: checked and kept as any upload.

Whoever attaches takes part in the application and does not decide it. An applicant of our own pages sends the papers
there; nobody puts papers into such an application.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy.engine import Connection

from issuer.applications import office, records, service
from issuer.applications.files import PlainFile
from issuer.applications.office import Objected
from issuer.applications.papers import Paper
from issuer.applications.records import Application
from issuer.applications.service import OWN_CHANNEL
from issuer.applications.states import Objection, OfficePerson, State
from issuer.applications.wording import requirement_of
from issuer.register import office_log
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer
from issuer.register.office_log import OfficeAction

_OPEN_TO_PAPERS: Final = frozenset({State.SUBMITTED, State.IN_REVIEW, State.SUPPLEMENT})


def objection_to(found: Application, person: OfficePerson) -> Objection | None:
    """Return why a person may not attach papers now, or None if it may: what a page shows before the click."""
    if not person.named:
        return Objection.NOT_A_PERSON
    if found.channel == OWN_CHANNEL or found.state not in _OPEN_TO_PAPERS:
        return Objection.WRONG_STATE
    claimed_by_another = found.claimed_by not in (None, person.id)
    return Objection.ANOTHERS_CLAIM if found.state is State.IN_REVIEW and claimed_by_another else None


def attach(
    issuer: Issuer, application_id: str, paper: Paper, data: bytes, person: OfficePerson, *, at: datetime
) -> PlainFile | None:
    """Keep what is known of a paper and, if one was given, its file; BadFile or BadPhoto says why one is not taken.

    The paper has to be looked at afterwards, whatever was ticked before.
    """
    may = _permitted(person)
    asked = requirement_of(issuer.programme, records.find(issuer, application_id).claim, paper.key)
    if asked is None:
        raise RefusedError("the ground asks for no such paper", "open the page anew")
    kept = None
    if asked.variants or asked.confirmed or asked.months_for(paper.variant) or not data:
        service.tell_paper(issuer, application_id, paper, at=at, by=person.id, may=may)
    if data:
        kept = service.attach(issuer, application_id, paper.key, data, at=at, by=person.id, may=may)
    _settle(issuer, application_id, OfficeAction.APPLICATION_ATTACHED, key=paper.key, person=person, at=at)
    return kept


def detach(issuer: Issuer, application_id: str, file_id: str, person: OfficePerson, *, at: datetime) -> None:
    """Remove a file that does not belong to the application."""
    known = next((one for one in records.find(issuer, application_id).files if one.id == file_id), None)
    service.detach(issuer, application_id, file_id, at=at, by=person.id, may=_permitted(person))
    key = "" if known is None else known.key
    _settle(issuer, application_id, OfficeAction.APPLICATION_DETACHED, key=key, person=person, at=at)


def supply(issuer: Issuer, application_id: str, person: OfficePerson, *, at: datetime) -> None:
    """Hand in a supplement that came by the platform; RefusedError while something of it is missing."""
    with issuer.register.read() as connection:
        found = _permitted(person)(issuer, connection, application_id)
    if found.state is not State.SUPPLEMENT:
        raise Objected(Objection.WRONG_STATE)
    service.hand_in(issuer, application_id, at=at, by=person.id)


def _permitted(person: OfficePerson) -> service.Changeable:
    def find(issuer: Issuer, connection: Connection, application_id: str) -> Application:
        found = records.read(issuer, connection, application_id)
        objection = objection_to(found, person)
        if objection is not None:
            raise Objected(objection)
        return found

    return find


def _settle(
    issuer: Issuer, application_id: str, action: OfficeAction, *, key: str, person: OfficePerson, at: datetime
) -> None:
    """Keep what is missing where the worklist finds it, and write the line of the office log."""
    with issuer.register.change() as connection:
        office.keep_lacking(issuer, connection, application_id, at)
        office_log.append(connection, action, by=person.id, at=at, application=application_id, paper=key)
