"""Frames of a code on a phone as a camera takes them: near or at arm's length, blurred, tilted, with glare, in little
light.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

import qrcode
from PIL import Image, ImageChops, ImageDraw, ImageFilter
from qrcode.constants import ERROR_CORRECT_M

Picture = Image.Image

DISTANCES: Final = (0.72, 0.45)
"""How much of the frame's height the code takes: held near, and at arm's length."""
_NOISE, _ROOM, _EYE = 4, 96, 2.2
_LIGHT, _SCREEN, _MODULE_PX = 255, 235, 6


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame (JPEG), the changes that were made to the frame, and the width of the code."""

    condition: str
    width: int
    jpeg: bytes


def frames(text: str, width: int) -> Iterator[Frame]:
    """Yield the frames of a text at a width of 16 to 9: each condition in three strengths, at each distance."""
    code = code_picture(text)
    for share in DISTANCES:
        for name, ways in _CONDITIONS.items():
            for number, way in enumerate(ways):
                yield Frame(name, width, _jpeg(_noisy(way(_held(code, width, share), width), 1 + number % 2)))


def code_picture(text: str) -> Picture:
    """Return a code as a phone's screen shows it, with its quiet zone."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=4, box_size=_MODULE_PX)
    code.add_data(text)
    code.make(fit=True)
    made: Picture = code.make_image().get_image().convert("L")
    return made.point(lambda light: _SCREEN if light else 20)


def _held(code: Picture, width: int, share: float) -> Picture:
    height = width * 9 // 16
    side = round(height * share)
    frame = Image.new("L", (width, height), _ROOM)
    frame.paste(code.resize((side, side), Image.Resampling.LANCZOS), ((width - side) // 2, (height - side) // 2))
    return frame


def _still(frame: Picture, _width: int) -> Picture:
    return frame


def _blurred(radius: float) -> Callable[[Picture, int], Picture]:
    """Out of focus: a radius in pixels of a frame of 1280."""
    return lambda frame, width: frame.filter(ImageFilter.GaussianBlur(radius * width / 1280))


def _tilted(degrees: float) -> Callable[[Picture, int], Picture]:
    """Turned about the upright axis, seen from `_EYE` times the frame's height."""

    def turn(frame: Picture, width: int) -> Picture:
        height, angle = frame.height, math.radians(degrees)
        middle, centre, bend = width / 2, height / 2, -math.tan(angle) / (_EYE * height)
        scale = 1 - bend * middle
        across = (1 / math.cos(angle) + middle * bend, 0.0, -middle / math.cos(angle) + middle * scale)
        down = (centre * bend, 1.0, -centre + centre * scale)
        values = [value / scale for value in (*across, *down, bend, 0.0)]
        return frame.transform(
            frame.size, Image.Transform.PERSPECTIVE, values, Image.Resampling.BICUBIC, fillcolor=_ROOM
        )

    return turn


def _glaring(share: float) -> Callable[[Picture, int], Picture]:
    """A lamp mirrored in the glass: a bright spot over a share of the code's middle, soft at its edge."""

    def shine(frame: Picture, _width: int) -> Picture:
        spot, reach = Image.new("L", frame.size, 0), frame.height * share
        x, y = frame.width / 2 + reach, frame.height / 2 - reach
        ImageDraw.Draw(spot).ellipse((x - reach, y - reach, x + reach, y + reach), fill=_LIGHT)
        return ImageChops.add(frame, spot.filter(ImageFilter.GaussianBlur(reach / 3)))

    return shine


def _dimmed(left: float) -> Callable[[Picture, int], Picture]:
    """Little light: so much of the contrast is left, under the sensor's noise."""

    def dim(frame: Picture, _width: int) -> Picture:
        return _noisy(frame.point(lambda light: round(30 + light * left)), 2)

    return dim


_CONDITIONS: Final = {
    "sharp": (_still,),
    "blur": (_blurred(1.2), _blurred(2.0), _blurred(2.8)),
    "tilt": (_tilted(20), _tilted(35), _tilted(50)),
    "glare": (_glaring(0.08), _glaring(0.12), _glaring(0.16)),
    "dim": (_dimmed(0.3), _dimmed(0.2), _dimmed(0.13)),
}
CONDITIONS: Final = tuple(_CONDITIONS)


def _noisy(frame: Picture, strength: float) -> Picture:
    noise = Image.effect_noise(frame.size, _NOISE * strength)
    return ImageChops.add(frame, noise, scale=1, offset=-128)


def _jpeg(frame: Picture) -> bytes:
    target = BytesIO()
    frame.save(target, "JPEG", quality=85)
    return target.getvalue()


class Film:
    """A file for the browser's fake camera: one frame of raw video, overwritten in place to show something else."""

    size: Final = (1280, 720)

    def __init__(self, path: Path) -> None:
        """Begin with an empty room."""
        self.path = path
        self._write(Image.new("L", self.size, _ROOM), "wb")

    def show(self, text: str | None) -> None:
        """Hold a code before the camera; None takes it away."""
        held = Image.new("L", self.size, _ROOM) if text is None else _held(code_picture(text), self.size[0], 0.72)
        self._write(held, "r+b")

    def _write(self, frame: Picture, mode: str) -> None:
        width, height = self.size
        header = f"YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420\nFRAME\n".encode()
        with self.path.open(mode) as file:
            file.write(header + frame.tobytes() + bytes([128]) * (width * height // 2))
