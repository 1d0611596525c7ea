"""The key folder: private, never overwritten, whole after a crash; rotation with overlap."""

import contextlib
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.settings import SettingsError, load_settings
from edge.strictjson import dumps, loads
from keys import files
from keys.errors import BadKey
from keys.files import create_private, read_private
from keys.keyset import Purpose
from keys.store import PASSPHRASE_FILE, SCHEDULES, KeyState, KeyStore, Schedule, StoreError, key_store
from keys.stored import read_story, write_story
from keys.tokens import signature_holds
from tests.keys.builders import AT, DAY

PLAN = Schedule(lead=3 * DAY, use=100 * DAY, overlap=40 * DAY)
CARD = Purpose.CARD


@pytest.fixture
def folder(tmp_path):
    """Return where a store may be made."""
    return tmp_path / "keys"


@pytest.fixture
def store(folder):
    """Return an empty store."""
    return KeyStore(folder)


def modes(folder):
    """Return the modes of a folder's visible files."""
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_a_stored_key_signs_after_it_was_read_back(store, folder):
    """Another process, with nothing but the folder, signs with the same key."""
    made = store.begin(CARD, AT, PLAN)
    signer = KeyStore(folder).signer(CARD, AT)
    assert signer.kid == made.kid
    assert signature_holds(b"m", signer.sign(b"m"), made.public.key)


def test_everything_is_its_owners_alone(store, folder):
    """0700 and 0600, whatever the process's mask says."""
    before = os.umask(0)
    try:
        store.begin(CARD, AT)
        store.rotate(CARD, AT)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes(folder) == {0o600}


def test_the_private_key_is_encrypted_under_the_passphrase_file(store, folder):
    """PKCS#8 that opens with the file's 256 random bits and with nothing else."""
    made = store.begin(CARD, AT)
    pem = (folder / f"{made.kid}.pem").read_bytes()
    passphrase = (folder / "passphrase").read_bytes()
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert len(bytes.fromhex(passphrase.decode())) == 32
    assert serialization.load_pem_private_key(pem, passphrase).public_key() == made.public.key
    with pytest.raises(ValueError, match=r"."):
        serialization.load_pem_private_key(pem, b"wrong")


def test_the_passphrase_may_lie_elsewhere(tmp_path):
    """So that a copy of the folder alone opens nothing."""
    elsewhere = tmp_path / "passphrase"
    store = KeyStore(tmp_path / "keys", passphrase_file=elsewhere)
    store.begin(CARD, AT)
    assert elsewhere.exists()
    assert not (tmp_path / "keys" / "passphrase").exists()
    assert KeyStore(tmp_path / "keys", passphrase_file=elsewhere).signer(CARD, AT)


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777, 0o701])
def test_a_folder_open_to_others_is_refused_with_the_remedy(store, folder, mode):
    """The hint is the command to type."""
    folder.chmod(mode)
    with pytest.raises(StoreError) as refusal:
        KeyStore(folder)
    assert refusal.value.hint == f"chmod 700 {folder}"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
@pytest.mark.parametrize("name", ["passphrase", ".pem", ".json"])
def test_a_file_open_to_others_is_refused_with_the_remedy(store, folder, mode, name):
    """Each of the three kinds of file."""
    store.begin(CARD, AT)
    path = next(path for path in folder.iterdir() if path.name.endswith(name))
    path.chmod(mode)
    with pytest.raises(StoreError) as refusal:
        KeyStore(folder).signer(CARD, AT)
    assert refusal.value.hint == f"chmod 600 {path}"


def test_a_link_in_place_of_a_key_is_not_followed(store, folder, tmp_path):
    """Nobody points the store at another file."""
    made = store.begin(CARD, AT)
    path = folder / f"{made.kid}.pem"
    path.rename(tmp_path / "elsewhere.pem")
    path.symlink_to(tmp_path / "elsewhere.pem")
    with pytest.raises(StoreError):
        KeyStore(folder).signer(CARD, AT)


def test_another_users_folder_is_refused(folder, store, monkeypatch):
    """Also for root, whom modes do not stop."""
    monkeypatch.setattr(files.os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(StoreError, match="another user"):
        KeyStore(folder)


def test_a_file_is_never_overwritten(folder, store):
    """What exists stays as it is, and no trace of the attempt remains."""
    path = folder / "taken"
    create_private(path, b"first")
    with pytest.raises(StoreError, match="never overwritten"):
        create_private(path, b"second")
    assert path.read_bytes() == b"first"
    assert [found.name for found in folder.iterdir()] == ["taken"]


@pytest.mark.parametrize("step", ["link", "fsync", "replace"])
@pytest.mark.parametrize("occasion", [1, 2, 3, 4])
def test_a_failure_at_any_step_leaves_a_store_that_works(folder, store, monkeypatch, step, occasion):
    """A full disk or a crash while a key is made or rotated: the old key signs on, or the new one does, whole."""
    first = store.begin(CARD, AT, PLAN)
    calls = iter(range(1, 100))
    real = getattr(os, step)

    def failing(*arguments, **named):
        if next(calls) == occasion:
            raise OSError(28, "No space left on device")
        return real(*arguments, **named)

    monkeypatch.setattr(os, step, failing)
    with contextlib.suppress(StoreError):
        store.rotate(CARD, AT + DAY, PLAN)
    monkeypatch.undo()
    assert not list(folder.glob(".*.*")), "no unfinished file stays behind"
    again = KeyStore(folder)
    assert again.signer(CARD, AT + 2 * DAY).kid == first.kid
    assert again.signer(CARD, AT + 5 * DAY)
    if len(again.list()) == 1:
        again.rotate(CARD, AT + DAY, PLAN)
    assert len(again.published(AT + 5 * DAY)) == 2


@pytest.mark.parametrize("step", ["link", "fsync", "replace"])
@pytest.mark.parametrize("occasion", [1, 2, 3, 4, 5])
def test_a_process_that_dies_at_any_step_leaves_a_store_that_works(folder, store, step, occasion):
    """No tidying up runs: what it left behind is passed over, and its hold on the folder is gone."""
    first = store.begin(CARD, AT, PLAN)
    child = os.fork()
    if child == 0:
        try:
            calls, real = iter(range(1, 100)), getattr(os, step)
            setattr(os, step, lambda *words, **named: os._exit(9) if next(calls) == occasion else real(*words, **named))
            store.rotate(CARD, AT + DAY, PLAN)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    again = KeyStore(folder)
    assert again.signer(CARD, AT + 2 * DAY).kid == first.kid
    if len(again.list()) == 1:
        again.rotate(CARD, AT + DAY, PLAN)
    assert again.signer(CARD, AT + 5 * DAY).kid != first.kid
    assert modes(folder) == {0o600}


def test_a_key_file_without_its_story_counts_for_nothing(store, folder):
    """A crash between the two files: the key was never in the store."""
    made = store.begin(CARD, AT)
    (folder / f"{made.kid}.json").unlink()
    again = KeyStore(folder)
    assert again.list() == ()
    assert again.begin(CARD, AT).kid != made.kid


def test_a_lost_passphrase_is_told_and_never_replaced(store, folder):
    """A second passphrase would hide that the first keys cannot be opened."""
    store.begin(CARD, AT)
    (folder / "passphrase").unlink()
    again = KeyStore(folder)
    with pytest.raises(StoreError, match="passphrase"):
        again.rotate(CARD, AT)
    with pytest.raises(StoreError):
        again.signer(CARD, AT)
    assert not (folder / "passphrase").exists()


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[]", b'{"kid":"x"}', b"x" * 70_000])
def test_a_damaged_story_is_refused(store, folder, content):
    """The store says which file, and nothing is guessed."""
    made = store.begin(CARD, AT)
    path = folder / f"{made.kid}.json"
    path.write_bytes(content)
    with pytest.raises(StoreError) as refusal:
        store.list()
    assert path.name in str(refusal.value)


@pytest.mark.parametrize("change", [{"purpose": "x"}, {"state": "x"}, {"state": []}, {"not_after": 7}, {"jwk": 7},
                                    {"signs_from": "2020-01-01T00:00:00Z"}, {"kid": "x"}, {"extra": 1}])  # fmt: skip
def test_a_spoilt_story_is_refused(store, change):
    """Members are all there, known, and in order."""
    made = store.begin(CARD, AT)
    assert read_story(write_story(made), made.kid) == made
    with pytest.raises(ValueError, match=r"."):
        read_story(dumps(loads(write_story(made)) | change), made.kid)


def test_a_key_file_that_was_exchanged_is_refused(store, folder):
    """A file's name says which key it must hold."""
    card, status = store.begin(CARD, AT), store.begin(Purpose.STATUS, AT)
    (folder / f"{status.kid}.pem").replace(folder / f"{card.kid}.pem")
    with pytest.raises(StoreError, match="another key"):
        KeyStore(folder).signer(CARD, AT)


def test_a_key_that_was_decrypted_in_place_is_refused(store, folder):
    """A plain PEM does not pass for an encrypted one."""
    made = store.begin(CARD, AT)
    path = folder / f"{made.kid}.pem"
    private = serialization.load_pem_private_key(path.read_bytes(), read_private(folder / "passphrase"))
    plain = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(plain)
    with pytest.raises(StoreError, match="does not open"):
        KeyStore(folder).signer(CARD, AT)


def test_the_next_key_is_published_before_it_signs(store):
    """Verifiers know it three days before they meet it."""
    first = store.begin(CARD, AT, PLAN)
    second = store.rotate(CARD, AT + DAY, PLAN)
    assert {key.kid for key in store.published(AT + DAY)} == {first.kid, second.kid}
    assert store.signer(CARD, AT + 4 * DAY - timedelta(seconds=1)).kid == first.kid
    assert store.signer(CARD, AT + 4 * DAY).kid == second.kid


def test_the_old_key_is_kept_until_what_it_signed_has_run_out(store):
    """From the successor's first use, the overlap."""
    first = store.begin(CARD, AT, PLAN)
    store.rotate(CARD, AT + DAY, PLAN)
    last = AT + 4 * DAY + PLAN.overlap
    assert first.kid in {key.kid for key in store.published(last - timedelta(seconds=1))}
    assert first.kid not in {key.kid for key in store.published(last)}
    assert store.key_set(AT).find(first.kid, CARD, last - timedelta(seconds=1))


def test_a_second_rotation_waits_for_the_first(store):
    """Two commands typed twice do not make three keys."""
    store.begin(CARD, AT, PLAN)
    second = store.rotate(CARD, AT, PLAN)
    with pytest.raises(StoreError, match="already waiting"):
        store.rotate(CARD, AT + DAY, PLAN)
    assert store.rotate(CARD, AT + DAY, PLAN, at_once=True).kid == second.kid
    assert store.signer(CARD, AT + DAY).kid == second.kid
    assert len(store.list()) == 2


def test_a_first_key_is_not_begun_twice(store):
    """A successor is made by rotation, which keeps the overlap."""
    store.begin(CARD, AT)
    with pytest.raises(StoreError) as refusal:
        store.begin(CARD, AT)
    assert refusal.value.hint == "python -m keys rotate card"


def test_a_compromised_key_leaves_at_once_and_for_ever(store, folder):
    """It neither signs nor is published, also for a store that had it open."""
    first = store.begin(CARD, AT, PLAN)
    other = KeyStore(folder)
    assert other.signer(CARD, AT)
    store.compromise(first.kid)
    assert other.published(AT) == ()
    with pytest.raises(StoreError, match="no card key may sign"):
        other.signer(CARD, AT)
    for state in (KeyState.ACTIVE, KeyState.PASSIVE, KeyState.DISABLED):
        with pytest.raises(StoreError, match="never used again"):
            store.set_state(first.kid, state)
    replacement = store.rotate(CARD, AT, PLAN, at_once=True)
    assert other.signer(CARD, AT).kid == replacement.kid


def test_a_superseded_key_does_not_come_back_when_its_successor_is_compromised(store):
    """What it would sign now would outlive its own trust."""
    store.begin(CARD, AT, PLAN)
    second = store.rotate(CARD, AT, PLAN, at_once=True)
    store.compromise(second.kid)
    with pytest.raises(StoreError):
        store.signer(CARD, AT + DAY)


def test_disabled_and_retired_keys(store):
    """A disabled key is not published and may return; a retired one verifies and signs no more."""
    made = store.begin(CARD, AT, PLAN)
    store.set_state(made.kid, KeyState.DISABLED)
    assert store.published(AT) == ()
    store.set_state(made.kid, KeyState.ACTIVE)
    assert store.signer(CARD, AT)
    store.set_state(made.kid, KeyState.PASSIVE)
    assert [key.kid for key in store.published(AT)] == [made.kid]
    with pytest.raises(StoreError):
        store.signer(CARD, AT)
    with pytest.raises(StoreError, match="no key of this id"):
        store.set_state("unknown", KeyState.PASSIVE)


def test_a_key_signs_only_in_its_days_of_use(store):
    """Not before, and not when its use is over, though it is still trusted."""
    store.begin(CARD, AT, PLAN)
    ends = AT + PLAN.use
    assert store.signer(CARD, ends - timedelta(seconds=1))
    for at in (AT - timedelta(seconds=1), ends):
        with pytest.raises(StoreError):
            store.signer(CARD, at)
    assert store.published(ends)


def test_each_purpose_has_keys_of_its_own(store):
    """Rotating one moves no other; a root is never published."""
    made = {purpose: store.begin(purpose, AT) for purpose in Purpose}
    store.rotate(CARD, AT)
    assert store.signer(Purpose.LOG, AT).kid == made[Purpose.LOG].kid
    assert Purpose.ROOT not in {key.purpose for key in store.published(AT)}
    assert len({key.kid for key in made.values()}) == len(Purpose)


def test_both_roots_sign_until_the_new_one_takes_over(store):
    """The roll-over lasts the root's lead, longer than any bundle lives."""
    old = store.begin(Purpose.ROOT, AT)
    assert store.roots(AT)[0].kid == old.kid
    assert store.roots(AT)[1] is None
    new = store.rotate(Purpose.ROOT, AT)
    root, old_root = store.roots(AT)
    assert (root.kid, old_root.kid) == (new.kid, old.kid)
    after, none = store.roots(AT + SCHEDULES[Purpose.ROOT].lead)
    assert (after.kid, none) == (new.kid, None)
    assert SCHEDULES[Purpose.ROOT].lead > 90 * DAY


def test_two_rotations_at_once_make_one_key(store, folder):
    """The folder is held while it changes."""
    store.begin(CARD, AT, PLAN)

    def rotate(_):
        try:
            return KeyStore(folder).rotate(CARD, AT, PLAN)
        except StoreError:
            return None

    with ThreadPoolExecutor(4) as pool:
        made = [key for key in pool.map(rotate, range(8)) if key]
    assert len(made) == 1
    assert len(store.list()) == 2


def test_times_out_of_order_make_no_key(store):
    """A validity that is empty, a use outside it, a schedule of nothing."""
    with pytest.raises(StoreError):
        store.generate(CARD, not_before=AT, not_after=AT)
    with pytest.raises(StoreError):
        store.generate(CARD, not_before=AT, not_after=AT + DAY, signs_until=AT + 2 * DAY)
    assert store.list() == ()
    for spoilt in ((-DAY, DAY, DAY), (DAY, timedelta(), DAY), (DAY, DAY, timedelta())):
        with pytest.raises(BadKey):
            Schedule(*spoilt)


def test_no_id_begins_with_a_dash(store):
    """It would read as an option on a command line."""
    for _ in range(40):
        made = store.generate(Purpose.STATUS, not_before=AT, not_after=AT + DAY)
        assert not made.kid.startswith("-")


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    """A file in its place, say."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError):
        KeyStore(tmp_path / "file" / "keys")


@settings(max_examples=20)  # each example encrypts and syncs several keys
@given(st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=6))
def test_a_signer_is_always_published_and_outlives_what_it_signs(tmp_path_factory, rotations):
    """Whatever the rotations: who signs is in the bundle of that instant, and of the last instant of what it signed."""
    store, at = KeyStore(tmp_path_factory.mktemp("store") / "keys"), AT
    store.begin(CARD, at, PLAN)
    for days, at_once in rotations:
        at += days * DAY
        try:
            store.rotate(CARD, at, PLAN, at_once=at_once)
        except StoreError:
            continue
        for later in (at, at + PLAN.lead, at + 10 * DAY):
            kid = store.signer(CARD, later).kid
            last = later + PLAN.overlap - timedelta(seconds=1)
            assert kid in {key.kid for key in store.published(later)}
            assert store.key_set(later).find(kid, CARD, last)


def test_the_passphrase_lies_where_the_settings_say(tmp_path, monkeypatch):
    """In a file elsewhere, in the environment, or as a credential of systemd's: never in the key folder then."""
    elsewhere = tmp_path / "other-disk" / "phrase"
    elsewhere.parent.mkdir()
    elsewhere.write_text("x" * 40 + "\n")
    elsewhere.chmod(0o600)
    var = {"YUNJU_VAR": str(tmp_path / "var")}
    by_file = load_settings(var | {"YUNJU_KEYS_PASSPHRASE_FILE": str(elsewhere)})
    made = key_store(by_file).begin(Purpose.CARD, AT)
    assert not (by_file.keys / PASSPHRASE_FILE).exists()
    by_word = load_settings(var | {"YUNJU_KEYS_PASSPHRASE": "x" * 40})
    assert key_store(by_word).signer(Purpose.CARD, AT).kid == made.kid
    with pytest.raises(StoreError, match="does not open with the passphrase"):
        key_store(load_settings(var | {"YUNJU_KEYS_PASSPHRASE": "y" * 40})).signer(Purpose.CARD, AT)
    elsewhere.chmod(0o440)
    with pytest.raises(StoreError, match="open to others"):
        key_store(by_file).signer(Purpose.CARD, AT)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(elsewhere.parent))
    assert key_store(by_file).signer(Purpose.CARD, AT).kid == made.kid


def test_two_places_of_one_passphrase_are_refused(tmp_path):
    """Which of them opens the keys would be chance."""
    both = {"YUNJU_KEYS_PASSPHRASE": "x" * 40, "YUNJU_KEYS_PASSPHRASE_FILE": str(tmp_path / "p")}
    with pytest.raises(SettingsError, match="unset one of them"):
        load_settings(both)
