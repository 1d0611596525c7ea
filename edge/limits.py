"""Rate limits of public endpoints: token buckets in this process, and whom to count. They decide nothing.

Each worker process counts alone, and a forgotten key starts afresh: a limit fails open, never against the visitor.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from threading import Lock

import flask

from edge.clock import Clock
from edge.problems import Problem

Network = IPv4Network | IPv6Network


class RateLimit:
    """A bucket per key: `burst` at once, then `rate` a second. Remembers the `most_keys` used last."""

    def __init__(self, rate: float, burst: int, clock: Clock, *, most_keys: int = 10_000) -> None:
        if rate <= 0 or burst < 1 or most_keys < 1:
            raise ValueError("rate, burst and most_keys are positive")
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._most_keys = most_keys
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def take(self, key: str) -> int | None:
        """Take one from the key's bucket: None if there was one, else the seconds to wait, at least 1."""
        now = self._clock.now().timestamp()
        with self._lock:
            left, since = self._buckets.pop(key, (self._burst, now))
            # A clock set back refills nothing and takes nothing away.
            left = min(self._burst, left + max(0.0, now - since) * self._rate)
            granted = left >= 1
            self._buckets[key] = (left - 1 if granted else left, now)
            if len(self._buckets) > self._most_keys:
                self._buckets.popitem(last=False)
        return None if granted else max(1, math.ceil((1 - left) / self._rate))

    def require(self, key: str) -> None:
        """Take one, or raise the problem too-many-requests with its Retry-After."""
        wait = self.take(key)
        if wait is not None:
            raise Problem("too-many-requests", retry_after=wait)


def client_key(request: flask.Request, trusted_proxies: Iterable[Network] = ()) -> str:
    """Return whom to count a request under: an IPv4 address, or the /64 of an IPv6 one.

    X-Forwarded-For is believed only from a trusted proxy, and only as far back as the first address that is not one.
    """
    proxies = tuple(trusted_proxies)
    path = [request.remote_addr or ""]
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
