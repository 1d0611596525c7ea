"""What the verifier's commands open, each once for all of them, and the refusals that their errors become."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cards.parts import PresentationError
from edge.cli import Refusal
from edge.clock import SystemClock
from edge.instants import InstantError
from edge.problems import Problem
from edge.settings import Settings
from keys.files import StoreError
from ledger.interface import Ledger
from ledger.values import LedgerError
from verifier.service import Verifier, ledger_at, open_verifier
from verifier.trust.published import Untrusted

CLOCK: Final = SystemClock()
"""The clock of every command of this room."""


@contextmanager
def opened_ledger(settings: Settings, url: str | None = None, *, remembering: bool = True) -> Iterator[Ledger]:
    """Open the ledger that the settings name, or the one at `url`, for the length of a command; LedgerError.

    `remembering`: compare a Redis ledger with what was acknowledged to this host, and note what is acknowledged now.
    """
    ledger = ledger_at(settings, CLOCK, url or settings.ledger_url, remembering=remembering)
    try:
        yield ledger
    finally:
        ledger.close()


@contextmanager
def opened_verifier(settings: Settings) -> Iterator[Verifier]:
    """Open the verifier that the settings describe for the length of a command; Untrusted, StoreError, LedgerError."""
    verifier = open_verifier(settings, CLOCK)
    try:
        yield verifier
    finally:
        verifier.close()


@contextmanager
def refusals() -> Iterator[None]:
    """Answer what goes wrong in a command with a refusal that names a remedy."""
    try:
        yield
    except Untrusted as error:
        raise Refusal(str(error), "`python -m issuer publish` writes the signed documents") from None
    except PresentationError as error:
        raise Refusal(f"this is no presentation: {error}", "paste what the QR code says, whole") from None
    except InstantError as error:
        raise Refusal(str(error), "write an instant as 2026-10-31T09:00:00Z") from None
    except Problem as error:
        if error.code == "card-unknown":
            hint = "`python -m verifier tag import` adds the tags that were written"
            raise Refusal(error.detail or error.kind.en, hint) from None
        raise Refusal(f"the ledger cannot be used: {error}", "check YUNJU_LEDGER_URL") from None
    except LedgerError as error:
        raise Refusal(f"the ledger cannot be used: {error}", "check YUNJU_LEDGER_URL") from None
    except StoreError as error:
        raise Refusal(str(error), getattr(error, "hint", None)) from None
