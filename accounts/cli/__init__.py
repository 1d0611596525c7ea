"""The commands of `python -m accounts`, one file for each kind of account."""
