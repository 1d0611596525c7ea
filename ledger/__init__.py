"""The ledger of check-ins: one interface, one store a module. Knows no rule beyond the limits it is handed."""
