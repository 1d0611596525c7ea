"""Where the fonts of printed papers lie. `tools/assets.py` puts them there; every room that prints looks here."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FONTS: Final = Path(__file__).parent / "vendor" / "noto-sans-sc"
"""The folder of Noto Sans SC, regular and bold, which papers embed."""
