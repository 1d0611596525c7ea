"""The sequencer at work: one job leads when it may, another asks the witnesses. Also finds a log's home from the
settings.

Any number of processes may run both jobs. One of them leads.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

from audit.tree.holding import HELD, Held
from audit.tree.incidents import append_incident
from audit.tree.place import CheckpointPlace, PlaceError
from audit.tree.proofs import LogReader
from audit.tree.sequencer import LARGE_STEP, LogHome, NotLeader, Sequencer, TreeIncident, Unsafe
from audit.tree.tiles import COSIGNED, FolderSource, TileError, Tree
from audit.tree.witnesses import Contradicted, Witness, WitnessAway, ask, call_http, largest_seen, read_witnesses
from cards.promise import origin_of
from edge.clock import Clock
from edge.durable import replace_file
from edge.instants import rfc3339, to_epoch
from edge.repeating import Job
from edge.settings import Settings, SettingsError
from keys.files import StoreError
from keys.keyset import Purpose
from keys.notes import Checkpoint, EcdsaNoteSigner, Ed25519NoteSigner, NoteError, NoteSigner
from keys.store import key_store
from ledger.interface import Ledger
from ledger.values import LedgerError

INTERVAL_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 5.0
WITNESS_SECONDS: Final = 10.0
TRIM_SECONDS: Final = 3600.0
COSIGN_AGAIN: Final = timedelta(minutes=3)
"""After this time, a log that does not grow is cosigned again, so that its witnesses do not appear late."""

INCIDENTS: Final = "incidents.jsonl"
LOG_KEY: Final = "log"
_log = logging.getLogger("yunju.audit")
LogCall = Callable[[str, bytes | None], tuple[int, bytes]]


def open_home(settings: Settings, issuer: str) -> LogHome:
    """Return where the log of these settings lives. Opens nothing."""
    return LogHome(settings.log, CheckpointPlace(settings.log_checkpoint), origin_of(issuer), settings.log_archive)


def log_witnesses(settings: Settings) -> tuple[Witness, ...]:
    """Return the witnesses that the settings name. Raises SettingsError if their file cannot be used."""
    try:
        return read_witnesses(settings.witnesses)
    except (OSError, NoteError) as error:
        raise SettingsError([f"YUNJU_WITNESSES: {error}"]) from error


def log_reader(settings: Settings, issuer: str) -> LogReader:
    """Return the published log of these settings, with its witnesses. Raises SettingsError."""
    home = open_home(settings, issuer)
    return LogReader(
        home.place, home.source(), home.index(), log_witnesses(settings), incidents=settings.log / INCIDENTS
    )


def log_sequencing(settings: Settings, issuer: str, ledger: Ledger, clock: Clock) -> Sequencing | None:
    """Return the sequencing of this log beside a service, or None if this process holds no log key."""
    home = open_home(settings, issuer)

    def signers(at: datetime) -> tuple[NoteSigner, ...]:
        return log_signers(settings, home.origin, at)

    try:
        signers(clock.now())
    except StoreError:
        return None
    return Sequencing(SequencingParts(home, ledger, signers, clock, log_witnesses(settings)))


def log_signers(settings: Settings, origin: str, at: datetime) -> tuple[NoteSigner, ...]:
    """Return the log's signers (docs/decisions/0090): the P-256 log key in the trust bundle, and the Ed25519 key.

    Raises StoreError if there is no log key: this process must not sequence.
    """
    store = key_store(settings)
    bundled = EcdsaNoteSigner(origin, store.signer(Purpose.LOG, at))
    return bundled, Ed25519NoteSigner(origin, store.note_signer(LOG_KEY))


@dataclass(frozen=True)
class SequencingParts:
    """The parts of sequencing. `signers` is called again at every start, because log keys rotate."""

    home: LogHome
    ledger: Ledger
    signers: Callable[[datetime], Sequence[NoteSigner]]
    clock: Clock
    witnesses: tuple[Witness, ...] = ()
    call: LogCall = call_http


class Sequencing:
    """Leads the log if no other process does, one step for each interval, and asks the witnesses while it leads."""

    def __init__(self, parts: SequencingParts) -> None:
        """Start nothing yet."""
        self._parts = parts
        self._held = Held(parts.home.folder / HELD)
        self._sequencer: Sequencer | None = None
        self._trimmed_at = -TRIM_SECONDS

    def jobs(self) -> tuple[Job, Job]:
        """Return the two jobs of this log: the sequencer's steps, and the witnesses' cosignatures."""
        plain = (Unsafe, PlaceError, NoteError, TileError, LedgerError)
        return (
            Job("log", INTERVAL_SECONDS, self.lead, retry=RETRY_SECONDS, close=self.give_up, plain=plain),
            Job("witnesses", WITNESS_SECONDS, self.ask_witnesses, plain=plain),
        )

    def lead(self) -> int:
        """Take the lead if no other process has it, and integrate new entries. Return the number of entries.

        Each call publishes one checkpoint, however many entries came since the last call. A backlog is integrated at
        once, in large steps. After an error, the lead is given up, and the next call takes it again.
        """
        try:
            self._sequencer = self._sequencer or self._leader()
            return self._work_off(self._sequencer)
        except NotLeader:
            return 0
        except BaseException:
            self.give_up()
            raise

    def give_up(self) -> None:
        """Give up the lead. Without the lead, this does nothing."""
        leader, self._sequencer = self._sequencer, None
        if leader is not None:
            leader.close()

    def once(self) -> int:
        """Lead until nothing is new, then give up the lead. Return the log's size. Raises what the steps raise."""
        leader = self._leader()
        try:
            while leader.step(self._parts.clock.now()):
                pass
            leader.trim(self._parts.clock.now())
            return leader.size
        finally:
            leader.close()

    def cosign(self) -> int:
        """Ask every witness that is due for a cosignature. Return the number of cosignatures."""
        return sum(self._cosign(witness) for witness in self._parts.witnesses)

    def ask_witnesses(self) -> int:
        """Ask as `cosign` does if this process leads; return 0 otherwise."""
        return self.cosign() if self._sequencer is not None else 0

    def _work_off(self, leader: Sequencer) -> int:
        count = step = leader.step(self._parts.clock.now())
        while step >= LARGE_STEP:
            step = leader.step(self._parts.clock.now())
            count += step
        if not count and monotonic() - self._trimmed_at > TRIM_SECONDS:
            leader.trim(self._parts.clock.now())
            self._trimmed_at = monotonic()
        return count

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
        """Return what the witnesses saw. A witness that cannot be reached is reported, and the log goes on."""
        found, keys = [], [signer.key for signer in signers]
        for witness in self._parts.witnesses:
            try:
                seen = largest_seen(witness, self._parts.home.origin, keys, self._parts.call)
            except WitnessAway as error:
                message = f"could not be asked at the start: {error}"
                self.report(TreeIncident("witness-away", witness.name, message, "启动时无法询问此见证人"))
                continue
            found += [seen] if seen else []
        return found

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
            self.report(TreeIncident("contradicted", witness.name, str(error), zh))
            return False
        except WitnessAway as error:
            fields = {"witness": witness.name, "error": str(error)}
            _log.warning("a witness did not cosign", extra={"safe_fields": fields})
            return False
        kept = home.place.witnessed(state.note.with_signatures([signature]), {witness.name: seen})
        if kept.witnessed is not None:
            replace_file(home.folder / COSIGNED, kept.witnessed.encode(), mode=0o644)
        return True

    def report(self, incident: TreeIncident) -> None:
        """Log an incident, and append it to the log's own list."""
        fields = {"kind": incident.kind, "place": incident.place, "detail": incident.message}
        _log.error("incident in the usage log", extra={"safe_fields": fields})
        line = {"at": rfc3339(self._parts.clock.now()), **fields, "detail_zh": incident.zh}
        append_incident(self._parts.home.folder / INCIDENTS, line)
