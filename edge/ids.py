"""Random identifiers of 128 bits: holders and cards (`sub`, `jti`), devices, people, integrators, operators."""

from __future__ import annotations

import secrets

from edge.encoding import b64u


def new_id() -> str:
    """Return base64url of 16 random bytes. The text never looks like a command line option."""
    while True:
        made = b64u(secrets.token_bytes(16))
        if not made.startswith("-"):
            return made
