"""QR codes of cards: their content, and drawing them as PNG, as SVG and in a terminal. Opens no file."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Final

import qrcode
from PIL import Image
from qrcode.constants import ERROR_CORRECT_M

from cards.parts import Presentation
from cards.programme.types import Programme
from cards.wire import dictionary_of, pack

QUIET_ZONE: Final = 4
"""The light modules around the code that ISO/IEC 18004 requires."""
INK: Final = (16, 32, 30)
_BLOCKS: Final = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}

Modules = tuple[tuple[bool, ...], ...]
"""Rows of modules, or True if dark, without the quiet zone."""


def card_text(token: str, programme: Programme, *, plain: bool = False, digits: bool = False) -> str:
    """Return the content of a card's QR code: the wire form, or the JWT itself with `plain`.

    `digits`: the wire form in digits, which keyboard-wedge scanners type correctly under every layout.
    """
    if plain:
        return token
    return pack(Presentation(card=token, proof=None), dictionary_of(programme), digits=digits)


def modules_of(text: str) -> Modules:
    """Return the modules of the smallest QR code at level M that holds `text`."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=0)
    code.add_data(text)
    code.make(fit=True)
    return tuple(tuple(bool(module) for module in row) for row in code.get_matrix())


def png(modules: Modules, *, scale: int = 8) -> bytes:
    """Return a PNG with `scale` pixels for each module, and the quiet zone around the code."""
    size = len(modules) + 2 * QUIET_ZONE
    image = Image.new("1", (size, size), 1)
    for row, line in enumerate(modules):
        for column, dark in enumerate(line):
            if dark:
                image.putpixel((column + QUIET_ZONE, row + QUIET_ZONE), 0)
    target = BytesIO()
    image.resize((size * scale, size * scale), Image.Resampling.NEAREST).save(target, "PNG", optimize=True)
    return target.getvalue()


def svg(modules: Modules) -> str:
    """Return an SVG image of one path, with the quiet zone. It scales to the size that its page gives it."""
    size = len(modules) + 2 * QUIET_ZONE
    runs = "".join(
        f"M{column + QUIET_ZONE} {row + QUIET_ZONE}h{length}v1h-{length}z" for row, column, length in dark_runs(modules)
    )
    ink = "#{:02x}{:02x}{:02x}".format(*INK)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{size}v{size}H0z"/><path fill="{ink}" d="{runs}"/></svg>'
    )


def terminal(modules: Modules, *, light_background: bool = False) -> str:
    """Return the code in half blocks, two modules for each character. The terminal is assumed to be dark without
    `light_background`.
    """
    size = len(modules) + 2 * QUIET_ZONE
    dark = {
        (row + QUIET_ZONE, column + QUIET_ZONE)
        for row, line in enumerate(modules)
        for column, is_dark in enumerate(line)
        if is_dark
    }

    def inked(row: int, column: int) -> bool:
        # On a dark terminal, the light modules are drawn.
        return row < size and ((row, column) in dark) is light_background

    rows = range(0, size, 2)
    lines = ("".join(_BLOCKS[inked(row, at), inked(row + 1, at)] for at in range(size)) for row in rows)
    return "\n".join(lines)


def dark_runs(modules: Modules) -> Iterator[tuple[int, int, int]]:
    """Yield the horizontal runs of dark modules: row, first column, length."""
    for row, line in enumerate(modules):
        column = 0
        while column < len(line):
            start = column
            while column < len(line) and line[column]:
                column += 1
            if column > start:
                yield row, start, column - start
            column += 1
