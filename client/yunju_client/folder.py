"""A device's folder: its key and the server's data from the enrolment, in files for this user alone (mode 0600).

A reader of the folder can check in as the device: its file modes protect it.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from yunju_client.errors import MisuseError
from yunju_client.shapes import EnrolledDevice

KEY: Final = "device.key"
RECORD: Final = "device.json"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class DeviceFolder:
    """An enrolled device. `root` is the thumbprint with which trust bundles are checked. `needs_operator`: it may only
    look while no operator is signed in.
    """

    path: Path
    server: str
    device: str
    point: str
    token: str = field(repr=False)
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    root: str | None = None
    needs_operator: bool = False


def device_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the key in a device's folder, made at the first call. Raises MisuseError if others could read it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = path / KEY
    if not file.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        write_private(file, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    try:
        key = load_pem_private_key(read_private(file), None)
    except (ValueError, TypeError):
        raise MisuseError(f"{file} is no key", "Move the folder away and enrol the device anew.") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise MisuseError(f"{file} is no P-256 key", "Move the folder away and enrol the device anew.")
    return key


def keep_device(path: Path, server: str, told: EnrolledDevice) -> DeviceFolder:
    """Keep the server's data from the enrolment, in place of an older enrolment. Return the device."""
    kept = {"server": server, "device": told.device, "point": told.point, "token": told.access_token}
    rest = {"root": told.root, "needs_operator": told.needs_operator}
    write_private(path / RECORD, json.dumps({**kept, **rest}).encode())
    return open_device(path)


def open_device(path: Path) -> DeviceFolder:
    """Return the device that was enrolled in a folder. Raises MisuseError if none was."""
    try:
        found: dict[str, Any] = json.loads(read_private(path / RECORD))
        named = {name: str(found[name]) for name in ("server", "device", "point", "token")}
        root, staffed = found.get("root"), found.get("needs_operator") is True
    except FileNotFoundError:
        raise MisuseError(f"no device was enrolled in {path}", "Enrol one: yunju_client.enrol.") from None
    except (ValueError, KeyError, TypeError):
        raise MisuseError(
            f"{path / RECORD} is not what enrolment wrote", "Move the folder away and enrol anew."
        ) from None
    return DeviceFolder(path, **named, key=device_key(path), root=root, needs_operator=staffed)


def read_private(file: Path) -> bytes:
    """Return a file's bytes. Raises MisuseError if others than this user may read it."""
    handle = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(handle, "rb") as opened:
        if os.name == "posix" and os.fstat(handle).st_mode & _OTHERS:
            raise MisuseError(f"others can read {file}", f"chmod 600 {file}; if others did read it, enrol anew.")
        return opened.read()


def write_private(file: Path, data: bytes) -> None:
    """Write a file for this user alone, whole or not at all, and durably."""
    draft = file.with_name(f".{file.name}.draft")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(handle)
    draft.replace(file)
