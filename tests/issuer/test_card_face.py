"""The printed card: the right size, all required content, and a code that can be read from paper."""

import re
import subprocess
from datetime import date
from io import BytesIO

import pytest
import zxingcpp
from PIL import Image

from cards.numbers import spaced
from issuer.issuing import lifecycle
from issuer.printing.card_face import FONTS, Face, MissingGlyph, card_pdf, palette_of
from issuer.printing.letters import enrolment_letter
from issuer.printing.printing import printed_card
from issuer.printing.qr import card_text, modules_of
from issuer.register.errors import RefusedError
from issuer.register.holders import set_photo
from issuer.register.office_log import OfficeAction, newest
from tests.issuer.builders import BY, EXAMPLE, NOON, person, photo, print_card, programme
from tests.papers import assert_fonts_inside
from tests.parts import part

MODULES = modules_of("YJ01:" + "A" * 300)


def face(name="王芸", tier="gold", **changes):
    """Return what is printed, with sensible defaults."""
    values = {"photo": None, "number": "BY123456789012", "until": date(2029, 6, 30), "modules": MODULES}
    return Face(name=name, tier=tier, **(values | changes))


def tool(name, *arguments, data):
    """Run a Poppler tool over a PDF."""
    return subprocess.run([part(name, "poppler-utils"), *arguments], input=data, capture_output=True, check=True).stdout


def words(pdf):
    """Return the text of a PDF."""
    return tool("pdftotext", "-layout", "-", "-", data=pdf).decode()


def pages(pdf, folder, dots=300):
    """Return a PDF's pages as pictures, `dots` an inch."""
    (folder / "card.pdf").write_bytes(pdf)
    subprocess.run(
        [part("pdftoppm", "poppler-utils"), "-r", str(dots), "-png", folder / "card.pdf", folder / "page"], check=True
    )
    found = []
    for path in sorted(folder.glob("page*.png")):
        with Image.open(path) as image:
            image.load()
            found.append(image.copy())
    return found


@pytest.mark.parts
def test_the_pages_are_id1(tmp_path):
    """Two pages of 85.6 × 54 mm."""
    info = tool("pdfinfo", "-", data=card_pdf(face(), programme())).decode()
    size = re.search(r"Page size:\s+([\d.]+) x ([\d.]+) pts", info)
    assert re.search(r"Pages:\s+2\b", info)
    assert [round(float(part) / 72 * 25.4, 1) for part in size.groups()] == [85.6, 54.0]


@pytest.mark.parts
def test_the_face_says_name_tier_number_and_last_day(desk):
    """Full name, tier, number with check digits and 有效期至, as text that can be searched."""
    holder = person(desk, "欧阳明华", ground="diamond-11", contract_ends=date(2029, 6, 30))
    card = print_card(desk, holder)
    said = words(printed_card(desk, card, by=BY, at=NOON))
    for wanted in ("云聚英才卡", "广州市白云区", "钻石卡", "欧阳明华", spaced(card.number), "2029-06-30", "使用须知"):
        assert wanted.replace(" ", "") in said.replace(" ", "")
    assert holder.identity.number not in said


def test_a_card_and_a_letter_bring_their_fonts_along(desk):
    """They print alike on a machine that has no Chinese font."""
    holder = person(desk)
    assert_fonts_inside(card_pdf(face(), programme()))
    assert_fonts_inside(enrolment_letter(desk, holder.id, by=BY, at=NOON))


@pytest.mark.parts
def test_the_code_on_the_letter_opens_the_wallet(desk, tmp_path):
    """Printed by an office's printer, another reader finds the link with the code that stands beside it."""
    letter = enrolment_letter(desk, person(desk).id, by=BY, at=NOON)
    (page,) = pages(letter, tmp_path, dots=150)
    (read,) = zxingcpp.read_barcodes(page, formats=zxingcpp.BarcodeFormat.QRCode)
    address, _, code = read.text.partition("#")
    assert address == f"{desk.base_url}/wallet"
    assert re.search(r"激活码：([A-Z0-9-]+)", words(letter))[1].replace("-", "") in code.replace("-", "")


@pytest.mark.parts
def test_the_code_on_the_paper_is_the_card(desk, tmp_path):
    """Rendered at a card printer's 300 dots an inch, another reader finds the card in it."""
    holder = person(desk, ground="gold-6")
    set_photo(desk, holder.id, photo(), by=BY, at=NOON)
    card = print_card(desk, holder)
    front, back = pages(printed_card(desk, card, by=BY, at=NOON), tmp_path)
    found = zxingcpp.read_barcodes(back, formats=zxingcpp.BarcodeFormat.QRCode)
    assert [code.text for code in found] == [card_text(card.token, desk.programme)]
    assert zxingcpp.read_barcodes(front, formats=zxingcpp.BarcodeFormat.QRCode) == []


@pytest.mark.parts
def test_the_code_is_as_large_as_the_drawing_says(tmp_path):
    """31.4 mm with its quiet zone, at the right edge of the back."""
    back = pages(card_pdf(face(), programme()), tmp_path, dots=254)[1]  # ten dots a millimetre
    (code,) = zxingcpp.read_barcodes(back, formats=zxingcpp.BarcodeFormat.QRCode)
    corners = code.position
    side = len(MODULES) / (len(MODULES) + 8) * 31.4
    assert abs((corners.top_right.x - corners.top_left.x) / 10 - side) < 0.5
    assert abs((corners.bottom_left.y - corners.top_left.y) / 10 - side) < 0.5


@pytest.mark.parts
@pytest.mark.parametrize(("tier", "dark"), [("diamond", True), ("gold", False), ("silver", False)])
def test_each_tier_has_its_colours(tmp_path, tier, dark):
    """By rank: the highest is dark with white ink, the others light with dark ink."""
    front = pages(card_pdf(face(tier=tier), programme()), tmp_path, dots=100)[0].convert("L")
    assert (front.getpixel((3, 60)) < 100) is dark
    ink = palette_of(programme(), programme().tiers[tier]).ink
    assert (ink.red > 0.9) is dark


@pytest.mark.parts
@pytest.mark.parametrize("name", ["䶮㛃", "阿卜杜热依木·买买提艾力", "José Nuñez", "欧阳明华"])
def test_rare_characters_are_printed_as_themselves(name):
    """Rare characters, letters with accents, and the middle dot of a name."""
    assert name.replace(" ", "") in words(card_pdf(face(name), programme())).replace(" ", "").replace("\n", "")


@pytest.mark.parts
def test_characters_beyond_the_basic_plane_are_drawn(tmp_path):
    """𬭎 is a picture of its own: neither empty nor that of its lower sixteen bits (U+CB4E, a Korean syllable)."""
    place = (330 + 80, 180, 330 + 80 + 90, 290)  # the second character, ten dots a millimetre
    drawn = []
    for number, name in enumerate(("王𬭎", "王\u3000", "王钅")):
        (tmp_path / str(number)).mkdir()
        page = pages(card_pdf(face(name), programme()), tmp_path / str(number), dots=254)[0]
        drawn.append(page.crop(place).convert("L").point(lambda grey: 255 * (grey < 90)))
    inked = [picture.histogram()[255] for picture in drawn]
    assert inked[1] == 0
    assert inked[0] > 800
    assert drawn[0].tobytes() != drawn[2].tobytes()


def test_a_character_without_a_glyph_is_named(desk):
    """No tofu, no other character: an error that says which."""
    with pytest.raises(MissingGlyph, match=r"\(U\+1F600\)") as missing:
        card_pdf(face("王😀"), programme())
    assert missing.value.character == "😀"
    card = print_card(desk, person(desk, "王😀"))
    with pytest.raises(RefusedError, match="U\\+1F600"):
        printed_card(desk, card, by=BY, at=NOON)


@pytest.mark.parts
@pytest.mark.parametrize("name", ["Bo", "A" * 40, "Alexandrina Wilhelmina von Hohenzollern-Sigmaringen", "一" * 20])
def test_long_names_stay_on_the_card(tmp_path, name):
    """Smaller, then in lines; the safe margin of 4 mm at the right stays free of ink."""
    plain = pages(card_pdf(face("王芸"), programme()), tmp_path, dots=254)[0]
    (tmp_path / "long").mkdir()
    long = pages(card_pdf(face(name), programme()), tmp_path / "long", dots=254)[0]
    margin = (int((85.6 - 4) * 10), 0, 856, 540)
    assert long.crop(margin).tobytes() == plain.crop(margin).tobytes()
    assert name.replace(" ", "")[:2] in words(card_pdf(face(name), programme())).replace(" ", "")


@pytest.mark.parts
def test_an_english_programme_prints_english(tmp_path):
    """Its own name, tiers and words; nothing of another district."""
    said = words(card_pdf(face("Aoife Ní Bhriain", "plus", number="MB123456789012"), programme(EXAMPLE)))
    assert "Millbrook Resident Card" in said
    assert "Valid until" in said
    assert not re.search(r"[\u4e00-\u9fff]", said)


def test_the_same_card_is_the_same_file():
    """Byte for byte, so that a print can be compared."""
    assert card_pdf(face(), programme()) == card_pdf(face(), programme())


def test_a_phones_and_an_ended_card_are_not_printed(desk):
    """What cannot be shown is not put on plastic."""
    card = print_card(desk, person(desk))
    ended = lifecycle.revoke(desk, card.id, because="lost", by=BY, at=NOON)
    with pytest.raises(RefusedError, match="revoked"):
        printed_card(desk, ended, by=BY, at=NOON)


def test_printing_is_written_down_and_a_missing_font_is_told(desk, tmp_path):
    """Who took a copyable card stands in the log; without the font the remedy is named."""
    card = print_card(desk, person(desk))
    with pytest.raises(RefusedError, match="font") as refused:
        printed_card(desk, card, by=BY, at=NOON, fonts=tmp_path)
    assert "make setup" in refused.value.hint
    printed_card(desk, card, by=BY, at=NOON, fonts=FONTS)
    with desk.register.read() as connection:
        last = newest(connection, 1)[0]
    assert (last.action, last.card_id, last.detail) == (OfficeAction.CARD_PRINTED, card.id, {"kind": "pdf"})


@pytest.mark.parts
def test_the_photo_is_on_the_front(desk, tmp_path):
    """A red photo makes the photo's place red."""
    target = BytesIO()
    Image.new("RGB", (358, 441), "red").save(target, "JPEG")
    front = pages(card_pdf(face(photo=target.getvalue()), programme()), tmp_path, dots=254)[0]
    red, green, blue = front.getpixel((167, 326))
    assert red > 200
    assert max(green, blue) < 60
