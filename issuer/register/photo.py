"""A holder's photo: checked before it is decoded, then written again, so that only the picture is kept."""

from __future__ import annotations

from io import BytesIO
from typing import Final

from PIL import Image, ImageOps, ImageStat

from cards.programme.types import PhotoRule

_QUALITIES: Final = (90, 80, 70, 55)
_FILE_MOST: Final = 10_000_000
_PIXELS_MOST: Final = 60_000_000
_SHAPE_MOST: Final = 1.03  # A scan cut by hand is never exact; three in a hundred are not visible in a face
_WHITE_FROM: Final = 215
_JPEG_START: Final = b"\xff\xd8\xff"
_MODES: Final = frozenset({"RGB", "L"})  # CMYK would be printed in other colours than on the screen


class BadPhoto(ValueError):
    """The file is not a photo as the guide requires. The message names the fault and the remedy."""


def check_photo(data: bytes, rule: PhotoRule) -> bytes:
    """Return the photo as a plain JPEG of the programme's size, without metadata. Raises BadPhoto for anything else.

    A phone's picture is first turned by its EXIF data, and made smaller if it is larger and has the right shape. Its
    size is read from the header and limited before a pixel is decoded. So no file, whatever it claims, allocates more
    than one photo of a phone.
    """
    if not data.startswith(_JPEG_START):
        raise BadPhoto("the photo is not a JPEG file")
    if len(data) > _FILE_MOST:
        raise BadPhoto(f"the photo is larger than {_FILE_MOST} bytes: save it with more compression")
    try:
        # `formats` excludes every other decoder, whatever the file pretends to be.
        with Image.open(BytesIO(data), formats=("JPEG",)) as image:
            _check_header(image)
            return _written_anew(_fitted(ImageOps.exif_transpose(image), rule), rule)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        if isinstance(error, BadPhoto):
            raise
        # Pillow raises OSError also for a truncated or broken file, and ValueError for broken EXIF data.
        raise BadPhoto("the photo cannot be read: save it again as a JPEG") from None


def background_is_white(photo: bytes) -> bool:
    """Return whether the upper corners of a checked photo are white. This is what a computer can check of the
    background.
    """
    with Image.open(BytesIO(photo), formats=("JPEG",)) as image:
        width, height = image.size
        side = max(2, width // 12)
        corners = [(0, 0, side, height // 6), (width - side, 0, width, height // 6)]
        means = [part for box in corners for part in ImageStat.Stat(image.convert("RGB").crop(box)).mean]
    return min(means) >= _WHITE_FROM


def _check_header(image: Image.Image) -> None:
    if image.width * image.height > _PIXELS_MOST:
        raise BadPhoto(f"the photo has more than {_PIXELS_MOST} pixels: save it smaller")
    if image.mode not in _MODES:
        raise BadPhoto("the photo is neither in RGB nor in grey: save it again in RGB")


def _fitted(image: Image.Image, rule: PhotoRule) -> Image.Image:
    """Return the picture in the programme's size. Raises BadPhoto if it is smaller or has another shape."""
    wanted = (rule.width, rule.height)
    shape = image.width * rule.height / (image.height * rule.width)
    if image.width < rule.width or image.height < rule.height or not 1 / _SHAPE_MOST <= shape <= _SHAPE_MOST:
        told = f"{image.width} x {image.height} pixels; {rule.width} x {rule.height} are asked for"
        raise BadPhoto(f"the photo has {told}, or more of the same shape")
    return image if image.size == wanted else image.resize(wanted, Image.Resampling.LANCZOS)


def _written_anew(image: Image.Image, rule: PhotoRule) -> bytes:
    # A new image takes only the pixels. EXIF, thumbnails, comments and colour profiles stay behind.
    plain = Image.new("RGB", image.size)
    plain.paste(image.convert("RGB"))
    for quality in _QUALITIES:
        target = BytesIO()
        plain.save(target, "JPEG", quality=quality)
        if len(target.getvalue()) <= rule.most_bytes:
            return target.getvalue()
    raise BadPhoto(f"the photo does not fit into {rule.most_bytes} bytes: take it before a plain background")
