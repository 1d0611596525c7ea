"""The identity of this counter PC: its key and the data from its enrolment, in a private folder. The key never leaves
it.

A reader of the folder can check in as this device: its file modes protect it, and a lost PC is revoked at the server.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from devices.faults import DeviceFault
from edge.strictjson import JsonError, dumps, loads
from keys.files import StoreError, create_private, open_folder, read_private, replace_private
from keys.signer import FileSigner

FOLDER: Final = Path("var/agent")
_KEY, _RECORD = "device.key", "device.json"
_KEPT: Final = ("device", "point", "access_token", "root", "needs_operator")


class NotEnrolled(DeviceFault):
    """This PC is not enrolled, or its folder cannot be used."""

    hint = "python -m devices agent --server https://… --code XXXX-XXXX enrols it; the office makes the code"


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """An enrolled device. `root` is the root key's thumbprint, with which trust bundles are checked offline.

    `needs_operator`: while nobody is signed in, it may only look at cards.
    """

    server: str
    device: str
    point: str
    access_token: str = field(repr=False)
    root: str | None
    signer: FileSigner
    needs_operator: bool = False


def device_key(folder: Path) -> FileSigner:
    """Return the device's key; the first call makes it. Raises StoreError if other users can read the folder."""
    open_folder(folder)
    path = folder / _KEY
    if not path.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        create_private(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = load_pem_private_key(read_private(path), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise NotEnrolled(f"{path} is no P-256 key", "move it away and enrol again")
    return FileSigner(key)


def keep(folder: Path, server: str, enrolled: dict[str, object]) -> DeviceIdentity:
    """Keep the server's answer to the enrolment. It replaces an older enrolment."""
    record: dict[str, object] = {name: enrolled[name] for name in _KEPT if name in enrolled}
    record["server"] = server
    replace_private(folder / _RECORD, dumps(record))
    return load(folder)


def move(folder: Path, point: str) -> None:
    """Record that an operator of the system moved this device to another point."""
    record = loads(read_private(folder / _RECORD))
    if isinstance(record, dict):
        replace_private(folder / _RECORD, dumps(record | {"point": point}))


def load(folder: Path) -> DeviceIdentity:
    """Return this PC's identity. Raises NotEnrolled before the enrolment."""
    try:
        record = loads(read_private(folder / _RECORD))
    except (StoreError, JsonError) as error:
        raise NotEnrolled(f"this PC is not enrolled ({error})") from None
    match record:
        case {"server": str(server), "device": str(device), "point": str(point), "access_token": str(token), **rest}:
            root = rest.get("root")
            pinned, staffed = root if isinstance(root, str) else None, rest.get("needs_operator") is True
            return DeviceIdentity(server, device, point, token, pinned, device_key(folder), staffed)
    raise NotEnrolled(f"{folder / _RECORD} is not what enrolment wrote", "move it away and enrol again")
