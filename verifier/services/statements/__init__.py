"""Statements: the uses that a point or a department served in a month."""
