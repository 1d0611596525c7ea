"""The place of the fonts of printed papers. `tools/assets.py` puts them there, and every room that prints uses them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FONTS: Final = Path(__file__).parent / "vendor" / "noto-sans-sc"
"""The folder of Noto Sans SC, regular and bold, which papers embed."""
