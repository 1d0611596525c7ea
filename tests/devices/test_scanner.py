"""Scanners: lines from bytes, a real serial port (a pseudo terminal), and the keyboard wedge."""

import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import scanner
from devices.faults import DeviceFault, PartMissing
from devices.scanner import LINE_MOST, SerialLines, open_port, scans


def fed(*pieces: bytes) -> list[str]:
    """The lines of some bytes."""
    made = SerialLines()
    return [line for piece in pieces for line in made.feed(piece)]


def test_lines_end_as_scanners_end_them():
    """CR, LF, both, ETX or EOT; empty lines and white space around are nothing."""
    assert fed(b"YJ01:A\r\nYJ01:B\rYJ01:C\n\n \n\x02") == ["YJ01:A", "YJ01:B", "YJ01:C"]
    assert fed(b"YJ01", b":A", b"\r") == ["YJ01:A"]


def test_a_line_that_is_too_long_is_dropped_whole():
    """Its end is not taken for a line of its own."""
    assert fed(b"x" * (LINE_MOST + 10), b"tail\nnext\n") == ["next"]


@given(st.lists(st.binary(max_size=60)))
def test_any_bytes_give_printable_lines(pieces):
    """Control characters and other bytes never reach the desk."""
    assert all(line.isprintable() and line.isascii() and line for line in fed(*pieces))


@pytest.mark.parts
def test_a_serial_scanner_is_read():
    """A port of this machine, opened by pyserial, gives what is typed on its other end; unplugged, it says so."""
    pytest.importorskip("serial", reason="pyserial is missing: make setup-test")
    ours, theirs = os.openpty()
    port = open_port(os.ttyname(theirs))
    stop = threading.Event()
    try:
        os.write(ours, b"YJ01:ABC\r\n")
        assert next(scans(port, stop.is_set)) == "YJ01:ABC"
        stop.set()
        assert list(scans(port, stop.is_set)) == []
    finally:
        port.close()
        os.close(ours)
        os.close(theirs)


class Unplugged:
    def read(self, size):
        raise OSError("device disconnected")


def test_an_unplugged_scanner_is_told():
    """The loop ends with a fault, not with silence."""
    with pytest.raises(DeviceFault, match="gone"):
        list(scans(Unplugged(), lambda: False))


@pytest.mark.parts
def test_a_port_that_is_not_there_is_told():
    """With the remedy."""
    pytest.importorskip("serial", reason="pyserial is missing: make setup-test")
    with pytest.raises(DeviceFault, match="cannot be opened"):
        open_port("/dev/nonexistent")


def test_without_pyserial_the_remedy_is_named(monkeypatch):
    """The missing part is named with its command."""
    monkeypatch.setattr(scanner, "serial", None)
    with pytest.raises(PartMissing) as told:
        open_port("/dev/ttyACM0")
    assert "pip install" in told.value.hint
    assert not scanner.installed()
