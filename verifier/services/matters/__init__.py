"""Matters: what a window opened for a holder, its deadline, its closing."""
