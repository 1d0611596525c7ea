"""A client of Yunju's HTTP API: check-ins, bookings, requests, events, statements, offline records.

    with Client("https://cards.example", token) as gym:
        look = gym.look(presentation=text, service="gym-visit", point="gym")
        use = gym.check_in(look=look.id, service="gym-visit", point="gym")

docs/integrators.md of the project is a run-through; `yunju_client.errors` tells what can go wrong.
"""

from yunju_client import errors, shapes
from yunju_client.client import Client
from yunju_client.credentials import Bearer, Credential, DeviceCredential, new_id, public_jwk
from yunju_client.enrolling import enrol
from yunju_client.errors import MisuseError, UnprovedError, YunjuError
from yunju_client.folder import DeviceFolder, open_device
from yunju_client.offline import OfflineRecords, OfflineUse
from yunju_client.patience import Patience
from yunju_client.proving import ProvedEntry, prove, verify_proof

__all__ = [
    "Bearer",
    "Client",
    "Credential",
    "DeviceCredential",
    "DeviceFolder",
    "MisuseError",
    "OfflineRecords",
    "OfflineUse",
    "Patience",
    "ProvedEntry",
    "UnprovedError",
    "YunjuError",
    "enrol",
    "errors",
    "new_id",
    "open_device",
    "prove",
    "public_jwk",
    "shapes",
    "verify_proof",
]
