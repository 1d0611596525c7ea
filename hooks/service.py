"""Webhooks behind one interface: who is told, what waits, and what is wrong. For pages, commands and the background
work.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy.exc import OperationalError

from accounts.store import AccountStore
from edge.addresses import Network
from edge.database import Database
from edge.instants import to_epoch
from edge.sealing import derive
from edge.settings import Settings
from hooks.queue import DeliveryQueue
from hooks.registry import GONE, Registry
from hooks.tables import open_tables

LATE: Final = timedelta(hours=1)
"""A delivery that waits longer than this is reported."""


@dataclass(frozen=True, slots=True)
class Troubles:
    """What is wrong with webhooks: given-up events, webhooks whose receiver is gone, and webhooks whose events wait
    long.
    """

    dead: int
    gone: int
    late: int


class Hooks:
    """The webhooks of one server: `registry` knows who is told, `queue` what waits. Safe between threads."""

    def __init__(
        self, accounts: AccountStore, database: Database, secret: bytes, networks: tuple[Network, ...] = ()
    ) -> None:
        """Work with the accounts, whose database holds the webhooks. `networks`: the private networks that may be
        called.
        """
        self.networks = networks
        self._accounts = accounts
        self._database = database
        self.reference_key = derive(secret, "hook-reference")
        self.registry = Registry(database, accounts.integrators, secret, networks)
        self.queue = DeliveryQueue(database)

    @classmethod
    def open(cls, settings: Settings) -> Hooks:
        """Open the webhooks in the accounts' database, and update their tables."""
        url, secret = settings.accounts_url, settings.secret()
        return cls(AccountStore.open(url, secret), open_tables(url), secret, settings.hook_networks)

    def close(self) -> None:
        """Close every connection."""
        self._database.close()
        self._accounts.close()

    def troubles(self, at: datetime) -> Troubles:
        """Return what is wrong with webhooks at an instant."""
        standing, known = self.queue.standing(), self.registry.listed()
        waits = [standing[hook.id].oldest for hook in known if hook.stopped_at is None and hook.id in standing]
        return Troubles(
            dead=sum(one.dead for one in standing.values()),
            gone=sum(hook.stopped_why == GONE for hook in known),
            late=sum(oldest is not None and oldest < at - LATE for oldest in waits),
        )

    def complaint(self, at: datetime) -> str | None:
        """Return what is wrong with webhooks, in words that anyone may read, or None."""
        found = self.troubles(at)
        if found.dead:
            return f"{found.dead} events for webhooks were given up: `python -m verifier hooks dead` lists them"
        if found.gone:
            return f"{found.gone} webhooks are stopped, since their receivers say that they are gone"
        if found.late:
            return f"{found.late} webhooks have waited for more than an hour: `python -m verifier hooks list`"
        return None

    def figures(self) -> Iterator[Metric]:
        """Yield the figures for a monitor: for each webhook, what waits, what was given up, and the last call and
        fault.

        Yields nothing while the database is away, so that the other figures are still shown.
        """
        try:
            standing, known = self.queue.standing(), self.registry.listed()
        except OperationalError:
            return
        told = {hook.id: standing.get(hook.id) for hook in known}
        waiting = GaugeMetricFamily("yunju_hook_waiting", "Events that wait for a webhook.", labels=("hook",))
        dead = GaugeMetricFamily("yunju_hook_dead", "Events for a webhook that were given up.", labels=("hook",))
        stopped = GaugeMetricFamily("yunju_hook_stopped", "1 while a webhook is stopped.", labels=("hook",))
        sent = GaugeMetricFamily(
            "yunju_hook_sent_timestamp_seconds", "When a webhook's receiver took an event last.", labels=("hook",)
        )
        fault = GaugeMetricFamily(
            "yunju_hook_fault_timestamp_seconds", "When a call of a webhook failed last.", labels=("hook",)
        )
        for hook in known:
            one = told[hook.id]
            waiting.add_metric((hook.id,), 0.0 if one is None else one.waiting)
            dead.add_metric((hook.id,), 0.0 if one is None else one.dead)
            stopped.add_metric((hook.id,), float(hook.stopped_at is not None))
            for family, when in ((sent, hook.sent_at), (fault, hook.fault_at)):
                family.add_metric((hook.id,), 0.0 if when is None else to_epoch(when))
        yield from (waiting, dead, stopped, sent, fault)
