"""Papers that staff attach to an application from a platform or a list. They are checked and kept like any upload.

A person who attaches papers takes part in the application and may not decide it. Applicants on this office's own pages
send the papers themselves; nobody attaches papers to such an application.
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
    """Return why a person may not attach papers now, or None if the person may. A page shows this before the click."""
    if not person.named:
        return Objection.NOT_A_PERSON
    if found.channel == OWN_CHANNEL or found.state not in _OPEN_TO_PAPERS:
        return Objection.WRONG_STATE
    claimed_by_another = found.claimed_by not in (None, person.id)
    return Objection.ANOTHERS_CLAIM if found.state is State.IN_REVIEW and claimed_by_another else None


def attach(
    issuer: Issuer, application_id: str, paper: Paper, data: bytes, person: OfficePerson, *, at: datetime
) -> PlainFile | None:
    """Keep the details of a paper and, if given, its file. Raises BadFile or BadPhoto, which say why a file is not
    accepted.

    The paper must be checked again afterwards, whatever was ticked before.
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
    """Hand in a supplement that came through the platform. Raises RefusedError while something is missing."""
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
    """Store the list of missing papers for the worklist, and write the line of the office log."""
    with issuer.register.change() as connection:
        office.keep_lacking(issuer, connection, application_id, at)
        office_log.append(connection, action, by=person.id, at=at, application=application_id, paper=key)
