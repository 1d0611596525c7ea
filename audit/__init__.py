"""The usage log: its tree, evidence from it, and figures of it."""
