"""The usage log: its leaf, later its proofs and reports."""
