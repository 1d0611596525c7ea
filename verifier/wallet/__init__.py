"""What the holder's phone is told: usage, history, booking forms."""
