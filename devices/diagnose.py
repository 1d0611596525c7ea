"""Checks what a counter PC has and lacks, line by line, each fault with its remedy (`devices agent --diagnose`)."""

from __future__ import annotations

import os
import platform
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from devices import pcsc, scanner
from devices.documents import DocumentFolder
from devices.faults import DeviceFault
from devices.identity import load
from devices.offline import OfflineQueue
from devices.promises import BROKEN, PromiseBook
from devices.server import Server, ServerRefusedError
from edge.clock import Clock
from edge.instants import parse_rfc3339
from keys.files import StoreError


@dataclass(frozen=True, slots=True)
class ReaderFinding:
    """One line: what was checked, whether it is good, what was found, and the remedy if it is not."""

    part: str
    found: str
    remedy: str = ""
    well: bool = True

    @property
    def line(self) -> str:
        """The line for a terminal."""
        remedy = f"\n        -> {self.remedy}" if self.remedy and not self.well else ""
        return f"{'ok   ' if self.well else 'FAULT'}  {self.part:<12} {self.found}{remedy}"


def diagnose(folder: Path, clock: Clock) -> Iterator[ReaderFinding]:
    """Check everything that an agent needs. No finding shows a key, a token or a name."""
    yield ReaderFinding("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield _guarded("pyscard", _pyscard)
    yield _guarded("pcscd", _daemon)
    yield _guarded("readers", _readers)
    yield ReaderFinding(
        "pyserial", "installed" if scanner.installed() else f"absent (serial scanners: {scanner.INSTALL})"
    )
    yield _guarded("identity", lambda: _identity(folder))
    yield _guarded("server", lambda: _server(folder, clock))
    yield _guarded("documents", lambda: _documents(folder, clock))
    yield _guarded("offline", lambda: _queue(folder))
    yield _guarded("promises", lambda: _promises(folder))
    yield _guarded("disk", lambda: _disk(folder))


def _guarded(part: str, look: Callable[[], ReaderFinding]) -> ReaderFinding:
    try:
        return look()
    except DeviceFault as fault:
        return ReaderFinding(part, str(fault), fault.hint, well=False)
    except StoreError as fault:
        return ReaderFinding(part, str(fault), fault.hint, well=False)


def _pyscard() -> ReaderFinding:
    pcsc.require()
    return ReaderFinding("pyscard", "installed")


def _daemon() -> ReaderFinding:
    with pcsc.Context():
        return ReaderFinding("pcscd", os.environ.get("PCSCLITE_CSOCK_NAME", "answers"))


def _readers() -> ReaderFinding:
    with pcsc.Context() as context:
        names = context.readers()
    remedy = "plug a reader in; `lsusb` shows whether the PC sees it"
    return ReaderFinding("readers", ", ".join(names) or "no reader", remedy, well=bool(names))


def _identity(folder: Path) -> ReaderFinding:
    identity = load(folder)
    return ReaderFinding("identity", f"device {identity.device} at {identity.point}, key {identity.signer.kid[:8]}…")


def _server(folder: Path, clock: Clock) -> ReaderFinding:
    identity = load(folder)
    server = Server(identity, clock)
    try:
        today = server.call("GET", f"/v1/points/{identity.point}/today")
    except ServerRefusedError as refused:
        return ReaderFinding("server", f"{identity.server}: {refused}", refused.hint, well=False)
    skew = (clock.now() - parse_rfc3339(str(today["server_time"]))).total_seconds()
    well = abs(skew) < 5
    return ReaderFinding(
        "server", f"{identity.server}, clock {skew:+.0f} s", "set this PC's clock (systemd-timesyncd)", well=well
    )


def _documents(folder: Path, clock: Clock) -> ReaderFinding:
    identity = load(folder)
    held = DocumentFolder(folder, identity.root).held(clock.now())
    found = f"bundle {held.trust.version}, {len(held.rules.services)} services: offline check-ins are possible"
    return ReaderFinding("documents", found)


def _queue(folder: Path) -> ReaderFinding:
    identity = load(folder)
    waiting = len(OfflineQueue(folder, identity.signer, identity.device, identity.point).waiting())
    remedy = "they stay here, signed, until the server takes them"
    return ReaderFinding("offline", f"{waiting} records wait for upload", remedy, well=waiting == 0)


def _promises(folder: Path) -> ReaderFinding:
    load(folder)  # A folder of no agent is not made here
    book = PromiseBook(folder)
    broken = book.count_broken()
    remedy = f"keep {folder / BROKEN} as it is and show it to an auditor: each line is evidence"
    return ReaderFinding("promises", f"{book.count()} wait, {broken} were broken", remedy, well=broken == 0)


def _disk(folder: Path) -> ReaderFinding:
    free = shutil.disk_usage(folder if folder.exists() else Path.cwd()).free // 2**20
    remedy = "make room: records are kept on disk"
    return ReaderFinding("disk", f"{free} MiB free on {socket.gethostname()}", remedy, well=free > 100)
