"""What auditors' calls work with: the caller, the published log and its keys, figures, reviews, and the record of every
reading.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from flask import request

from accounts.rights import EVERYWHERE, Caller, Right
from audit.figures.odds import Searcher
from audit.figures.reviews import ReviewStore
from audit.figures.thresholds import Thresholds
from audit.figures.usage import UsageFigures
from audit.tree.place import CheckpointState
from audit.tree.proofs import LogReader
from edge.database import Database
from edge.http import request_instant
from edge.limits import Limiter
from edge.problems import Problem
from keys.keyset import Purpose
from keys.notes import NoteKey, OpenedCheckpoint, ecdsa_key, open_checkpoint
from ledger.filtering import name_in
from ledger.leaf import Leaf
from ledger.values import Entry
from verifier.api.asking import Asking
from verifier.api.audit.readings import record_reading
from verifier.counter.checking_in import ledger_problems
from verifier.service import Verifier

NameOf = Callable[[str], str | None]
"""Asks the register for the name of a holder by `sub`. Returns None if the register knows no such holder."""

NAMES_A_SECOND, NAMES_AT_ONCE = 1 / 60, 10
"""How many names one auditor may request: ten at once, then one a minute. More would mean a search for lists, not for
one person.
"""

COMMAND: Final = "python -m verifier audit verify"


class Reviewing:
    """The parts of these calls."""

    def __init__(
        self,
        verifier: Verifier,
        log: LogReader,
        asking: Asking,
        database: Database,
        secret: bytes,
        *,
        limiter: Limiter,
        folders: Sequence[Path],
        name_of: NameOf | None = None,
        thresholds: Thresholds | None = None,
    ) -> None:
        """Keep figures and reviews in the verifier's `database`; notes are sealed under `secret`.

        `folders` hold the log's files: the log first, then its archive.
        """
        self.folders = tuple(folders)
        self.verifier, self.log, self._asking = verifier, log, asking
        self.zone = verifier.programme.zone
        self.usage = UsageFigures(database, log, self.zone, self._leaf)
        self.reviews = ReviewStore(database, secret)
        self.name_of, self.name_limit = name_of, limiter.limit("names", NAMES_A_SECOND, NAMES_AT_ONCE)
        self.odds = Searcher(log, self.folders, self.zone, thresholds or Thresholds())

    def auditor(self, point: str | None = None) -> Caller:
        """Return the caller, who may audit `point`, or all points without one. Problem not-permitted otherwise."""
        caller = self._asking.authenticate(request)
        caller.require(Right.AUDIT, point or EVERYWHERE)
        return caller

    def auditor_of(self, entry_id: str) -> tuple[Caller, Entry, str | None]:
        """Return the caller, who may audit the entry's point, the entry, and its holder's name in the log.

        Problems: not-permitted, also for an unknown entry unless the caller may audit everything; not-found.
        """
        caller = self._asking.authenticate(request)
        with ledger_problems():
            entry = self.verifier.ledger.entry(name_in("id", entry_id))
        caller.require(Right.AUDIT, EVERYWHERE if entry is None else entry.leaf.point)
        if entry is None:
            raise Problem("not-found")
        return caller, entry, entry.leaf.holder

    def record(self, caller: Caller, kind: str, what: object, holder: str | None = None) -> None:
        """Record that the caller read something."""
        record_reading(self.verifier, caller, kind, what, request_instant(), holder=holder)

    def points_of(self, department: str | None, point: str | None = None) -> frozenset[str] | None:
        """Return the points of a query, or None for all points."""
        if point is not None:
            return frozenset({point})
        if department is None:
            return None
        points = self.verifier.programme.points.values()
        return frozenset(one.code for one in points if one.department == department)

    def keys(self, origin: str) -> tuple[NoteKey, ...]:
        """Return the log's keys as the trust bundle names them."""
        bundle = self.verifier.published(request_instant()).bundle
        return tuple(ecdsa_key(origin, each.key) for each in bundle.keys if each.purpose is Purpose.LOG)

    def opened(self, state: CheckpointState) -> OpenedCheckpoint:
        """Return the newest checkpoint, verified. Raises NoteError."""
        witnesses = [witness.key for witness in self.log.witnesses]
        return open_checkpoint(state.published, self.keys(state.tree.origin), witnesses)

    def state(self) -> CheckpointState:
        """Return the published state. Problem not-found before the first checkpoint."""
        state = self.log.state()
        if state is None:
            raise Problem("not-found", "no checkpoint has been published yet")
        return state

    def _leaf(self, entry_id: str) -> Leaf | None:
        with ledger_problems():
            entry = self.verifier.ledger.entry(name_in("id", entry_id))
        return None if entry is None else entry.leaf
