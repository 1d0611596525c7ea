"""From a ledger's address to the store that keeps it."""

from __future__ import annotations

from pathlib import Path

from edge.clock import Clock
from verifier.ledger.interface import Ledger, LedgerUnavailable
from verifier.ledger.sqlite import SqliteLedger

_SQLITE = "sqlite:///"


def open_ledger(url: str, clock: Clock) -> Ledger:
    """Return the ledger at an address: `sqlite:///` and a path, with a fourth stroke from the root.

    The folder is made when missing. LedgerUnavailable for any other address, and when the folder cannot be made.
    """
    if not url.startswith(_SQLITE) or url == _SQLITE:
        raise LedgerUnavailable(f"no ledger is kept at {url.partition(':')[0]}: use sqlite:///file")
    path = Path(url.removeprefix(_SQLITE))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerUnavailable(f"the ledger's folder cannot be made: {error.strerror}") from error
    return SqliteLedger(path, clock)
