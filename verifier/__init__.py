"""Check-in: verify, decide, record, answer."""
