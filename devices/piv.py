"""Chips with a P-256 key in PIV slot 9E (NIST SP 800-73-4): reads the card token, has a challenge signed, sets up a
chip.

Slot 9E needs no PIN and answers contactless. No certificate is used: the card token names the key.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, algorithms, modes

from devices.faults import CardEmpty, CardFault, CardLocked, CardRefused
from devices.tlv import members, unwrap, wrap
from devices.transport import ApduAnswer, Tap
from edge.encoding import digest

APPLICATION: Final = bytes.fromhex("A000000308")
TOKEN_OBJECT: Final = bytes.fromhex("5FFF59")
"""The free-read data object for the card token: this product's own, beside those of SP 800-73 and of vendors."""
CERTIFICATE_OBJECT: Final = bytes.fromhex("5FC101")
"""Slot 9E's certificate (SP 800-73-4, table 10), free to read. It holds the token on chips that do not allow this
product's object.
"""

TOKEN_MOST: Final = 2048
_ABSENT: Final = frozenset({0x6A82, 0x6A88, 0x6D00, 0x6A80})
_MANAGEMENT_CIPHERS: Final = {0x03: "3DES", 0x08: "AES-128", 0x0A: "AES-192", 0x0C: "AES-256"}
_KEY_SIZES: Final = {0x03: 24, 0x08: 16, 0x0A: 24, 0x0C: 32}


@dataclass(frozen=True, slots=True)
class ManagementKey:
    """The key for setting up a chip. Its `repr` shows only the algorithm."""

    algorithm: int
    key: bytes

    def __post_init__(self) -> None:
        if _KEY_SIZES.get(self.algorithm) != len(self.key):
            raise ValueError("a management key has 24 bytes (3DES, AES-192), 16 (AES-128) or 32 (AES-256)")

    def __repr__(self) -> str:
        return f"ManagementKey({_MANAGEMENT_CIPHERS[self.algorithm]})"


def select(tap: Tap) -> bool:
    """Select the PIV application. Return False if the card has none."""
    return tap.send("00A40400", APPLICATION, 0).ok


def read_token(tap: Tap) -> str | None:
    """Return the card token of the selected application, or None if the chip holds none."""
    value = read_object(tap, TOKEN_OBJECT)
    if value is None:
        other = read_object(tap, CERTIFICATE_OBJECT)
        return other.decode("ascii") if other and looks_ours(other) else None
    if not value:
        raise CardEmpty("the chip holds no card yet")
    if len(value) > TOKEN_MOST:
        raise CardFault("the chip holds more than a card")
    try:
        return value.decode("ascii")
    except UnicodeDecodeError:
        raise CardFault("what the chip holds is no text") from None


def read_object(tap: Tap, name: bytes) -> bytes | None:
    """Return the content of a data object of the selected application, or None if the chip has no such object."""
    answer: ApduAnswer = tap.send("00CB3FFF", wrap(0x5C, name), 0)
    if answer.status in _ABSENT:
        return None
    if not answer.ok:
        raise CardFault(f"the chip answered {answer.status:04X} when asked for the card")
    return unwrap(0x53, answer.data)


def looks_ours(value: bytes) -> bool:
    """Return whether an object's bytes can be a card token: text with two dots. A certificate is DER."""
    return len(value) <= TOKEN_MOST and value.isascii() and value.count(b".") == 2


def writable_object(tap: Tap) -> bytes | None:
    """Return the object that can hold a card on this chip, or None if neither can. Requires authentication.

    Nothing is changed: each object is written with its present content as a test. A real certificate is never touched.
    """
    for name in (TOKEN_OBJECT, CERTIFICATE_OBJECT):
        held = read_object(tap, name) or b""
        if name == CERTIFICATE_OBJECT and held and not looks_ours(held):
            continue
        try:
            _put(tap, name, held)
        except CardRefused:
            continue
        return name
    return None


def sign(tap: Tap, message: bytes) -> bytes:
    """Have slot 9E sign the SHA-256 of `message`. Return r and s, 32 bytes each. Verifies no signature."""
    asked = wrap(0x7C, wrap(0x82, b"") + wrap(0x81, digest(message)))
    answer = tap.demand("sign the challenge", "0087119E", asked, 0)
    signed = members(unwrap(0x7C, answer)).get(0x82, b"")
    try:
        r, s = decode_dss_signature(signed)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    except (ValueError, OverflowError):
        raise CardFault("the chip's answer is no signature") from None


def authenticate(tap: Tap, management: ManagementKey) -> None:
    """Prove the management key to the chip, and let the chip prove it too (SP 800-73-4 part 2, A.1). Raises CardLocked
    otherwise.
    """
    header = f"0087{management.algorithm:02X}9B"
    first = tap.send(header, wrap(0x7C, wrap(0x80, b"")), 0)
    if not first.ok:
        raise CardLocked(f"the chip does not take a {management!r} ({first.status:04X})")
    witness = members(unwrap(0x7C, first.data)).get(0x80, b"")
    cipher = _cipher(management)
    block = 8 if management.algorithm == 0x03 else 16
    if len(witness) != block:
        raise CardFault("the chip's witness has a wrong length")
    ours = os.urandom(block)
    decryptor, encryptor = cipher.decryptor(), cipher.encryptor()
    told = wrap(0x80, decryptor.update(witness)) + wrap(0x81, ours)
    second = tap.send(header, wrap(0x7C, told), 0)
    if not second.ok or members(unwrap(0x7C, second.data)).get(0x82) != encryptor.update(ours):
        raise CardLocked("the chip has another management key")


def generate_key(tap: Tap) -> ec.EllipticCurvePublicKey:
    """Make a new P-256 key in slot 9E, in place of any earlier key. Return its public half. Requires authentication."""
    data = tap.demand("make a key", "0047009E", wrap(0xAC, wrap(0x80, b"\x11")), 0)
    point = members(unwrap(0x7F49, data)).get(0x86, b"")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise CardFault("the chip's new key is none on P-256") from None


def write_token(tap: Tap, token: str, name: bytes = TOKEN_OBJECT) -> None:
    """Write the card token into an object and read it again. Requires authentication.

    PUT DATA replaces an object as a whole after its last piece has arrived: an interrupted chip keeps its old content.
    """
    _put(tap, name, token.encode("ascii"))
    if read_object(tap, name) != token.encode("ascii"):
        raise CardFault("what was written does not read back")


def _put(tap: Tap, name: bytes, value: bytes) -> None:
    tap.chain("write the card", "00DB3FFF", wrap(0x5C, name) + wrap(0x53, value))


def _cipher(management: ManagementKey) -> Cipher[modes.ECB]:
    made: BlockCipherAlgorithm
    made = TripleDES(management.key) if management.algorithm == 0x03 else algorithms.AES(management.key)
    # One random block in each direction, as SP 800-73 requires: a mode would add nothing.
    return Cipher(made, modes.ECB())  # noqa: S305
