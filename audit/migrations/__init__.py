"""The history of the audit room's tables."""
