"""Draws the pages' icons as PNG from the drawing `web/static/icon.svg`, for home screens that take no SVG.

Run this again after the drawing changed: `python tools/icons.py`. A test draws the icons again and compares them.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from PIL import Image, ImageDraw

STATIC = Path(__file__).resolve().parent.parent / "web" / "static"
DRAWING, FOLDER = STATIC / "icon.svg", STATIC / "icons"
BOX = 64
FINER = 8
"""Drawn so many times larger and reduced: smooth edges."""

# name: side in pixels, whether the ground fills the square, how large the mark is in it
ICONS: dict[str, tuple[int, bool, float]] = {
    "app-192.png": (192, False, 1.0),
    "app-512.png": (512, False, 1.0),
    "maskable-512.png": (512, True, 0.8),  # a launcher may cut all but the inner four fifths away
    "touch-180.png": (180, True, 0.9),
}

Point = tuple[float, float]


def cloud(path: str) -> list[Point]:
    """Return the outline that a path of `M`, `a`, `A` and `z` describes."""
    points: list[Point] = []
    for command, text in re.findall(r"([MaAz])([^MaAz]*)", path):
        numbers = [float(number) for number in re.findall(r"-?\d*\.?\d+", text)]
        if command == "M":
            points.append((numbers[0], numbers[1]))
        for start in range(0, len(numbers) - 6, 7) if command in "aA" else ():
            radius, (x, y) = numbers[start], numbers[start + 5 : start + 7]
            here = points[-1]
            end = (x + here[0], y + here[1]) if command == "a" else (x, y)
            points += arc(here, end, radius)
    return points


def arc(start: Point, end: Point, radius: float, steps: int = 64) -> list[Point]:
    """Return the points of a circle's lesser arc, turning clockwise on the screen, without its start."""
    (x1, y1), (x2, y2) = start, end
    chord = math.dist(start, end)
    height = math.sqrt(max(0.0, radius**2 - chord**2 / 4))
    middle = ((x1 + x2) / 2, (y1 + y2) / 2)
    centre = (middle[0] - (y2 - y1) / chord * height, middle[1] + (x2 - x1) / chord * height)
    first = math.atan2(y1 - centre[1], x1 - centre[0])
    turn = (math.atan2(y2 - centre[1], x2 - centre[0]) - first) % (2 * math.pi)
    angles = [first + turn * step / steps for step in range(1, steps + 1)]
    return [(centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle)) for angle in angles]


def draw(side: int, *, full: bool, scale: float) -> Image.Image:
    """Return the drawing as a picture; `full` leaves no corner transparent."""
    text = DRAWING.read_text(encoding="utf-8")
    fills = re.findall(r'fill="(#[0-9a-f]{3,6})"', text)
    ground, mark = fills[0], fills[1]
    corner = float(re.findall(r'rx="([\d.]+)"', text)[0])
    outline = cloud(re.findall(r' d="([^"]+)"', text)[0])
    unit = side * FINER / BOX
    picture = Image.new("RGBA", (side * FINER, side * FINER), ground if full else (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    if not full:
        pen.rounded_rectangle((0, 0, side * FINER - 1, side * FINER - 1), corner * unit, fill=ground)
    middle = BOX / 2
    pen.polygon(
        [((middle + (x - middle) * scale) * unit, (middle + (y - middle) * scale) * unit) for x, y in outline],
        fill=mark,
    )
    reduced = picture.resize((side, side), Image.Resampling.LANCZOS)
    return reduced.convert("RGB") if full else reduced


def main() -> None:
    """Write every icon."""
    FOLDER.mkdir(exist_ok=True)
    for name, (side, full, scale) in ICONS.items():
        draw(side, full=full, scale=scale).save(FOLDER / name, optimize=True)
        print(FOLDER / name)


if __name__ == "__main__":
    main()
