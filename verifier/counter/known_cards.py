"""The cards that this verifier has seen, so that a proof alone can name its card: a bounded memory in front of the
store.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Lock, Thread
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from cards.claims import CardClaims
from cards.parts import Presentation
from cards.proof import card_digest
from edge.encoding import EncodingError, unb64u
from verifier.records.store import VerifierStore

_BATCH: Final = 200
_CLOSING_SECONDS: Final = 5.0
_log = logging.getLogger("yunju.verifier")


class KnownCards:
    """Finds and keeps card tokens by the digest in proofs (`ath`). Safe between threads.

    Another thread writes the card of a check-in to the store, so that nobody waits at a counter for this convenience.
    If the process ends before, the phone must show the full form once more.
    """

    def __init__(self, store: VerifierStore, most: int = 10_000) -> None:
        """Hold at most `most` tokens in memory, and all of them in the store."""
        self._store = store
        self._most = most
        self._tokens: OrderedDict[bytes, str] = OrderedDict()
        self._lock = Lock()
        self._waiting: Queue[tuple[str, CardClaims] | None] = Queue(most)
        self._keeper: Thread | None = None

    def find(self, presentation: Presentation) -> str | None:
        """Return the card that a proof alone names, or None if this verifier never saw it. This proves nothing by
        itself.
        """
        name = _named_by(presentation)
        if name is None:
            return None
        with self._lock:
            token = self._tokens.get(name)
        if token is None:
            token = self._store.known_card(name)
            if token is not None:
                self._hold(name, token)
        return token

    def register(self, token: str, card: CardClaims) -> None:
        """Keep a verified card. It is in the store when this returns."""
        self._store.remember_cards([(token, card)])
        self._hold(card_digest(token), token)

    def remember(self, token: str, name: bytes, card: CardClaims) -> None:
        """Keep a verified card by its token's digest, in the background. A known card costs nothing."""
        with self._lock:
            if name in self._tokens:
                return
        self._hold(name, token)
        with suppress(Full):
            self._waiting.put_nowait((token, card))
            self._start()

    def close(self) -> None:
        """Write the waiting cards and end the thread."""
        if self._keeper is not None:
            self._waiting.put(None)
            self._keeper.join(_CLOSING_SECONDS)
            self._keeper = None

    def _start(self) -> None:
        with self._lock:
            if self._keeper is None:
                self._keeper = Thread(target=self._keep, name="known-cards", daemon=True)
                self._keeper.start()

    def _keep(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first]
            ends = False
            with suppress(Empty):
                while len(batch) < _BATCH and not ends:
                    found = self._waiting.get_nowait()
                    ends = found is None
                    if found is not None:
                        batch.append(found)
            try:
                self._store.remember_cards(batch)
            except SQLAlchemyError:
                _log.warning("cards seen could not be kept")
            if ends:
                return

    def _hold(self, name: bytes, token: str) -> None:
        with self._lock:
            self._tokens[name] = token
            if len(self._tokens) > self._most:
                self._tokens.popitem(last=False)


def _named_by(presentation: Presentation) -> bytes | None:
    name = presentation.proof_says("ath")
    try:
        return None if name is None else unb64u(name)
    except EncodingError:
        return None
