"""The erasable store beside the ledger: one file for each kind of record. It never holds a check-in."""
