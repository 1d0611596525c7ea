"""The number of this release, for the API's description, for counters and agents, and for operators of the system."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
"""As in pyproject.toml."""
