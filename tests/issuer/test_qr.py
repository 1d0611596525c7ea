"""QR codes as other readers see them: an independent reader decodes them, in sizes that cameras can read."""

from io import BytesIO

import pytest
import zxingcpp
from PIL import Image

from cards.presentation import read
from cards.wire import dictionary_of
from issuer.printing.qr import QUIET_ZONE, card_text, modules_of, png, svg, terminal
from tests.issuer.builders import EXAMPLE, make_desk, person, print_card


@pytest.fixture
def token(desk):
    """A printed card's token."""
    return print_card(desk, person(desk, "欧阳明华", ground="gold-6")).token


def decoded(image):
    """What an independent reader finds in a picture."""
    found = zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormat.QRCode)
    return [code.text for code in found]


@pytest.mark.parametrize("form", [{}, {"plain": True}, {"digits": True}])
def test_a_png_is_read_back_by_another_reader(desk, token, form):
    """Compact, plain and digits: the picture says the text, and the text is the card."""
    text = card_text(token, desk.programme, **form)
    with Image.open(BytesIO(png(modules_of(text), scale=4))) as image:
        assert decoded(image.convert("L")) == [text]
    dictionary = dictionary_of(desk.programme)
    assert read(text, {dictionary.number: dictionary}).card == token


def test_a_printed_card_fits_into_65_modules(desk, token):
    """The size that the printed card is drawn for, 0.43 mm a module; the plain token is far larger."""
    assert len(modules_of(card_text(token, desk.programme))) <= 65
    assert len(modules_of(card_text(token, desk.programme, plain=True))) > 75


def test_the_example_programmes_cards_fit_too(tmp_path):
    """Another programme's dictionary packs as well."""
    desk = make_desk(tmp_path, path=EXAMPLE)
    code = next(code for code, ground in desk.programme.grounds.items() if ground.tier and not ground.basis_ends)
    card = print_card(desk, person(desk, "Aoife Ní Bhriain", ground=code))
    assert len(modules_of(card_text(card.token, desk.programme))) <= 65
    desk.close()


def test_the_quiet_zone_is_light(desk, token):
    """Four modules around, in every picture."""
    modules = modules_of(card_text(token, desk.programme))
    with Image.open(BytesIO(png(modules, scale=1))) as image:
        size = len(modules) + 2 * QUIET_ZONE
        assert image.size == (size, size)
        frame = [image.getpixel((x, y)) for x in range(size) for y in range(QUIET_ZONE)]
        assert all(frame)


def test_an_svg_holds_the_same_modules(desk, token):
    """Each run of the path is a run of dark modules."""
    modules = modules_of(card_text(token, desk.programme))
    drawn = svg(modules)
    size = len(modules) + 2 * QUIET_ZONE
    grid = [[False] * size for _ in range(size)]
    path = drawn.rpartition('d="')[2].split('"')[0]
    for run in path.split("M")[1:]:
        place, _, rest = run.partition("h")
        column, row = (int(part) for part in place.split())
        for offset in range(int(rest.split("v")[0])):
            grid[row][column + offset] = True
    inner = [tuple(line[QUIET_ZONE:-QUIET_ZONE]) for line in grid[QUIET_ZONE:-QUIET_ZONE]]
    assert tuple(inner) == modules
    assert "<script" not in drawn


@pytest.mark.parametrize("light", [False, True])
def test_a_terminals_blocks_are_read_back(desk, token, light):
    """Drawn from its characters again, the code reads the same, on a dark and on a light background."""
    text = card_text(token, desk.programme)
    lines = terminal(modules_of(text), light_background=light).splitlines()
    paper, ink = (255, 0) if light else (0, 255)
    image = Image.new("L", (len(lines[0]), len(lines) * 2), paper)
    for row, line in enumerate(lines):
        for column, block in enumerate(line):
            upper, lower = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), " ": (0, 0)}[block]
            image.putpixel((column, row * 2), ink if upper else paper)
            image.putpixel((column, row * 2 + 1), ink if lower else paper)
    big = image.resize((image.width * 4, image.height * 4), Image.Resampling.NEAREST)
    assert decoded(big) == [text]
