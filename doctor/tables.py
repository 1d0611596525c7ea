"""The tables of each store, and whether they are this release's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from edge.database import revisions

_ROOT: Final = Path(__file__).resolve().parent.parent
ROOMS: Final[Mapping[str, Path]] = {
    "accounts": _ROOT / "accounts/migrations",
    "audit": _ROOT / "audit/migrations",
    "hooks": _ROOT / "hooks/migrations",
    "register": _ROOT / "issuer/register/migrations",
    "verifier": _ROOT / "verifier/records/migrations",
}
"""Where the version of each room's tables is recorded."""


def newer_tables(versions: Mapping[str, str]) -> str | None:
    """Return the room whose tables this release does not know, with their version, or None if it knows all of them."""
    for room, version in versions.items():
        if room in ROOMS and version not in revisions(ROOMS[room]):
            return f"{room} {version}"
    return None


def older_tables(versions: Mapping[str, str]) -> str | None:
    """Return the room whose tables wait for migrations, with their version, or None if there is none."""
    for room, version in versions.items():
        if room in ROOMS and version in revisions(ROOMS[room])[:-1]:
            return f"{room} {version}"
    return None
