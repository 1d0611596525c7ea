"""What a PDF brings along: whether each of its fonts is inside the file."""

from io import BytesIO

from pypdf import PdfReader


def fonts_of(pdf):
    """Return the fonts of all pages by name, and whether the file holds each font's program."""
    found = {}
    for page in PdfReader(BytesIO(pdf)).pages:
        for reference in (page["/Resources"].get_object().get("/Font") or {}).values():
            font = reference.get_object()
            kept = font.get("/DescendantFonts", [font])[0].get_object().get("/FontDescriptor")
            held = kept.get_object() if kept is not None else {}
            found[str(font["/BaseFont"])] = "/FontFile2" in held or "/FontFile3" in held
    return found


def assert_fonts_inside(pdf):
    """Fail for a PDF without a font, and for one that relies on a font of the reader's machine."""
    fonts = fonts_of(pdf)
    assert fonts
    assert all(fonts.values()), [name for name, inside in fonts.items() if not inside]
