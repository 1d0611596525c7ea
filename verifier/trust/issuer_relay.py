"""What a verifier asks an issuer on another machine while somebody waits: a card by its number, until when it holds.

The issuer may be away, slow or refuse: then nothing is known, which the caller can say, and never an error.
"""

from __future__ import annotations

import logging
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPResponse
from pathlib import Path
from typing import Final, cast

from edge.instants import InstantError, parse_rfc3339
from edge.strictjson import JsonError, loads
from keys.files import StoreError, read_private

SECONDS: Final = 3
"""Somebody is on the telephone, or at a counter, meanwhile."""
MOST_BYTES: Final = 262_144
_log = logging.getLogger("yunju.verifier")


class _Nowhere(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: the token is for the issuer alone, and would be sent along to whoever is named."""

    def redirect_request(self, *_args: object) -> None:
        """Return no request; the answer stays what it is."""


_STRAIGHT: Final = urllib.request.build_opener(_Nowhere)


def ask_straight(asked: urllib.request.Request, seconds: float) -> HTTPResponse:
    """Return what the server itself answers; HTTPError for a redirection too, OSError where it is away."""
    return cast("HTTPResponse", _STRAIGHT.open(asked, timeout=seconds))


def asked_of(url: str, token_file: Path) -> urllib.request.Request:
    """Return a request to the issuer with the token in a file (mode 0600); StoreError where it cannot be used."""
    token = read_private(token_file).decode("ascii", "replace").strip()
    return urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - the settings let http and https alone pass


@dataclass(frozen=True, slots=True)
class IssuerRelay:
    """Where an issuer is asked, and the file (mode 0600) of the token that allows it."""

    url: str
    token_file: Path

    def ask(self, path: str) -> bytes | None:
        """Return what stands at a path of the issuer; None for any fault, logged without whom it was about."""
        try:
            with ask_straight(asked_of(self.url + path, self.token_file), SECONDS) as response:
                data = response.read(MOST_BYTES + 1)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                _tell(f"the issuer answers {error.code}")
            return None
        except (OSError, StoreError) as error:
            _tell(type(error).__name__)
            return None
        return data if len(data) <= MOST_BYTES else None

    def card_by_number(self, number: str) -> str | None:
        """Return the card token of a number that was read out on the telephone; what the token says is verified."""
        found = self._json(f"/v1/cards/by-number/{_quoted(number)}").get("card")
        return found if isinstance(found, str) else None

    def entitled_until(self, card: str, _at: datetime) -> datetime | None:
        """Return until when the holder of a card, by its id, is entitled to its tier."""
        found = self._json(f"/v1/cards/{_quoted(card)}/entitlement").get("entitled_until")
        try:
            return parse_rfc3339(found) if isinstance(found, str) else None
        except InstantError:
            return None

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
