"""The frame that every surface shares: HTTP, CLI, settings, clock, logging. It imports no other room."""
