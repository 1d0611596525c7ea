"""From a ledger's address to the store that keeps it."""

from __future__ import annotations

from pathlib import Path

from edge.clock import Clock
from verifier.ledger.interface import Ledger, LedgerUnavailable
from verifier.ledger.sqlite import SqliteLedger

_SQLITE = "sqlite:///"


def open_ledger(url: str, clock: Clock) -> Ledger:
    """Return the ledger at an address: `sqlite:///file`. LedgerUnavailable for any other."""
    if url.startswith(_SQLITE):
        path = Path(url.removeprefix(_SQLITE))
        path.parent.mkdir(parents=True, exist_ok=True)
        return SqliteLedger(path, clock)
    raise LedgerUnavailable(f"no ledger is kept at {url.partition(':')[0]}: use sqlite:///file")
