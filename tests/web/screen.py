"""Reading a code off the picture of a screen, as a camera would."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import zxingcpp
from PIL import Image

from tests.waiting import until


def scanned(screenshot: Callable[[], bytes]) -> str:
    """Return the text of the one code on a screen; the page says that a code is drawn before the screen shows it."""
    found = []

    def seen() -> bool:
        found[:] = zxingcpp.read_barcodes(Image.open(BytesIO(screenshot())))
        return len(found) == 1

    until(seen)
    return found[0].text
