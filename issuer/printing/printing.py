"""A card of the register as a file for the printer or a picture of its code; who took it stands in the office log."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cards.claims import Form
from edge.fonts import FONTS
from issuer.issuing.issuing import IssuedCard
from issuer.printing.card_face import Face, MissingGlyph, card_pdf
from issuer.printing.qr import card_text, modules_of
from issuer.register import office_log
from issuer.register.desk import Desk
from issuer.register.entitlement import last_day
from issuer.register.errors import Refused
from issuer.register.holders import find_holder, photo_of
from issuer.register.office_log import Action


def printed_card(desk: Desk, card: IssuedCard, *, by: str, at: datetime, fonts: Path = FONTS) -> bytes:
    """Return the PDF of a live card's two faces; Refused for an ended card, a phone's, or a name the font lacks."""
    if card.form is Form.PHONE:
        raise Refused("a phone's card is not printed", f"python -m issuer card issue {card.holder_id} --form print")
    if not card.state.live:
        raise Refused(f"the card is {card.state}", f"python -m issuer card issue {card.holder_id}")
    if not (fonts / "NotoSansSC_400Regular.ttf").is_file():
        raise Refused(f"the font is not in {fonts}", "run `make setup`, which copies it there, or name its folder")
    holder = find_holder(desk, card.holder_id)
    face = Face(
        name=holder.name,
        photo=photo_of(desk, holder.id),
        number=card.number,
        tier=card.tier,
        until=last_day(card.valid_until, desk.programme.zone),
        modules=modules_of(card_text(card.token, desk.programme)),
        contactless=card.form is not Form.PRINT,
    )
    try:
        pdf = card_pdf(face, desk.programme, fonts=fonts)
    except MissingGlyph as error:
        raise Refused(str(error), "correct the name, or give a font that has it with --fonts") from None
    note_taken(desk, card, "pdf", by=by, at=at)
    return pdf


def note_taken(desk: Desk, card: IssuedCard, kind: str, *, by: str, at: datetime) -> None:
    """Write down that somebody took a card's code or print: a copyable card is worth as much as the paper."""
    with desk.register.change() as connection:
        office_log.append(connection, Action.CARD_PRINTED, by=by, at=at, holder=card.holder_id, card=card.id, kind=kind)
