"""Readers of other makers try our cards over the real daemon: yubico-piv-tool, yubikit, ndeflib."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import ndef as ndeflib
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from cards.claims import Form
from devices import type4
from devices.ndef import CARD_TYPE
from devices.personalise import make_key, write_chip, write_tag
from devices.piv import sign
from devices.profiles import Profile, tap_card
from devices.transport import Tap
from keys.jwk import key_from_jwk
from tests.devices.builders import KNOWN, token
from tests.devices.emulators import PivCard, Type4Card
from tests.devices.lab import READERS, present
from tests.devices.test_pcsc import on
from tests.devices.test_personalise import MANAGEMENT, token_for
from tests.waiting import until

PIV_TOOL = shutil.which("yubico-piv-tool")


@pytest.fixture
def personalised(lab):
    """A chip personalised over the daemon, lying on the reader, and its public key."""
    lab.insert(PivCard(blank=True))
    until(lambda: present(READERS[0]))
    with on() as tap:
        jwk = make_key(tap, MANAGEMENT)
    with on() as tap:
        write_chip(tap, MANAGEMENT, token_for(jwk))
    return key_from_jwk(jwk)


def certificate(key: ec.EllipticCurvePublicKey) -> bytes:
    """A certificate that carries a chip's key, signed by nobody in particular: a tool wants its keys that way."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "chip")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key).serial_number(1)
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    return made.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.skipif(PIV_TOOL is None, reason="yubico-piv-tool is missing: apt-get install yubico-piv-tool")
def test_yubico_piv_tool_verifies_slot_9e(personalised):
    """The tool has slot 9E sign and verifies the signature under the key that our token names."""
    command = [PIV_TOOL, "--reader", "Virtual", "--action", "test-signature", "--slot", "9e"]
    done = subprocess.run(command, input=certificate(personalised), capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert b"Successful" in done.stderr + done.stdout
    stranger = certificate(ec.generate_private_key(ec.SECP256R1()).public_key())
    done = subprocess.run(command, input=stranger, capture_output=True, timeout=30, check=False)
    assert b"Successful" not in done.stderr + done.stdout


def test_yubikit_verifies_slot_9e(personalised):
    """Yubico's Python library reads our object and has slot 9E sign, without a PIN."""
    scard = pytest.importorskip("ykman.pcsc", reason="yubikey-manager is missing: make setup-test")
    from yubikit.core.smartcard import SmartCardConnection
    from yubikit.piv import KEY_TYPE, SLOT, PivSession

    (device,) = [found for found in scard.list_devices("Virtual") if found.reader.name == READERS[0]]
    with device.open_connection(SmartCardConnection) as connection:
        session = PivSession(connection)
        signed = session.sign(SLOT.CARD_AUTH, KEY_TYPE.ECCP256, b"message", hashes.SHA256())
        held = session.get_object(0x5FFF59)
    personalised.verify(signed, b"message", ec.ECDSA(hashes.SHA256()))
    assert held.startswith(b"eyJ")


def test_yubikit_sets_our_emulated_chip_up(lab):
    """The emulator takes another maker's management session too: what our own is tried against is no mirror of it."""
    scard = pytest.importorskip("ykman.pcsc", reason="yubikey-manager is missing: make setup-test")
    from yubikit.core.smartcard import SmartCardConnection
    from yubikit.piv import KEY_TYPE, SLOT, PivSession

    card = PivCard(blank=True, management_algorithm=0x03)
    lab.insert(card)
    until(lambda: present(READERS[0]))
    (device,) = [found for found in scard.list_devices("Virtual") if found.reader.name == READERS[0]]
    with device.open_connection(SmartCardConnection) as connection:
        session = PivSession(connection)
        session.authenticate(card.management)
        made = session.generate_key(SLOT.CARD_AUTH, KEY_TYPE.ECCP256)
        session.put_object(0x5FFF59, token(Form.CHIP, made).encode())
    with on() as tap:
        assert tap_card(tap).profile is Profile.CHIP
        made.verify(der_signature(sign(tap, b"message")), b"message", ec.ECDSA(hashes.SHA256()))


def der_signature(raw: bytes) -> bytes:
    """A signature as r and s in DER."""
    return encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))


def test_ndeflib_reads_a_tag_that_was_written_over_the_daemon(lab):
    """What lies on the tag is a message that the independent library reads."""
    text = token()
    lab.insert(Type4Card())
    until(lambda: present(READERS[0]))
    with on() as tap:
        write_tag(tap, text, lock=False, dictionaries=KNOWN)
    (record,) = ndeflib.message_decoder(lab.card().ndef.message())
    assert (record.type.encode(), bytes(record.data)) == (CARD_TYPE, text.encode())


def test_our_reader_takes_what_ndeflib_writes(lab):
    """And the other way: a message of the library's on the tag is read as ours."""
    card = Type4Card()
    card.ndef.put(b"".join(ndeflib.message_encoder([ndeflib.Record(CARD_TYPE.decode(), "", b"a.b.c")])))
    lab.insert(card)
    until(lambda: present(READERS[0]))
    with on() as tap:
        assert isinstance(tap, Tap)
        assert type4.select(tap)
        assert b"a.b.c" in type4.read(tap)
