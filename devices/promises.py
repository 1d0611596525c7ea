"""Promises to this device, which are exchanged for proofs after their minute, and the proofs verified here
(docs/design.md §8).

The server's own statement counts for nothing: the proof must lead from the promised hash to a checkpoint that a log key
of the trust bundle signed. A broken promise is reported, and kept as evidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Final, Literal

from cards.promise import Promise, log_keys, unverified_promise, verify_promise
from devices.documents import DocumentFolder, HeldDocuments, NoDocuments
from devices.faults import DeviceFault
from devices.server import Away, Server, ServerRefusedError
from edge.instants import rfc3339, to_epoch
from edge.strictjson import dumps
from keys.entry_proof import EntryProof, PromiseState, Unproved
from keys.errors import TokenError
from keys.files import open_folder, read_private, replace_private
from keys.notes import NoteKey

AT_ONCE: Final = 50
"""The number of promises in one call, as the server allows."""

MOST: Final = 20_000
"""The greatest number of promises kept while they cannot be exchanged. The oldest are dropped first. A busy counter
makes a tenth of this in a day.
"""

GRACE: Final = timedelta(seconds=60)
"""For different clocks, and for a server that has just started: a promise counts as broken only after this additional
time.
"""

BROKEN: Final = "promises-broken"
"""The file of broken promises, one line of JSON for each."""

_WAITING = "promises"


@dataclass(frozen=True, slots=True)
class _Found:
    """The result for a promise: kept, broken (`why`, with the received `proof`), or neither yet."""

    kept: bool = False
    why: Literal["absent", "bad-proof"] | None = None
    proof: str | None = None


class PromiseBook:
    """The promises in this device's folder that wait for their proofs. Safe between threads."""

    def __init__(self, folder: Path) -> None:
        """Read what an earlier run left."""
        open_folder(folder)
        self._folder = folder
        self._lock = Lock()
        path = folder / _WAITING
        self._waiting = read_private(path).decode("ascii", "replace").split() if path.exists() else []

    def keep(self, answer: Mapping[str, object]) -> None:
        """Keep the promise in an answer; an answer without a promise is ignored. This never makes a check-in fail."""
        text = answer.get("promise")
        if not isinstance(text, str) or unverified_promise(text) is None:
            return
        with self._lock:
            if text not in self._waiting[-AT_ONCE:]:
                self._waiting = [*self._waiting[1 - MOST :], text]
                self._write()

    def due(self, at: datetime) -> list[str]:
        """Return the promises whose time is over, oldest first."""
        with self._lock:
            waiting = list(self._waiting)
        now = to_epoch(at)
        return [text for text in waiting if (told := unverified_promise(text)) is None or told.by < now]

    def count(self) -> int:
        """Return how many promises wait."""
        with self._lock:
            return len(self._waiting)

    def count_broken(self) -> int:
        """Return how many promises were broken."""
        path = self._folder / BROKEN
        return read_private(path).count(b"\n") if path.exists() else 0

    def settle(self, texts: Sequence[str]) -> None:
        """Delete promises that were kept or given up."""
        with self._lock:
            gone = set(texts)
            self._waiting = [text for text in self._waiting if text not in gone]
            self._write()

    def broken(self, text: str, why: str, proof: str | None, at: datetime) -> None:
        """Keep a broken promise for good, with the answer to it, as evidence."""
        path = self._folder / BROKEN
        before = read_private(path) if path.exists() else b""
        line = {"at": rfc3339(at), "promise": text, "found": why, "proof": proof}
        replace_private(path, before + dumps(line) + b"\n")

    def _write(self) -> None:
        replace_private(self._folder / _WAITING, "\n".join(self._waiting).encode("ascii"))


class Trading:
    """Exchanges a device's promises at its server."""

    def __init__(self, book: PromiseBook, server: Server, documents: DocumentFolder) -> None:
        """Keep the opened parts."""
        self._book, self._server, self._documents = book, server, documents

    def once(self, at: datetime) -> list[str]:
        """Exchange what is due. Return lines for staff, none while all is well. Raises no error of the server."""
        lines: list[str] = []
        try:
            while due := self._book.due(at)[:AT_ONCE]:
                held = self._documents.held(at)
                settled = [
                    text
                    for text, told in zip(due, self._ask(due), strict=True)
                    if self._settle(text, told, held, at, lines)
                ]
                self._book.settle(settled)
                if len(settled) < len(due):
                    break  # Neither kept nor broken yet: asked for again the next time
        except Away:
            pass  # They wait
        except DeviceFault as fault:
            lines.append(f"note: the server's promises cannot be traded for proofs: {fault}")
        return lines

    def _ask(self, due: Sequence[str]) -> list[Mapping[str, object]]:
        found = self._server.call("POST", "/v1/log/promises", {"promises": list(due)}).get("promises")
        if not isinstance(found, list) or len(found) != len(due):
            raise Away("the server's answer cannot be read")
        return [one if isinstance(one, dict) else {} for one in found]

    def _settle(
        self, text: str, told: Mapping[str, object], held: HeldDocuments, at: datetime, lines: list[str]
    ) -> bool:
        """Judge one promise. Return True if it need not be asked for again."""
        try:
            promise = verify_promise(text, held.trust.keys, held.trust.issuer, at)
        except TokenError as error:
            self._book.broken(text, f"no promise: {error.reason}", None, at)
            lines.append(
                "note: the server gave a promise that no key of the trust bundle signed; it is kept as evidence"
            )
            return True
        found = _judged(promise, told, log_keys(held.trust.keys, held.trust.issuer), to_epoch(at))
        if found.why is None:
            return found.kept
        if not self._reported(text, found):
            return False
        self._book.broken(text, found.why, found.proof, at)
        lines.append(
            f"note: entry {promise.entry} is not in the log as promised ({found.why}); reported, kept as evidence"
        )
        return True

    def _reported(self, text: str, found: _Found) -> bool:
        body: dict[str, object] = {"promise": text, "found": found.why}
        if found.proof is not None:
            body["proof"] = found.proof
        try:
            self._server.call("POST", "/v1/log/breaches", body)
        except ServerRefusedError as refused:
            return refused.status != 429  # If the server refuses the question, do not ask for ever
        return True


def _judged(promise: Promise, told: Mapping[str, object], keys: list[NoteKey], now: int) -> _Found:
    """Judge the server's answer about a promise, by the proof alone."""
    if not keys:
        raise NoDocuments("the trust bundle names no key of the log")
    proof = told.get("proof")
    if not isinstance(proof, str):
        return _Found(why="absent") if now > promise.by + GRACE.total_seconds() else _Found()
    try:
        state, _ = promise.state(now, EntryProof.parse(proof), keys)
    except Unproved:
        state = PromiseState.BROKEN
    return _Found(kept=True) if state is PromiseState.KEPT else _Found(why="bad-proof", proof=proof)
