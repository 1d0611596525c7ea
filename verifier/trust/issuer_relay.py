"""Asks an issuer on another machine while a person waits: for a card by its number, and for the end of an entitlement.

If the issuer is away, slow or refuses, then nothing is known. The caller can say so, and no error is raised.
"""

from __future__ import annotations

import logging
import urllib.parse
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from edge.fetch import FetchAway, OutgoingCall, fetch
from edge.instants import InstantError, parse_rfc3339
from edge.strictjson import JsonError, loads
from keys.files import StoreError, read_private

SECONDS: Final = 3
"""The time limit of the whole call, because a person waits on the telephone or at a counter."""
MOST_BYTES: Final = 262_144
_log = logging.getLogger("yunju.verifier")


def call_to(url: str, token_file: Path) -> OutgoingCall:
    """Return a call to the issuer with the token in a file (mode 0600). Raises StoreError if the file cannot be
    used.
    """
    token = read_private(token_file).decode("ascii", "replace").strip()
    return OutgoingCall(url, {"Authorization": f"Bearer {token}"})


@dataclass(frozen=True, slots=True)
class IssuerRelay:
    """The address of an issuer, and the file (mode 0600) of the token that allows asking."""

    url: str
    token_file: Path

    def ask(self, path: str) -> bytes | None:
        """Return the answer of a path of the issuer, or None for any fault. The log names no person."""
        try:
            found = fetch(call_to(self.url + path, self.token_file), seconds=SECONDS, most=MOST_BYTES)
        except (FetchAway, StoreError) as error:
            _tell(str(error) if isinstance(error, FetchAway) else type(error).__name__)
            return None
        if found.status == 200:
            return found.body
        if found.status != 404:
            _tell(f"the issuer answers {found.status}")
        return None

    def card_by_number(self, number: str) -> str | None:
        """Return the card token of a number that was read out on the telephone. The token is verified."""
        found = self._json(f"/v1/cards/by-number/{_quoted(number)}").get("card")
        return found if isinstance(found, str) else None

    def entitled_until(self, card: str, _at: datetime) -> datetime | None:
        """Return until when the holder of a card, by its id, is entitled to its tier, or None."""
        found = self._json(f"/v1/cards/{_quoted(card)}/entitlement").get("entitled_until")
        try:
            return parse_rfc3339(found) if isinstance(found, str) else None
        except InstantError:
            return None

    def phone_of(self, card: str, _at: datetime) -> str | None:
        """Return the registered number of a card's holder, by the card's id; empty where the register has none."""
        found = self._json(f"/v1/cards/{_quoted(card)}/telephone")
        phone = found.get("phone", False)
        return phone if isinstance(phone, str) else "" if phone is None else None

    def _json(self, path: str) -> dict[str, object]:
        data = self.ask(path)
        try:
            found = {} if data is None else loads(data, max_bytes=MOST_BYTES)
        except JsonError:
            return {}
        return found if isinstance(found, dict) else {}


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def _tell(why: str) -> None:
    _log.warning("the issuer was not asked", extra={"safe_fields": {"why": why}})
