"""Cards this verifier has seen, so that a proof alone can name one: a bounded memory before the store."""

from __future__ import annotations

import logging
from collections import OrderedDict
from threading import Lock

from sqlalchemy.exc import OperationalError

from cards.claims import CardClaims
from cards.parts import Presentation
from cards.proof import CHIP_PROOF, PROOF, card_digest
from edge.encoding import EncodingError, unb64u
from keys.errors import TokenError
from keys.tokens import parse_unverified
from verifier.store import VerifierStore

_log = logging.getLogger("yunju.verifier")


class KnownCards:
    """Finds and keeps card tokens by the digest that proofs carry (`ath`). Safe between threads."""

    def __init__(self, store: VerifierStore, most: int = 10_000) -> None:
        """Hold at most `most` tokens in memory; all of them in the store."""
        self._store = store
        self._most = most
        self._tokens: OrderedDict[bytes, str] = OrderedDict()
        self._lock = Lock()

    def find(self, presentation: Presentation) -> str | None:
        """Return the card that a proof alone names, None when it was never seen here. Proves nothing by itself."""
        name = _named_by(presentation.proof)
        if name is None:
            return None
        with self._lock:
            token = self._tokens.get(name)
        if token is None:
            token = self._store.known_card(name)
            if token is not None:
                self._hold(name, token)
        return token

    def remember(self, token: str, card: CardClaims) -> None:
        """Keep a verified card; costs nothing when it is known already.

        A store that is busy is no reason to fail: what was granted is durable, and the phone can show the full form.
        """
        name = card_digest(token)
        with self._lock:
            if name in self._tokens:
                return
        try:
            self._store.remember_card(token, card)
        except OperationalError:
            _log.warning("a card could not be remembered")
        self._hold(name, token)

    def _hold(self, name: bytes, token: str) -> None:
        with self._lock:
            self._tokens[name] = token
            if len(self._tokens) > self._most:
                self._tokens.popitem(last=False)


def _named_by(proof: str | None) -> bytes | None:
    for form in (PROOF, CHIP_PROOF):
        try:
            return unb64u(str(parse_unverified(proof or "", form).claims["ath"]))
        except (TokenError, EncodingError):
            continue
    return None
