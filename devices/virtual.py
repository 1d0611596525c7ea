"""Virtual cards, to try everything without hardware: a chip with a key file, a counting tag, plain tags.

They answer commands like such cards, and the same code reads them. For demonstrations and tests.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from devices import ndef, piv, type2, type4
from devices.faults import DeviceFault
from devices.ntag424 import FILE_KEY, META_KEY, TagMasters, cmac, template
from devices.tlv import members, unwrap, wrap
from keys.files import create_private, read_private

_OK, _NOT_FOUND, _UNKNOWN = b"\x90\x00", b"\x6a\x82", b"\x6d\x00"
_FILE: Final = b"\xe1\x04"


@dataclass
class VirtualChip:
    """A PIV chip with the key of a file. It holds a card token and signs challenges."""

    token: str
    key: ec.EllipticCurvePrivateKey
    _rest: bytes = b""

    def transmit(self, command: bytes) -> bytes:
        """Answer one APDU."""
        match command[:4].hex().upper():
            case "00A40400":
                found = command[5 : 5 + command[4]] == piv.APPLICATION
                return _OK if found else _NOT_FOUND
            case "00CB3FFF":
                return self._sent(wrap(0x53, self.token.encode("ascii")))
            case "00C00000":
                return self._sent(b"")
            case "0087119E":
                hashed = members(unwrap(0x7C, command[5 : 5 + command[4]]))[0x81]
                signed = self.key.sign(hashed, ec.ECDSA(Prehashed(hashes.SHA256())))
                return self._sent(wrap(0x7C, wrap(0x82, signed)))
        return _UNKNOWN

    def _sent(self, fresh: bytes) -> bytes:
        waiting = fresh or self._rest
        piece, self._rest = waiting[:256], waiting[256:]
        return piece + (bytes([0x61, min(len(self._rest), 0xFF)]) if self._rest else _OK)


@dataclass
class VirtualType4:
    """A Type 4 tag with one NDEF message."""

    message: bytes
    _selected: bytes = b""

    def transmit(self, command: bytes) -> bytes:
        """Answer one APDU."""
        match command[:4].hex().upper():
            case "00A40400":
                return _OK if command[5 : 5 + command[4]] == type4.APPLICATION else _NOT_FOUND
            case "00A4000C":
                self._selected = command[5:7]
                return _OK
        if command[1] == 0xB0 and command[0] == 0 and self._selected:
            at = int.from_bytes(command[2:4], "big")
            return self._content()[at : at + (command[4] or 256)] + _OK
        return _UNKNOWN

    def _content(self) -> bytes:
        if self._selected == _FILE:
            return len(self.message).to_bytes(2, "big") + self.message
        return bytes.fromhex("000F2000F600F60406") + _FILE + (len(self.message) + 2).to_bytes(2, "big") + b"\0\xff"


@dataclass
class VirtualType2:
    """A Type 2 tag behind a reader's pseudo APDUs."""

    message: bytes

    def transmit(self, command: bytes) -> bytes:
        """Answer one APDU."""
        if command[:3] != b"\xff\xb0\x00":
            return b"\x6a\x81"
        size = len(self.message)
        length = bytes([size]) if size < 0xFF else b"\xff" + size.to_bytes(2, "big")
        content = bytes(12) + bytes([0xE1, 0x10, 0x6D, 0x0F, 0x03]) + length + self.message + b"\xfe"
        at = command[3] * type2.PAGE
        return content.ljust(231 * type2.PAGE, b"\0")[at : at + command[4]] + _OK


def counting_tag(masters: TagMasters, uid: bytes, counter: int, base: str) -> VirtualType4:
    """Return an NTAG 424 DNA as it answers at its `counter`-th reading."""
    written = template(base)
    count = counter.to_bytes(3, "little")
    encryptor = Cipher(algorithms.AES(masters.key_of(uid, META_KEY)), modes.CBC(bytes(16))).encryptor()
    picc = encryptor.update(b"\xc7" + uid + count + os.urandom(5))
    session = cmac(masters.key_of(uid, FILE_KEY), bytes.fromhex("3CC300010080") + uid + count)
    file = bytearray(written.file)
    file[written.picc_at : written.picc_at + 32] = picc.hex().upper().encode("ascii")
    file[written.mac_at : written.mac_at + 16] = cmac(session, b"")[1::2].hex().upper().encode("ascii")
    return VirtualType4(bytes(file[2:]))


def tag_with(text: str, kind: str) -> VirtualType4 | VirtualType2:
    """Return a plain tag of a kind (`type4`, `type2`) with a card's text."""
    message = ndef.card_message(text)
    return VirtualType4(message) if kind == "type4" else VirtualType2(message)


def chip_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the key in a virtual chip's file; the first call makes it. Raises StoreError if others can read the
    file.
    """
    if not path.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        create_private(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = load_pem_private_key(read_private(path), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise DeviceFault(f"{path} is no P-256 key", "name another file")
    return key
