"""A presentation as its parts, and which token may stand where. Shared by the plain text and the wire form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cards.claims import CARD
from cards.proof import CHIP_PROOF, PROOF
from edge.encoding import EncodingError, unb64u
from edge.strictjson import JsonError, loads
from keys.errors import BadClaims, MalformedToken
from keys.tokens import TokenForm, parse_unverified

SEPARATOR: Final = "~"
TEXT_MOST: Final = 4096
"""The longest text that is read, in characters; scanners' surrounding white space not counted."""

# What a token's text may hold, and all that the wire form carries raw. Whether it is a token is another question.
TOKEN_TEXT: Final = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_HEADER_MOST: Final = 1024
_SIGNATURE_CHARS: Final = 86
_FORMS: Final = {form.typ: form for form in (CARD, PROOF, CHIP_PROOF)}


class PresentationError(Exception):
    """A text is no presentation (`malformed`), or a presentation is too long to be packed (`too-long`)."""

    def __init__(self, reason: str = "malformed", detail: str = "not a presentation") -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Presentation:
    """What was scanned or tapped: a card token, a proof, or both; nothing of it verified. Its `repr` shows neither."""

    card: str | None
    proof: str | None

    def __post_init__(self) -> None:
        for part in (self.card, self.proof):
            if part is not None and not TOKEN_TEXT.fullmatch(part):
                raise PresentationError
        if self.card is None and self.proof is None:
            raise PresentationError

    @property
    def text(self) -> str:
        """The plain text: `card`, `card~proof` or `proof`."""
        return SEPARATOR.join(part for part in (self.card, self.proof) if part is not None)

    def __repr__(self) -> str:
        return f"Presentation(card={self.card is not None}, proof={self.proof is not None})"


def from_tokens(tokens: list[str]) -> Presentation:
    """Return the presentation of one token or two; `typ` says what each is. PresentationError otherwise."""
    forms = [_form_of(token) for token in tokens]
    match forms:
        case [form]:
            return Presentation(tokens[0], None) if form is CARD else Presentation(None, tokens[0])
        case [form, other] if form is CARD and other is not CARD:
            return Presentation(tokens[0], tokens[1])
    raise PresentationError


def _form_of(token: str) -> TokenForm:
    """Return the form of a token, its header and its outer shape checked; the claims wait for the signature."""
    form = _form_of_header(token.partition(".")[0])
    try:
        parse_unverified(token, form)
    except MalformedToken:
        raise PresentationError from None
    except BadClaims:
        # Whether the claims are bad is said only after the signature has held (DESIGN §5, steps 3 and 4).
        pass
    try:
        unb64u(token[-_SIGNATURE_CHARS:])
    except EncodingError:
        raise PresentationError from None
    return form


@lru_cache(maxsize=256)
def _form_of_header(segment: str) -> TokenForm:
    # Cards signed by one key share one header and proofs all do. A refusal is raised, and so never kept.
    try:
        header = loads(unb64u(segment), max_bytes=_HEADER_MOST) if len(segment) <= _HEADER_MOST else None
    except (EncodingError, JsonError):
        raise PresentationError from None
    typ = header.get("typ") if isinstance(header, dict) else None
    form = _FORMS.get(typ) if isinstance(typ, str) else None
    if form is None:
        raise PresentationError
    return form
