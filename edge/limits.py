"""Rate limits: buckets, shared by the workers if possible, and the key to count. They decide nothing.

A limit fails open, never against the visitor: if the shared counts are away, each worker counts alone, and a forgotten
key starts again. A caller that proves a key or shows a valid card is counted by that. A place is counted only for its
failures.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from threading import Lock

import flask

from edge.clock import Clock
from edge.problems import Problem
from edge.sharing import Shared, SharedAway

Network = IPv4Network | IPv6Network


_TAKEN_AHEAD = 20
"""A worker takes this part of a large burst from the shared counts at once, and spends it without asking again."""
_log = logging.getLogger("yunju.limits")
_TOO_MANY = 429


class RateLimit:
    """A bucket for each key: `burst` at once, then `rate` a second. It remembers the `most_keys` that were used last.

    `shared` counts for all workers, under `name`. Without it, or while it is away, this process counts alone. A worker
    takes a twentieth of a burst at once, so a key may be refused while other workers still hold a twentieth each.
    """

    def __init__(
        self,
        rate: float,
        burst: int,
        clock: Clock,
        *,
        most_keys: int = 10_000,
        name: str = "",
        shared: Shared | None = None,
    ) -> None:
        if rate <= 0 or burst < 1 or most_keys < 1:
            raise ValueError("rate, burst and most_keys are positive")
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._most_keys = most_keys
        self._name, self._shared = name, shared
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._ahead: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = Lock()
        self._turn = Lock()

    def take(self, key: str, at: datetime | None = None) -> int | None:
        """Take one from the key's bucket. Return None if there was one, otherwise the seconds to wait, at least 1.

        `at`: the request's instant, if it is known; otherwise the clock is read.
        """
        now = (at or self._clock.now()).timestamp()
        if self._shared is None:
            return self._take_here(key, now)
        if self._spends_ahead(key, now):
            return None
        try:
            wait = self._take_in_turn(self._shared, key, now)
        except SharedAway as away:
            _log.warning("limits are counted by each worker alone", extra={"safe_fields": {"why": str(away)}})
            return self._take_here(key, now)
        return None if wait <= 0 else max(1, math.ceil(wait))

    def _spends_ahead(self, key: str, now: float) -> bool:
        """Spend one of those taken ahead. Return False if none is left, or if the bucket has been refilled
        meanwhile.
        """
        with self._lock:
            left, until = self._ahead.pop(key, (0, 0.0))
            if left < 1 or now >= until:
                return False
            self._ahead[key] = left - 1, until
            return True

    def _take_in_turn(self, shared: Shared, key: str, now: float) -> float:
        """Take from the shared counts; return the seconds to wait.

        Threads that find nothing ahead at the same moment take one share for all of them: a share each would empty the
        bucket of a device that sent few calls.
        """
        most = max(1, self._burst // _TAKEN_AHEAD)
        if most == 1:
            return self._take_shared(shared, key, now, most)
        with self._turn:
            return 0.0 if self._spends_ahead(key, now) else self._take_shared(shared, key, now, most)

    def _take_shared(self, shared: Shared, key: str, now: float, most: int) -> float:
        """Take one for now and some ahead from the shared counts; return the seconds to wait.

        What was taken ahead is kept as long as an empty bucket takes to fill, which is a window of the counts in Redis
        too. Let go earlier, it would be lost to all workers.
        """
        taken, wait = shared.take(f"{self._name}:{key}", self._rate, self._burst, now, most)
        if taken > 1:
            with self._lock:
                self._ahead[key] = taken - 1, now + self._burst / self._rate
                if len(self._ahead) > self._most_keys:
                    self._ahead.popitem(last=False)
        return wait

    def _take_here(self, key: str, now: float) -> int | None:
        with self._lock:
            left, since = self._buckets.pop(key, (float(self._burst), now))
            # A clock set back refills nothing and takes nothing away.
            left = min(float(self._burst), left + max(0.0, now - since) * self._rate)
            granted = left >= 1
            self._buckets[key] = (left - 1 if granted else left, now)
            if len(self._buckets) > self._most_keys:
                self._buckets.popitem(last=False)
        return None if granted else max(1, math.ceil((1 - left) / self._rate))

    def require(self, key: str, at: datetime | None = None) -> None:
        """Take one, or raise the problem too-many-requests with its Retry-After. `at` as in `take`."""
        wait = self.take(key, at)
        if wait is not None:
            raise Problem("too-many-requests", retry_after=wait)


class FairLimit:
    """Counts a caller that proves a key or shows a valid card by that key or card. A place is counted for failures
    there, never before.

    So junk from an address stops nobody else behind it: a valid call is answered, however much junk came before.
    """

    def __init__(self, proven: RateLimit, failures: RateLimit) -> None:
        """`proven` counts by key or card, `failures` counts by place."""
        self._proven, self._failures = proven, failures

    @contextmanager
    def judging(self, place: str) -> Iterator[None]:
        """Judge a call. A problem that the client caused is counted at its place, and is 429 beyond the limit."""
        try:
            yield
        except Problem as problem:
            if problem.status < 500 and problem.status != _TOO_MANY:
                self.failed(place)
            raise

    def failed(self, place: str) -> None:
        """Count a failure at a place. Problem too-many-requests beyond the limit."""
        self._failures.require(place)

    def admit(self, key: str) -> None:
        """Count a valid call by its key or card. Problem too-many-requests beyond the limit."""
        self._proven.require(key)


class Turns:
    """Gives places that failed beyond their limit one turn at a time in this process. Every other place goes at once.

    So junk takes at most one thread's time for work that costs the processor (a slow hash), and a person with the right
    password behind the same address still gets a turn.
    """

    def __init__(self, failures: RateLimit, clock: Clock, *, most_places: int = 10_000) -> None:
        """`failures` counts by place. The last `most_places` that failed beyond it are remembered."""
        self._failures, self._clock = failures, clock
        self._most_places = most_places
        self._crowded: OrderedDict[str, float] = OrderedDict()
        self._busy = Lock()

    @contextmanager
    def turn(self, place: str) -> Iterator[bool]:
        """Work within. Yield False if the place failed too often and another such place has the turn."""
        crowded = self._crowded.get(place, 0.0) > self._clock.now().timestamp()
        if crowded and not self._busy.acquire(blocking=False):
            yield False
            return
        try:
            yield True
        finally:
            if crowded:
                self._busy.release()

    def failed(self, place: str) -> int | None:
        """Count a failure at a place. Return None within its limit, otherwise the seconds until it may fail again."""
        wait = self._failures.take(place)
        if wait is not None:
            self._crowded[place] = self._clock.now().timestamp() + wait
            self._crowded.move_to_end(place)
            while len(self._crowded) > self._most_places:
                self._crowded.popitem(last=False)
        return wait


class Limiter:
    """Makes the limits of a service, each under its own name, counted by all workers together if there are shared
    counts.
    """

    def __init__(self, clock: Clock, shared: Shared | None = None) -> None:
        """`shared`: the counts of all workers. None: this process counts alone."""
        self.clock, self.shared = clock, shared

    def limit(self, name: str, rate: float, burst: int) -> RateLimit:
        """Return a limit of `burst` at once, then `rate` a second."""
        return RateLimit(rate, burst, self.clock, name=name, shared=self.shared)

    def fair(self, name: str, rate: float, burst: int) -> FairLimit:
        """Return a limit by key or card, and an equal limit by place for failures."""
        return FairLimit(self.limit(f"{name}/by-key", rate, burst), self.limit(f"{name}/failed", rate, burst))

    def turns(self, name: str, rate: float, burst: int) -> Turns:
        """Return turns for expensive work: a place may fail `burst` times at once, then `rate` a second."""
        return Turns(self.limit(f"{name}/failed", rate, burst), self.clock)

    def first(self, key: str, until: datetime) -> bool:
        """Remember a key that may come only once, until an instant, for all workers. Return whether this is its first
        time.

        True if the shared counts are away: each worker then remembers by itself.
        """
        if self.shared is None:
            return True
        try:
            return self.shared.first(key, until.timestamp(), self.clock.now().timestamp())
        except SharedAway as away:
            _log.warning("proofs are remembered by each worker alone", extra={"safe_fields": {"why": str(away)}})
            return True


class Forwarding:
    """Notices a sender that is no trusted proxy but names other clients. A whole network is then counted as one
    place.
    """

    COMPLAINT = (
        "X-Forwarded-For comes from a peer that YUNJU_TRUSTED_PROXIES does not name: everybody behind it counts as one "
        "place. Set it to the proxy's address, or keep others from reaching this port."
    )

    def __init__(self) -> None:
        self._seen = False

    UNNAMED = (
        "YUNJU_BASE_URL is https, so a proxy stands in front, and YUNJU_TRUSTED_PROXIES names none: everybody behind "
        "the proxy counts as one place. Set it to the proxy's address."
    )

    @classmethod
    def unnamed(cls, trusted_proxies: Iterable[Network], *, https: bool) -> str | None:
        """Return what is wrong before the first request, or None: this server speaks http, so https means that there is
        a proxy.
        """
        return cls.UNNAMED if https and not tuple(trusted_proxies) else None

    def noticed(self) -> None:
        """Record it, and tell the operator once for each process."""
        if not self._seen:
            self._seen = True
            _log.warning(self.COMPLAINT)

    def complaint(self) -> str | None:
        """Return what is wrong, or None."""
        return self.COMPLAINT if self._seen else None


FORWARDING = Forwarding()


def client_key(request: flask.Request, trusted_proxies: Iterable[Network] = ()) -> str:
    """Return the key under which a request is counted: an IPv4 address, or the /64 of an IPv6 address.

    X-Forwarded-For is believed only from a trusted proxy, and only back to the first address that is no trusted proxy.
    """
    proxies = tuple(trusted_proxies)
    path = [request.remote_addr or ""]
    if "X-Forwarded-For" in request.headers and not _within(path[0], proxies):
        FORWARDING.noticed()
    if proxies:
        path[:0] = (part.strip() for part in request.headers.get("X-Forwarded-For", "").split(","))
    address = path.pop()
    while path and _within(address, proxies) and _parse(path[-1]) is not None:
        address = path.pop()
    return _network_key(address)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def _within(text: str, networks: tuple[Network, ...]) -> bool:
    address = _parse(text)
    return address is not None and any(address in network for network in networks)


def _network_key(text: str) -> str:
    address = _parse(text)
    if address is None:
        return "unknown"
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address), 64), strict=False))
    return str(address)
