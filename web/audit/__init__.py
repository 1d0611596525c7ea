"""Auditors' pages: the usage log searched, charted and proved."""
