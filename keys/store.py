"""A folder of signing keys: PKCS#8 files encrypted under a random passphrase, each with a JSON file (its story) beside
it.

A key counts only with its story, which is written last, so that a crash leaves no half key. No clock is read here.
"""

import os
import secrets
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edge.instants import rfc3339
from edge.secret import Secret
from edge.settings import Settings
from keys.admitted import AdmittedKeys
from keys.ed25519 import PUBLIC_BYTES, Ed25519Signer, NoteKeySigner
from keys.errors import BadKey
from keys.files import (
    FileIdentity,
    StoreError,
    create_private,
    file_identity,
    folder_lock,
    open_folder,
    read_private,
    replace_private,
)
from keys.hsm import HardwareModule, module_of
from keys.jwk import key_thumbprint
from keys.keyset import KeySet, Purpose, VerificationKey
from keys.signer import FileSigner, Signer
from keys.stored import SCHEDULES, KeyState, Schedule, StoredKey, read_story, write_story

__all__ = ["SCHEDULES", "KeyState", "KeyStore", "Schedule", "StoreError", "StoredKey", "key_store"]

PASSPHRASE_FILE: Final = "passphrase"  # noqa: S105 - a file's name, not what is in it
_IN_MODULE: Final = "p11"
_PASSPHRASE_BYTES: Final = 32  # The passphrase is random, so the few rounds that PKCS#8 spends on it do not matter


class KeyStore:
    """The signing keys of one issuer in one folder (mode 0700). Safe for several threads and processes.

    Trust: a writer of the folder can sign as the issuer, and so can a reader of the folder and the passphrase file.
    Every method raises StoreError, with a hint that names the remedy, if the folder is not as it should be.
    """

    def __init__(
        self,
        folder: Path,
        *,
        passphrase_file: Path | None = None,
        passphrase: Secret | None = None,
        module: HardwareModule | None = None,
    ) -> None:
        """Open the folder, and make it if it is missing.

        The passphrase lies in the folder, unless another file or the passphrase itself is given. With a `module`, new
        keys are made there; keys in files go on signing until they are rotated.
        """
        self._module = module
        self._folder = folder
        self._passphrase_file = passphrase_file or folder / PASSPHRASE_FILE
        self._given = passphrase
        self._signers: dict[str, Signer] = {}
        self._note_signers: dict[str, NoteKeySigner] = {}
        self._stories: dict[Path, tuple[FileIdentity, StoredKey]] = {}
        self.admitted = AdmittedKeys(folder)
        open_folder(folder)

    def generate(
        self,
        purpose: Purpose,
        *,
        not_before: datetime,
        not_after: datetime,
        signs_from: datetime | None = None,
        signs_until: datetime | None = None,
    ) -> StoredKey:
        """Make, store and return a new key, trusted in [`not_before`, `not_after`).

        It signs in [`signs_from`, `signs_until`), both within that span (by default all of it). From its first use, it
        replaces every other key of its purpose.
        """
        with folder_lock(self._folder):
            return self._make(purpose, not_before, not_after, signs_from or not_before, signs_until or not_after)

    def begin(self, purpose: Purpose, at: datetime, schedule: Schedule | None = None) -> StoredKey:
        """Make a purpose's first key, which signs at once, for as long as the schedule says.

        Raises StoreError if a key of this purpose is in use or waiting: `rotate` makes its successor.
        """
        with folder_lock(self._folder):
            if self._current(purpose, at) or self._waiting(purpose, at):
                raise StoreError(f"a {purpose} key is in use already", f"python -m keys rotate {purpose}")
            return self._succeed(purpose, at, at, schedule or SCHEDULES[purpose])

    def rotate(
        self, purpose: Purpose, at: datetime, schedule: Schedule | None = None, *, at_once: bool = False
    ) -> StoredKey:
        """Make the successor of the purpose's key in use, and return it.

        It is published from `at` and signs from `at` + `lead`. Until then the old key signs, and it stays trusted for
        `overlap` afterwards. `at_once` leaves out the lead, for a compromised old key, and uses a successor that
        already waits. Raises StoreError if a successor waits and `at_once` is not set.
        """
        plan = schedule or SCHEDULES[purpose]
        with folder_lock(self._folder):
            current, waiting = self._current(purpose, at), self._waiting(purpose, at)
            if waiting and not at_once:
                when = rfc3339(waiting.signs_from)
                raise StoreError(f"a {purpose} key is already waiting to sign from {when}", "wait, or rotate at once")
            signs_from = at if at_once or current is None else at + plan.lead
            if waiting:
                successor = self._write(replace(waiting, signs_from=_second(at)))
            else:
                successor = self._succeed(purpose, at, signs_from, plan)
            if current:
                self._retire(current, signs_from, plan)
            return successor

    def set_state(self, kid: str, state: KeyState) -> StoredKey:
        """Give a key another state and return it. It signs or stops at once, and the next bundle lists the change."""
        with folder_lock(self._folder):
            stored = self.find(kid)
            if stored.state is KeyState.COMPROMISED and state is not KeyState.COMPROMISED:
                raise StoreError("a compromised key is never used again", f"python -m keys rotate {stored.purpose}")
            return self._write(replace(stored, state=state))

    def compromise(self, kid: str) -> StoredKey:
        """Mark a key as compromised. It no longer signs and leaves with the next bundle, whatever it signed."""
        return self.set_state(kid, KeyState.COMPROMISED)

    def list(self) -> tuple[StoredKey, ...]:
        """Return every key, by purpose, then by first use."""
        stored = [self._read(path) for path in self._folder.glob("*.json")]
        return tuple(sorted(stored, key=lambda key: (key.purpose, key.signs_from, key.kid)))

    def find(self, kid: str) -> StoredKey:
        """Return the key with this id. Raises StoreError if the store has none."""
        for stored in self.list():
            if stored.kid == kid:
                return stored
        raise StoreError("no key of this id is in the store", "python -m keys list")

    def published(self, at: datetime) -> tuple[VerificationKey, ...]:
        """Return the keys for a bundle made at `at`: in use, future, and still needed for verification. No root is
        among them.

        The admitted keys of other servers follow the store's own.
        """
        own = {key.kid: key.public for key in self.list() if key.published(at)}
        others = (key for key in self.admitted.list() if at < key.not_after and key.kid not in own)
        return (*own.values(), *others)

    def key_set(self, at: datetime) -> KeySet:
        """Return `published(at)` as a set for verification."""
        return KeySet(self.published(at))

    def signer(self, purpose: Purpose, at: datetime) -> Signer:
        """Return the signer in use at `at`: of the keys that may sign, the one whose use began last.

        The folder is checked each time, so that a disabled key stops at once. Only changed files are read again.
        """
        current = self._current(purpose, at)
        if current is None:
            known = any(key.purpose is purpose for key in self.list())
            remedy = f"rotate {purpose} --at-once" if known else f"generate {purpose}"
            raise StoreError(f"no {purpose} key may sign now", f"python -m keys {remedy}")
        return self._load(current)

    def roots(self, at: datetime) -> tuple[Signer, Signer | None]:
        """Return the signers of a bundle at `at`: the root, and also the old root during a roll-over.

        A roll-over lasts from `rotate` until the successor's first use. During this time the successor is the root, and
        the key in use is the old root, as `sign_bundle` expects them.
        """
        current, successor = self._current(Purpose.ROOT, at), self._waiting(Purpose.ROOT, at)
        if current is None or successor is None:
            return self.signer(Purpose.ROOT, at), None
        return self._load(successor), self._load(current)

    def note_signer(self, name: str) -> NoteKeySigner:
        """Return the Ed25519 key for signed notes of this name (lower-case letters). The first call makes it.

        It is outside bundles and rotation: readers of notes pin its public half by name. A new key is made in the
        module if the module supports Ed25519. An existing key stays where it is.
        """
        if not (name.isascii() and name.isalpha() and name.islower()):
            raise ValueError("a note key's name is of lower-case letters")
        kid = f"note-{name}"
        if kid in self._note_signers:
            return self._note_signers[kid]
        path, there = self._path(kid, "pem"), self._path(kid, _IN_MODULE)
        with folder_lock(self._folder):
            if not path.exists() and not there.exists():
                self._make_note_key(path, there)
            if there.exists():
                return self._note_signers.setdefault(kid, self._note_in_module(there))
            pem, passphrase = read_private(path), self._secret()
        try:
            return Ed25519Signer.from_pem(pem, passphrase)
        except ValueError as error:
            raise StoreError(
                f"{path} cannot be used: {error}", "restore it from the backup of the key folder"
            ) from None

    def note_names(self) -> dict[str, bool]:
        """Return the names of the note keys that are here, each with whether it lies in the module; makes none."""
        found = {one: self._path(f"note-{one}", _IN_MODULE).exists() for one in self._named_notes()}
        return dict(sorted(found.items()))

    def _named_notes(self) -> set[str]:
        files = [*self._folder.glob("note-*.pem"), *self._folder.glob(f"note-*.{_IN_MODULE}")]
        return {file.stem.removeprefix("note-") for file in files}

    # What follows and changes a file is called under the folder's lock.

    def _make(
        self, purpose: Purpose, not_before: datetime, not_after: datetime, signs_from: datetime, signs_until: datetime
    ) -> StoredKey:
        public_key, kept, suffix = self._new_key()
        try:
            public = VerificationKey.of(public_key, purpose, _second(not_before), _second(not_after))
            stored = StoredKey(public, KeyState.ACTIVE, _second(signs_from), _second(signs_until))
        except BadKey as error:
            raise StoreError(str(error), "give times in the order: trusted, signs, signs no more, over") from None
        create_private(self._path(stored.kid, suffix), kept)
        create_private(self._path(stored.kid, "json"), write_story(stored))
        return stored

    def _new_key(self) -> tuple[ec.EllipticCurvePublicKey, bytes, str]:
        """Make a key, in the module if there is one. Return its public half, its file's content and its suffix."""
        if self._module is not None:
            while True:
                name, public = self._module.generate()
                if not key_thumbprint(public).startswith("-"):  # As in `_new_private_key`
                    return public, name.hex().encode("ascii"), _IN_MODULE
        private = _new_private_key()
        protection = serialization.BestAvailableEncryption(self._passphrase())
        pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
        return private.public_key(), pem, "pem"

    def _make_note_key(self, path: Path, there: Path) -> None:
        """Make a note key: in the module if it supports Ed25519, otherwise in a file."""
        if self._module is not None and self._module.signs_notes():
            name, public = self._module.generate_note()
            create_private(there, f"{name.hex()} {public.hex()}".encode("ascii"))
            return
        create_private(path, Ed25519Signer.generate().to_pem(self._passphrase()))

    def _note_in_module(self, there: Path) -> NoteKeySigner:
        module = self._module_of_key()
        name, _, public = read_private(there).strip().decode("ascii", "replace").partition(" ")
        try:
            kept, half = bytes.fromhex(name), bytes.fromhex(public)
        except ValueError:
            kept, half = b"", b""
        if not kept or len(half) != PUBLIC_BYTES:
            raise StoreError(f"{there} is damaged", "restore it from the backup of the key folder")
        return module.note_signer(kept, half)

    def _succeed(self, purpose: Purpose, at: datetime, signs_from: datetime, plan: Schedule) -> StoredKey:
        signs_until = signs_from + plan.use
        return self._make(purpose, at, signs_until + plan.overlap, signs_from, signs_until)

    def _retire(self, current: StoredKey, ends: datetime, plan: Schedule) -> None:
        public = replace(current.public, not_after=_second(ends + plan.overlap))
        self._write(replace(current, public=public, signs_until=_second(ends)))

    def _waiting(self, purpose: Purpose, at: datetime) -> StoredKey | None:
        return next((key for key in self.list() if key.purpose is purpose and key.waits(at)), None)

    def _current(self, purpose: Purpose, at: datetime) -> StoredKey | None:
        able = [key for key in self.list() if key.purpose is purpose and key.may_sign(at)]
        return able[-1] if able else None

    def _load(self, stored: StoredKey) -> Signer:
        held = self._signers.get(stored.kid)
        if held is not None:
            return held
        if self._path(stored.kid, _IN_MODULE).exists():
            return self._signers.setdefault(stored.kid, self._in_module(stored))
        path = self._path(stored.kid, "pem")
        pem, passphrase = read_private(path), self._secret()
        try:
            private = serialization.load_pem_private_key(pem, passphrase)
        except (ValueError, TypeError):
            # TypeError: the file is not encrypted. The library's message may quote the file; this one does not.
            raise StoreError(f"{path} does not open with the passphrase", "restore both from one backup") from None
        if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != stored.public.key:
            raise StoreError(f"{path} holds another key than its name says", "restore it from the backup")
        return self._signers.setdefault(stored.kid, FileSigner(private))

    def _module_of_key(self) -> HardwareModule:
        if self._module is None:
            raise StoreError("this key lies in a hardware module", "set YUNJU_PKCS11_MODULE and YUNJU_PKCS11_TOKEN")
        return self._module

    def _in_module(self, stored: StoredKey) -> Signer:
        module = self._module_of_key()
        name = read_private(self._path(stored.kid, _IN_MODULE)).strip()
        return module.signer(bytes.fromhex(name.decode("ascii", "replace")), stored.public.key)

    def _passphrase(self) -> bytes:
        # Under the lock, so that two processes do not both make one.
        if self._given is None and not self._passphrase_file.exists():
            if any(self._folder.glob("*.pem")):
                raise StoreError("the passphrase file is missing", "restore it from its backup: the keys need it")
            create_private(self._passphrase_file, secrets.token_hex(_PASSPHRASE_BYTES).encode("ascii"))
        return self._secret()

    def _secret(self) -> bytes:
        """Return the given passphrase, or the passphrase in its file. A credential file of systemd has systemd's
        modes.
        """
        if self._given is not None:
            return self._given.reveal().encode()
        credentials = os.environ.get("CREDENTIALS_DIRECTORY")
        if credentials and self._passphrase_file.parent == Path(credentials):
            return self._passphrase_file.read_bytes().strip()
        return read_private(self._passphrase_file).strip()

    def _read(self, path: Path) -> StoredKey:
        seen = file_identity(path)
        kept = self._stories.get(path)
        if kept and kept[0] == seen:
            return kept[1]
        data = read_private(path)
        try:
            stored = read_story(data, path.stem)
        except ValueError as error:
            raise StoreError(f"{path} is damaged: {error}", "restore it from the backup of the key folder") from None
        self._stories[path] = (seen, stored)
        return stored

    def _write(self, stored: StoredKey) -> StoredKey:
        replace_private(self._path(stored.kid, "json"), write_story(stored))
        return stored

    def _path(self, kid: str, suffix: str) -> Path:
        return self._folder / f"{kid}.{suffix}"


def _second(at: datetime) -> datetime:
    """Cut to whole seconds: a written value must read back the same."""
    return at.replace(microsecond=0)


def _new_private_key() -> ec.EllipticCurvePrivateKey:
    while True:
        private = ec.generate_private_key(ec.SECP256R1())
        # On a command line, an id that begins with a dash looks like an option. Such a key (one in 64) is discarded.
        if not key_thumbprint(private.public_key()).startswith("-"):
            return private


def key_store(settings: Settings, folder: Path | None = None) -> KeyStore:
    """Return the key folder of these settings, or the given one, opened with the passphrase that the settings name."""
    named = settings.keys_passphrase_file if folder is None else None
    return KeyStore(
        folder or settings.keys,
        passphrase_file=named,
        passphrase=settings.keys_passphrase,
        module=module_of(settings),
    )
