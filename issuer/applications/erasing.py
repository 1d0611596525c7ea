"""The erasure and the death of a holder. First the cards end for good. Verifiers learn of both through marks.

The erasure removes name, identity number, telephone, photo, papers, contents of applications, notes, codes and tokens.
What stays leads to nobody: ids, tiers, dates, the office log. A keyed hash of the identity stays until the year's
quotas are over, so that an erasure does not give anybody new quotas in the same year (docs/decisions).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from issuer.applications import records, uploads
from issuer.applications.attachments import Attachments
from issuer.applications.content import Content
from issuer.applications.states import State
from issuer.issuing.settling import end_all
from issuer.publishing.publish import after_change
from issuer.register import office_log
from issuer.register.application_tables import (
    APPLICATION_EVENTS,
    APPLICATION_FILES,
    APPLICATION_PAPERS,
    APPLICATIONS,
    NOTICES,
)
from issuer.register.errors import RefusedError
from issuer.register.holders import held_grounds, read_holder, withdraw_ground_in
from issuer.register.identity import IdType
from issuer.register.issuer import Issuer
from issuer.register.marks import mark_erased
from issuer.register.office_log import OfficeAction
from issuer.register.tables import CARDS, ENROLMENT_CODES, ERASED_IDENTITIES, GROUNDS, HOLDERS, PHOTOS

ERASED, DIED = "erased", "died"
"""Why a card ended."""


@dataclass(frozen=True, slots=True)
class Erased:
    """The result of an erasure: how many cards ended, how many applications and files were emptied, and from when the
    person may apply again.
    """

    cards: int
    applications: int
    files: int
    again_from: date


def note_death(issuer: Issuer, holder_id: str, *, by: str, at: datetime) -> int:
    """End every ground and card of a holder who died, and release the bookings. Return how many cards ended.

    The data stay until somebody erases them.
    """
    with issuer.register.change() as connection:
        read_holder(issuer, connection, holder_id)
        ended = _end(issuer, connection, holder_id, because=DIED, by=by, at=at)
        office_log.append(connection, OfficeAction.HOLDER_DIED, by=by, at=at, holder=holder_id)
    after_change(issuer, at)
    return ended


def erase(issuer: Issuer, holder_id: str, *, by: str, at: datetime) -> Erased:
    """Erase a holder: the cards end, the mark orders verifiers to erase, and all personal data go. This cannot be
    undone.

    Raises RefusedError for an unknown holder, and for a holder who was erased before.
    """
    with issuer.register.change() as connection:
        found = read_holder(issuer, connection, holder_id)
        if found.erased_at is not None:
            raise RefusedError("this holder was erased already", "nothing is left to erase")
        ended = _end(issuer, connection, holder_id, because=ERASED, by=by, at=at)
        again = _keep_hash(issuer, connection, holder_id, at)
        applications = _applications(
            connection, holder_id, issuer.register.hash("identity", found.identity.unique_text)
        )
        staged = uploads.forget_in(connection, applications)
        files = _empty_applications(issuer, connection, applications, by=by, at=at)
        _empty_holder(issuer, connection, holder_id, at)
        mark_erased(connection, holder_id, at.astimezone(issuer.programme.zone).date(), by=by, at=at)
        office_log.append(connection, OfficeAction.HOLDER_ERASED, by=by, at=at, holder=holder_id)
    store = Attachments(issuer.attachments, issuer.register)
    for name in (
        files
    ):  # After the transaction: a file without its row is harmless, but a row without its file would be a fault
        store.remove(name)
    uploads.remove_pieces(issuer, staged)
    after_change(issuer, at)
    return Erased(ended, len(applications), len(files), again)


def _end(issuer: Issuer, connection: Connection, holder_id: str, *, because: str, by: str, at: datetime) -> int:
    for ground in held_grounds(connection, holder_id):
        if ground.withdrawn_at is None:
            withdraw_ground_in(connection, holder_id, ground.id, by=by, at=at)
    codes = ENROLMENT_CODES
    open_codes = (codes.c.holder_id == holder_id, codes.c.used_at.is_(None), codes.c.cancelled_at.is_(None))
    connection.execute(codes.update().where(*open_codes).values(cancelled_at=at))
    return end_all(issuer, connection, holder_id, because=because, by=by, at=at)


def _keep_hash(issuer: Issuer, connection: Connection, holder_id: str, at: datetime) -> date:
    """Keep the identity's hash until the year is over. Delete the hashes of past years."""
    zone, t = issuer.programme.zone, ERASED_IDENTITIES
    again = date(at.astimezone(zone).year + 1, 1, 1)
    until = datetime.combine(again, time(), zone).astimezone(UTC)
    hashed = connection.execute(sa.select(HOLDERS.c.id_hash).where(HOLDERS.c.id == holder_id)).scalar_one()
    connection.execute(t.delete().where(sa.or_(t.c.until <= at, t.c.id_hash == hashed)))
    connection.execute(t.insert().values(id_hash=hashed, until=until))
    return again


def _applications(connection: Connection, holder_id: str, hashed: str) -> list[str]:
    """Return every application of the person: those from which the holder was registered, and those that were never
    approved.
    """
    t = APPLICATIONS
    asked = sa.select(t.c.id).where(sa.or_(t.c.holder_id == holder_id, t.c.id_hash == hashed))
    return list(connection.execute(asked).scalars())


def _empty_applications(issuer: Issuer, connection: Connection, ids: list[str], *, by: str, at: datetime) -> list[str]:
    """Empty applications. Return the names of their files. An open application is withdrawn."""
    t, e, f, p, n = APPLICATIONS, APPLICATION_EVENTS, APPLICATION_FILES, APPLICATION_PAPERS, NOTICES
    nobody = Content("", IdType.RESIDENT_ID.value, "")
    undecided = [one.value for one in State if not one.final]
    for one in ids:
        sealed = issuer.register.seal(msgspec.json.encode(nobody), f"applications.content:{one}")
        values = {"content": sealed, "masked_name": "", "name_hash": None, "id_hash": None, "masked_id_hash": None}
        connection.execute(t.update().where(t.c.id == one).values(values | {"code_hash": None, "supplement": None}))
        records.add_event(issuer, connection, one, "erase", by=by, at=at)
    ended: dict[str, object] = {"state": State.WITHDRAWN.value, "claimed_by": None, "due_on": None, "lacking": []}
    connection.execute(t.update().where(t.c.id.in_(ids), t.c.state.in_(undecided)).values(ended))
    connection.execute(e.update().where(e.c.application_id.in_(ids)).values(note=None))
    connection.execute(p.delete().where(p.c.application_id.in_(ids)))
    connection.execute(n.update().where(n.c.application_id.in_(ids)).values(address=b"", next_at=None))
    files = connection.execute(sa.select(f.c.id).where(f.c.application_id.in_(ids), f.c.removed_at.is_(None)))
    names = list(files.scalars())
    connection.execute(f.update().where(f.c.id.in_(names)).values(removed_at=at))
    return names


def _empty_holder(issuer: Issuer, connection: Connection, holder_id: str, at: datetime) -> None:
    """Empty the holder's own rows. The hash that replaces the identity leads to no identity."""
    gone = {"name": b"", "masked_name": "", "id_number": b"", "id_country": "", "phone": None, "erased_at": at}
    hashes = {"id_hash": issuer.register.hash("erased", holder_id), "name_hash": None, "masked_id_hash": None}
    connection.execute(HOLDERS.update().where(HOLDERS.c.id == holder_id).values(gone | hashes))
    connection.execute(PHOTOS.delete().where(PHOTOS.c.holder_id == holder_id))
    connection.execute(NOTICES.update().where(NOTICES.c.holder_id == holder_id).values(address=b"", next_at=None))
    connection.execute(ENROLMENT_CODES.update().where(ENROLMENT_CODES.c.holder_id == holder_id).values(phone_hash=None))
    told = {"note": None, "reference": None, "body": None}
    connection.execute(GROUNDS.update().where(GROUNDS.c.holder_id == holder_id).values(told))
    keys = {"token": b"", "key": None, "key_thumbprint": None, "recovery_hash": None}
    connection.execute(CARDS.update().where(CARDS.c.holder_id == holder_id).values(keys))
