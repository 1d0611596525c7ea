"""The ledger of check-ins: one interface, one store a module. Knows no rule beyond the limits it is handed."""

from __future__ import annotations

from pathlib import Path

from edge.clock import Clock
from verifier.ledger.interface import Ledger, LedgerError
from verifier.ledger.sqlite import SqliteLedger

__all__ = ["open_ledger"]

_SQLITE = "sqlite:///"


def open_ledger(url: str, clock: Clock) -> Ledger:
    """Return the ledger that `YUNJU_LEDGER_URL` names; LedgerError for a store that is none.

    `sqlite:///` and a path: with a fourth stroke from the root, else from the folder the process runs in.
    """
    if not url.startswith(_SQLITE) or url == _SQLITE:
        raise LedgerError("a ledger's URL is sqlite:/// and a path, such as sqlite:///var/ledger.db")
    return SqliteLedger(Path(url.removeprefix(_SQLITE)), clock)
