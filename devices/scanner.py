"""QR scanners: a serial port (USB-COM), and the keyboard wedge, which types into the agent's terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from devices.faults import DeviceFault, PartMissing

try:
    import serial
except ImportError:  # An optional extra: wedges and card readers work without it
    serial = None

INSTALL: Final = "in the project's folder .venv/bin/pip install --require-hashes -r requirements/scanner.txt"
LINE_MOST: Final = 8192
"""The longest accepted line. A card with its proof as plain text has some 1,100 characters."""

_ENDS: Final = b"\r\n\x03\x04"


def installed() -> bool:
    """Return whether pyserial is installed."""
    return serial is not None


class Port(Protocol):
    """An open port: bytes as they come, or none after some silence."""

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes."""
        ...


class SerialLines:
    """Cuts a scanner's bytes into lines. A line that is too long is dropped as a whole."""

    def __init__(self) -> None:
        """Start between two lines."""
        self._line = bytearray()
        self._dropping = False

    def feed(self, data: bytes) -> Iterator[str]:
        """Take bytes, and yield the lines that they complete: printable ASCII, trimmed, never empty."""
        for byte in data:
            if byte in _ENDS:
                text = "" if self._dropping else self._line.decode("ascii", "replace").strip()
                self._line.clear()
                self._dropping = False
                if text and text.isprintable() and text.isascii():
                    yield text
            elif not self._dropping:
                self._line.append(byte)
                if len(self._line) > LINE_MOST:
                    self._line.clear()
                    self._dropping = True


def open_port(name: str, baud: int = 115_200) -> Port:
    """Open a serial port. Raises PartMissing without pyserial, DeviceFault if the port cannot be opened."""
    if serial is None:
        raise PartMissing("serial scanners need the Python package pyserial", INSTALL)
    try:
        port: Port = serial.Serial(name, baud, timeout=0.5)
    except (serial.SerialException, ValueError) as error:
        raise DeviceFault(
            f"the scanner's port {name} cannot be opened: {error}", "check the cable and the name"
        ) from None
    return port


def scans(port: Port, stop: Callable[[], bool]) -> Iterator[str]:
    """Yield what a scanner reads, until told to stop. Raises DeviceFault if it is unplugged."""
    lines = SerialLines()
    while not stop():
        try:
            data = port.read(256)
        except OSError as error:
            raise DeviceFault(f"the scanner is gone: {error}", "plug it in again") from None
        yield from lines.feed(data)
