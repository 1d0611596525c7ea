"""A device's enrolment: it exchanges its one-time code and its key, once, for the token of its calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yunju_client.client import Client
from yunju_client.credentials import DeviceCredential, public_jwk
from yunju_client.folder import DeviceFolder, device_key, keep_device


def enrol(server: str, code: str, folder: Path, *, label: str | None = None, **options: Any) -> DeviceFolder:  # noqa: ANN401 - as Client names them
    """Enrol this device with its one-time code, make its key if there is none, and keep both in `folder`.

    The first call that arrives uses up the code: if its answer was lost, ask the operator for another code. `options`
    are those of `Client`.
    """
    key = device_key(folder)
    with Client(server, DeviceCredential(key), **options) as client:
        return keep_device(folder, client.server, client.enrol_device(code=code, jwk=public_jwk(key), label=label))
