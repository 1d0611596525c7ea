"""Sets up NTAG 424 DNA tags: EV2 authentication, keys of their own, and a link that the tag completes at every reading.

Sources: NXP NT4H2421Gx data sheet, AN12196 (features and hints), AN10922 (key diversification).
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from devices.faults import CardFault, CardLocked
from devices.ndef import link_message
from devices.transport import Tap

FACTORY_KEY: Final = bytes(16)
MASTER_KEY, FILE_KEY, META_KEY = 0, 1, 2
"""The tag's key slots: for every change, for the MAC of a reading, and for the encryption of UID and count."""

KEY_VERSION: Final = 1
_NDEF_FILE: Final = 0x02
_DONE, _MORE = 0x9100, 0x91AF
_PICC, _MAC = "0" * 32, "0" * 16
_SV_ENC, _SV_MAC = bytes.fromhex("A55A00010080"), bytes.fromhex("5AA500010080")


@dataclass(frozen=True, slots=True)
class TagMasters:
    """The keys at a personalisation desk, which no counter server has: every tag's keys follow from them. No `repr`
    shows them.
    """

    master: bytes
    meta: bytes

    def __repr__(self) -> str:
        return "TagMasters()"

    def key_of(self, uid: bytes, slot: int) -> bytes:
        """Return a tag's own key for a slot (AN10922 §2.2, AES-128). All tags have the same meta key."""
        return self.meta if slot == META_KEY else diversified(self.master, uid + b"yunju-tag" + bytes([slot]))


@dataclass(frozen=True, slots=True)
class Template:
    """The NDEF file, which is written once, and the places into which the tag mirrors its data."""

    file: bytes
    picc_at: int
    mac_at: int


def template(base: str) -> Template:
    """Return the file for links that begin with `base`, such as https://card.example/t."""
    message = link_message(f"{base}?p={_PICC}&c={_MAC}")
    file = len(message).to_bytes(2, "big") + message
    picc_at = file.index(b"?p=") + 3
    return Template(file, picc_at, picc_at + len(_PICC) + len(b"&c="))


def diversified(master: bytes, data: bytes) -> bytes:
    """Return AN10922's AES-128 key for diversification input of 16 to 31 bytes. For these lengths it is a plain
    CMAC.
    """
    if not 16 <= len(data) <= 31:
        raise ValueError("the diversification input has 16 to 31 bytes")
    return cmac(master, b"\x01" + data)


@dataclass
class Secured:
    """An authenticated session, which encrypts, signs and counts commands (AN12196 §5)."""

    tap: Tap
    encryption_key: bytes
    mac_key: bytes
    transaction: bytes
    counter: int = 0

    def full(self, command: int, header: bytes, data: bytes) -> bytes:
        """Send a command in CommMode.Full and return the decrypted answer."""
        sealed = self._cbc(b"\xa5\x5a", padded(data)) if data else b""
        body = header + sealed + self._mac(bytes([command]), header + sealed)
        answer = self._send(command, body)
        self.counter += 1
        if len(answer) < 8 or self._mac(b"\0", answer[:-8]) != answer[-8:]:
            raise CardFault("the tag's answer is not by the tag that was authenticated")
        return unpadded(self._uncbc(answer[:-8])) if len(answer) > 8 else b""

    def last(self, command: int, header: bytes, data: bytes) -> None:
        """Send a command in CommMode.Full that ends the session, because it changes the session's own key.

        The tag's answer then has no MAC (data sheet, ChangeKey).
        """
        sealed = self._cbc(b"\xa5\x5a", padded(data))
        self._send(command, header + sealed + self._mac(bytes([command]), header + sealed))

    def plain(self, command: int, body: bytes) -> None:
        """Send a command in CommMode.Plain within the session. It is counted like any other."""
        self._send(command, body)
        self.counter += 1

    def _send(self, command: int, body: bytes) -> bytes:
        answer = self.tap.raw(bytes([0x90, command, 0, 0, len(body)]) + body + b"\0")
        if answer.status != _DONE:
            raise CardLocked(f"the tag refused command {command:02X} ({answer.status:04X})")
        return answer.data

    def _mac(self, first: bytes, rest: bytes) -> bytes:
        return cmac(self.mac_key, first + self.counter.to_bytes(2, "little") + self.transaction + rest)[1::2]

    def _vector(self, label: bytes) -> bytes:
        seed = label + self.transaction + self.counter.to_bytes(2, "little") + bytes(8)
        return _aes(self.encryption_key, bytes(16), seed, encrypt=True)

    def _cbc(self, label: bytes, data: bytes) -> bytes:
        return _aes(self.encryption_key, self._vector(label), data, encrypt=True)

    def _uncbc(self, data: bytes) -> bytes:
        if len(data) % 16:
            raise CardFault("the tag's answer has an impossible length")
        return _aes(self.encryption_key, self._vector(b"\x5a\xa5"), data, encrypt=False)


def authenticate(tap: Tap, slot: int, key: bytes, *, random: Callable[[int], bytes] = os.urandom) -> Secured | None:
    """Open a session with one of the tag's keys (AuthenticateEV2First). Return None if the tag has another key."""
    first = tap.raw(bytes([0x90, 0x71, 0, 0, 2, slot, 0, 0]))
    if first.status != _MORE or len(first.data) != 16:
        raise CardLocked(f"the tag does not authenticate ({first.status:04X})")
    theirs = _aes(key, bytes(16), first.data, encrypt=False)
    ours = random(16)
    asked = _aes(key, bytes(16), ours + theirs[1:] + theirs[:1], encrypt=True)
    second = tap.raw(bytes([0x90, 0xAF, 0, 0, len(asked)]) + asked + b"\0")
    if second.status != _DONE or len(second.data) != 32:
        return None
    told = _aes(key, bytes(16), second.data, encrypt=False)
    if told[4:20] != ours[1:] + ours[:1]:
        raise CardFault("the tag does not know the key it was asked for")
    mixed = ours[:2] + bytes(a ^ b for a, b in zip(ours[2:8], theirs[:6], strict=True)) + theirs[6:] + ours[8:]
    return Secured(tap, cmac(key, _SV_ENC + mixed), cmac(key, _SV_MAC + mixed), told[:4])


def read_uid(secured: Secured) -> bytes:
    """Return the tag's true UID, also if it answers with a random UID (GetCardUID)."""
    uid = secured.full(0x51, b"", b"")
    if len(uid) != 7:
        raise CardFault("the tag's UID has a wrong length")
    return uid


def is_ntag424(tap: Tap) -> bool:
    """Return whether the card answers GetVersion like an NTAG 424 DNA (vendor NXP, type NTAG). Sends nothing else."""
    answer = tap.raw(bytes.fromhex("9060000000"))
    found = answer.status == _MORE and answer.data[:2] == b"\x04\x04"
    while answer.status == _MORE and tap.exchanges < 20:
        answer = tap.raw(bytes.fromhex("90AF000000"))
    return found


def personalise(tap: Tap, masters: TagMasters, base: str) -> bytes:
    """Write the link, its mirrors and the tag's own keys, the master key last. Return the UID.

    Every step may be interrupted, and the whole may be repeated: the versions of the keys show which keys a tag already
    has.
    """
    secured, uid = _opened(tap, masters)
    written = template(base)
    for at in range(0, len(written.file), 200):
        piece = written.file[at : at + 200]
        place = at.to_bytes(3, "little") + len(piece).to_bytes(3, "little")
        secured.plain(0x8D, bytes([_NDEF_FILE]) + place + piece)
    _change_settings(secured, written)
    for slot in (META_KEY, FILE_KEY, MASTER_KEY):
        _change_key(secured, slot, masters.key_of(uid, slot))
    return uid


def _opened(tap: Tap, masters: TagMasters) -> tuple[Secured, bytes]:
    """Authenticate a new tag, or a tag of this product. The UID, read under slot 3, shows which key it has."""
    outer = authenticate(tap, 3, FACTORY_KEY)
    if outer is None:
        raise CardLocked("the tag was set up by somebody else")
    uid = read_uid(outer)
    for key in (masters.key_of(uid, MASTER_KEY), FACTORY_KEY):
        secured = authenticate(tap, MASTER_KEY, key)
        if secured is not None:
            return secured, uid
    raise CardLocked("the tag has another master key")


def _change_settings(secured: Secured, written: Template) -> None:
    """Mirror UID and count, encrypted, and the MAC (data sheet §9.3.5). Reading is free; all else needs the master
    key.
    """
    access = bytes([MASTER_KEY << 4 | MASTER_KEY, 0xE0 | MASTER_KEY])
    mirrored = bytes([0xF0 | 0x0F, META_KEY << 4 | FILE_KEY])
    offsets = b"".join(at.to_bytes(3, "little") for at in (written.picc_at, written.mac_at, written.mac_at))
    secured.full(0x5F, bytes([_NDEF_FILE]), b"\x40" + access + b"\xc1" + mirrored + offsets)


def _change_key(secured: Secured, slot: int, new: bytes) -> None:
    if slot == MASTER_KEY:
        secured.last(0xC4, bytes([slot]), new + bytes([KEY_VERSION]))
        return
    version = secured.full(0x64, bytes([slot]), b"")[:1]
    old = FACTORY_KEY if version == b"\0" else new
    mixed = bytes(a ^ b for a, b in zip(new, old, strict=True))
    check = (zlib.crc32(new) ^ 0xFFFFFFFF).to_bytes(4, "little")
    secured.full(0xC4, bytes([slot]), mixed + bytes([KEY_VERSION]) + check)


def padded(data: bytes) -> bytes:
    """Pad to whole blocks with 80 00 … (ISO 9797-1 method 2)."""
    return data + b"\x80" + bytes(-(len(data) + 1) % 16)


def unpadded(data: bytes) -> bytes:
    """Undo `padded`. Raises CardFault if there is no padding."""
    stripped = data.rstrip(b"\0")
    if not stripped.endswith(b"\x80"):
        raise CardFault("the tag's answer is padded wrongly")
    return stripped[:-1]


def cmac(key: bytes, data: bytes) -> bytes:
    """Return the AES-CMAC (NIST SP 800-38B)."""
    made = CMAC(algorithms.AES(key))
    made.update(data)
    return made.finalize()


def _aes(key: bytes, vector: bytes, data: bytes, *, encrypt: bool) -> bytes:
    cipher = Cipher(algorithms.AES(key), modes.CBC(vector))
    worker = cipher.encryptor() if encrypt else cipher.decryptor()
    return worker.update(data) + worker.finalize()
