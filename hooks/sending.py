"""Sends waiting deliveries. Each webhook has its own thread, so that a slow receiver delays no other.

A call has bounds for size and whole time, follows no redirection, and reaches no private address unless a setting names
its network.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Event, Lock
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

from edge.addresses import Address, lies_in, public_or_in
from edge.clock import Clock
from edge.fetch import Answered, FetchAway, OutgoingCall, fetch
from edge.instants import to_epoch
from hooks.queue import Delivery
from hooks.registry import GONE, Hook, RefusedHook
from hooks.service import Hooks
from hooks.signing import signed_headers

SECONDS: Final = 15.0
"""How many seconds a receiver may take for one event."""
TURN_SECONDS: Final = 30.0
"""How many seconds one webhook is served at a stretch. Then a webhook that waits for a thread has its turn."""
THREADS: Final = 32
PUT_OFF_MOST: Final = timedelta(days=1)
"""A receiver's `Retry-After` is followed up to this time."""
WORK: Final = "work"
"""The actor in the account log that stops a webhook whose receiver is gone."""
_ANSWER_MOST: Final = 262_144
_GONE: Final = 410
_BUSY: Final = frozenset({429, 502, 503, 504})
_log = logging.getLogger("yunju.hooks")


class SendingFailed(Exception):
    """A webhook could not be served because of a fault of this product."""


class Sender:
    """Sends due deliveries. `once` gives each webhook with due deliveries a thread, and waits for none of them."""

    def __init__(self, hooks: Hooks, clock: Clock, *, seconds: float = SECONDS) -> None:
        """Start nothing yet."""
        self._hooks = hooks
        self._clock = clock
        self._seconds = seconds
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="hook")
        self._lock = Lock()
        self._busy: dict[str, Future[None]] = {}
        self._stopped = Event()
        self._fault: str | None = None

    def once(self) -> None:
        """Start sending to each webhook with due deliveries. Raises SendingFailed for a fault since the last time."""
        at = self._clock.now()
        live = {hook.id for hook, _ in self._hooks.registry.live(at)}
        for hook in sorted(self._hooks.queue.due(at) & live):
            with self._lock:
                if hook not in self._busy:
                    self._busy[hook] = self._pool.submit(self._serve, hook)
        fault, self._fault = self._fault, None
        if fault is not None:
            raise SendingFailed(fault)

    def settle(self) -> None:
        """Wait until nothing is being sent."""
        with self._lock:
            begun = list(self._busy.values())
        for one in begun:
            one.result()

    def close(self) -> None:
        """Start nothing more, and wait for the present calls."""
        self._stopped.set()
        self._pool.shutdown(wait=True)

    def _serve(self, hook_id: str) -> None:
        try:
            ends = monotonic() + TURN_SECONDS
            while not self._stopped.is_set() and monotonic() < ends and self._send_next(hook_id):
                pass
        except RefusedHook:
            pass  # The webhook was removed meanwhile
        except Exception as error:  # noqa: BLE001 - told by the next round, and tried again then
            self._fault = type(error).__name__
            _log.exception("a webhook could not be served", extra={"safe_fields": {"hook": hook_id}})
        finally:
            with self._lock:
                self._busy.pop(hook_id, None)

    def _send_next(self, hook_id: str) -> bool:
        """Send one event. Return whether to go on with the next one."""
        at, hook = self._clock.now(), self._hooks.registry.find(hook_id)
        if hook.stopped_at is not None or (hook.rest_until is not None and hook.rest_until > at):
            return False
        one = self._hooks.queue.claim(hook_id, at)
        if one is None:
            return False
        try:
            answered = self._post(hook, one, at)
        except FetchAway as error:
            self._hooks.queue.failed(one, str(error), self._clock.now())
            return True
        self._note(hook, one, answered)
        return True

    def _post(self, hook: Hook, one: Delivery, at: datetime) -> Answered:
        body = one.payload.encode()
        used = self._hooks.registry.secrets(hook.id, at)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Yunju",
            **signed_headers(used, one.name, to_epoch(at), body),
        }
        admit = public_or_in(self._hooks.networks)
        if urlsplit(hook.url).scheme != "https":
            admit = self._in_house
        return fetch(OutgoingCall(hook.url, headers, body), seconds=self._seconds, most=_ANSWER_MOST, admit=admit)

    def _in_house(self, address: Address) -> bool:
        return lies_in(address, self._hooks.networks)

    def _note(self, hook: Hook, one: Delivery, answered: Answered) -> None:
        at, queue = self._clock.now(), self._hooks.queue
        if 200 <= answered.status < 300:
            queue.sent(one, at)
        elif answered.status == _GONE:
            self._hooks.registry.stop(hook.id, by=WORK, at=at, why=GONE)
            queue.failed(one, "answered 410: gone", at)
        else:
            queue.failed(one, f"answered {answered.status}", at, not_before=_put_off(answered, at))


def _put_off(answered: Answered, at: datetime) -> datetime | None:
    """Return the instant before which a busy receiver wants no call (RFC 9110 §10.2.3, in seconds), or None."""
    asked = answered.headers.get("retry-after", "").strip()
    if answered.status not in _BUSY or not asked.isascii() or not asked.isdigit() or len(asked) > 6:
        return None
    return at + min(timedelta(seconds=int(asked)), PUT_OFF_MOST)
