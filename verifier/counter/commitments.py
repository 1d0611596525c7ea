"""Commitments to erasable data (docs/design.md §7): the entry holds a salted hash, and the sealed text lies
elsewhere.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Self

from edge.encoding import b64u, digest
from verifier.records.bookings import SALT_BYTES


@dataclass(frozen=True, slots=True)
class Commitment:
    """A salted SHA-256 of a text. `text` goes into the entry; `opened` (salt and text) goes into the erasable store."""

    text: str
    opened: str

    @classmethod
    def of(cls, note: str | None) -> Self | None:
        """Commit to a text with a fresh random salt. Return None if there is no text."""
        if not note:
            return None
        opened = f"{b64u(secrets.token_bytes(SALT_BYTES))}.{note}"
        return cls(b64u(digest(opened.encode())), opened)


def text_of(opened: str) -> str:
    """Return the text of an opened commitment, without its salt."""
    return opened.partition(".")[2]
