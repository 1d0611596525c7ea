"""The state of a device, from what is known of it at one instant. Pure, for the list of devices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from accounts.devices import SEEN_EVERY, Device
from doctor.rules import CLOCK_OFF, DEVICE_SILENT
from edge.release import VERSION

OFFLINE_AFTER: Final = timedelta(minutes=15)
"""An open counter page reports every five minutes."""

State = Literal["silent", "clock", "offline", "old", "online", "revoked"]
WORST_FIRST: Final[tuple[State, ...]] = ("silent", "offline", "clock", "old", "online", "revoked")


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One line of the list. `waits`: at least this many records wait at the device, or None if nobody can know.

    `surely`: exactly this many. `held`: uploaded records that wait for a supervisor.
    """

    device: Device
    state: State
    waits: int | None
    surely: bool
    held: int


def state_of(device: Device, at: datetime) -> State:
    """Return the worst true state of a device."""
    silent = at - device.heard_at
    report = device.report
    if device.revoked_at is not None:
        return "revoked"
    if silent >= DEVICE_SILENT:
        return "silent"
    if silent > (SEEN_EVERY + OFFLINE_AFTER if report is None else OFFLINE_AFTER):
        return "offline"
    if report is not None and abs(report.clock_seconds) >= CLOCK_OFF:
        return "clock"
    return "old" if report is not None and report.version != VERSION else "online"


def row_of(device: Device, held: int, at: datetime) -> DeviceRow:
    """Return a device's line. A silent device cannot be asked, so its last report may be incomplete."""
    state, report = state_of(device, at), device.report
    surely = report is not None and state in {"online", "old", "clock"}
    waits = None if report is None or (not surely and not report.queued) else report.queued
    return DeviceRow(device, state, waits, surely, held)


def sorted_rows(rows: list[DeviceRow]) -> list[DeviceRow]:
    """Return lines with the worst first, and among equals the longest silent first."""
    return sorted(rows, key=lambda row: (WORST_FIRST.index(row.state), row.device.heard_at))
