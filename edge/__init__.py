"""The frame every surface shares: HTTP, CLI, settings, clock, logging. Imports nothing of ours."""
