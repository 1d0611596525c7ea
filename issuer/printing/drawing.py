"""Draws a QR code into a PDF as rectangles: sharp at every printer's resolution."""

from __future__ import annotations

from reportlab.lib.colors import HexColor
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable

from issuer.printing.qr import INK, QUIET_ZONE, Modules, dark_runs


def draw_code(canvas: Canvas, modules: Modules, left: float, bottom: float, side: float) -> None:
    """Draw a code with its quiet zone into a square, given by its lower left corner and its side in points."""
    module = side / (len(modules) + 2 * QUIET_ZONE)
    path = canvas.beginPath()
    for row, column, length in dark_runs(modules):
        across, down = (column + QUIET_ZONE) * module, (row + QUIET_ZONE + 1) * module
        path.rect(left + across, bottom + side - down, length * module, module)
    canvas.setFillColor(HexColor("#{:02x}{:02x}{:02x}".format(*INK)))
    canvas.drawPath(path, stroke=0, fill=1)


class CodePicture(Flowable):
    """A code as a part of a page; `side` in points."""

    def __init__(self, modules: Modules, side: float) -> None:
        super().__init__()
        self.hAlign = "LEFT"
        self.width = self.height = side
        self._modules = modules

    def draw(self) -> None:
        """Draw the code where the page places it."""
        draw_code(self.canv, self._modules, 0, 0, self.width)
