"""Photos: the guide's size and format, no bombs, nothing kept but the picture."""

import struct
import zlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from issuer.register.photo import BadPhoto, background_is_white, check_photo
from tests.issuer.builders import photo, programme

RULE = programme().photo


def test_a_right_photo_becomes_a_plain_jpeg():
    """The size and colours stay; the result passes its own check."""
    kept = check_photo(photo(), RULE)
    with Image.open(BytesIO(kept)) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (358, 441), "RGB")
    assert check_photo(kept, RULE)


def test_grey_photos_are_kept_in_rgb():
    """A grey photo is a photo."""
    with Image.open(BytesIO(check_photo(photo(mode="L"), RULE))) as image:
        assert image.mode == "RGB"


def test_metadata_and_trailing_bytes_do_not_survive():
    """A place, a camera, a comment, a profile or a file hidden behind the picture are gone."""
    exif = Image.Exif()
    exif[0x010F] = "SECRET-CAMERA"
    noisy = photo(exif=exif, comment=b"SECRET-COMMENT", icc_profile=b"SECRET-PROFILE" * 10) + b"SECRET-TAIL"
    assert b"SECRET" in noisy
    assert b"SECRET" not in check_photo(noisy, RULE)


@pytest.mark.parametrize(("width", "height"), [(441, 358), (357, 441), (800, 882), (1, 1)])
def test_other_sizes_are_refused_with_both_figures(width, height):
    """The message says what the photo has and what is asked for."""
    with pytest.raises(BadPhoto, match=f"{width} x {height}.*358 x 441"):
        check_photo(photo(width, height), RULE)


@pytest.mark.parametrize(("width", "height"), [(716, 882), (1240, 1520), (3000, 3700)])
def test_a_larger_picture_of_the_right_shape_is_made_to_fit(width, height):
    """What a phone or a studio gives is larger than the standard; nobody has to cut it by hand."""
    with Image.open(BytesIO(check_photo(photo(width, height), RULE))) as kept:
        assert kept.size == (358, 441)


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_phones_picture_is_turned_upright(turn):
    """The mark of the camera's turn is followed and then gone: head up, whichever way the phone was held."""
    upright = Image.new("RGB", (358, 441), "white")
    upright.paste((200, 20, 20), (0, 0, 358, 60))
    back = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[turn]
    held = upright if back is None else upright.transpose(Image.Transpose(back))
    exif, file = Image.Exif(), BytesIO()
    exif[0x0112] = turn
    held.save(file, "JPEG", exif=exif, quality=95)
    with Image.open(BytesIO(check_photo(file.getvalue(), RULE))) as kept:
        assert kept.size == (358, 441)
        assert kept.getpixel((179, 20))[1] < 90 < kept.getpixel((179, 400))[1]
        assert not kept.getexif()


def test_a_background_that_is_not_white_is_told():
    """The corners above the head tell a white wall from a landscape."""
    assert background_is_white(photo())
    dark = Image.new("RGB", (358, 441), (60, 90, 140))
    file = BytesIO()
    dark.save(file, "JPEG")
    assert not background_is_white(file.getvalue())


@pytest.mark.parametrize("form", ["PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_other_formats_are_refused(form):
    """JPEG alone, whatever the file's name said."""
    with pytest.raises(BadPhoto, match="JPEG"):
        check_photo(photo(form=form), RULE)


def test_print_colours_are_refused():
    """CMYK would look otherwise on paper than on screen."""
    with pytest.raises(BadPhoto, match="RGB"):
        check_photo(photo(mode="CMYK"), RULE)


def test_a_file_beyond_the_programmes_size_is_not_opened():
    """The limit on bytes comes before any decoding."""
    with pytest.raises(BadPhoto, match="larger than"):
        check_photo(photo() + b"\0" * 10_000_000, RULE)


def test_a_header_that_claims_a_huge_picture_costs_nothing():
    """A decompression bomb is refused by its header: 65,500 pixels a side in a few bytes."""
    small = bytearray(photo())
    at = small.index(b"\xff\xc0") + 5
    small[at : at + 4] = struct.pack(">HH", 65_500, 65_500)
    with pytest.raises(BadPhoto):
        check_photo(bytes(small), RULE)


def test_a_png_bomb_behind_a_jpeg_start_is_refused():
    """No other decoder is ever asked."""
    bomb = b"\xff\xd8\xff" + photo(form="PNG") + zlib.compress(b"\0" * 100_000)
    with pytest.raises(BadPhoto):
        check_photo(bomb, RULE)


@given(st.integers(0, 700), st.integers(0, 255))
def test_broken_files_give_a_photo_or_one_error(place, value):
    """A changed byte never raises anything but BadPhoto."""
    broken = bytearray(photo())
    broken[place % len(broken)] = value
    try:
        check_photo(bytes(broken), RULE)
    except BadPhoto:
        return


@given(st.integers(1, 600))
def test_cut_files_are_refused(kept):
    """A photo that ends early is not silently filled with grey."""
    whole = photo()
    with pytest.raises(BadPhoto):
        check_photo(whole[: min(kept, len(whole) - 20)], RULE)
