"""Emulated cards, seen from the card's side: each card takes a command APDU and gives the answer of a real card.

They are written from the standards and share no code with `devices/`, which they test.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass, field

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

OK, NOT_FOUND, WRONG_LENGTH, DENIED, WRONG_DATA, UNKNOWN_INS = (
    b"\x90\x00", b"\x6a\x82", b"\x67\x00", b"\x69\x82", b"\x6a\x80", b"\x6d\x00",
)  # fmt: skip
CONTACTLESS_ATR = bytes.fromhex("3B8180018080")
STORAGE_ATR = bytes.fromhex("3B8F8001804F0CA0000003060300030000000068")


class Torn(Exception):
    """The card was taken off the reader in the middle of a command."""


@dataclass
class Card:
    """Any card: what it was asked, and after how many commands it is torn away (None: never)."""

    atr: bytes = CONTACTLESS_ATR
    torn_at: int | None = None
    commands: list[bytes] = field(default_factory=list)

    def power_on(self) -> None:
        """Forget whatever does not outlive the field."""

    def transmit(self, command: bytes) -> bytes:
        """Answer, unless this is the command at which the card is torn away: then nothing of it happens."""
        if self.torn_at is not None and len(self.commands) >= self.torn_at:
            raise Torn
        self.commands.append(bytes(command))
        return self.answer(bytes(command))

    def answer(self, command: bytes) -> bytes:
        return UNKNOWN_INS


def parts(command: bytes) -> tuple[bytes, int | None]:
    """The data and the Le of a short APDU."""
    if len(command) <= 4:
        return b"", None
    if len(command) == 5:
        return b"", command[4] or 256
    size = command[4]
    rest = command[5 + size :]
    return command[5 : 5 + size], (rest[0] or 256) if rest else None


def tlv(tag: int, value: bytes) -> bytes:
    """A data object."""
    size = len(value)
    length = bytes([size]) if size < 128 else bytes([0x81, size]) if size < 256 else b"\x82" + size.to_bytes(2, "big")
    return tag.to_bytes(2 if tag > 255 else 1, "big") + length + value


def objects(data: bytes) -> dict[int, bytes]:
    """The data objects in a row."""
    found, at = {}, 0
    while at < len(data):
        tag, at = data[at], at + 1
        size, at = data[at], at + 1
        if size > 128:
            more = size - 128
            size, at = int.from_bytes(data[at : at + more], "big"), at + more
        found[tag] = data[at : at + size]
        at += size
    return found


@dataclass
class NdefFile:
    """A Type 4 application: capability container and one NDEF file."""

    file_id: bytes = b"\xe1\x04"
    content: bytearray = field(default_factory=lambda: bytearray(2048))
    write_access: int = 0
    read_most: int = 0xFF
    write_most: int = 0xFF
    selected: bytes = b""

    @property
    def container(self) -> bytes:
        sizes = self.read_most.to_bytes(2, "big") + self.write_most.to_bytes(2, "big")
        control = b"\x04\x06" + self.file_id + len(self.content).to_bytes(2, "big") + bytes([0, self.write_access])
        return b"\x00\x0f\x20" + sizes + control

    def put(self, message: bytes) -> None:
        self.content[: 2 + len(message)] = len(message).to_bytes(2, "big") + message

    def message(self) -> bytes:
        return bytes(self.content[2 : 2 + int.from_bytes(self.content[:2], "big")])

    def answer(self, command: bytes, read: bytes | None = None) -> bytes:
        data, le = parts(command)
        match command[1]:
            case 0xA4:
                if data not in {b"\xe1\x03", self.file_id}:
                    return NOT_FOUND
                self.selected = data
                return OK
            case 0xB0 if self.selected:
                content = self.container if self.selected == b"\xe1\x03" else bytes(read or self.content)
                at = int.from_bytes(command[2:4], "big")
                if at >= len(content):
                    return b"\x6b\x00"
                return content[at : at + min(le or 256, self.read_most)] + OK
            case 0xD6 if self.selected == self.file_id:
                at = int.from_bytes(command[2:4], "big")
                if self.write_access:
                    return DENIED
                if len(data) > self.write_most or at + len(data) > len(self.content):
                    return WRONG_LENGTH
                self.content[at : at + len(data)] = data
                return OK
        return UNKNOWN_INS


NDEF_AID = bytes.fromhex("D2760000850101")
PIV_AID = bytes.fromhex("A000000308")


@dataclass
class Type4Card(Card):
    """A card with an NDEF application alone."""

    ndef: NdefFile = field(default_factory=NdefFile)
    current: bytes = b""

    def power_on(self) -> None:
        self.current, self.ndef.selected = b"", b""

    def answer(self, command: bytes) -> bytes:
        data, _le = parts(command)
        if command[1] == 0xA4 and command[2] == 4:
            return self.select(data)
        if self.current == NDEF_AID:
            return self.ndef.answer(command)
        return UNKNOWN_INS

    def select(self, aid: bytes) -> bytes:
        # A failed SELECT leaves the current application as it was (ISO 7816-4 §11.2.2).
        if aid != NDEF_AID:
            return NOT_FOUND
        self.current, self.ndef.selected = aid, b""
        return OK


@dataclass
class PivCard(Type4Card):
    """A PIV chip: slot 9E on P-256, data objects, a management key; NDEF too where `with_ndef`.

    `blank` is a chip without a key; `takes` names the only objects that the chip can hold, as open PIV cards do.
    """

    key_der: bytes = b""
    objects: dict[bytes, bytes] = field(default_factory=dict)
    management: bytes = bytes(range(24))
    management_algorithm: int = 0x0A
    with_ndef: bool = False
    blank: bool = False
    takes: frozenset[bytes] | None = None
    version: bytes = b"\x04\x03\x07"
    authenticated: bool = False
    pending: bytes = b""
    chained: bytes = b""
    witness: bytes = b""
    rest: bytes = b""

    def __post_init__(self) -> None:
        if not self.key_der and not self.blank:
            self.new_key()

    def new_key(self) -> None:
        made = ec.generate_private_key(ec.SECP256R1())
        self.key_der = made.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    @property
    def key(self) -> ec.EllipticCurvePrivateKey:
        return load_der_private_key(self.key_der, None)

    def power_on(self) -> None:
        super().power_on()
        self.authenticated, self.chained, self.rest, self.witness = False, b"", b"", b""

    def select(self, aid: bytes) -> bytes:
        if PIV_AID.startswith(aid[:5]) and len(aid) >= 5:
            self.current, self.authenticated, self.chained, self.rest = PIV_AID, False, b"", b""
            return tlv(0x61, tlv(0x4F, b"\x00\x00\x10\x00\x01\x00") + tlv(0x79, tlv(0x4F, PIV_AID))) + OK
        return super().select(aid) if self.with_ndef else NOT_FOUND

    def answer(self, command: bytes) -> bytes:
        if (command[1] == 0xA4 and command[2] == 4) or self.current != PIV_AID:
            return super().answer(command)
        data, le = parts(command)
        if command[0] & 0x10:
            self.chained += data
            return OK
        data, self.chained = self.chained + data, b""
        if command[1] == 0xC0:
            return self.sent(b"", le)
        found = self.instruction(command, data)
        return found if isinstance(found, bytes) else self.sent(found[0], le)

    def sent(self, fresh: bytes, le: int | None) -> bytes:
        """Give an answer in pieces of at most 256 bytes, the rest by GET RESPONSE."""
        self.rest = fresh or self.rest
        piece, self.rest = self.rest[: le or 256], self.rest[le or 256 :]
        return piece + (bytes([0x61, min(len(self.rest), 255)]) if self.rest else OK)

    def instruction(self, command: bytes, data: bytes) -> bytes | tuple[bytes]:
        match command[1]:
            case 0xFD:
                return (self.version,)
            case 0xF8:
                return (b"\x00\xbc\x61\x4e",)
            case 0xCB:
                found = self.objects.get(objects(data).get(0x5C, b""))
                return NOT_FOUND if found is None else (tlv(0x53, found),)
            case 0xDB:
                return self.put(data)
            case 0x87:
                return self.general_authenticate(command, data)
            case 0x47:
                return self.generate(command)
        return UNKNOWN_INS

    def put(self, data: bytes) -> bytes:
        if not self.authenticated:
            return DENIED
        given = objects(data)
        if self.takes is not None and given[0x5C] not in self.takes:
            return NOT_FOUND
        self.objects[given[0x5C]] = given[0x53]
        return OK

    def generate(self, command: bytes) -> bytes | tuple[bytes]:
        if not self.authenticated or command[3] != 0x9E:
            return DENIED
        self.new_key()
        numbers = self.key.public_key().public_numbers()
        point = b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
        return (tlv(0x7F49, tlv(0x86, point)),)

    def general_authenticate(self, command: bytes, data: bytes) -> bytes | tuple[bytes]:
        asked = objects(objects(data)[0x7C])
        if command[3] == 0x9B:
            return self.authenticate_management(command[2], asked)
        if command[3] != 0x9E or command[2] != 0x11 or len(asked.get(0x81, b"")) != 32:
            return WRONG_DATA
        if not self.key_der:
            return b"\x6a\x88"
        signed = self.key.sign(asked[0x81], ec.ECDSA(Prehashed(hashes.SHA256())))
        return (tlv(0x7C, tlv(0x82, signed)),)

    def authenticate_management(self, algorithm: int, asked: dict[int, bytes]) -> bytes | tuple[bytes]:
        if algorithm != self.management_algorithm:
            return b"\x6a\x86"
        triple = algorithm == 0x03
        cipher = Cipher((TripleDES if triple else algorithms.AES)(self.management), modes.ECB())
        if asked.get(0x80) == b"":
            self.witness = os.urandom(8 if triple else 16)
            encryptor = cipher.encryptor()
            return (tlv(0x7C, tlv(0x80, encryptor.update(self.witness))),)
        if not self.witness or asked.get(0x80) != self.witness:
            self.witness = b""
            return DENIED
        self.authenticated, self.witness = True, b""
        encryptor = cipher.encryptor()
        return (tlv(0x7C, tlv(0x82, encryptor.update(asked[0x81]))),)


def cmac(key: bytes, data: bytes) -> bytes:
    """AES-CMAC."""
    made = CMAC(algorithms.AES(key))
    made.update(data)
    return made.finalize()


def cbc(key: bytes, data: bytes, vector: bytes = bytes(16), *, back: bool = False) -> bytes:
    """AES-CBC, or its way back."""
    cipher = Cipher(algorithms.AES(key), modes.CBC(vector))
    worker = cipher.decryptor() if back else cipher.encryptor()
    return worker.update(data) + worker.finalize()


@dataclass
class Ntag424(Type4Card):
    """An NTAG 424 DNA: EV2 authentication, keys, file settings, and the mirrors of its NDEF file."""

    uid: bytes = bytes.fromhex("04DE5F1EACC040")
    keys: list[bytes] = field(default_factory=lambda: [bytes(16)] * 5)
    versions: list[int] = field(default_factory=lambda: [0] * 5)
    counter: int = 0
    settings: bytes = b""
    counted: bool = False
    session: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ndef.content = bytearray(256)

    def power_on(self) -> None:
        super().power_on()
        self.session, self.counted = {}, False

    def answer(self, command: bytes) -> bytes:
        if command[0] == 0x90:
            return self.native(command)
        reading = command[1] == 0xB0 and self.current == NDEF_AID and self.ndef.selected == self.ndef.file_id
        if reading:
            return self.ndef.answer(command, self.mirrored())
        if command[1] == 0xD6 and self.settings:
            return DENIED
        return super().answer(command)

    def mirrored(self) -> bytes:
        """The NDEF file as a reader sees it; the first reading of a tap is counted."""
        if not self.settings:
            return bytes(self.ndef.content)
        if not self.counted:
            self.counter, self.counted = self.counter + 1, True
        content = bytearray(self.ndef.content)
        rest = self.settings[6:]
        picc_at, mac_input_at, mac_at = (int.from_bytes(rest[at : at + 3], "little") for at in (0, 3, 6))
        count = self.counter.to_bytes(3, "little")
        picc = cbc(self.keys[self.settings[5] >> 4], b"\xc7" + self.uid + count + os.urandom(5))
        content[picc_at : picc_at + 32] = picc.hex().upper().encode()
        session = cmac(self.keys[self.settings[5] & 15], bytes.fromhex("3CC300010080") + self.uid + count)
        covered = bytes(content[mac_input_at:mac_at])
        content[mac_at : mac_at + 16] = cmac(session, covered)[1::2].hex().upper().encode()
        return bytes(content)

    def native(self, command: bytes) -> bytes:
        data, _le = parts(command)
        match command[1]:
            case 0x60:
                return b"\x04\x04\x02\x30\x00\x11\x05\x91\xaf"
            case 0xAF if not self.session.get("challenge"):
                return b"\x91\x00"
            case 0x71:
                theirs = os.urandom(16)
                self.session = {"challenge": theirs, "slot": data[0]}
                return cbc(self.keys[data[0]], theirs) + b"\x91\xaf"
            case 0xAF:
                return self.authenticated(data)
        return self.secured(command[1], data)

    def authenticated(self, data: bytes) -> bytes:
        theirs, slot = self.session["challenge"], self.session["slot"]
        key = self.keys[slot]
        told = cbc(key, data, back=True)
        ours, self.session = told[:16], {}
        if told[16:] != theirs[1:] + theirs[:1]:
            return b"\x91\xae"
        mixed = ours[:2] + bytes(a ^ b for a, b in zip(ours[2:8], theirs[:6], strict=True)) + theirs[6:] + ours[8:]
        transaction = os.urandom(4)
        self.session = {
            "slot": slot,
            "ti": transaction,
            "enc": cmac(key, bytes.fromhex("A55A00010080") + mixed),
            "mac": cmac(key, bytes.fromhex("5AA500010080") + mixed),
            "count": 0,
        }
        return cbc(key, transaction + ours[1:] + ours[:1] + bytes(12)) + b"\x91\x00"

    def secured(self, command: int, data: bytes) -> bytes:
        state = self.session
        if "ti" not in state:
            return b"\x91\xae"
        if command == 0x8D:
            return self.write_data(data)
        header_size = {0x51: 0, 0x5F: 1, 0xC4: 1, 0x64: 1}.get(command)
        if header_size is None:
            return b"\x91\x1c"
        body, given = data[:-8], data[-8:]
        counted = state["count"].to_bytes(2, "little") + state["ti"]
        if cmac(state["mac"], bytes([command]) + counted + body)[1::2] != given:
            return b"\x91\x1e"
        header, sealed = body[:header_size], body[header_size:]
        plain = self.unsealed(sealed) if sealed else b""
        state["count"] += 1
        return self.done(command, header, plain)

    def unsealed(self, sealed: bytes) -> bytes:
        state = self.session
        vector = cbc(state["enc"], b"\xa5\x5a" + state["ti"] + state["count"].to_bytes(2, "little") + bytes(8))
        return cbc(state["enc"], sealed, vector, back=True).rstrip(b"\0")[:-1]

    def done(self, command: int, header: bytes, plain: bytes) -> bytes:
        if command == 0x51:
            return self.told(self.uid)
        if command == 0x64:
            return self.told(bytes([self.versions[header[0]]]))
        if self.session["slot"] != 0:
            return b"\x91\x9d"
        if command == 0x5F:
            # FileOption, AccessRights, SDMOptions, SDMAccessRights, then three offsets.
            self.settings = plain
            return self.told(b"")
        return self.change_key(header[0], plain)

    def change_key(self, slot: int, plain: bytes) -> bytes:
        if slot == 0:
            self.keys[0], self.versions[0], self.session = plain[:16], plain[16], {}
            return b"\x91\x00"
        new = bytes(a ^ b for a, b in zip(plain[:16], self.keys[slot], strict=True))
        if (zlib.crc32(new) ^ 0xFFFFFFFF).to_bytes(4, "little") != plain[17:21]:
            return b"\x91\x1e"
        self.keys[slot], self.versions[slot] = new, plain[16]
        return self.told(b"")

    def told(self, plain: bytes) -> bytes:
        state = self.session
        counted = state["count"].to_bytes(2, "little")
        sealed = b""
        if plain:
            vector = cbc(state["enc"], b"\x5a\xa5" + state["ti"] + counted + bytes(8))
            padded = plain + b"\x80" + bytes(-(len(plain) + 1) % 16)
            sealed = cbc(state["enc"], padded, vector)
        return sealed + cmac(state["mac"], b"\0" + counted + state["ti"] + sealed)[1::2] + b"\x91\x00"

    def write_data(self, data: bytes) -> bytes:
        at, size = int.from_bytes(data[1:4], "little"), int.from_bytes(data[4:7], "little")
        if self.session["slot"] != 0 or len(data) != 7 + size or at + size > 256:
            return b"\x91\x7e"
        self.ndef.content[at : at + size] = data[7:]
        self.session["count"] += 1
        return b"\x91\x00"


@dataclass
class Type2Card(Card):
    """An NTAG21x behind a reader that offers it by pseudo APDUs."""

    atr: bytes = STORAGE_ATR
    pages: bytearray = field(default_factory=lambda: bytearray(231 * 4))
    size: int = 0x6D
    locked: bool = False

    def __post_init__(self) -> None:
        self.pages[12:16] = bytes([0xE1, 0x10, self.size, 0])
        self.pages[16:20] = b"\x03\x00\xfe\x00"

    def answer(self, command: bytes) -> bytes:
        page = command[3] if len(command) > 4 else 0
        if command[:3] == b"\xff\xb0\x00":
            return bytes(self.pages[page * 4 : page * 4 + command[4]]) + OK
        if command[:3] == b"\xff\xd6\x00" and command[4] == 4:
            if self.locked and page >= 3:
                return b"\x63\x00"
            self.write(page, command[5:9])
            return OK
        return b"\x6a\x81"

    def write(self, page: int, data: bytes) -> None:
        if page == 2:
            self.pages[10:12] = data[2:4]
            self.locked = data[2:4] == b"\xff\xff"
            return
        self.pages[page * 4 : page * 4 + 4] = data
