"""The interface between rules and hardware: one method, `transmit`. Everything above it is bounded, whatever a card
answers.

Only short APDUs (ISO 7816-4), because some readers fail on extended ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from devices.faults import CardFault, CardGone, CardRefused

DATA_MOST: Final = 0xF6
"""The most bytes that one APDU asks for or sends. Some readers fail above this."""

ANSWER_MOST: Final = 8192
"""The most bytes in one chained answer."""

EXCHANGES_MOST: Final = 1200
"""The most APDUs of one tap. Writing and reading 888 bytes page by page takes some 280."""

SECONDS_MOST: Final = 20.0
"""The longest time of one tap."""

OK: Final = 0x9000
_MORE, _WRONG_LE = 0x61, 0x6C


class Transport(Protocol):
    """Carries one command APDU to a card and its answer back."""

    def transmit(self, command: bytes) -> bytes:
        """Return the answer, with the status word last. Raises CardGone if the card left, ReaderFault if the reader
        failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class ApduAnswer:
    """A whole answer: its data and its status word. `repr` never shows the data."""

    data: bytes
    status: int

    @property
    def ok(self) -> bool:
        """Return whether the card carried out the command."""
        return self.status == OK

    def __repr__(self) -> str:
        return f"Answer({len(self.data)} bytes, {self.status:04X})"


class Tap:
    """One card on one connection: commands and answers, counted and bounded."""

    def __init__(self, transport: Transport, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Start a tap. `monotonic` measures its time."""
        self._transport = transport
        self._monotonic = monotonic
        self._ends = monotonic() + SECONDS_MOST
        self.exchanges = 0

    def send(self, header: str, data: bytes = b"", le: int | None = None) -> ApduAnswer:
        """Send one command. `header` is CLA INS P1 P2 in hexadecimal; `le` is the length to ask for (None: nothing, 0:
        all).

        Follows 61xx (GET RESPONSE) and 6Cxx within bounds. Raises CardFault beyond them.
        """
        command = bytes.fromhex(header) + (bytes([len(data)]) + data if data else b"")
        data_out, status = self._once(command + (b"" if le is None else bytes([le])))
        if status >> 8 == _WRONG_LE and not data_out:
            data_out, status = self._once(command + bytes([status & 0xFF]))
        return self._rest(command[0], data_out, status)

    def demand(self, what: str, header: str, data: bytes = b"", le: int | None = None) -> bytes:
        """Send a command that must succeed, and return its data. Raises CardRefused otherwise."""
        answer = self.send(header, data, le)
        if not answer.ok:
            raise CardRefused(what, answer.status)
        return answer.data

    def chain(self, what: str, header: str, data: bytes, le: int | None = None) -> bytes:
        """Send data of any length by command chaining (ISO 7816-4 §5.3.3). Return the last answer's data."""
        chained = f"{int(header[:2], 16) | 0x10:02X}{header[2:]}"
        while len(data) > DATA_MOST:
            self.demand(what, chained, data[:DATA_MOST])
            data = data[DATA_MOST:]
        return self.demand(what, header, data, le)

    def raw(self, command: bytes) -> ApduAnswer:
        """Send a command unchanged, without following anything (native and pseudo APDUs)."""
        return ApduAnswer(*self._once(command))

    def _rest(self, cla: int, data: bytes, status: int) -> ApduAnswer:
        whole = bytearray(data)
        while status >> 8 == _MORE:
            piece, status = self._once(bytes([cla & 0xEF, 0xC0, 0, 0, status & 0xFF]))
            if not piece and status >> 8 == _MORE:
                raise CardFault("the card promises more and sends nothing")
            whole += piece
            if len(whole) > ANSWER_MOST:
                raise CardFault("the card's answer has no end")
        return ApduAnswer(bytes(whole), status)

    def _once(self, command: bytes) -> tuple[bytes, int]:
        self.exchanges += 1
        if self.exchanges > EXCHANGES_MOST or self._monotonic() > self._ends:
            raise CardFault("the card keeps the reader busy for too long")
        answer = self._transport.transmit(command)
        if not answer:
            # Some drivers report a removed card as success with an empty answer.
            raise CardGone("the card left the reader")
        if len(answer) < 2 or len(answer) > 2 + 256:
            raise CardFault("the card's answer has an impossible length")
        return answer[:-2], int.from_bytes(answer[-2:], "big")
