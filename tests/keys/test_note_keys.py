"""Ed25519 keys for signed notes: against RFC 8032, kept in the key folder, never made twice."""

import stat

import pytest

from keys.ed25519 import Ed25519Signer, ed25519_holds
from keys.files import StoreError
from keys.keyset import Purpose
from keys.store import KeyStore
from tests.keys.builders import AT

PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def test_the_rfcs_example_holds_and_its_neighbours_do_not():
    """RFC 8032 §7.1, test 2."""
    assert ed25519_holds(b"\x72", SIGNATURE, PUBLIC)
    assert not ed25519_holds(b"\x73", SIGNATURE, PUBLIC)
    assert not ed25519_holds(b"\x72", SIGNATURE[:-1], PUBLIC)
    assert not ed25519_holds(b"\x72", SIGNATURE, PUBLIC[:-1])


def test_a_note_key_is_made_once_and_read_back(tmp_path):
    """A second process gets the same key; the file is its owner's alone and encrypted; other keys do not see it."""
    store = KeyStore(tmp_path / "keys")
    first = store.note_signer("log")
    again = KeyStore(tmp_path / "keys").note_signer("log")
    assert first.public == again.public
    assert ed25519_holds(b"m", again.sign(b"m"), first.public)
    assert store.note_signer("witness").public != first.public
    path = tmp_path / "keys" / "note-log.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"ENCRYPTED" in path.read_bytes()
    assert store.list() == ()
    assert store.begin(Purpose.LOG, AT).purpose is Purpose.LOG


def test_the_names_of_note_keys_are_listed_and_none_is_made(tmp_path):
    """By name, and whether the key lies in a module; looking makes no key."""
    store = KeyStore(tmp_path / "keys")
    assert store.note_names() == {}
    store.note_signer("office")
    store.note_signer("log")
    store.begin(Purpose.LOG, AT)
    assert store.note_names() == {"log": False, "office": False}


@pytest.mark.parametrize("name", ["", "../x", "Log", "a b", "日志"])
def test_a_note_key_has_a_plain_name(tmp_path, name):
    """A name never becomes another path."""
    with pytest.raises(ValueError, match="lower-case"):
        KeyStore(tmp_path / "keys").note_signer(name)


def test_another_passphrase_or_another_kind_of_key_is_refused(tmp_path):
    """A damaged folder is told, and nothing is overwritten."""
    store = KeyStore(tmp_path / "keys")
    store.note_signer("log")
    stored = store.begin(Purpose.LOG, AT)
    path = tmp_path / "keys" / "note-log.pem"
    kept = path.read_bytes()
    path.write_bytes((tmp_path / "keys" / f"{stored.kid}.pem").read_bytes())
    with pytest.raises(StoreError, match="not an Ed25519 key"):
        store.note_signer("log")
    path.write_bytes(Ed25519Signer.generate().to_pem(b"another"))
    with pytest.raises(StoreError, match="passphrase"):
        store.note_signer("log")
    path.write_bytes(kept)
    assert store.note_signer("log")
