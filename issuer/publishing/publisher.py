"""Publishing again and again, so that status lists stay fresh: a thread beside the service, or a loop in a terminal."""

from __future__ import annotations

import logging
from datetime import timedelta
from threading import Event, Thread

from sqlalchemy.exc import SQLAlchemyError

from edge.clock import Clock
from issuer.publishing.publish import publish_if_due
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer
from keys.files import StoreError

_log = logging.getLogger("yunju.issuer")


class Publisher:
    """Looks every quarter of the lists' `ttl` whether a publication is due. Any number of processes may run one each.

    Start it after a fork. A failed publication is logged and tried again; lists that are not renewed turn stale, then
    expired, and verifiers say so.
    """

    def __init__(self, issuer: Issuer, clock: Clock, *, every: timedelta | None = None) -> None:
        self._desk = issuer
        self._clock = clock
        self._every = every or issuer.status_ttl / 4
        self._stopped = Event()
        self._thread = Thread(target=self.run, name="publisher", daemon=True)

    def start(self) -> None:
        """Begin in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End, at most one publication later; harmless if it never began."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def run(self) -> None:
        """Publish whenever it is due until `stop`."""
        while not self._stopped.wait(self._every.total_seconds()):
            self.once()

    def once(self) -> None:
        """Publish if it is due; a failure is logged, never raised."""
        try:
            done = publish_if_due(self._desk, self._clock.now())
        except (OSError, RefusedError, SQLAlchemyError, StoreError) as error:
            fields = {"error": type(error).__name__}
            _log.error("publication failed", extra={"safe_fields": fields})
            return
        if done is not None and done.bundle_due is not None:
            _log.warning(
                "the trust bundle is due and cannot be signed here",
                extra={"safe_fields": {"why": str(done.bundle_due)}},
            )
