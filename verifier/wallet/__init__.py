"""What the holder's phone shows: usage, history, booking forms."""
