"""A film for the browser's fake camera: one frame of raw C420 video, overwritten in place to show something else."""

from __future__ import annotations

from pathlib import Path

import qrcode
from PIL import Image
from qrcode.constants import ERROR_CORRECT_M

WIDTH, HEIGHT = 1280, 720
_HEADER = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420\n".encode()


def code_of(text: str) -> Image.Image:
    """Return a QR code as a phone's screen would show it."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=4, box_size=6)
    code.add_data(text)
    code.make(fit=True)
    return code.make_image().convert("L")


class Film:
    """What the camera sees."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._write(Image.new("L", (WIDTH, HEIGHT), 90), "wb")

    def show(self, picture: Image.Image | None) -> None:
        """Hold a picture before the camera, at two thirds of its height; None takes it away."""
        frame = Image.new("L", (WIDTH, HEIGHT), 90)
        if picture is not None:
            side = HEIGHT * 2 // 3
            held = picture.convert("L").resize((side, side), Image.Resampling.LANCZOS)
            frame.paste(held, ((WIDTH - side) // 2, (HEIGHT - side) // 2))
        self._write(frame, "r+b")

    def _write(self, frame: Image.Image, mode: str) -> None:
        grey = bytes([128]) * (WIDTH * HEIGHT // 2)
        with self.path.open(mode) as file:
            file.write(_HEADER + b"FRAME\n" + frame.tobytes() + grey)
