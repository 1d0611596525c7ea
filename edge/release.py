"""Which release this is: told by the API's description, by counters and agents, and to whoever runs the system."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
"""As in pyproject.toml."""
