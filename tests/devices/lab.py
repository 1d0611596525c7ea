"""A laboratory in a network and a mount namespace of its own: a real pcscd, two virtual slots, cards to put on them.

Run as a program it is the inside: `python lab.py FOLDER`. `Lab` is the outside's handle to it. The daemon's socket is
reached through the folder from outside, the virtual readers' ports are not.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Client, Listener
from pathlib import Path

from tests.devices.emulators import Card, Torn

DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
PORT = 0x8C7B
READERS = ("Virtual PCD 00 00", "Virtual PCD 00 01")
PARTS = "apt-get install pcscd vsmartcard-vpcd"


def missing() -> str | None:
    """What this machine lacks for the laboratory, with the remedy."""
    if not Path("/usr/sbin/pcscd").exists() or not driver().exists():
        return f"the virtual reader is missing: {PARTS}"
    tried = subprocess.run(["unshare", "-n", "-m", "true"], capture_output=True, check=False)
    return None if tried.returncode == 0 else "this user may not make namespaces (`unshare -n -m`); run as root"


def driver() -> Path:
    """The virtual reader's driver, wherever Debian put it."""
    return next(iter(DRIVER.parent.glob("libifdvpcd.so*")), DRIVER)


def present(reader: str) -> bool:
    """Whether the daemon sees a card on a reader."""
    from devices.pcsc import Context

    with Context() as context:
        ((_name, state),) = context.wait([(reader, 0)], 0)
    return bool(state & 0x20)


class Slot:
    """One slot of the virtual reader: its card answers on its port, and comes back when the daemon does."""

    def __init__(self, number: int) -> None:
        self.port = PORT + number
        self.card: Card | None = None
        self.socket: socket.socket | None = None
        self.wanted = threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    def insert(self, card: Card) -> None:
        self.card = card
        self.wanted.set()

    def remove(self) -> Card | None:
        self.wanted.clear()
        if self.socket is not None:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)
        card, self.card = self.card, None
        return card

    def serve(self) -> None:
        while True:
            self.wanted.wait()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as self.socket:
                self.socket.settimeout(None)
                self.answer(self.socket)
            self.socket = None
            time.sleep(0.02)

    def answer(self, connection: socket.socket) -> None:
        while self.wanted.is_set():
            message = self.received(connection)
            if message is None or self.card is None:
                return
            if len(message) == 1:
                if message in {b"\x01", b"\x02"}:
                    self.card.power_on()
                reply = self.card.atr if message == b"\x04" else None
            else:
                try:
                    reply = self.card.transmit(message)
                except Torn:
                    self.card.torn_at = None
                    self.wanted.clear()
                    return
            if reply is not None:
                connection.sendall(struct.pack(">H", len(reply)) + reply)

    def received(self, connection: socket.socket) -> bytes | None:
        header = self.exactly(connection, 2)
        return None if header is None else self.exactly(connection, struct.unpack(">H", header)[0])

    @staticmethod
    def exactly(connection: socket.socket, size: int) -> bytes | None:
        data = b""
        while len(data) < size:
            # Without a quick acknowledgement every second command waits 40 ms for nothing.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            piece = connection.recv(size - len(data))
            if not piece:
                return None
            data += piece
        return data


class Inside:
    """What runs in the namespace: the daemon and the slots, obeying one connection."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemon: subprocess.Popen | None = None
        self.slots = (Slot(0), Slot(1))
        (folder / "reader.conf").write_text(
            f'FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:0x{PORT:X}\nLIBPATH {driver()}\nCHANNELID 0x{PORT:X}\n'
        )

    def start(self) -> None:
        command = ["/usr/sbin/pcscd", "--foreground", "--config", str(self.folder / "reader.conf")]
        log = (self.folder / "pcscd.log").open("ab")
        self.daemon = subprocess.Popen(command, stdout=log, stderr=log)
        log.close()
        ends = time.monotonic() + 10
        while not (self.folder / "pcscd.comm").exists():
            if time.monotonic() > ends:
                raise RuntimeError((self.folder / "pcscd.log").read_text())
            time.sleep(0.005)

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self.daemon is not None:
            self.daemon.send_signal(how)
            self.daemon.wait()
            self.daemon = None
        # A killed daemon leaves its socket and pid file behind; the next one would think that it still runs.
        for name in ("pcscd.comm", "pcscd.pid"):
            (self.folder / name).unlink(missing_ok=True)

    def obey(self, asked: tuple) -> object:
        match asked:
            case ("insert", slot, card):
                return self.slots[slot].insert(card)
            case ("remove", slot):
                return self.slots[slot].remove()
            case ("card", slot):
                return self.slots[slot].card
            case ("start",):
                return self.start()
            case ("stop", how):
                return self.stop(how)
        raise ValueError(asked)


class Lab:
    """The outside's handle: start, put cards on slots, kill the daemon, close."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            ["unshare", "-n", "-m", sys.executable, __file__, str(folder)],
            cwd=Path(__file__).parents[2],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        )
        self.connection = self._connected()
        self.ask("start")

    def _connected(self):
        ends = time.monotonic() + 20
        while True:
            try:
                return Client(str(self.folder / "lab"), "AF_UNIX")
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > ends or self.process.poll() is not None:
                    raise RuntimeError("the laboratory did not open") from None
                time.sleep(0.02)

    @property
    def socket(self) -> str:
        """The daemon's socket, for PCSCLITE_CSOCK_NAME."""
        return str(self.folder / "pcscd.comm")

    def ask(self, *asked: object) -> object:
        self.connection.send(asked)
        answer = self.connection.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def insert(self, card: Card, slot: int = 0) -> None:
        self.ask("insert", slot, card)

    def remove(self, slot: int = 0) -> Card | None:
        """Take the card off and return it as it is now."""
        return self.ask("remove", slot)

    def card(self, slot: int = 0) -> Card | None:
        """The card as it is now, still there."""
        return self.ask("card", slot)

    def restart(self, how: int = signal.SIGKILL) -> None:
        self.ask("stop", how)
        self.ask("start")

    def close(self) -> None:
        self.ask("stop", signal.SIGTERM)
        self.connection.close()
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


def serve(laboratory: Inside, connection) -> None:
    """Obey one connection until it hangs up."""
    with contextlib.suppress(EOFError):
        while True:
            asked = connection.recv()
            try:
                answer = laboratory.obey(asked)
            except Exception as error:  # noqa: BLE001 - told to the outside, whatever it is
                answer = error
            connection.send(answer)


def inside(folder: Path) -> None:
    """Set the namespace up and obey until the outside hangs up."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    Path("/run/pcscd").mkdir(exist_ok=True)
    subprocess.run(["mount", "--bind", str(folder), "/run/pcscd"], check=True)
    laboratory = Inside(folder)
    with Listener(str(folder / "lab"), "AF_UNIX") as listener, listener.accept() as connection:
        serve(laboratory, connection)
    laboratory.stop(signal.SIGKILL)


if __name__ == "__main__":
    inside(Path(sys.argv[1]))
