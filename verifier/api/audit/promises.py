"""Promises exchanged for proofs (docs/design.md §8): a device's own promises, a phone's promises of its holder, and
reports of broken promises.

The server only states its view. The holder of a promise verifies the proof and keeps the evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from flask import Blueprint, Response, request
from msgspec import Meta

from audit.tree.incidents import IncidentList
from audit.tree.place import PlaceError
from audit.tree.proofs import LogReader, NotLogged
from audit.tree.sequencer import TreeIncident
from audit.tree.tiles import TileError
from cards.promise import Promise, verify_promise
from edge.encoding import b64u
from edge.http import answer, read_body, request_instant
from edge.instants import from_epoch, rfc3339, to_epoch
from edge.limits import RateLimit
from edge.openapi import describe
from edge.problems import Problem, ProblemKind, register_problem
from keys.errors import TokenError
from ledger.leaf import Leaf, LeafError, decode, leaf_hash
from verifier.api.asking import Asking
from verifier.counter.checking_in import ledger_problems
from verifier.service import Verifier

AT_ONCE: Final = 50
BROKEN: Final = "promise-broken"
_STATES_ZH: Final = {"kept": "已并入", "pending": "待并入", "broken": "未并入", "unknown": "不认得"}
REPORTS_A_SECOND, REPORTS_AT_ONCE = 0.05, 20

register_problem(
    ProblemKind(
        "no-promise",
        422,
        "这不是本服务器的凭据",
        "This server made no such promise for an entry of the caller",
        "Send the text under `promise` of the answer unchanged, from the device or phone that got the answer.",
    )
)

Token = Annotated[str, Meta(min_length=1, max_length=1024)]


class PromisesBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The promises of the caller's own answers, as they stood there."""

    promises: Annotated[list[Token], Meta(min_length=1, max_length=AT_ONCE)]


class WalletPromise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The phone's card, and the promise in an answer about its holder."""

    card: Annotated[str, Meta(min_length=1, max_length=4096)]
    promise: Token


class Breach(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A promise that was not kept: no entry was there in time, or the proof does not hold."""

    promise: Token
    found: Literal["absent", "bad-proof"]
    proof: Annotated[str, Meta(max_length=65536)] | None = None


class WalletBreach(Breach, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A broken promise, reported by a phone."""

    card: Annotated[str, Meta(min_length=1, max_length=4096)]


class PromiseStanding(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state of a promise in the server's view. If the entry is in the log, `proof` holds a C2SP tlog-proof: verify
    it.

    `unknown`: this server made no such promise, or the entry is not the caller's.
    """

    state: Literal["kept", "pending", "broken", "unknown"]
    id: str | None = None
    leaf_hash: str | None = None
    by: str | None = None
    index: int | None = None
    proof: str | None = None


class PromiseStandings(msgspec.Struct, frozen=True):
    """An answer for each promise, in the order of the request."""

    promises: tuple[PromiseStanding, ...]
    server_time: str


class BreachTaken(msgspec.Struct, frozen=True):
    """The report is recorded in a list of incidents. `now` is the server's view of the promise. If `now` holds a proof
    against the report, the list is `refuted`.
    """

    id: str
    now: PromiseStanding
    server_time: str


Owns = Callable[[Leaf], bool]
"""Returns whether an entry is the caller's own, by its leaf."""


def add_promises(found: Blueprint, verifier: Verifier, log: LogReader, asking: Asking, limit: RateLimit) -> None:
    """Add POST /v1/log/promises and /v1/log/breaches, for devices and integrators."""

    @found.post("/v1/log/promises")
    @describe(
        summary="Trade the promises of one's own answers for proofs",
        tag="log",
        body=PromisesBody,
        answers={200: PromiseStandings},
        problems={"not-permitted", "unavailable"},
    )
    def trade_promises() -> Response:
        at, caller = request_instant(), asking.authenticate(request)
        if caller.kind == "person":
            raise Problem("not-permitted")
        standings = tuple(
            _standing(verifier, log, text, _of_device(caller.id), at) for text in read_body(PromisesBody).promises
        )
        return answer(PromiseStandings(standings, rfc3339(at)))

    @found.post("/v1/log/breaches")
    @describe(
        summary="Report a promise that was not kept",
        tag="log",
        body=Breach,
        answers={201: BreachTaken},
        problems={"not-permitted", "no-promise", "too-many-requests", "unavailable"},
    )
    def report_breach() -> Response:
        at, caller = request_instant(), asking.authenticate(request)
        if caller.kind == "person":
            raise Problem("not-permitted")
        limit.require(caller.id)
        return _take(verifier, log, read_body(Breach), _of_device(caller.id), at, who=f"device {caller.id}")


def add_wallet_promises(
    found: Blueprint, verifier: Verifier, log: LogReader, holder: Callable[[str, datetime], str], limit: RateLimit
) -> None:
    """Add POST /v1/wallet/log/promises and /v1/wallet/log/breaches. `holder` returns whose phone signed the call."""

    def own(card: str, at: datetime) -> Owns:
        subject = holder(card, at)
        with ledger_problems():
            name = verifier.ledger.pseudonym(subject)
        limit.require(name or "unknown")
        return lambda line: name is not None and line.holder == name

    @found.post("/v1/wallet/log/promises")
    @describe(
        summary="Trade the promise of an answer about oneself for the proof",
        tag="wallet",
        body=WalletPromise,
        answers={200: PromiseStanding},
        problems={"unavailable", "bad-token", "clock-off", "malformed", "too-many-requests"},
        auth="wallet",
    )
    def trade_own_promise() -> Response:
        at, body = request_instant(), read_body(WalletPromise)
        said = _standing(verifier, log, body.promise, own(body.card, at), at)
        return answer(said)

    @found.post("/v1/wallet/log/breaches")
    @describe(
        summary="Report a promise about oneself that was not kept",
        tag="wallet",
        body=WalletBreach,
        answers={201: BreachTaken},
        problems={"no-promise", "unavailable", "bad-token", "clock-off", "malformed", "too-many-requests"},
        auth="wallet",
    )
    def report_own_breach() -> Response:
        at, body = request_instant(), read_body(WalletBreach)
        return _take(verifier, log, body, own(body.card, at), at, who="a holder's phone")


def _of_device(device: str) -> Owns:
    return lambda line: line.device == device


def _take(verifier: Verifier, log: LogReader, body: Breach, owns: Owns, at: datetime, *, who: str) -> Response:
    """Record a report once for each promise and reporter, with the server's view of the promise."""
    promise = _promise(verifier, body.promise, at)
    now = _standing(verifier, log, body.promise, owns, at)
    if promise is None or now.state == "unknown":
        raise Problem("no-promise")
    # Reports that the server's proof contradicts are kept apart, so that they push no true report out.
    refuted = now.state == "kept" and body.found == "absent"
    which = IncidentList.REFUTED if refuted else IncidentList.REPORTED
    log.report(at, _incident(promise, body, who, now), which)
    return answer(BreachTaken(promise.entry, now, rfc3339(at)), 201)


def _incident(promise: Promise, body: Breach, who: str, now: PromiseStanding) -> TreeIncident:
    due, absent = rfc3339(from_epoch(promise.by)), body.found == "absent"
    place = "" if now.index is None else f", at index {now.index}"
    found = "found no proof of it" if absent else "was given a proof that does not hold"
    en = f"{who} was promised leaf {promise.leaf} by {due} and {found}; here it is {now.state}{place}"
    seen = "到期无证明" if absent else "所得证明不成立"
    zh = f"{who}持有的承诺（叶{promise.leaf}，期限{due}）{seen}；本机所见：{_STATES_ZH[now.state]}{place}"
    return TreeIncident(BROKEN, promise.entry, en, zh)


def _promise(verifier: Verifier, text: str, at: datetime) -> Promise | None:
    try:
        bundle = verifier.published.current(at).bundle
        return verify_promise(text, bundle.key_set(), bundle.issuer, at)
    except TokenError:
        return None


def _standing(verifier: Verifier, log: LogReader, text: str, owns: Owns, at: datetime) -> PromiseStanding:
    promise = _promise(verifier, text, at)
    if promise is None:
        return PromiseStanding("unknown")
    due = rfc3339(from_epoch(promise.by))
    try:
        proof = log.prove(promise.entry)
        data = log.leaf(proof.index)
    except (NotLogged, LeafError):
        return _unlogged(verifier, promise, owns, due, at)
    except (TileError, PlaceError):
        raise Problem("unavailable", "a file of the log is missing or damaged") from None
    if b64u(leaf_hash(data)) != promise.leaf:  # Another entry has its number: the owner of that entry proves nothing
        return PromiseStanding("broken", promise.entry, promise.leaf, due)
    if not owns(decode(data)):
        return PromiseStanding("unknown")
    return PromiseStanding("kept", promise.entry, promise.leaf, due, proof.index, proof.encode())


def _unlogged(verifier: Verifier, promise: Promise, owns: Owns, due: str, at: datetime) -> PromiseStanding:
    with ledger_problems():
        entry = verifier.ledger.entry(promise.entry)
    if entry is not None and b64u(leaf_hash(entry.data)) == promise.leaf and not owns(entry.leaf):
        return PromiseStanding("unknown")
    state: Literal["pending", "broken"] = "pending" if to_epoch(at) <= promise.by else "broken"
    return PromiseStanding(state, promise.entry, promise.leaf, due)
