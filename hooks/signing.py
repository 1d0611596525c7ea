"""Secrets and signatures of webhooks, by Standard Webhooks 1.0.0: HMAC-SHA256 over id, time and body. Opens nothing."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from hmac import digest
from typing import Final

PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32


def new_secret() -> str:
    """Return a random secret in the receiver's form: `whsec_` and the base64 of 32 bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signature(secret: str, name: str, sent_at: int, body: bytes) -> str:
    """Return `v1,` and the signature by one secret. `sent_at`: epoch seconds of this very call, not of the event."""
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    return "v1," + base64.b64encode(digest(key, f"{name}.{sent_at}.".encode() + body, "sha256")).decode()


def signed_headers(used: Iterable[str], name: str, sent_at: int, body: bytes) -> dict[str, str]:
    """Return the three headers of a call, signed with each secret, so that a receiver can change its secret when it
    wants.

    `name` is the same at every call of one event.
    """
    signed = " ".join(signature(secret, name, sent_at, body) for secret in used)
    return {"webhook-id": name, "webhook-timestamp": str(sent_at), "webhook-signature": signed}
