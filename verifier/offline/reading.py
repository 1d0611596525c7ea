"""Reads an uploaded record: signed by its device, at the device's own point, for a service of this programme. A bad
record is refused alone. Nothing is recorded here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from accounts.devices import Device
from accounts.rights import Caller, Right
from cards.offline_record import SignedRecord, unverified_device, verify_record
from cards.programme.types import Point, Programme, Service, Text
from keys.tokens import TokenError

FAULTS: Final[Mapping[str, Text]] = {
    "malformed-record": Text(zh="记录格式不对", en="This is no record of an offline check-in."),
    "forged-record": Text(
        zh="记录签名不符", en="The device that it names did not sign this record, or it was altered."
    ),
    "unknown-device": Text(zh="设备未登记", en="No device with this id was ever enrolled here."),
    "not-yours": Text(zh="须由本设备上传，或由主管代传", en="Another device's record: it uploads it, or a supervisor."),
    "wrong-point": Text(zh="设备不属于该服务点", en="The device does not belong to the point that the record names."),
    "unknown-service": Text(zh="方案中没有该服务", en="The programme has no such service at counters."),
    "operation-conflict": Text(zh="操作编号已用于其他操作", en="The operation's id stood for another intent before."),
}
"""Why a single record is refused. The record is not kept, and the rest of its batch goes on."""


@dataclass(frozen=True, slots=True)
class Read:
    """A record with a valid signature, its device, its point and its service."""

    signed: SignedRecord
    device: Device
    point: Point
    service: Service


@dataclass(frozen=True, slots=True)
class Unread:
    """A text that is refused alone, and the reason. `signed` is set if the signature is valid."""

    fault: str
    signed: SignedRecord | None = None


class Reading:
    """Reads records for one caller. Each device is looked up once for a batch."""

    def __init__(self, programme: Programme, devices: Callable[[str], Device | None], caller: Caller | None) -> None:
        """`caller` None: a record that was kept earlier, whoever uploaded it."""
        self._programme = programme
        self._find = devices
        self._caller = caller
        self._devices: dict[str, Device | None] = {}

    def read(self, text: str) -> Read | Unread:
        """Return a record, as far as it can be believed."""
        try:
            device = self._device(unverified_device(text))
        except TokenError:
            return Unread("malformed-record")
        if device is None:
            return Unread("unknown-device")
        try:
            signed = verify_record(text, device.key.key)
        except TokenError:
            return Unread("forged-record")
        return self._placed(signed, device)

    def _placed(self, signed: SignedRecord, device: Device) -> Read | Unread:
        record = signed.record
        if self._caller is not None and not _may_bring(self._caller, device.id, record.point):
            return Unread("not-yours", signed)
        point = self._programme.points.get(record.point)
        if point is None or not device.stood_at(record.point, record.made_at):
            return Unread("wrong-point", signed)
        service = self._programme.services.get(record.service)
        if service is None or not service.checked_in:
            return Unread("unknown-service", signed)
        return Read(signed, device, point, service)

    def _device(self, device_id: str) -> Device | None:
        if device_id not in self._devices:
            self._devices[device_id] = self._find(device_id)
        return self._devices[device_id]


def _may_bring(caller: Caller, device: str, point: str) -> bool:
    """Return whether a caller may upload a device's records: the device itself, or a supervisor at its point."""
    return caller.id == device or caller.may(Right.OVERRIDE, point)
