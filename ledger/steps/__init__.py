"""The steps that follow a check-in, written once for every store: over a `Workspace`, which each store brings."""
