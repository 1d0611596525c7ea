"""What the verifier's commands open, and how their errors become refusals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from audit.tables import open_figures
from cards.parts import PresentationError
from edge.cli import Refusal
from edge.clock import SystemClock
from edge.database import Database, UnusableDatabase
from edge.instants import InstantError
from edge.problems import Problem
from edge.settings import Settings
from edge.stores import DETAILS, LEDGER, refuse_absent_store
from keys.files import StoreError
from ledger.interface import Ledger
from ledger.values import LedgerError
from verifier.records.store import VerifierStore
from verifier.service import Verifier, ledger_at, open_verifier, refuse_lost_ledger
from verifier.trust.published import Untrusted

CLOCK: Final = SystemClock()
"""The clock of every command of this room."""


@dataclass(frozen=True, slots=True)
class VerifierCli:
    """The stores that this room's commands open, each for the length of a command.

    A missing store is refused, so that a mistyped name makes no new store. `python -m verifier init` makes stores.
    """

    settings: Settings

    @contextmanager
    def ledger(self, url: str | None = None, *, remembering: bool = True, make: bool = False) -> Iterator[Ledger]:
        """Open the ledger that the settings name, or the one at `url`. Raises Refusal or LedgerError.

        `remembering`: compare a Redis ledger with the entries acknowledged to this host, and remember new
        acknowledgements. `make`: make a missing ledger.
        """
        place = url or self.settings.ledger_url
        if not make:
            refuse_absent_store(LEDGER, place)
        ledger = ledger_at(self.settings, CLOCK, place, remembering=remembering)
        try:
            yield ledger
        finally:
            ledger.close()

    @contextmanager
    def verifier(self) -> Iterator[Verifier]:
        """Open the verifier that the settings describe. Raises Refusal, Untrusted, StoreError or LedgerError."""
        refuse_lost_ledger(self.settings)
        refuse_absent_store(LEDGER, self.settings.ledger_url)
        refuse_absent_store(DETAILS, self.settings.verifier_url)
        verifier = open_verifier(self.settings, CLOCK)
        try:
            yield verifier
        finally:
            verifier.close()

    @contextmanager
    def store(self) -> Iterator[VerifierStore]:
        """Open the store of matters, looks, tags and details. Raises Refusal."""
        refuse_absent_store(DETAILS, self.settings.verifier_url)
        store = VerifierStore.open(self.settings.verifier_url, self.settings.secret())
        try:
            yield store
        finally:
            store.close()

    @contextmanager
    def figures(self) -> Iterator[Database]:
        """Open the tables of usage figures and reviews. Raises Refusal."""
        refuse_absent_store(DETAILS, self.settings.verifier_url)
        database = open_figures(self.settings.verifier_url)
        try:
            yield database
        finally:
            database.close()


@contextmanager
def refusals() -> Iterator[None]:
    """Turn the error of a command into a refusal that names a remedy."""
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
    except UnusableDatabase as error:
        raise Refusal(str(error), "check YUNJU_VERIFIER_URL") from None
    except StoreError as error:
        raise Refusal(str(error), getattr(error, "hint", None)) from None
