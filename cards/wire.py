"""The wire form: a presentation packed into few enough characters for a small QR code (docs/card-format.md, Wire form).

Packing only saves space. It proves nothing and is never hashed for identity. The unpacked text is read like any other
text.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cards.base45 import Base45Error
from cards.base45 import decode as base45_decode
from cards.base45 import encode as base45_encode
from cards.parts import TEXT_MOST, TOKEN_TEXT, Presentation, PresentationError
from cards.programme.types import Programme
from cards.proof import PROOF, card_digest
from cards.transport import IN_DIGITS, IN_TEXT
from edge.encoding import EncodingError, b64u, unb64u
from edge.strictjson import loads

INFLATED_MOST: Final = 8192
"""The greatest unpacked size of a packed card, in bytes."""

_ABSENT, _PACKED, _RAW = 0, 1, 2
_ID_BYTES, _HASH_BYTES, _SIGNATURE_BYTES = 16, 32, 64
# The marks of lifted values, between quotes. JSON never contains these bytes unescaped, so they are unambiguous.
_MARKS: Final = {_ID_BYTES: b"\x00", _HASH_BYTES: b"\x01"}
_HEADER_END: Final = b"\x02"
_LIFTABLE: Final = re.compile(rb'"([A-Za-z0-9_-]{43}|[A-Za-z0-9_-]{22})"')
_LIFTED: Final = re.compile(rb'"([\x00\x01])"')
_CONTROL: Final = re.compile(rb"[\x00-\x02]")

# Seven bytes become seventeen digits. A last chunk of fewer bytes becomes the fewest digits that hold it.
_CHUNK_BYTES: Final = 7
_DIGITS_OF: Final = {1: 3, 2: 5, 3: 8, 4: 10, 5: 13, 6: 15, 7: 17}
_BYTES_OF: Final = {digits: size for size, digits in _DIGITS_OF.items()}

# Skeleton 1 never changes: another skeleton gets another dictionary number. The most common text of cards stands last.
_SKELETON_V1: Final = (
    '"chip""tag""print"'
    '{"alg":"ES256","kid":"\x01","typ":"card+jwt"}\x02'
    '{"iss":"%(issuer)s","sub":"\x00","jti":"\x00","tier":"","form":"phone","name":"****************",'
    '"iat":18,"nbf":18,"exp":18,"cnf":{"jwk":{"kty":"EC","crv":"P-256","x":"\x01","y":"\x01"}},'
    '"status":{"status_list":{"idx":1,"uri":"%(base)s0"}}}'
)


@dataclass(frozen=True, slots=True)
class Dictionary:
    """What both ends know about a programme's cards in advance. It is named by `number`, which is never used again.

    `content` is the preset dictionary of the deflate. `audience` is what a packed proof leaves out.
    """

    number: int
    content: bytes
    audience: str


def dictionary_for(programme_issuer: str, status_base: str, number: int, *, audience: str) -> Dictionary:
    """Return the dictionary `number` (0 to 99): skeleton 1 with a programme's `iss` and status base filled in."""
    if not 0 <= number <= 99:
        raise ValueError("a dictionary is numbered 0 to 99")
    content = _SKELETON_V1 % {"issuer": programme_issuer, "base": status_base}
    return Dictionary(number, content.encode("utf-8"), audience)


def dictionary_of(programme: Programme) -> Dictionary:
    """Return the dictionary that a programme names."""
    return dictionary_for(
        programme.issuer, programme.status_base, programme.wire_dictionary, audience=programme.audience
    )


def pack(presentation: Presentation, dictionary: Dictionary, *, digits: bool = False) -> str:
    """Return the wire form in base45 or, for keyboard-wedge scanners, in digits.

    A part that would not unpack to the same bytes is carried raw. Raises PresentationError (`too-long`) if the text is
    then longer than a reader accepts.
    """
    proof_kind, proof = _pack_proof(presentation, dictionary)
    card_kind, card = _pack_card(presentation.card, dictionary)
    body = bytes([card_kind | proof_kind << 2]) + proof + card
    if digits:
        text = f"93{dictionary.number:02d}{_to_digits(body)}"
    else:
        text = f"YJ{dictionary.number:02d}:{base45_encode(body)}"
    if len(text) > TEXT_MOST:
        raise PresentationError("too-long", "the presentation is too long for the wire form: show the plain text")
    return text


def unpack(text: str, dictionaries: Mapping[int, Dictionary]) -> Presentation:
    """Return the packed presentation. Raises PresentationError (`malformed`) for any text that is no wire form of a
    known dictionary.

    Lower case and white space around the text are accepted. The parts could be tokens but are not checked yet:
    `cards.presentation.read` does this.
    """
    text = text.strip()
    if len(text) > TEXT_MOST or not text.isascii():
        raise PresentationError
    number, body = _body(text)
    dictionary = dictionaries.get(number)
    if dictionary is None or not body or body[0] >> 4:
        raise PresentationError
    reader = _Reader(body[1:])
    card_kind, proof_kind = body[0] & 3, body[0] >> 2 & 3
    # The proof stands first, but what it leaves out follows from the card.
    packed_proof = _take_proof(reader, proof_kind, has_card=card_kind != _ABSENT)
    card = _take_card(reader, card_kind, dictionary)
    reader.end()
    return Presentation(card, _proof_text(packed_proof, card, dictionary))


class _Reader:
    """Takes a body apart from front to back, and never reads beyond it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        piece = self._data[self._at : self._at + size]
        if len(piece) != size:
            raise PresentationError
        self._at += size
        return piece

    def take_counted(self) -> bytes:
        """Return the bytes that a two-byte length announces."""
        return self.take(int.from_bytes(self.take(2), "big"))

    def end(self) -> None:
        """Refuse any remaining bytes."""
        if self._at != len(self._data):
            raise PresentationError


@dataclass(frozen=True, slots=True)
class _PackedProof:
    """A packed proof's fields. `ath` is None if the card beside it gives the value."""

    issued_at: int
    proof_id: bytes
    ath: bytes | None
    signature: bytes

    def text(self, ath: bytes, audience: str) -> str:
        """Return the token with these fields."""
        claims = (
            f'{{"iat":{self.issued_at},"aud":{json.dumps(audience, ensure_ascii=False)},'
            f'"jti":"{b64u(self.proof_id)}","ath":"{b64u(ath)}"}}'
        )
        return f"{_PROOF_HEADER}.{b64u(claims.encode('utf-8'))}.{b64u(self.signature)}"


_PROOF_HEADER: Final = b64u(f'{{"alg":"ES256","typ":"{PROOF.typ}"}}'.encode("ascii"))


def _body(text: str) -> tuple[int, bytes]:
    if match := IN_TEXT.fullmatch(text):
        try:
            return int(match[1]), base45_decode(match[2].upper())
        except Base45Error:
            raise PresentationError from None
    if match := IN_DIGITS.fullmatch(text):
        return int(match[1]), _from_digits(match[2])
    raise PresentationError


def _to_digits(data: bytes) -> str:
    chunks = (data[at : at + _CHUNK_BYTES] for at in range(0, len(data), _CHUNK_BYTES))
    return "".join(f"{int.from_bytes(chunk, 'big'):0{_DIGITS_OF[len(chunk)]}d}" for chunk in chunks)


def _from_digits(digits: str) -> bytes:
    data = bytearray()
    width = _DIGITS_OF[_CHUNK_BYTES]
    for at in range(0, len(digits), width):
        chunk = digits[at : at + width]
        size, number = _BYTES_OF.get(len(chunk)), int(chunk)
        if size is None or number >> 8 * size:
            raise PresentationError
        data += number.to_bytes(size, "big")
    return bytes(data)


def _raw(token: str) -> bytes:
    octets = token.encode("ascii")
    if len(octets) > TEXT_MOST:
        raise PresentationError("too-long", "a token longer than any text that is read")
    return len(octets).to_bytes(2, "big") + octets


def _take_raw(reader: _Reader) -> str:
    octets = reader.take_counted()
    # latin-1 never fails, and the pattern accepts only ASCII.
    text = octets.decode("latin-1")
    if not TOKEN_TEXT.fullmatch(text):
        raise PresentationError
    return text


def _pack_proof(presentation: Presentation, dictionary: Dictionary) -> tuple[int, bytes]:
    proof = presentation.proof
    if proof is None:
        return _ABSENT, b""
    fields = _proof_fields(proof)
    if fields is None or fields.ath is None:
        return _RAW, _raw(proof)
    ath = fields.ath if presentation.card is None else card_digest(presentation.card)
    if fields.text(ath, dictionary.audience) != proof:
        return _RAW, _raw(proof)
    sent = fields.ath if presentation.card is None else b""
    return _PACKED, fields.issued_at.to_bytes(4, "big") + fields.proof_id + sent + fields.signature


def _proof_fields(proof: str) -> _PackedProof | None:
    """Return the fields of a token that may be a phone's proof, or None. The caller checks that nothing is lost."""
    try:
        _header, payload, signature = (unb64u(segment) for segment in proof.split("."))
        claims = loads(payload)
        match claims:
            case {"iat": int(issued_at), "jti": str(proof_id), "ath": str(ath)} if 0 <= issued_at < 2**32:
                fields = _PackedProof(issued_at, unb64u(proof_id), unb64u(ath), signature)
            case _:
                return None
    except ValueError:  # Including EncodingError and JsonError
        return None
    sizes = (len(fields.proof_id), len(fields.ath or b""), len(fields.signature))
    return fields if sizes == (_ID_BYTES, _HASH_BYTES, _SIGNATURE_BYTES) else None


def _take_proof(reader: _Reader, kind: int, *, has_card: bool) -> _PackedProof | str | None:
    if kind == _ABSENT:
        return None
    if kind == _RAW:
        return _take_raw(reader)
    if kind != _PACKED:
        raise PresentationError
    issued_at = int.from_bytes(reader.take(4), "big")
    proof_id = reader.take(_ID_BYTES)
    ath = None if has_card else reader.take(_HASH_BYTES)
    return _PackedProof(issued_at, proof_id, ath, reader.take(_SIGNATURE_BYTES))


def _proof_text(proof: _PackedProof | str | None, card: str | None, dictionary: Dictionary) -> str | None:
    if not isinstance(proof, _PackedProof):
        return proof
    ath = proof.ath if card is None else card_digest(card)
    return None if ath is None else proof.text(ath, dictionary.audience)


def _pack_card(card: str | None, dictionary: Dictionary) -> tuple[int, bytes]:
    if card is None:
        return _ABSENT, b""
    packed = _packed_card(card, dictionary)
    return (_RAW, _raw(card)) if packed is None else (_PACKED, packed)


def _packed_card(card: str, dictionary: Dictionary) -> bytes | None:
    """Return a card as packed bytes, or None if this would not give the same text back."""
    try:
        header, payload, signature = (unb64u(segment) for segment in card.split("."))
    except ValueError:
        return None
    if len(signature) != _SIGNATURE_BYTES or _CONTROL.search(header + payload):
        return None
    lifted: list[bytes] = []
    skeleton = _lift(header, lifted) + _HEADER_END + _lift(payload, lifted)
    if len(skeleton) > INFLATED_MOST:
        return None
    deflated = _deflate(skeleton, dictionary.content)
    packed = signature + len(deflated).to_bytes(2, "big") + deflated + b"".join(lifted)
    return packed if _comes_back(packed, card, dictionary) else None


def _comes_back(packed: bytes, card: str, dictionary: Dictionary) -> bool:
    reader = _Reader(packed)
    try:
        same = _take_card(reader, _PACKED, dictionary) == card
        reader.end()
    except PresentationError:
        return False
    return same


def _take_card(reader: _Reader, kind: int, dictionary: Dictionary) -> str | None:
    if kind == _ABSENT:
        return None
    if kind == _RAW:
        return _take_raw(reader)
    if kind != _PACKED:
        raise PresentationError
    signature = reader.take(_SIGNATURE_BYTES)
    skeleton = _inflate(reader.take_counted(), dictionary.content)
    header, end, payload = skeleton.partition(_HEADER_END)
    if not end or not header or not payload:
        raise PresentationError
    return ".".join(b64u(part) for part in (_put_back(header, reader), _put_back(payload, reader), signature))


def _lift(octets: bytes, lifted: list[bytes]) -> bytes:
    """Return `octets` with every quoted identifier or hash replaced by its mark. Their bytes are appended to
    `lifted`.
    """

    def mark(match: re.Match[bytes]) -> bytes:
        try:
            value = unb64u(match[1].decode("ascii"))
        except EncodingError:
            return match[0]
        lifted.append(value)
        return b'"' + _MARKS[len(value)] + b'"'

    return _LIFTABLE.sub(mark, octets)


def _put_back(octets: bytes, reader: _Reader) -> bytes:
    """Return `octets` with every mark replaced by the text of the next lifted bytes. A mark in a wrong place is
    refused.
    """

    def text(match: re.Match[bytes]) -> bytes:
        size = _ID_BYTES if match[1] == _MARKS[_ID_BYTES] else _HASH_BYTES
        return b'"' + b64u(reader.take(size)).encode("ascii") + b'"'

    whole = _LIFTED.sub(text, octets)
    if _CONTROL.search(whole):
        raise PresentationError
    return whole


def _deflate(octets: bytes, dictionary: bytes) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, dictionary)
    return deflater.compress(octets) + deflater.flush()


def _inflate(octets: bytes, dictionary: bytes) -> bytes:
    inflater = zlib.decompressobj(-15, zdict=dictionary)
    try:
        data = inflater.decompress(octets, INFLATED_MOST + 1)
    except zlib.error:
        raise PresentationError from None
    # This product's streams never end early, run on, or grow beyond the bound.
    if not inflater.eof or inflater.unused_data or inflater.unconsumed_tail or len(data) > INFLATED_MOST:
        raise PresentationError
    return data
