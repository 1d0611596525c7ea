"""Marks on holders that verifiers must know: benefits granted elsewhere, and rulings on them (docs/design.md §3)."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cards.marks import Mark, MarkKind
from issuer.register import office_log
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer
from issuer.register.office_log import OfficeAction
from issuer.register.tables import MARKS


def set_benefit(issuer: Issuer, holder_id: str, benefit: str, *, by: str, at: datetime) -> None:
    """Record that a holder has, or may have, a benefit granted elsewhere. It waits for a ruling. A known benefit stays
    as it is.
    """
    _check_benefit(issuer, benefit)
    with issuer.register.change() as connection:
        raise_benefit(connection, holder_id, benefit, by=by, at=at)


def rule(issuer: Issuer, holder_id: str, benefit: str, *, granted: bool, by: str, at: datetime) -> None:
    """Record the department's ruling on a benefit, in place of an earlier ruling (docs/guide-coverage.md, Read right
    8).

    `granted`: the services that waited for the ruling are open to the holder. Otherwise they stay closed.
    """
    _check_benefit(issuer, benefit)
    values = [f"{benefit}:granted", f"{benefit}:refused"]
    with issuer.register.change() as connection:
        raise_benefit(connection, holder_id, benefit, by=by, at=at)
        connection.execute(
            MARKS.delete().where(
                MARKS.c.holder_id == holder_id, MARKS.c.kind == MarkKind.RULING, MARKS.c.value.in_(values)
            )
        )
        _set(connection, Mark(holder_id, MarkKind.RULING, values[0 if granted else 1]), by=by, at=at)


def raise_benefit(connection: Connection, holder_id: str, benefit: str, *, by: str, at: datetime) -> None:
    """Record a benefit inside a transaction, once."""
    mark = Mark(holder_id, MarkKind.BENEFIT, benefit)
    if mark not in marks_of(connection, holder_id):
        _set(connection, mark, by=by, at=at)


def mark_ended(connection: Connection, holder_id: str, day: date, *, by: str, at: datetime) -> None:
    """Record inside a transaction that a holder's renewal was refused on a day. Verifiers then release the bookings.

    A later day replaces an earlier one. Later bookings, on another card, stay.
    """
    connection.execute(MARKS.delete().where(MARKS.c.holder_id == holder_id, MARKS.c.kind == MarkKind.ENDED))
    _set(connection, Mark(holder_id, MarkKind.ENDED, day.isoformat()), by=by, at=at)


def mark_erased(connection: Connection, holder_id: str, day: date, *, by: str, at: datetime) -> None:
    """Order a holder's erasure at every verifier, inside a transaction. All other marks of the holder are removed."""
    released = MARKS.c.kind == MarkKind.ENDED
    connection.execute(MARKS.delete().where(MARKS.c.holder_id == holder_id, sa.not_(released)))
    _set(connection, Mark(holder_id, MarkKind.ERASURE, day.isoformat()), by=by, at=at)


def marks_of(connection: Connection, holder_id: str) -> list[Mark]:
    """Return the marks on one holder."""
    return _read(connection, sa.select(MARKS).where(MARKS.c.holder_id == holder_id))


def all_marks(connection: Connection) -> list[Mark]:
    """Return every mark in a fixed order, for publishing."""
    return _read(connection, sa.select(MARKS))


def _read(connection: Connection, asked: sa.Select[tuple[object, ...]]) -> list[Mark]:
    ordered = asked.order_by(MARKS.c.holder_id, MARKS.c.kind, MARKS.c.value)
    return [Mark(row.holder_id, MarkKind(row.kind), row.value) for row in connection.execute(ordered)]


def _set(connection: Connection, mark: Mark, *, by: str, at: datetime) -> None:
    values = {"holder_id": mark.subject, "kind": mark.kind.value, "value": mark.value, "since": at}
    connection.execute(MARKS.insert().values(values))
    office_log.append(
        connection, OfficeAction.MARK_SET, by=by, at=at, holder=mark.subject, mark=f"{mark.kind}:{mark.value}"
    )


def _check_benefit(issuer: Issuer, benefit: str) -> None:
    if benefit not in issuer.programme.referrals:
        raise RefusedError("the programme knows no such benefit", f"one of {', '.join(issuer.programme.referrals)}")
