"""Matters: what a window opened for a holder, its deadline, and its closing."""
