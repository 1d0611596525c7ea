"""A certificate as a PDF of one A4 page, to sign and stamp. Import this module only where a page is drawn."""

from __future__ import annotations

from typing import Final

from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Spacer

from cards.programme.types import Programme
from edge.paper import Styles, pages, paragraph, styles_of
from verifier.desks.certificates import Certificate
from verifier.rules.wording import say_date

_TITLE: Final = "荣誉证书"
_TEXT: Final = "{name}："
_SAYS: Final = "经认定，您为{programme}{tier}持卡人。特发此证。"
_SIGNED: Final = "{department}（盖章）"


def certificate_pdf(programme: Programme, certificate: Certificate, name: str) -> bytes:
    """Return the page: name, tier, number, day of issue. The same certificate and name give the same bytes."""
    styles = styles_of("zh")
    title, text, right = _styles(styles)
    tier = programme.tiers.get(certificate.tier)
    tier_name = certificate.tier if tier is None else tier.name.in_language("zh")
    department = programme.departments[certificate.service.departments[0]].name.in_language("zh")
    says = _SAYS.format(programme=programme.name.in_language("zh"), tier=tier_name)
    parts = [
        Spacer(1, 40 * mm),
        paragraph(certificate.service.name.in_language("zh") or _TITLE, title),
        Spacer(1, 24 * mm),
        paragraph(_TEXT.format(name=name), text),
        Spacer(1, 6 * mm),
        paragraph(f"　　{says}", text),
        Spacer(1, 30 * mm),
        paragraph(_SIGNED.format(department=department), right),
        paragraph(say_date(certificate.given_at, programme.zone).zh, right),
        Spacer(1, 40 * mm),
        paragraph(f"证书编号　{certificate.number}", styles.small),
    ]
    return pages(parts, title=f"{_TITLE} {certificate.number}", author=programme.code)


def _styles(styles: Styles) -> tuple[ParagraphStyle, ParagraphStyle, ParagraphStyle]:
    title = ParagraphStyle("certificate", styles.title, fontSize=40, leading=52, alignment=1)
    text = ParagraphStyle("certificate-text", styles.text, fontSize=18, leading=32)
    return title, text, ParagraphStyle("certificate-right", text, fontSize=14, leading=24, alignment=2)
