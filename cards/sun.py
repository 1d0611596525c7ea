"""Messages of NTAG 424 DNA tags (Secure Unique NFC): reads the link, decrypts its data, and checks its MAC. Values
only.

Sources: NXP NT4H2421Gx data sheet §9.3 and AN12196 §3.3 and §4.4. The tag store (`verifier.records.tags`) knows the
tags, and whether their counters have risen.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

KEY_BYTES: Final = 16
UID_BYTES: Final = 7

LINK: Final = "://"
"""A text in every link of a tag, and in no token."""

# The link that `devices personalise tag424` writes: the tag mirrors 32 and 16 digits into it.
_LINK: Final = re.compile(r"https?://[!-~]{1,160}\?p=([0-9A-Fa-f]{32})&c=([0-9A-Fa-f]{16})", re.ASCII)
# PICCDataTag: UID mirrored, counter mirrored, UID of seven bytes (data sheet, table "PICCDataTag").
_PICC_TAG: Final = 0xC7
_SV2: Final = bytes.fromhex("3CC300010080")


@dataclass(frozen=True, slots=True)
class SunMessage:
    """What a tag mirrored into its link: the encrypted UID and count, the MAC of 8 bytes, and the text under the
    MAC.
    """

    picc: bytes
    mac: bytes
    covered: bytes = b""


@dataclass(frozen=True, slots=True)
class PiccData:
    """A tag's UID and how often it was read. Believe it only after the MAC under this tag's own key is checked."""

    uid: bytes
    counter: int


def read_link(text: str) -> SunMessage | None:
    """Return the message in a tag's link, or None for any other text."""
    found = _LINK.fullmatch(text.strip())
    return None if found is None else SunMessage(bytes.fromhex(found[1]), bytes.fromhex(found[2]))


def open_picc(meta_key: bytes, picc: bytes) -> PiccData | None:
    """Decrypt UID and counter (AES-CBC, zero vector). Return None under another key, or if the data has another
    form.
    """
    # For one block, decryption is the same in ECB, and the vector that CBC adds is zero.
    decryptor = Cipher(algorithms.AES(meta_key), modes.CBC(bytes(16))).decryptor()
    data = decryptor.update(picc) + decryptor.finalize()
    if data[0] != _PICC_TAG:
        return None
    return PiccData(data[1 : 1 + UID_BYTES], int.from_bytes(data[8:11], "little"))


def sun_mac(file_key: bytes, data: PiccData, covered: bytes = b"") -> bytes:
    """Return the MAC of a message: every second byte of the CMAC under the key of this reading (AN12196 §4.4.4.2)."""
    session = _cmac(file_key, _SV2 + data.uid + data.counter.to_bytes(3, "little"))
    return _cmac(session, covered)[1::2]


def holds(message: SunMessage, file_key: bytes, data: PiccData) -> bool:
    """Return whether the message's MAC is the tag's, in constant time."""
    return hmac.compare_digest(sun_mac(file_key, data, message.covered), message.mac)


def _cmac(key: bytes, data: bytes) -> bytes:
    made = CMAC(algorithms.AES(key))
    made.update(data)
    return made.finalize()
