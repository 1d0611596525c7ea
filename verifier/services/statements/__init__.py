"""Statements: what a point or a department has served in a month."""
