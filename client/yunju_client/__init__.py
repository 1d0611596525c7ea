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
from yunju_client.proving import ProvedEntry, promised, prove, verify_proof
from yunju_client.trust import Promise, Trust, UntrustedError, read_trust, verify_promise

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
    "Promise",
    "ProvedEntry",
    "Trust",
    "UnprovedError",
    "UntrustedError",
    "YunjuError",
    "enrol",
    "errors",
    "new_id",
    "open_device",
    "promised",
    "prove",
    "public_jwk",
    "read_trust",
    "shapes",
    "verify_promise",
    "verify_proof",
]
