"""Keys in a hardware module (SoftHSM2 over PKCS#11): made there, signing there, found again, never in a file."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge.settings import SettingsError, load_settings
from keys.files import StoreError, create_private
from keys.hsm import HardwareModule
from keys.keyset import Purpose
from keys.notes import Ed25519NoteSigner, KeyKind, NoteKey
from keys.store import KeyStore, key_store
from keys.tokens import signature_holds
from tests.keys.builders import AT, DAY
from tests.parts import part

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.parts
LIBRARIES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    """A module of software with one fresh token, in a folder of its own."""
    util = part("softhsm2-util", "softhsm2")
    folder = tmp_path_factory.mktemp("hsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        made = ["--init-token", "--free", "--label", "yunju", "--so-pin", "12345678", "--pin", "87654321"]
        subprocess.run([util, *made], check=True, capture_output=True)
        create_private(folder / "pin", b"87654321")
        library = next(Path(one) for one in LIBRARIES if Path(one).exists())
        yield HardwareModule(library, "yunju", folder / "pin")


def store(folder, module):
    """A key folder whose new keys lie in the module."""
    return KeyStore(folder / "keys", module=module)


def test_a_key_of_the_module_signs_like_any_other(tmp_path, module):
    """The same interface, a signature that verifies; another opening of the folder finds the same key."""
    made = store(tmp_path, module).begin(Purpose.CARD, AT)
    signer = store(tmp_path, module).signer(Purpose.CARD, AT)
    assert signer.kid == made.kid
    assert signature_holds(b"message", signer.sign(b"message"), made.public.key)
    assert not signature_holds(b"other", signer.sign(b"message"), made.public.key)


def test_no_private_key_lies_in_the_folder(tmp_path, module):
    """An id and the story: whoever copies the folder cannot sign, and neither can a server without the module."""
    made = store(tmp_path, module).begin(Purpose.CARD, AT)
    assert sorted(path.suffix for path in (tmp_path / "keys").glob(f"{made.kid}.*")) == [".json", ".p11"]
    assert not list((tmp_path / "keys").glob("*.pem"))
    with pytest.raises(StoreError, match="hardware module"):
        KeyStore(tmp_path / "keys").signer(Purpose.CARD, AT)


def test_a_folder_of_files_moves_into_the_module_by_rotation(tmp_path, module):
    """The old key in its file signs until the new one's first use; both verify afterwards."""
    old = KeyStore(tmp_path / "keys").begin(Purpose.STATUS, AT)
    both = store(tmp_path, module)
    new = both.rotate(Purpose.STATUS, AT + DAY)
    assert both.signer(Purpose.STATUS, AT + 2 * DAY).kid == old.kid
    assert both.signer(Purpose.STATUS, new.signs_from).kid == new.kid
    assert {key.kid for key in both.published(new.signs_from)} == {old.kid, new.kid}


def test_notes_are_signed_in_the_module_and_their_key_is_found_again(tmp_path, module):
    """A checkpoint's Ed25519 key: made there once, no private half in the folder, a signature that others verify."""
    made = store(tmp_path, module).note_signer("office")
    again = store(tmp_path, module).note_signer("office")
    assert made.public == again.public
    signed = Ed25519NoteSigner("o.example/office", again).sign("o.example/office\n1\nAA==\n")
    key = NoteKey("o.example/office", KeyKind.ED25519, made.public)
    assert key.verify("o.example/office\n1\nAA==\n", signed)
    assert [path.name for path in (tmp_path / "keys").glob("note-*")] == ["note-office.p11"]
    with pytest.raises(StoreError, match="hardware module"):
        KeyStore(tmp_path / "keys").note_signer("office")


def test_a_note_key_that_is_pinned_stays_in_its_file(tmp_path, module):
    """Whoever checks notes pins the public half: a module that comes later makes no other key of the same name."""
    pinned = KeyStore(tmp_path / "keys").note_signer("office").public
    assert store(tmp_path, module).note_signer("office").public == pinned
    assert [path.name for path in (tmp_path / "keys").glob("note-*")] == ["note-office.pem"]


def test_a_module_without_ed25519_leaves_the_note_key_in_a_file(tmp_path, module, monkeypatch):
    """Cards are signed in the module all the same; checkpoints are signed as without a module."""
    monkeypatch.setattr(HardwareModule, "signs_notes", lambda _: False)
    keys = store(tmp_path, module)
    assert keys.note_signer("office").public == KeyStore(tmp_path / "keys").note_signer("office").public
    assert keys.begin(Purpose.CARD, AT).kid


@pytest.mark.parametrize("text", [b"", b"zz", b"00" * 16, b"00" * 16 + b" 00", b"00" * 16 + b" " + b"00" * 32])
def test_a_note_keys_file_that_is_damaged_or_of_another_module_is_refused(tmp_path, module, text):
    """Nothing is signed by a key that nobody pinned."""
    store(tmp_path, module)
    create_private(tmp_path / "keys" / "note-office.p11", text)
    with pytest.raises(StoreError, match=r"damaged|does not have this key"):
        store(tmp_path, module).note_signer("office")


def test_threads_share_the_module(tmp_path, module):
    """A session does one thing at a time: signatures of eight threads all hold."""
    made = store(tmp_path, module).begin(Purpose.CARD, AT)
    signer = store(tmp_path, module).signer(Purpose.CARD, AT)
    texts = [str(number).encode() for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        assert all(
            signature_holds(text, signed, made.public.key)
            for text, signed in zip(texts, pool.map(signer.sign, texts), strict=True)
        )


def test_a_story_of_one_key_beside_the_id_of_another_is_refused(tmp_path, module):
    """Files that were mixed up sign nothing that nobody could verify."""
    keys = store(tmp_path, module)
    first, second = keys.begin(Purpose.CARD, AT), keys.begin(Purpose.STATUS, AT)
    folder = tmp_path / "keys"
    (folder / f"{first.kid}.p11").write_bytes((folder / f"{second.kid}.p11").read_bytes())
    with pytest.raises(StoreError, match="another key"):
        store(tmp_path, module).signer(Purpose.CARD, AT)
    (folder / f"{second.kid}.p11").write_bytes(b"00" * 16)
    with pytest.raises(StoreError, match="does not have this key"):
        store(tmp_path, module).signer(Purpose.STATUS, AT)


@pytest.mark.parametrize("wrong", ["token", "library", "pin file"])
def test_a_module_that_cannot_be_opened_says_why_and_no_secret(tmp_path, module, wrong):
    """Another token's label, no library, no file: one error with its remedy."""
    pin = tmp_path / "pin"
    if wrong != "pin file":
        create_private(pin, b"87654321")
    library = tmp_path / "none.so" if wrong == "library" else module.library
    broken = HardwareModule(library, "other" if wrong == "token" else "yunju", pin)
    with pytest.raises(StoreError) as caught:
        KeyStore(tmp_path / "keys", module=broken).begin(Purpose.CARD, AT)
    assert caught.value.hint
    assert "87654321" not in f"{caught.value} {broken!r}"


def test_the_command_line_makes_keys_in_the_module_and_a_wrong_pin_makes_none(tmp_path, module):
    """In a process of its own, since a sign-in is a process's: error and hint, no PIN told, no file left."""
    told = {"YUNJU_VAR": str(tmp_path), "YUNJU_PKCS11_MODULE": str(module.library), "YUNJU_PKCS11_TOKEN": "yunju"}
    for pin, code in ((b"00000000", 1), (b"87654321", 0)):
        (tmp_path / "pkcs11-pin").unlink(missing_ok=True)
        create_private(tmp_path / "pkcs11-pin", pin)
        command = [sys.executable, "-m", "keys", "generate", "card"]
        done = subprocess.run(command, cwd=ROOT, env=os.environ | told, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert bool(list((tmp_path / "keys").glob("*.p11"))) is (code == 0)
        assert pin.decode() not in done.stdout + done.stderr


def test_the_settings_open_the_module(tmp_path, module):
    """Library, token and PIN file by settings; a library without a token is refused at the start."""
    told = {"YUNJU_VAR": str(tmp_path), "YUNJU_PKCS11_MODULE": str(module.library)}
    with pytest.raises(SettingsError, match="YUNJU_PKCS11_TOKEN"):
        load_settings(told)
    pin = {"YUNJU_PKCS11_TOKEN": "yunju", "YUNJU_PKCS11_PIN_FILE": str(module.pin_file)}
    made = key_store(load_settings(told | pin)).begin(Purpose.CARD, AT)
    assert (tmp_path / "keys" / f"{made.kid}.p11").exists()
