"""A holder's erasure, ordered by the issuer's marks (`erasure` in holder-marks+jwt) or by command.

What says who somebody is goes first (bookings' details, cards, tags, delegations), the ledger's salt and `sub` last: it
alone knows whose bookings they are, so that an erasure that was stopped anywhere is finished by the next one. Entries
stay, under a name that leads nowhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from cards.marks import MarkKind
from edge.clock import Clock
from edge.encoding import b64u
from edge.problems import Problem
from edge.sealing import derive, keyed_hash
from ledger.interface import Ledger
from ledger.values import LedgerError
from verifier.records.store import Access, VerifierStore
from verifier.services.bookings.service import BookingService
from verifier.trust.published import Documents, Untrusted

EVERY: Final = timedelta(minutes=1)
ERASED: Final = "erasure"
"""The kind of line in the access log that says so."""

_log = logging.getLogger("yunju.verifier")


class Eraser:
    """Erases holders here."""

    def __init__(self, ledger: Ledger, store: VerifierStore, bookings: BookingService, secret: bytes) -> None:
        """Take what was opened; `secret` keys the name under which an erasure is noted, which nobody else can make."""
        self._ledger, self._store, self._bookings = ledger, store, bookings
        self._names = derive(secret, "erasures")
        self._swept: tuple[int, str] | None = None

    def sweep(self, documents: Documents, at: datetime) -> int:
        """Erase every holder whose mark orders it and who is still known; returns how many were.

        Looks at all of them anew when the marks or the ledger's store are others than before: a restored copy of the
        ledger brings erased holders back.
        """
        marks = documents.marks
        if marks is None or self._swept == (seen := (marks.serial, self._ledger.store())):
            return 0
        ordered = {mark.subject for mark in marks.marks if mark.kind is MarkKind.ERASURE}
        count = sum(self.erase(subject, at, by="issuer") for subject in sorted(ordered))
        self._swept = seen
        return count

    def erase(self, subject: str, at: datetime, *, by: str) -> bool:
        """Erase one holder; False when there was nothing left to do, and it was noted before."""
        noted = b64u(keyed_hash(self._names, subject))
        known = self._ledger.pseudonym(subject) is not None
        if not known and self._store.is_recorded(ERASED, noted):
            return False
        details = self._bookings.erase_details(subject)
        self._store.erase_subject(subject)
        self._ledger.erase(subject)
        self._store.record(Access(ERASED, by, noted), at)
        _log.info("a holder was erased", extra={"safe_fields": {"by": by, "bookings": details}})
        return True


class Erasing:
    """Sweeps now and then beside the service, in a thread of its own. Start it after a fork."""

    def __init__(self, eraser: Eraser, documents: Callable[[datetime], Documents], clock: Clock) -> None:
        """Begin nothing yet."""
        self._eraser, self._documents, self._clock = eraser, documents, clock
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="eraser", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, at most one sweep later; harmless if it never began."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def once(self) -> None:
        """Sweep; a failure is logged, never raised: what was left is erased the next time."""
        at = self._clock.now()
        try:
            self._eraser.sweep(self._documents(at), at)
        except (LedgerError, Problem, Untrusted, SQLAlchemyError) as error:
            _log.error("holders were not erased", extra={"safe_fields": {"error": type(error).__name__}})

    def _run(self) -> None:
        while True:
            self.once()
            if self._stopped.wait(EVERY.total_seconds()):
                return
