"""The log's tree over HTTP (docs/design.md §8, §9): anyone reads the checkpoint and the hash tiles; entries and proofs
need a right.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from flask import Blueprint, Response, request
from msgspec import Meta

from accounts.rights import EVERYWHERE, Caller, Right
from audit.tree.incidents import IncidentList
from audit.tree.place import CheckpointState, PlaceError
from audit.tree.proofs import LogReader, NotLogged
from audit.tree.tiles import ENTRIES, TileError, pack_entry, parse_path, read_bundle, read_tile, width_at
from audit.tree.witnesses import late
from edge.encoding import b64u
from edge.http import answer, read_body, read_query, request_instant
from edge.instants import from_epoch, rfc3339
from edge.limits import RateLimit
from edge.openapi import describe
from edge.opening import open_to_all, public, revalidated
from edge.problems import Problem, ProblemKind, register_problem
from edge.strictjson import loads
from keys.entry_proof import EntryProof
from ledger.leaf import LeafError, leaf_hash
from verifier.api.asking import Asking
from verifier.api.audit.promises import add_promises, add_wallet_promises
from verifier.api.audit.readings import record_reading
from verifier.counter.checking_in import ledger_problems
from verifier.service import Verifier
from verifier.services.bookings.answers import WalletCard

PLAIN = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
_FOREVER = "public, max-age=31536000, immutable"
_PRIVATE = "private, max-age=31536000, immutable"

register_problem(
    ProblemKind(
        "not-logged-yet",
        404,
        "记录尚未并入日志树",
        "The log's tree does not hold this entry yet, or the entry does not exist",
        "Ask again a little later. A promise that is older than a minute and not kept is a breach: report the breach.",
    )
)


class WitnessSeen(msgspec.Struct, frozen=True):
    """A witness's last cosignature: its size and time. `late` if it is more than ten minutes old."""

    name: str
    size: int
    at: str | None
    late: bool


class LogStatus(msgspec.Struct, frozen=True):
    """The state of the log: its name, its size and root (base64) as published at `at`, and its cosignatures.

    `held`: the number of the ledger's 256 partitions in which nothing is recorded until the ledger is repaired. It is 0
    in normal operation.
    """

    origin: str
    size: int
    root: str
    at: str
    witnesses: tuple[WitnessSeen, ...]
    held: int
    server_time: str


class LogIncident(msgspec.Struct, frozen=True):
    """Something that must not happen, as the sequencer saw it. docs/log-format.md lists the values of `kind`."""

    at: str
    kind: str
    place: str
    detail: str
    detail_zh: str


class IncidentsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which list of incidents, and where its page ends. `refuted` are reports that the server's own proof
    contradicts.
    """

    list: Literal["log", "reported", "refuted", "cards"] = "log"
    older: Annotated[int, Meta(ge=1, description="The cursor that the page before gave.")] | None = None


class LogIncidents(msgspec.Struct, frozen=True, omit_defaults=True):
    """Incidents of one list, newest first. `older` is the cursor of the page after; it is absent at the beginning of
    the list.
    """

    incidents: tuple[LogIncident, ...]
    server_time: str
    older: int | None = None


class ProofAnswer(msgspec.Struct, frozen=True):
    """An entry's proof. `proof` is the full C2SP tlog-proof, for standard tools. Hashes are base64url."""

    id: str
    index: int
    leaf_hash: str
    proof: str
    server_time: str


def add_audit(found: Blueprint, verifier: Verifier, log: LogReader, asking: Asking, limit: RateLimit) -> None:
    """Add the log's checkpoints, its status, /v1/log/tile/…, /v1/log/proof/<entry id> and the calls about promises."""
    _add_public(found, log)
    _add_tiles(found, verifier, log, asking)
    _add_incidents(found, verifier, log, asking)
    add_promises(found, verifier, log, asking, limit)

    @found.get("/v1/log/proof/<entry_id>")
    @describe(
        summary="The proof that an entry is in the log",
        tag="log",
        answers={200: ProofAnswer},
        problems={"not-permitted", "not-logged-yet", "unavailable"},
    )
    def log_proof(entry_id: str) -> Response:
        at, caller = request_instant(), asking.authenticate(request)
        proof, leaf = _proved(log, entry_id)
        _require_reader(verifier, caller, leaf, entry_id)
        return _proof_answer(entry_id, proof, leaf, at)


def add_wallet_proofs(
    found: Blueprint, verifier: Verifier, log: LogReader, holder: Callable[[str, datetime], str], limit: RateLimit
) -> None:
    """Add POST /v1/wallet/log/<entry id>/proof. `holder` returns whose phone signed the call (problem bad-token)."""
    add_wallet_promises(found, verifier, log, holder, limit)

    @found.post("/v1/wallet/log/<entry_id>/proof")
    @describe(
        summary="The proof that one's own entry is in the log",
        tag="wallet",
        body=WalletCard,
        answers={200: ProofAnswer},
        problems={"not-logged-yet", "unavailable", "bad-token", "clock-off", "malformed", "too-many-requests"},
        auth="wallet",
    )
    def own_log_proof(entry_id: str) -> Response:
        at = request_instant()
        subject = holder(read_body(WalletCard).card, at)
        with ledger_problems():
            name = verifier.ledger.pseudonym(subject)
        limit.require(name or "unknown")
        proof, leaf = _proved(log, entry_id)
        # For an entry of another holder, or of an erased holder, the answer is the same as for an unknown entry.
        if name is None or _fields(leaf).get("holder") != name:
            raise Problem("not-logged-yet", retry_after=2)
        return _proof_answer(entry_id, proof, leaf, at)


def _proved(log: LogReader, entry_id: str) -> tuple[EntryProof, bytes]:
    try:
        proof = log.prove(entry_id)
        return proof, log.leaf(proof.index)
    except (NotLogged, LeafError):
        raise Problem("not-logged-yet", retry_after=2) from None
    except (TileError, PlaceError):
        raise Problem("unavailable", "a file of the log is missing or damaged") from None


def _proof_answer(entry_id: str, proof: EntryProof, leaf: bytes, at: datetime) -> Response:
    said = ProofAnswer(entry_id, proof.index, b64u(leaf_hash(leaf)), proof.encode(), rfc3339(at))
    return answer(said)


def _add_public(found: Blueprint, log: LogReader) -> None:
    @found.get("/v1/log/checkpoint")
    @describe(
        summary="The log's newest checkpoint, a signed note (C2SP tlog-checkpoint), with its cosignatures so far",
        tag="log",
        answers={200: PLAIN.partition(";")[0]},
        problems={"not-found", "unavailable"},
        auth="none",
    )
    @public
    def log_checkpoint() -> Response:
        return revalidated(Response(_state(log).published, 200, {"Cache-Control": "no-cache"}, content_type=PLAIN))

    @found.get("/v1/log/checkpoint.cosigned")
    @describe(
        summary="The newest checkpoint that a witness cosigned, with the cosignatures (C2SP tlog-cosignature)",
        tag="log",
        answers={200: PLAIN.partition(";")[0]},
        problems={"not-found", "unavailable"},
        auth="none",
    )
    @public
    def log_cosigned() -> Response:
        cosigned = _state(log).witnessed
        if cosigned is None:
            raise Problem("not-found", "no witness has cosigned this log yet")
        return revalidated(Response(cosigned, 200, {"Cache-Control": "no-cache"}, content_type=PLAIN))

    @found.get("/v1/log/status")
    @describe(
        summary="The log's size, and its witnesses",
        tag="log",
        answers={200: LogStatus},
        problems={"not-found", "unavailable"},
        auth="none",
    )
    @public
    def log_status() -> Response:
        at, state = request_instant(), _state(log)
        overdue = late(state, log.witnesses, at)
        witnesses = tuple(_seen(witness.name, state, overdue) for witness in log.witnesses)
        tree = state.tree
        published = rfc3339(from_epoch(state.at))
        root = state.note.text.split("\n")[2]
        said = LogStatus(tree.origin, tree.size, root, published, witnesses, len(log.held()), rfc3339(at))
        return answer(said, headers={"Cache-Control": "no-cache"})


def _add_tiles(found: Blueprint, verifier: Verifier, log: LogReader, asking: Asking) -> None:
    @found.get("/v1/log/tile/<path:path>")
    @describe(
        summary="A tile of the tree's hashes, or (with the right audit everywhere) of entries (C2SP tlog-tiles)",
        tag="log",
        answers={200: BYTES},
        problems={"not-found", "not-permitted", "unauthenticated", "unavailable"},
        auth="none",
    )
    def log_tile(path: str) -> Response:
        place = parse_path(f"tile/{path}")
        if place is None:
            raise Problem("not-found")
        level, index, width = place
        if level == ENTRIES:
            caller = asking.authenticate(request)
            caller.require(Right.AUDIT, EVERYWHERE)
            record_reading(verifier, caller, "log", f"tile/{path}", request_instant())
        if width > width_at(_state(log).size, level, index):
            raise Problem("not-found")
        data = _tile(log, level, index, width)
        cached = _PRIVATE if level == ENTRIES else _FOREVER
        response = Response(data, 200, {"Cache-Control": cached}, content_type=BYTES)
        return response if level == ENTRIES else open_to_all(response)


def _add_incidents(found: Blueprint, verifier: Verifier, log: LogReader, asking: Asking) -> None:
    @found.get("/v1/log/incidents")
    @describe(
        summary="What must not happen and did: as the log's sequencer saw it, or as somebody reported it",
        tag="log",
        answers={200: LogIncidents},
        problems={"not-permitted", "invalid-field"},
        query=IncidentsQuery,
    )
    def log_incidents() -> Response:
        caller = asking.authenticate(request)
        caller.require(Right.AUDIT, EVERYWHERE)
        record_reading(verifier, caller, "log", "incidents", request_instant())
        asked = read_query(IncidentsQuery)
        page = log.incidents(IncidentList(asked.list), before=None if asked.older is None else asked.older)
        told = tuple(
            LogIncident(*(line.get(name, "") for name in ("at", "kind", "place", "detail", "detail_zh")))
            for line in page.incidents
        )
        found = LogIncidents(told, rfc3339(request_instant()), page.older)
        return answer(found)


def _tile(log: LogReader, level: int | str, index: int, width: int) -> bytes:
    """Return a tile in the requested width. A narrower tile is the beginning of the present tile."""
    state = _state(log)
    held = width_at(state.size, level, index)
    try:
        if isinstance(level, str):
            return b"".join(pack_entry(entry) for entry in read_bundle(log.source, index, held)[:width])
        return b"".join(read_tile(log.source, level, index, held)[:width])
    except TileError:
        raise Problem("unavailable", "a file of the log is missing or damaged") from None


def _state(log: LogReader) -> CheckpointState:
    try:
        state = log.state()
    except PlaceError:
        raise Problem("unavailable", "the log's checkpoint cannot be read") from None
    if state is None:
        raise Problem("not-found", "no checkpoint has been published yet")
    return state


def _seen(name: str, state: CheckpointState, overdue: list[str]) -> WitnessSeen:
    last = state.witnesses.get(name)
    if last is None:
        return WitnessSeen(name, 0, None, name in overdue)
    return WitnessSeen(name, last.size, rfc3339(from_epoch(last.at)), name in overdue)


def _require_reader(verifier: Verifier, caller: Caller, leaf: bytes, entry_id: str) -> None:
    """Allow the device or integrator that made the entry, and auditors of its point. The reading of an auditor is
    logged.
    """
    told = _fields(leaf)
    if caller.kind != "person" and told.get("device") == caller.id:
        return
    caller.require(Right.AUDIT, str(told.get("point")))
    record_reading(verifier, caller, "log", f"proof/{entry_id}", request_instant())


def _fields(leaf: bytes) -> dict[str, Any]:
    fields = loads(leaf)
    return fields if isinstance(fields, dict) else {}
