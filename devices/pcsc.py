"""PC/SC readers through the raw calls of pyscard: list, connect, watch. Only this file imports pyscard.

Every handle is made and freed here. pyscard's own monitor never recovers after a restart of the daemon; the watcher
below makes its context again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from devices.faults import CardFault, CardGone, DeviceFault, PartMissing, ReaderFault

try:
    from smartcard import scard
except ImportError:  # The extra is not installed: the rest of the project works without it
    scard = None

INSTALL: Final = (
    "apt-get install pcscd libpcsclite-dev gcc swig pkg-config python3-dev, "
    "then in the project's folder .venv/bin/pip install --require-hashes -r requirements/devices.txt"
)
INSTALL_DAEMON: Final = "apt-get install pcscd && systemctl enable --now pcscd.socket"

POLL_MILLISECONDS: Final = 500
"""How long one wait for a change lasts: the longest time for stopping a watcher."""

SETTLE_SECONDS: Final = 3.0
"""For this time after the daemon came back, a card that lay on the reader before is no new tap."""

_MASK: Final = 0xFFFFFFFF
_NO_SERVICE, _SERVICE_STOPPED, _NO_READERS, _TIMEOUT = 0x8010001D, 0x8010001E, 0x8010002E, 0x8010000A
_REMOVED, _RESET, _NO_CARD = 0x80100069, 0x80100068, 0x8010000C
_UNPOWERED, _UNRESPONSIVE, _NOT_TRANSACTED = 0x80100067, 0x80100066, 0x80100016
_UNKNOWN_READER, _READER_UNAVAILABLE = 0x80100009, 0x80100017
_GONE: Final = frozenset({_REMOVED, _RESET, _NO_CARD, _UNPOWERED, _NOT_TRANSACTED})
_PRESENT, _EMPTY, _MUTE, _UNAVAILABLE, _UNKNOWN, _INUSE = 0x20, 0x10, 0x200, 0x8, 0x4, 0x100
_PNP: Final = "\\\\?PnP?\\Notification"


class ReaderChange(StrEnum):
    """The kinds of changes."""

    INSERTED = "inserted"
    STILL_THERE = "still-there"
    REMOVED = "removed"
    MUTE = "mute"
    READER_ADDED = "reader-added"
    READER_LOST = "reader-lost"
    DAEMON_LOST = "daemon-lost"
    DAEMON_BACK = "daemon-back"


@dataclass(frozen=True, slots=True)
class ReaderEvent:
    """One change. `reader` is empty for a change of the daemon itself."""

    change: ReaderChange
    reader: str = ""


def require() -> Any:  # noqa: ANN401 - pyscard carries no types
    """Return pyscard's raw calls. Raises PartMissing, with the install command, if it is not installed."""
    if scard is None:
        raise PartMissing("card readers need the Python package pyscard", INSTALL)
    return scard


class Context:
    """A connection to the daemon. Use it as a context manager. Raises PartMissing if no daemon answers."""

    def __init__(self) -> None:
        """Connect to the daemon."""
        self._scard = require()
        code, self._handle = self._scard.SCardEstablishContext(self._scard.SCARD_SCOPE_USER)
        if code & _MASK in {_NO_SERVICE, _SERVICE_STOPPED}:
            raise PartMissing("the smart card daemon pcscd does not answer", INSTALL_DAEMON)
        _check(code, "connect to pcscd")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the context. Its connections end."""
        self._scard.SCardReleaseContext(self._handle)

    def readers(self) -> list[str]:
        """Return the names of the readers, in the daemon's order."""
        code, names = self._scard.SCardListReaders(self._handle, [])
        if code & _MASK == _NO_READERS:
            return []
        _check(code, "list the readers")
        return list(names)

    @contextmanager
    def card(self, reader: str, *, reset: bool = False) -> Iterator[PcscCard]:
        """Connect to the card on a reader for one tap: one connection, one transaction.

        Raises CardGone without a card. If the card is swapped meanwhile, the transaction ends: two cards are never
        taken for one. `reset`: power the card down afterwards, so that no authentication outlives its tap.
        """
        api = self._scard
        code, handle, protocol = api.SCardConnect(
            self._handle, reader, api.SCARD_SHARE_SHARED, api.SCARD_PROTOCOL_T0 | api.SCARD_PROTOCOL_T1
        )
        _check(code, "connect to the card")
        try:
            _check(api.SCardBeginTransaction(handle), "begin")
            yield PcscCard(api, handle, protocol)
            api.SCardEndTransaction(handle, api.SCARD_LEAVE_CARD)
        finally:
            api.SCardDisconnect(handle, api.SCARD_RESET_CARD if reset else api.SCARD_LEAVE_CARD)

    def wait(self, states: Sequence[tuple[str, int]], milliseconds: int) -> list[tuple[str, int]]:
        """Wait for a change. Return (reader, state) of all readers, also unchanged ones. Raises ReaderFault if it
        cannot wait.
        """
        code, found = self._scard.SCardGetStatusChange(self._handle, milliseconds, list(states))
        if code & _MASK == _TIMEOUT:
            return list(states)
        _check(code, "wait for a card")
        return [(name, state) for name, state, _atr in found]


class PcscCard:
    """A connected card: the transport of one tap."""

    def __init__(self, api: Any, handle: int, protocol: int) -> None:  # noqa: ANN401 - pyscard carries no types
        """Keep an open connection."""
        self._api = api
        self._handle = handle
        self._protocol = api.SCARD_PCI_T1 if protocol == api.SCARD_PROTOCOL_T1 else api.SCARD_PCI_T0

    def transmit(self, command: bytes) -> bytes:
        """Send one APDU. Raises CardGone if the card was taken away, ReaderFault if reader or daemon failed."""
        code, answer = self._api.SCardTransmit(self._handle, self._protocol, list(command))
        _check(code, "talk to the card")
        return bytes(byte & 0xFF for byte in answer)


class ReaderWatcher:
    """Reports cards and readers, through restarts of the daemon and unplugged readers, until told to stop."""

    def __init__(self, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Watch every present and future reader."""
        self._sleep = sleep
        self._states: dict[str, int] = {}
        self._before: frozenset[str] = frozenset()
        self._settled = 0.0

    def events(self, stop: Callable[[], bool]) -> Iterator[ReaderEvent]:
        """Yield changes as they come. Cards that are already there come first. Raises PartMissing if pyscard is not
        installed.
        """
        require()
        lost = False
        while not stop():
            try:
                with Context() as context:
                    if lost:
                        self._settled = time.monotonic() + SETTLE_SECONDS
                        yield ReaderEvent(ReaderChange.DAEMON_BACK)
                    lost = False
                    yield from self._watch(context, stop)
            except (ReaderFault, PartMissing):
                if not lost:
                    self._before = frozenset(name for name, state in self._states.items() if state & _PRESENT)
                    self._states = {}
                    yield ReaderEvent(ReaderChange.DAEMON_LOST)
                lost = True
                self._sleep(0.2)

    def _watch(self, context: Context, stop: Callable[[], bool]) -> Iterator[ReaderEvent]:
        while not stop():
            yield from self._compare_readers(context.readers())
            asked = [*self._states.items(), (_PNP, len(self._states) << 16)]
            for name, state in context.wait(asked, POLL_MILLISECONDS):
                if name in self._states and name != _PNP:
                    yield from self._compare(name, state)

    def _compare_readers(self, names: list[str]) -> Iterator[ReaderEvent]:
        for name in set(self._states) - set(names):
            del self._states[name]
            yield ReaderEvent(ReaderChange.READER_LOST, name)
        for name in names:
            if name not in self._states:
                self._states[name] = 0
                yield ReaderEvent(ReaderChange.READER_ADDED, name)

    def _compare(self, name: str, state: int) -> Iterator[ReaderEvent]:
        before = self._states[name]
        # The daemon counts insertions and removals in the upper half, which shows a swap between two looks.
        self._states[name] = state & ~0x2
        was, now = bool(before & _PRESENT), bool(state & _PRESENT)
        swapped = was and now and (before >> 16) != (state >> 16)
        if was and (swapped or not now):
            yield ReaderEvent(ReaderChange.REMOVED, name)
        if now and (swapped or not was):
            yield ReaderEvent(self._arrival(name, state), name)

    def _arrival(self, name: str, state: int) -> ReaderChange:
        if state & _MUTE:
            return ReaderChange.MUTE
        if name in self._before and time.monotonic() < self._settled:
            self._before -= {name}
            return ReaderChange.STILL_THERE
        return ReaderChange.INSERTED


def _check(code: int, what: str) -> None:
    """Turn the daemon's codes into faults."""
    code &= _MASK
    if code == 0:
        return
    if code in _GONE:
        raise CardGone("the card left the reader")
    if code == _UNRESPONSIVE:
        raise CardFault("the card does not answer")
    fault: type[DeviceFault] = ReaderFault
    raise fault(f"cannot {what}: {_text(code)}")


def _text(code: int) -> str:
    return f"{require().SCardGetErrorMessage(code)} ({code:08X})"
