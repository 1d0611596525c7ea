"""The cloud on the card's face, which distinguishes tiers without colour: one outline of three arcs, as on the
pages.
"""

from __future__ import annotations

import math
from typing import Final

from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.pdfgen.pathobject import PDFPathObject

# The outline in its own units, y downwards: from point to point along a circle, always clockwise, the shorter way.
_START: Final = (6.5, 18.0)
_ARCS: Final = (((5.9, 9.04), 4.5), ((17.3, 7.74), 6.0), ((17.8, 18.0), 5.2))
_LEFT: Final = 2.0
_TOP: Final = 3.4
_WIDTH: Final = 21.0


def cloud_path(canvas: Canvas, left: float, top: float, width: float, page_height: float) -> PDFPathObject:
    """Return the outline as a path of `width` millimetres, with its top left corner at (`left`, `top`) from the top."""
    scale = width / _WIDTH

    def placed(x: float, y: float) -> tuple[float, float]:
        return (left + (x - _LEFT) * scale) * mm, (page_height - top - (y - _TOP) * scale) * mm

    path = canvas.beginPath()
    path.moveTo(*placed(*_START))
    here = _START
    for there, radius in _ARCS:
        centre = _centre(here, there, radius)
        x, y = placed(*centre)
        reach = radius * scale * mm
        begin, extent = _angles(centre, here, there)
        box = (x - reach, y - reach, x + reach, y + reach)
        path.arcTo(*box, begin, extent)  # type: ignore[arg-type]  # the stubs say whole degrees; PDF takes any
        here = there
    path.close()
    return path


def _centre(here: tuple[float, float], there: tuple[float, float], radius: float) -> tuple[float, float]:
    """Return the centre of the circle whose shorter, clockwise arc goes from `here` to `there`."""
    dx, dy = there[0] - here[0], there[1] - here[1]
    chord = math.hypot(dx, dy)
    away = math.sqrt(max(0.0, radius**2 - chord**2 / 4))
    return (here[0] + there[0]) / 2 - dy / chord * away, (here[1] + there[1]) / 2 + dx / chord * away


def _angles(centre: tuple[float, float], here: tuple[float, float], there: tuple[float, float]) -> tuple[float, float]:
    """Return the first angle and the extent in degrees, as PDF counts them: counter-clockwise with y upwards."""
    first, last = (math.degrees(math.atan2(centre[1] - y, x - centre[0])) for x, y in (here, there))
    return first, -((first - last) % 360)
