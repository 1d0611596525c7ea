"""The erasable store beside the ledger: one file a kind of record. Never a check-in."""
