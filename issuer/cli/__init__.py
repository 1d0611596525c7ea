"""The commands of `python -m issuer`, one file for each subject."""
