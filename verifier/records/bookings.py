"""The personal data of bookings, sealed in the erasable store (docs/design.md §7). Entries hold only a salted
commitment.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from edge.database import Database, first_use
from edge.instants import to_epoch
from edge.sealing import Sealer, Unsealable, derive, keyed_hash
from verifier.records.tables import BOOKING_DETAILS, WALLET_PROOFS

SALT_BYTES: Final = 16
"""The length of a commitment's salt. Nobody can find the text by trying texts."""
_AT_ONCE: Final = 500
DETAILS_LIFE: Final = timedelta(days=30)
"""How long the details are kept after a booking's use or after the end of its window."""


@dataclass(frozen=True, slots=True)
class BookingDetails:
    """The holder of a booking, the card of the booking, its fields, and the opening of the entry's commitment.

    `channel`: counter, telephone or wallet. `told`: why the booking ended without its holder's wish; it is shown to the
    holder.
    """

    subject: str
    card: str
    tier: str
    name: str
    card_issued_at: int
    channel: str
    fields: Mapping[str, Any]
    opened: str
    party: int
    told: str | None = None


class SoughtIn(msgspec.Struct, frozen=True):
    """What a search reads of a booking's details: its fields, and the holder's name as the card masks it."""

    fields: dict[str, Any]
    name: str


_SOUGHT: Final = msgspec.json.Decoder(SoughtIn)


class BookingStore:
    """Keeps bookings' details until 30 days after the use. The file is useless without the secret."""

    def __init__(self, database: Database, secret: bytes) -> None:
        """Keep the database. Details are sealed under the server's secret, each bound to its booking."""
        self._database = database
        self._sealer = Sealer(secret, "booking-details")
        self._salt_key = derive(secret, "booking-commitments")

    def salt(self, *parts: str) -> bytes:
        """Return the salt of a commitment. Nobody without the secret can guess it, and a retry gets the same salt."""
        return keyed_hash(self._salt_key, *parts)[:SALT_BYTES]

    def keep(self, booking: str, details: BookingDetails, closes_at: datetime) -> None:
        """Keep or replace the details of a booking whose window closes at an instant."""
        plain = json.dumps(asdict(details), ensure_ascii=False).encode()
        row = {"details": self._sealer.seal(plain, booking), "erase_at": to_epoch(closes_at + DETAILS_LIFE)}
        mine = BOOKING_DETAILS.c.booking == booking
        with self._database.write() as connection:
            if not connection.execute(BOOKING_DETAILS.update().where(mine).values(row)).rowcount:
                connection.execute(BOOKING_DETAILS.insert().values(booking=booking, **row))

    def erase_after(self, booking: str, ended_at: datetime) -> None:
        """Set the erasure of the details to 30 days after an instant: the use, the cancellation, or the new end of the
        window.
        """
        mine = BOOKING_DETAILS.c.booking == booking
        with self._database.write() as connection:
            connection.execute(BOOKING_DETAILS.update().where(mine).values(erase_at=to_epoch(ended_at + DETAILS_LIFE)))

    def end(self, booking: str, told: str | None, at: datetime) -> None:
        """Record that a booking ended, and why, if its holder did not wish it."""
        details = None if told is None else self.find(booking)
        if details is None:
            self.erase_after(booking, at)
        else:
            self.keep(booking, replace(details, told=told), at)

    def find(self, booking: str) -> BookingDetails | None:
        """Return the details of a booking, or None if they are erased."""
        with self._database.read() as connection:
            found = BOOKING_DETAILS.c.booking == booking
            sealed = connection.execute(sa.select(BOOKING_DETAILS.c.details).where(found)).scalar()
        return None if sealed is None else self._opened(sealed, booking)

    def find_all(self, bookings: Iterable[str]) -> Mapping[str, BookingDetails]:
        """Return the details of many bookings by their ids, without erased details."""
        opened = ((booking, self._opened(sealed, booking)) for booking, sealed in self._sealed(bookings))
        return {booking: details for booking, details in opened if details is not None}

    def sought_in(self, bookings: Iterable[str]) -> Iterator[tuple[str, SoughtIn]]:
        """Yield what a search reads of many bookings by their ids, without those that are erased."""
        for booking, sealed in self._sealed(bookings):
            try:
                yield booking, _SOUGHT.decode(self._sealer.open(sealed, booking))
            except Unsealable:
                continue

    def _sealed(self, bookings: Iterable[str]) -> list[tuple[str, bytes]]:
        wanted, found = list(bookings), list[tuple[str, bytes]]()
        columns = sa.select(BOOKING_DETAILS.c.booking, BOOKING_DETAILS.c.details)
        with self._database.read() as connection:
            for first in range(0, len(wanted), _AT_ONCE):
                some = wanted[first : first + _AT_ONCE]
                found += map(tuple, connection.execute(columns.where(BOOKING_DETAILS.c.booking.in_(some))).all())
        return found

    def _opened(self, sealed: bytes, booking: str) -> BookingDetails | None:
        try:
            return msgspec.json.decode(self._sealer.open(sealed, booking), type=BookingDetails)
        except Unsealable:
            return None  # After the secret was replaced: the same as erased

    def erase(self, booking: str) -> None:
        """Erase the details of a booking now."""
        with self._database.write() as connection:
            connection.execute(BOOKING_DETAILS.delete().where(BOOKING_DETAILS.c.booking == booking))

    def first_use(self, key: str, proof: str, forget_at: datetime) -> bool:
        """Remember a wallet's proof for all processes. Return whether this is the first time."""
        with self._database.write() as connection:
            return first_use(connection, WALLET_PROOFS, {"key": key, "proof": proof}, to_epoch(forget_at))
