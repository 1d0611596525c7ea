"""`python -m accounts device`: codes for new devices, and the devices in use."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import click
import qrcode

from accounts.cli.desk import RIGHT, AccountsCli, right_place, right_service
from accounts.devices import Device, DeviceCode, UnknownDevice
from accounts.rights import parse_rights
from edge.cli import Refusal, emit, json_option
from edge.instants import rfc3339, rfc3339_or_none
from edge.strictjson import loads
from keys.jwk import thumbprint


@click.group("device")
def device() -> None:
    """Tablets, counters and agents, each with its own key."""


NEEDS = click.option(
    "--needs-operator/--no-operator",
    default=True,
    show_default=True,
    help="Whether the device only looks at cards while no operator is signed in.",
)


@device.command("add")
@click.option("--point", required=True, help="Where the device stands: a point's code, or a department's dept-CODE.")
@click.option(
    "--right", "rights", multiple=True, type=RIGHT, help="What the device may do there; check-in if none is named."
)
@click.option(
    "--service", "services", multiple=True, help="A service that the device may serve; all services if none is named."
)
@click.option("--label", default="", help="What people call it.")
@NEEDS
@json_option
@click.pass_obj
def add(  # noqa: PLR0917 - click passes them by name
    desk: AccountsCli,
    point: str,
    rights: tuple[str, ...],
    services: tuple[str, ...],
    label: str,
    needs_operator: bool,
    as_json: bool,
) -> None:
    """Make a one-time code for a new device and show it once, also as a QR code for the device to scan."""
    # Both before the code: a code that is made is always shown.
    known, pinned = desk.places(), _pinned(desk)
    place, served = right_place(point, known), [right_service(service, known) for service in services]
    with desk.store() as store:
        made = store.devices.make_code(
            place,
            needs_operator=needs_operator,
            by=desk.by,
            at=desk.clock.now(),
            label=label,
            rights=parse_rights(rights),
            services=served,
        )
    address = _address(desk.settings.base_url, {"code": made.code, **pinned})
    emit(_code_row(made, address), as_json, _code_text(made, address))


@device.command("list")
@click.option("--point", help="Only devices at this point.")
@json_option
@click.pass_obj
def list_devices(desk: AccountsCli, point: str | None, as_json: bool) -> None:
    """List the devices, including revoked devices."""
    with desk.store() as store:
        found = store.devices.list(point=point)
    emit([_row(one) for one in found], as_json, "\n".join(map(_line, found)) or "no device yet")


@device.command("operator")
@click.argument("device_id", metavar="ID")
@NEEDS
@json_option
@click.pass_obj
def operator(desk: AccountsCli, device_id: str, needs_operator: bool, as_json: bool) -> None:
    """Set whether the device ID needs an operator. Every server process follows within five seconds."""
    with _unknown_refused(), desk.store() as store:
        store.devices.set_operator(device_id, needs_operator=needs_operator, by=desk.by, at=desk.clock.now())
    told = f"{device_id} {'needs an operator' if needs_operator else 'works without an operator'}"
    emit({"changed": device_id, "needs_operator": needs_operator}, as_json, told)


@device.command("move")
@click.argument("device_id", metavar="ID")
@click.option("--point", required=True, help="Where the device stands from now on: a point's code, or dept-CODE.")
@click.option("--service", "services", multiple=True, help="A service that the device may serve there; all if none.")
@json_option
@click.pass_obj
def move(desk: AccountsCli, device_id: str, point: str, services: tuple[str, ...], as_json: bool) -> None:
    """Move the device ID to another point. It follows within a minute, and its earlier records stay valid."""
    known = desk.places()
    place, served = right_place(point, known), [right_service(service, known) for service in services]
    with _unknown_refused(), desk.store() as store:
        store.devices.move(device_id, place, services=served, by=desk.by, at=desk.clock.now())
    emit({"moved": device_id, "point": place, "services": served}, as_json, f"{device_id} belongs to {place}")


@device.command("revoke")
@click.argument("device_id", metavar="ID")
@json_option
@click.pass_obj
def revoke(desk: AccountsCli, device_id: str, as_json: bool) -> None:
    """Take the device ID out of use. Every server process follows within five seconds."""
    with _unknown_refused(), desk.store() as store:
        store.devices.revoke(device_id, by=desk.by, at=desk.clock.now())
    emit({"revoked": device_id}, as_json, f"{device_id} is revoked")


@contextmanager
def _unknown_refused() -> Iterator[None]:
    try:
        yield
    except UnknownDevice:
        raise Refusal("no device in use has this id", "`device list` shows them") from None


def _address(base_url: str, parts: Mapping[str, str]) -> str:
    # The part after the # never reaches a server or its logs.
    return f"{base_url.rstrip('/')}/counter#{urlencode(parts)}"


def _pinned(desk: AccountsCli) -> Mapping[str, str]:
    # As in the verifier: the configured root, otherwise the root that the issuer on this machine wrote.
    written = desk.settings.published / "root.jwk"
    file = desk.settings.root or (written if written.exists() else None)
    return {} if file is None else {"root": _root_thumbprint(file)}


def _root_thumbprint(file: Path) -> str:
    try:
        jwk = loads(file.read_bytes())
        return thumbprint(jwk if isinstance(jwk, dict) else {})
    except (OSError, ValueError) as error:
        raise Refusal(f"the root key cannot be read: {error}", "YUNJU_ROOT names its public JWK") from None


def _code_text(made: DeviceCode, address: str) -> str:
    drawing = io.StringIO()
    code = qrcode.QRCode(border=2, error_correction=qrcode.constants.ERROR_CORRECT_L)
    code.add_data(address)
    code.print_ascii(out=drawing, invert=True)
    return (
        f"{drawing.getvalue()}\n"
        f"code:   {made.code}   (works once, until {rfc3339(made.expires_at)}; it is not shown again)\n"
        f"point:  {made.point}\n"
        f"rights: {', '.join(sorted(made.rights))}{_for(made)}\n"
        f"staff:  {_staffed(made)}\n"
        f"open:   {address}"
    )


def _staffed(one: Device | DeviceCode) -> str:
    return "needs an operator" if one.needs_operator else "works without an operator"


def _for(one: Device | DeviceCode) -> str:
    return f" for {', '.join(one.services)}" if one.services else ""


def _code_row(made: DeviceCode, address: str) -> dict[str, object]:
    return {
        "code": made.code,
        "point": made.point,
        "label": made.label,
        "rights": sorted(made.rights),
        "services": list(made.services),
        "needs_operator": made.needs_operator,
        "expires_at": rfc3339(made.expires_at),
        "address": address,
    }


def _line(one: Device) -> str:
    state = "" if one.revoked_at is None else f"  revoked {rfc3339(one.revoked_at)}"
    return f"{one.id}  {one.point}  {','.join(sorted(one.rights))}{_for(one)}  {_staffed(one)}  {one.label}{state}"


def _row(one: Device) -> dict[str, object]:
    return {
        "id": one.id,
        "point": one.point,
        "label": one.label,
        "rights": sorted(one.rights),
        "services": list(one.services),
        "needs_operator": one.needs_operator,
        "key": one.thumbprint,
        "enrolled_at": rfc3339(one.enrolled_at),
        "last_seen_at": rfc3339(one.last_seen_at),
        "reported_at": None if one.report is None else rfc3339(one.report.at),
        "version": None if one.report is None else one.report.version,
        "queued": None if one.report is None else one.report.queued,
        "clock_seconds": None if one.report is None else one.report.clock_seconds,
        "revoked_at": rfc3339_or_none(one.revoked_at),
    }
