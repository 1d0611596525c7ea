"""Check-ins: verify the card, decide, record, answer."""
