"""A holder's erasure, ordered by the issuer's marks (`erasure` in holder-marks+jwt) or by a command.

Personal details go first (of bookings, notes, cards, tags, delegations), and the ledger's salt and `sub` go last. Only
the ledger knows the holder of a booking, so the next run can finish an interrupted erasure. Entries stay, under a name
that leads to nobody.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from cards.marks import MarkKind
from edge.clock import Clock
from edge.encoding import b64u
from edge.repeating import Job
from edge.sealing import derive, keyed_hash
from ledger.interface import Ledger
from ledger.paging import every_entry
from ledger.values import Query
from verifier.records.store import NOTE_LIFE, Access, VerifierStore
from verifier.services.bookings.service import BookingService
from verifier.trust.published import Documents

EVERY: Final = timedelta(minutes=1)
ERASED: Final = "erasure"
"""The kind of line in the access log that records an erasure."""

_AT_ONCE: Final = 200
_log = logging.getLogger("yunju.verifier")


class Eraser:
    """Erases holders here."""

    def __init__(self, ledger: Ledger, store: VerifierStore, bookings: BookingService, secret: bytes) -> None:
        """Take the opened stores.

        `secret` keys the name under which an erasure is recorded, so that nobody else can make this name.
        """
        self._ledger, self._store, self._bookings = ledger, store, bookings
        self._names = derive(secret, "erasures")
        self._swept: tuple[int, str] | None = None

    def sweep(self, documents: Documents, at: datetime) -> int:
        """Erase every known holder whose mark orders it. Return the number erased.

        All holders are checked again if the marks or the ledger's store have changed: a restored copy of the ledger
        brings erased holders back.
        """
        marks = documents.marks
        if marks is None or self._swept == (seen := (marks.serial, self._ledger.store())):
            return 0
        ordered = {mark.subject for mark in marks.marks if mark.kind is MarkKind.ERASURE}
        count = sum(self.erase(subject, at, by="issuer") for subject in sorted(ordered))
        self._swept = seen
        return count

    def erase(self, subject: str, at: datetime, *, by: str) -> bool:
        """Erase one holder. Return False if nothing was left to erase and the erasure was recorded before."""
        noted = b64u(keyed_hash(self._names, subject))
        holder = self._ledger.pseudonym(subject)
        if holder is None and self._store.is_recorded(ERASED, noted):
            return False
        details = self._bookings.erase_details(subject)
        if holder is not None:
            self._erase_notes(holder, at)
        self._store.erase_subject(subject)
        self._ledger.erase(subject)
        self._store.record(Access(ERASED, by, noted), at)
        _log.info("a holder was erased", extra={"safe_fields": {"by": by, "bookings": details}})
        return True

    def _erase_notes(self, holder: str, at: datetime) -> None:
        """Erase the notes of a holder's entries that may still have a note."""
        query = Query(holder=holder, since=at - NOTE_LIFE - timedelta(days=1), limit=_AT_ONCE)
        self._store.erase_notes([entry.id for entry in every_entry(self._ledger, query)])


def erasing(eraser: Eraser, documents: Callable[[datetime], Documents], clock: Clock) -> Job:
    """Return the job that erases the holders whom the issuer's marks name. Each run also erases what an earlier run
    left.
    """

    def once() -> int:
        at = clock.now()
        return eraser.sweep(documents(at), at)

    return Job("erasure", EVERY.total_seconds(), once)
