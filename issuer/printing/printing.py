"""A card of the register as a file for the printer or as a picture of its code. The office log records who took it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from cards.claims import Form
from cards.periods import last_day
from edge.fonts import FONTS
from issuer.issuing.issuing import IssuedCard, read_card
from issuer.printing.card_face import Face, MissingGlyph, card_pdf
from issuer.printing.imposing import sheets_of
from issuer.printing.qr import card_text, modules_of
from issuer.register import office_log
from issuer.register.errors import RefusedError
from issuer.register.holders import find_holder, photo_of
from issuer.register.issuer import Issuer
from issuer.register.office_log import OfficeAction
from issuer.register.tables import CARDS, UNPRINTED, CardState


def printed_card(issuer: Issuer, card: IssuedCard, *, by: str, at: datetime, fonts: Path = FONTS) -> bytes:
    """Return the PDF of a live card's two faces. Raises RefusedError for an ended card, a phone's card, or a missing
    glyph.
    """
    if card.form is Form.PHONE:
        raise RefusedError(
            "a phone's card is not printed", f"python -m issuer card issue {card.holder_id} --form print"
        )
    if not card.state.live:
        raise RefusedError(f"the card is {card.state}", f"python -m issuer card issue {card.holder_id}")
    if not (fonts / "NotoSansSC_400Regular.ttf").is_file():
        raise RefusedError(f"the font is not in {fonts}", "run `make setup`, which copies it there, or name its folder")
    holder = find_holder(issuer, card.holder_id)
    face = Face(
        name=holder.name,
        photo=photo_of(issuer, holder.id),
        number=card.number,
        tier=card.tier,
        until=last_day(card.valid_until, issuer.programme.zone),
        modules=modules_of(card_text(card.token, issuer.programme)),
        contactless=card.form is not Form.PRINT,
    )
    try:
        pdf = card_pdf(face, issuer.programme, fonts=fonts)
    except MissingGlyph as error:
        raise RefusedError(str(error), "correct the name, or give a font that has it with --fonts") from None
    note_taken(issuer, card, "pdf", by=by, at=at)
    return pdf


def unprinted(issuer: Issuer, *, limit: int) -> list[IssuedCard]:
    """Return live cards for printing that were never printed, oldest first."""
    c, live = CARDS.c, [CardState.VALID, CardState.SUSPENDED]
    asked = sa.select(c.id).where(UNPRINTED, c.state.in_(live)).order_by(c.issued_at, c.id)
    with issuer.register.read() as connection:
        names = list(connection.execute(asked.limit(limit)).scalars())
        return [read_card(issuer, connection, name) for name in names]


def printed_sheet(issuer: Issuer, cards: Sequence[IssuedCard], *, by: str, at: datetime) -> bytes:
    """Return A4 sheets with the faces of several cards. Raises RefusedError with the first card that is not for
    printing.
    """
    if not cards:
        raise RefusedError("no card was chosen", "tick the cards to print")
    return sheets_of([printed_card(issuer, card, by=by, at=at) for card in cards])


def note_taken(issuer: Issuer, card: IssuedCard, kind: str, *, by: str, at: datetime) -> None:
    """Record that somebody took a card's code or print: a copyable card is worth as much as the paper."""
    with issuer.register.change() as connection:
        office_log.append(
            connection, OfficeAction.CARD_PRINTED, by=by, at=at, holder=card.holder_id, card=card.id, kind=kind
        )
        first = (CARDS.c.id == card.id, CARDS.c.printed_at.is_(None))
        connection.execute(CARDS.update().where(*first).values(printed_at=at))
