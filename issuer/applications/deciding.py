"""Decisions, made by a second person whose right covers the tier. An approval issues the card in the same
transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cards.claims import Form
from edge.instants import from_epoch, to_epoch
from issuer.applications import notices, records
from issuer.applications.attachments import Attachments
from issuer.applications.office import NOTE_MOST, Objected, involved_in
from issuer.applications.papers import CONTRACT, PHOTO
from issuer.applications.records import Application
from issuer.applications.service import missing, step_in
from issuer.applications.states import Act, Objection, OfficePerson, State, decision_objection
from issuer.issuing.issuing import IssuedCard, live_cards
from issuer.issuing.settling import settle_cards
from issuer.publishing.publish import after_change, ensure_pool
from issuer.register import office_log
from issuer.register.errors import RefusedError
from issuer.register.holders import NewGround, NewHolder, add_ground_in, add_holder_in, set_photo_in
from issuer.register.issuer import Issuer
from issuer.register.marks import mark_ended
from issuer.register.office_log import OfficeAction
from issuer.register.tables import HOLDERS

RENEWAL: Final = "renewal"


@dataclass(frozen=True, slots=True)
class Approved:
    """The result of an approval: the holder, and the cards that it issued or replaced."""

    holder_id: str
    cards: tuple[IssuedCard, ...]


def objection_to(issuer: Issuer, found: Application, person: OfficePerson) -> Objection | None:
    """Return why a person may not decide an application now, or None if the person may. A page shows this before the
    click.
    """
    if found.state is not State.IN_DECISION:
        return Objection.WRONG_STATE
    with issuer.register.read() as connection:
        return _objection(issuer, connection, found, person)


def approve(issuer: Issuer, application_id: str, person: OfficePerson, *, at: datetime) -> Approved:
    """Approve: register the holder, the ground and the photo, and issue the card, all or nothing.

    Raises Objected if this person may not decide, or if something is missing. Raises RefusedError if no card can be
    issued; then nothing was decided.
    """
    at = from_epoch(to_epoch(at))
    ensure_pool(issuer, at)
    with issuer.register.change() as connection:
        found = _to_decide(issuer, connection, application_id, person)
        if missing(issuer, found, at, reviewed=True):
            raise Objected(Objection.INCOMPLETE)
        step_in(issuer, connection, found, Act.APPROVE, at=at, by=person.id, decided_by=person.id, decided_at=at)
        holder_id = _holder(issuer, connection, found, by=person.id, at=at)
        add_ground_in(issuer, connection, holder_id, _ground(found), by=person.id, at=at)
        made = settle_cards(issuer, connection, holder_id, form=Form.PRINT, because=RENEWAL, by=person.id, at=at)
        live = live_cards(issuer, connection, holder_id)
        printed = next((card for card in live if card.form is Form.PRINT), None)
        card_id = None if printed is None else printed.id
        records.update(connection, found.id, holder_id=holder_id, card_id=card_id)
        told = {"application": found.id, "ground": found.ground, "tier": found.tier}
        action = OfficeAction.APPLICATION_APPROVED
        office_log.append(connection, action, by=person.id, at=at, holder=holder_id, card=card_id, **told)
        notices.queue(issuer, connection, found, "approved", at=at)
    after_change(issuer, at)
    return Approved(holder_id, tuple(made))


def refuse(
    issuer: Issuer, application_id: str, person: OfficePerson, *, reason: str, text: str = "", at: datetime
) -> None:
    """Refuse for a reason of the programme's closed set, with an explanation. A refused renewal releases bookings."""
    if reason not in issuer.programme.applying.refusals:
        raise RefusedError("the programme has no such reason", "choose one of the list")
    plain = text.strip()
    if reason == "other" and not plain:
        raise RefusedError("another reason has to be told", "write it beside the reason")
    if len(plain) > NOTE_MOST:
        raise RefusedError(f"an explanation has {NOTE_MOST} characters at most", "say it shorter")
    with issuer.register.change() as connection:
        found = _to_decide(issuer, connection, application_id, person)
        decided = {"decided_by": person.id, "decided_at": at, "refusal": reason}
        sealed = issuer.register.seal(plain.encode(), f"applications.supplement:{found.id}") if plain else None
        step_in(issuer, connection, found, Act.REFUSE, at=at, by=person.id, supplement=sealed, **decided)
        _release_bookings(issuer, connection, found, by=person.id, at=at)
        told = {"application": found.id, "ground": found.ground, "reason": reason}
        office_log.append(connection, OfficeAction.APPLICATION_REFUSED, by=person.id, at=at, **told)
        notices.queue(issuer, connection, found, "refused", at=at)
    after_change(issuer, at)


def send_back(issuer: Issuer, application_id: str, person: OfficePerson, *, text: str, at: datetime) -> None:
    """Send an application back to its first review, with the reason."""
    plain = text.strip()
    if not plain or len(plain) > NOTE_MOST:
        raise RefusedError(f"say in 1 to {NOTE_MOST} characters why", "write what the first review should look at")
    with issuer.register.change() as connection:
        found = _to_decide(issuer, connection, application_id, person)
        back = {"claimed_by": found.reviewed_by, "reviewed_by": None, "advice": None}
        step_in(issuer, connection, found, Act.RETURN, at=at, by=person.id, **back)
        records.add_event(issuer, connection, found.id, "note", by=person.id, at=at, note=plain)
        action = OfficeAction.APPLICATION_RETURNED
        office_log.append(connection, action, by=person.id, at=at, application=found.id)


def _to_decide(issuer: Issuer, connection: Connection, application_id: str, person: OfficePerson) -> Application:
    found = records.read(issuer, connection, application_id)
    if found.state is not State.IN_DECISION:
        raise Objected(Objection.WRONG_STATE)
    objection = _objection(issuer, connection, found, person)
    if objection is not None:
        raise Objected(objection)
    return found


def _objection(issuer: Issuer, connection: Connection, found: Application, person: OfficePerson) -> Objection | None:
    ground, _ = found.named_ground(issuer)
    return decision_objection(person, ground, involved_in(connection, found))


def _holder(issuer: Issuer, connection: Connection, found: Application, *, by: str, at: datetime) -> str:
    """Return the holder with the application's identity and the new photo. A new person is registered."""
    hashed = issuer.register.hash("identity", found.content.identity.unique_text)
    known = connection.execute(sa.select(HOLDERS.c.id).where(HOLDERS.c.id_hash == hashed)).scalar_one_or_none()
    if known is None:
        new = NewHolder(found.content.name, found.content.identity, found.content.phone or None)
        known = add_holder_in(issuer, connection, new, by=by, at=at).id
    photo = next((one for one in reversed(found.files) if one.key == PHOTO), None)
    if photo is not None:
        data = Attachments(issuer.attachments, issuer.register).open(photo.id)
        set_photo_in(issuer, connection, known, data, by=by, at=at)
    return known


def _ground(found: Application) -> NewGround:
    content, claim = found.content, found.claim
    contract = next((paper.ends for paper in claim.papers if paper.key == CONTRACT), None)
    special = {"tier": content.tier, "reference": content.reference, "body": content.body} if content.body else {}
    return NewGround(
        code=claim.ground,
        limb=claim.limb,
        contract_ends=contract,
        permit_ends=content.permit_ends,
        basis_ends=content.basis_ends,
        note=found.receipt,
        **special,
    )


def _release_bookings(issuer: Issuer, connection: Connection, found: Application, *, by: str, at: datetime) -> None:
    """Tell verifiers of a refused renewal if the person's cards end within the time in which a renewal is open."""
    hashed = issuer.register.hash("identity", found.content.identity.unique_text)
    holder = connection.execute(sa.select(HOLDERS.c.id).where(HOLDERS.c.id_hash == hashed)).scalar_one_or_none()
    if holder is None:
        return
    soon = at + issuer.programme.validity.renewal_opens
    live = live_cards(issuer, connection, holder)
    if live and all(card.valid_until <= soon for card in live):
        mark_ended(connection, holder, at.astimezone(issuer.programme.zone).date(), by=by, at=at)
