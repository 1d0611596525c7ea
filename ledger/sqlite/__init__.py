"""The embedded store: one SQLite file, write-ahead log, full sync, group commit (docs/decisions/0040)."""

from ledger.sqlite.files import Limits
from ledger.sqlite.ledger import SqliteLedger

__all__ = ["Limits", "SqliteLedger"]
