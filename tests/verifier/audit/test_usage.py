"""Figures counted from the published log: once, whole, anew where the log is another."""

pytestmark = []
