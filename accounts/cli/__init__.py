"""The commands of `python -m accounts`, one file a kind of account."""
