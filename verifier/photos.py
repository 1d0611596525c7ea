"""A holder's photo beside an ID check: asked of the issuer for one look, passed on, kept nowhere (DESIGN §9).

The issuer may be away, slow or on another machine: then there is no photo, and never an error.
"""

from __future__ import annotations

import logging
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from keys.files import StoreError, read_private

SECONDS: Final = 3
"""Staff look at the person meanwhile: a photo that takes longer helps nobody."""
MOST_BYTES: Final = 262_144
_JPEG_START: Final = b"\xff\xd8\xff"
_log = logging.getLogger("yunju.verifier")

PhotoOf = Callable[[str, datetime], bytes | None]
"""From a card's id and the instant of the call to the photo (JPEG) of its holder, None where there is none."""


def no_photo(_card: str, _at: datetime) -> bytes | None:
    """Know no photo: a verifier holds no register, and no issuer was named."""
    return None


@dataclass(frozen=True, slots=True)
class PhotoRelay:
    """Where an issuer on another machine is asked, and the file (mode 0600) of the token that allows it."""

    url: str
    token_file: Path

    def __call__(self, card: str, _at: datetime) -> bytes | None:
        """Ask for a card's photo; None for any fault, which is logged without a word of whose it was."""
        try:
            token = read_private(self.token_file).decode("ascii", "replace").strip()
            path = f"/v1/cards/{urllib.parse.quote(card, safe='')}/photo"
            asked = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - the settings let http and https alone pass
            with urllib.request.urlopen(asked, timeout=SECONDS) as response:  # noqa: S310 - as above
                data = response.read(MOST_BYTES + 1)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                _tell(f"the issuer answers {error.code}")
            return None
        except (OSError, StoreError) as error:
            _tell(type(error).__name__)
            return None
        return data if data.startswith(_JPEG_START) and len(data) <= MOST_BYTES else None


def _tell(why: str) -> None:
    _log.warning("a photo was not fetched", extra={"safe_fields": {"why": why}})
