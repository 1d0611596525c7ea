"""The sequencer at work: a thread that leads when it may, another that asks witnesses; and a log's home by settings.

Start it after a fork. Any number of processes may run one; one of them leads.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Thread
from time import monotonic
from typing import Final

from audit.tree.holding import HELD, Held
from audit.tree.place import CheckpointPlace, PlaceError
from audit.tree.proofs import LogReader, append_incident
from audit.tree.sequencer import LogHome, LogIncident, NotLeader, Sequencer
from audit.tree.tiles import FolderSource, TileError, Tree
from audit.tree.witnesses import Contradicted, Witness, WitnessAway, ask, call_http, largest_seen, read_witnesses
from cards.promise import origin_of
from edge.clock import Clock
from edge.instants import rfc3339, to_epoch
from edge.settings import Settings, SettingsError
from keys.files import StoreError
from keys.keyset import Purpose
from keys.notes import Checkpoint, EcdsaNoteSigner, Ed25519NoteSigner, NoteError, NoteSigner
from keys.store import KeyStore
from ledger.interface import Ledger

INTERVAL_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 5.0
WITNESS_SECONDS: Final = 10.0
TRIM_SECONDS: Final = 3600.0
COSIGN_AGAIN: Final = timedelta(minutes=3)
"""A log that does not grow is cosigned anew after this, so that nobody holds its witnesses for late."""

INCIDENTS: Final = "incidents.jsonl"
LOG_KEY: Final = "log"
_log = logging.getLogger("yunju.audit")
Call = Callable[[str, bytes | None], tuple[int, bytes]]


def open_home(settings: Settings, issuer: str) -> LogHome:
    """Return where the log of these settings lives; opens nothing."""
    return LogHome(settings.log, CheckpointPlace(settings.log_checkpoint), origin_of(issuer), settings.log_archive)


def log_witnesses(settings: Settings) -> tuple[Witness, ...]:
    """Return the witnesses that the settings name; SettingsError when their file cannot be used."""
    try:
        return read_witnesses(settings.witnesses)
    except (OSError, NoteError) as error:
        raise SettingsError([f"YUNJU_WITNESSES: {error}"]) from error


def log_reader(settings: Settings, issuer: str) -> LogReader:
    """Return the published log of these settings, with its witnesses; SettingsError."""
    home = open_home(settings, issuer)
    return LogReader(
        home.place, home.source(), home.index(), log_witnesses(settings), incidents=settings.log / INCIDENTS
    )


def log_sequencing(settings: Settings, issuer: str, ledger: Ledger, clock: Clock) -> Sequencing | None:
    """Return what sequences this log beside a service, None where this process holds no log key."""
    home = open_home(settings, issuer)

    def signers(at: datetime) -> tuple[NoteSigner, ...]:
        return log_signers(settings, home.origin, at)

    try:
        signers(clock.now())
    except StoreError:
        return None
    return Sequencing(SequencingParts(home, ledger, signers, clock, log_witnesses(settings)))


def log_signers(settings: Settings, origin: str, at: datetime) -> tuple[NoteSigner, ...]:
    """Return the log's signers (docs/decisions/0090): the trust bundle's P-256 log key and the Ed25519 one.

    StoreError where there is no log key: a process that must not sequence.
    """
    store = KeyStore(settings.keys)
    bundled = EcdsaNoteSigner(origin, store.signer(Purpose.LOG, at))
    return bundled, Ed25519NoteSigner(origin, store.note_signer(LOG_KEY))


@dataclass(frozen=True)
class SequencingParts:
    """What sequencing works with. `signers` is asked anew at every start, since log keys rotate."""

    home: LogHome
    ledger: Ledger
    signers: Callable[[datetime], Sequence[NoteSigner]]
    clock: Clock
    witnesses: tuple[Witness, ...] = ()
    call: Call = call_http


class Sequencing:
    """Runs the sequencer until stopped; a failure is logged, the lead given up and taken again."""

    def __init__(self, parts: SequencingParts) -> None:
        """Begin nothing yet."""
        self._parts = parts
        self._held = Held(parts.home.folder / HELD)
        self._stopped = Event()
        self._leading = Event()
        self._threads = [
            Thread(target=self.run, name="log-sequencer", daemon=True),
            Thread(target=self._run_witnesses, name="log-witnesses", daemon=True),
        ]

    def start(self) -> None:
        """Begin in threads of its own."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, at most one step later; harmless if it never began."""
        self._stopped.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def run(self) -> None:
        """Lead whenever that is possible, until stopped."""
        while not self._stopped.is_set():
            try:
                self._lead()
            except NotLeader:
                self._stopped.wait(INTERVAL_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever stopped a leader is told, and the lead tried again
                fields = {"error": type(error).__name__, "detail": str(error)}
                _log.error("the log's sequencer stopped", extra={"safe_fields": fields})
                self._stopped.wait(RETRY_SECONDS)

    def once(self) -> int:
        """Lead until nothing is new, then give up the lead; return the log's size. Raises what the steps raise."""
        leader = self._leader()
        try:
            while leader.step(self._parts.clock.now()):
                pass
            leader.trim(self._parts.clock.now())
            return leader.size
        finally:
            leader.close()

    def cosign(self) -> int:
        """Ask every witness that is due for a cosignature; return how many gave one."""
        return sum(self._cosign(witness) for witness in self._parts.witnesses)

    def _lead(self) -> None:
        leader, trimmed_at = self._leader(), 0.0
        self._leading.set()
        try:
            while not self._stopped.is_set():
                if leader.step(self._parts.clock.now()):
                    continue
                if monotonic() - trimmed_at > TRIM_SECONDS:
                    leader.trim(self._parts.clock.now())
                    trimmed_at = monotonic()
                self._stopped.wait(INTERVAL_SECONDS)
        finally:
            self._leading.clear()
            leader.close()

    def _leader(self) -> Sequencer:
        parts, at = self._parts, self._parts.clock.now()
        signers = parts.signers(at)
        return Sequencer(
            parts.home,
            parts.ledger,
            signers,
            at,
            report=self.report,
            seen=self._seen(signers),
            hold=self._held.put,
        )

    def _seen(self, signers: Sequence[NoteSigner]) -> list[Checkpoint]:
        """What the witnesses saw; one that is away is reported and cannot hold the log up."""
        found, keys = [], [signer.key for signer in signers]
        for witness in self._parts.witnesses:
            try:
                seen = largest_seen(witness, self._parts.home.origin, keys, self._parts.call)
            except WitnessAway as error:
                message = f"could not be asked at the start: {error}"
                self.report(LogIncident("witness-away", witness.name, message, "启动时无法询问此见证人"))
                continue
            found += [seen] if seen else []
        return found

    def _run_witnesses(self) -> None:
        while not self._stopped.wait(WITNESS_SECONDS):
            if self._leading.is_set():
                try:
                    self.cosign()
                except (PlaceError, NoteError, TileError, OSError) as error:
                    fields = {"error": type(error).__name__}
                    _log.error("the witnesses could not be asked", extra={"safe_fields": fields})

    def _cosign(self, witness: Witness) -> bool:
        home = self._parts.home
        state = home.place.read()
        if state is None:
            return False
        last = state.witnesses.get(witness.name)
        fresh = to_epoch(self._parts.clock.now() - COSIGN_AGAIN)
        if last is not None and last.size == state.size and last.at >= fresh:
            return False
        try:
            signature, seen = ask(
                witness,
                state.note,
                Tree(FolderSource(home.folder), state.size),
                min(last.size if last else 0, state.size),
                self._parts.call,
            )
        except Contradicted as error:
            zh = "此见证人见过更大的或另一份日志；本日志可能是恢复的旧副本或分叉"
            self.report(LogIncident("contradicted", witness.name, str(error), zh))
            return False
        except WitnessAway as error:
            fields = {"witness": witness.name, "error": str(error)}
            _log.warning("a witness did not cosign", extra={"safe_fields": fields})
            return False
        home.place.witnessed(state.note.with_signatures([signature]), {witness.name: seen})
        return True

    def report(self, incident: LogIncident) -> None:
        """Log an incident and append it to the log's own list of them."""
        fields = {"kind": incident.kind, "place": incident.place, "detail": incident.message}
        _log.error("incident in the usage log", extra={"safe_fields": fields})
        line = {"at": rfc3339(self._parts.clock.now()), **fields, "detail_zh": incident.zh}
        append_incident(self._parts.home.folder / INCIDENTS, line)
