"""Random identifiers of holders and cards: 128 bits, as the card format writes them (`sub`, `jti`)."""

from __future__ import annotations

import secrets

from edge.encoding import b64u


def new_id() -> str:
    """Return base64url of 16 random bytes; never one that a command line would take for an option."""
    while True:
        made = b64u(secrets.token_bytes(16))
        if not made.startswith("-"):
            return made
