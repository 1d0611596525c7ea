"""The letter with which a phone becomes a card: the code as a QR code and as text, its end, and what else the holder
needs.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Spacer

from cards.periods import last_day
from cards.programme.types import Text
from edge.fonts import FONTS
from edge.paper import Styles, language_of, pages, paragraph, styles_of
from issuer.enrolment.enrolling import EnrolmentCode, make_code
from issuer.printing.drawing import CodePicture
from issuer.printing.qr import modules_of
from issuer.register import office_log
from issuer.register.holders import find_holder
from issuer.register.issuer import Issuer
from issuer.register.office_log import OfficeAction

_WORDS: Final = {
    "title": Text("Activation letter: {programme}", "{programme}激活信"),
    "dear": Text("Dear {name},", "{name}："),
    "scan": Text(
        "Scan this code with your phone's camera, or open {address} and type the activation code.",
        "请用手机相机扫描下面的二维码，或者打开 {address}，输入激活码。",
    ),
    "code": Text("Activation code: {code}", "激活码：{code}"),
    "asked": Text(
        "The page also asks for the last four characters of your identity document. The code works once, until {day}.",
        "激活时需输入证件号码后四位。激活码只能用一次，{day} 前有效。",
    ),
    "keep": Text(
        "Afterwards the page shows a recovery code, only once. Write the recovery code down. If you lose the phone, "
        "the recovery code stops the card.",
        "激活后会显示恢复码，只显示一次，请抄下保存。手机丢失时，凭恢复码挂失。",
    ),
    "contact": Text("Questions: {label}, {number}.", "如有疑问，请咨询{label}，电话 {number}。"),
}


def enrolment_letter(
    issuer: Issuer, holder_id: str, *, by: str, at: datetime, language: str = "zh", fonts: Path = FONTS
) -> bytes:
    """Make a one-time code. Return the letter with it. Raises RefusedError as `make_code` does.

    The code is in this letter and nowhere else. An earlier unused code is cancelled.
    """
    holder, made = find_holder(issuer, holder_id), make_code(issuer, holder_id, by=by, at=at)
    title = _word("title", language, programme=issuer.programme.name.in_language(language))
    styles = styles_of(language_of(language), fonts)
    parts = [paragraph(title, styles.title), *_parts(issuer, holder.name, made, language, styles)]
    pdf = pages(parts, title=title, author=issuer.programme.code, language=language_of(language), fonts=fonts)
    with issuer.register.change() as connection:
        action = OfficeAction.LETTER_PRINTED
        office_log.append(connection, action, by=by, at=at, holder=holder_id, kind="enrolment")
    return pdf


def _parts(issuer: Issuer, name: str, made: EnrolmentCode, language: str, styles: Styles) -> list[Flowable]:
    programme, contact = issuer.programme, issuer.programme.general_contact
    day = last_day(made.expires_at, programme.zone).isoformat()
    questions = _word("contact", language, label=contact.label.in_language(language), number=contact.number)
    return [
        Spacer(1, 3 * mm),
        paragraph(_word("dear", language, name=name), styles.text),
        paragraph(_word("scan", language, address=f"{issuer.base_url}/wallet"), styles.text),
        CodePicture(modules_of(made.link), 60 * mm),
        paragraph(_word("code", language, code=made.code), styles.head),
        Spacer(1, 2 * mm),
        paragraph(_word("asked", language, day=day), styles.text),
        paragraph(_word("keep", language), styles.text),
        Spacer(1, 4 * mm),
        paragraph(questions, styles.text),
    ]


def _word(key: str, language: str, **values: str) -> str:
    return _WORDS[key].in_language(language).format(**values)
