"""Figures for Prometheus: the number of requests and their time. Labels come from closed sets, never from clients."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

from prometheus_client import REGISTRY as PROCESS_REGISTRY
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

MetricSource = Callable[[], Iterable[Metric]]
"""Reads figures at the moment of the question, from a file or a store."""

_REQUESTS = Histogram(
    "yunju_http_request_seconds",
    "Time to answer a request, in seconds.",
    ("method", "route", "status"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)

_MISFITS = Counter("yunju_card_misfits", "Cards shown on a status index that is bound to another card.")
_UNLOGGED = Counter(
    "yunju_refusals_unlogged", "Refusals before step 4 beyond a device's limit, counted and not logged."
)


def count_misfit() -> None:
    """Count a card with another card's index: a sign of a stolen card key."""
    _MISFITS.inc()


def count_unlogged_refusal() -> None:
    """Count a refusal that was not logged, because its device had too many."""
    _UNLOGGED.inc()


_DECISIONS = Counter(
    "yunju_check_in_decisions",
    "Check-ins that were decided and logged, replays of a first answer left out.",
    ("outcome", "reason"),
)

_COMMIT_SECONDS = Histogram(
    "yunju_ledger_commit_seconds",
    "Time until the ledger's store had what waited for it on its disk, in seconds.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
_COMMIT_CHANGES = Histogram(
    "yunju_ledger_commit_changes",
    "Changes that became durable together in one commit of the ledger.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128),
)

_STORE_WRITE_SECONDS = Histogram(
    "yunju_store_write_seconds",
    "Time of a transaction that writes to a room's database, from asking for it to its end on disk, in seconds.",
    ("room",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


@cache
def _store_writes(room: str) -> Histogram:
    return _STORE_WRITE_SECONDS.labels(room)


def observe_store_write(room: str, seconds: float) -> None:
    """Count one transaction of a room's database, ended well or not."""
    _store_writes(room).observe(seconds)


def observe_commits(commits: Iterable[tuple[int, float]]) -> None:
    """Count commits of the ledger: how many changes each made durable, and the seconds that each took."""
    for changes, seconds in commits:
        _COMMIT_CHANGES.observe(changes)
        _COMMIT_SECONDS.observe(seconds)


_SECURITY = Counter("yunju_security_events", "Failed attempts, locks and refused rights, by kind.", ("kind",))


def count_security_event(kind: str) -> None:
    """Count one event of the security log. `kind` comes from its closed set."""
    _SECURITY.labels(kind).inc()


def show_security_events(kinds: Iterable[str]) -> None:
    """Show every kind from the start, at zero, so that a rule about a kind never finds it missing."""
    for kind in kinds:
        _SECURITY.labels(kind)


@cache
def _requests_of(method: str, route: str, status: int) -> Histogram:
    return _REQUESTS.labels(method, route, str(status))


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request. `route` is the matched rule, never the raw path."""
    _requests_of(method, route, status).observe(seconds)


def count_decision(outcome: str, reason: str | None) -> None:
    """Count one logged decision. Both values come from closed sets (docs/reasons.md)."""
    _DECISIONS.labels(outcome, reason or "").inc()


def exposition(figures: Sequence[MetricSource] = ()) -> bytes:
    """Return all figures as Prometheus text, with `figures` read now.

    With PROMETHEUS_MULTIPROC_DIR set (an empty folder made before gunicorn forks, as gunicorn.conf.py does), these are
    the figures of all workers together, otherwise those of the answering process alone.
    """
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(PROCESS_REGISTRY) + _read_now(figures)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry) + _read_now(figures)


class _Collected:
    """Passes figures to the library."""

    def __init__(self, figures: Sequence[MetricSource]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        for read in self._figures:
            yield from read()


def _read_now(figures: Sequence[MetricSource]) -> bytes:
    if not figures:
        return b""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(figures))
    return generate_latest(registry)
