"""A holder's photo for comparing an ID: requested from the issuer for one look, passed on, and stored nowhere
(docs/design.md §9).

If the issuer is away, slow or on another machine, there is no photo, and no error is raised.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from verifier.trust.issuer_relay import IssuerRelay

_JPEG_START: Final = b"\xff\xd8\xff"

PhotoOf = Callable[[str, datetime], bytes | None]
"""Takes a card's id and the instant of the call. Returns the photo (JPEG) of its holder, or None if there is none."""


def no_photo(_card: str, _at: datetime) -> bytes | None:
    """Return no photo: a verifier has no register, and no issuer was named."""
    return None


@dataclass(frozen=True, slots=True)
class PhotoRelay:
    """Photos from an issuer on another machine."""

    issuer: IssuerRelay

    def __call__(self, card: str, _at: datetime) -> bytes | None:
        """Ask for a card's photo. Return None if there is none, or while the issuer cannot be asked."""
        data = self.issuer.ask(f"/v1/cards/{urllib.parse.quote(card, safe='')}/photo")
        return data if data is not None and data.startswith(_JPEG_START) else None
