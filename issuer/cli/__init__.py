"""The commands of `python -m issuer`, one file a subject."""
