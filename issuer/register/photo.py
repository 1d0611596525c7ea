"""A holder's photo: checked before it is decoded, then written anew, so that nothing but the picture is kept."""

from __future__ import annotations

from io import BytesIO
from typing import Final

from PIL import Image

from cards.programme.types import PhotoRule

_QUALITY: Final = 90
_JPEG_START: Final = b"\xff\xd8\xff"
_MODES: Final = frozenset({"RGB", "L"})  # CMYK would print in other colours than the screen shows


class BadPhoto(ValueError):
    """The file is not a photo as the guide asks for; the message names the fault and the remedy."""


def check_photo(data: bytes, rule: PhotoRule) -> bytes:
    """Return the photo as a plain JPEG of the programme's size without metadata; BadPhoto for anything else.

    The picture's size is read from its header and checked before a pixel is decoded, so that no file, whatever it
    claims, makes this allocate more than one photo.
    """
    if not data.startswith(_JPEG_START):
        raise BadPhoto("the photo is not a JPEG file")
    if len(data) > rule.most_bytes:
        raise BadPhoto(f"the photo is larger than {rule.most_bytes} bytes: save it with more compression")
    try:
        # `formats` keeps every other decoder out, whatever the file pretends to be.
        with Image.open(BytesIO(data), formats=("JPEG",)) as image:
            _check_header(image, rule)
            return _written_anew(image)
    except (OSError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        # OSError is also what Pillow raises for a truncated or broken file.
        raise BadPhoto("the photo cannot be read: save it again as a JPEG") from None


def _check_header(image: Image.Image, rule: PhotoRule) -> None:
    if image.size != (rule.width, rule.height):
        asked = f"{rule.width} x {rule.height}"
        raise BadPhoto(f"the photo has {image.width} x {image.height} pixels; {asked} are asked for")
    if image.mode not in _MODES:
        raise BadPhoto("the photo is neither in RGB nor in grey: save it again in RGB")


def _written_anew(image: Image.Image) -> bytes:
    # A new image takes the pixels alone; EXIF, thumbnails, comments and colour profiles stay behind.
    plain = Image.new("RGB", image.size)
    plain.paste(image.convert("RGB"))
    target = BytesIO()
    plain.save(target, "JPEG", quality=_QUALITY)
    return target.getvalue()
