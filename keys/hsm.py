"""Keys in a hardware module over PKCS#11. They are made there and never leave it; a process has only handles.

If a key of the folder lies in a module, its file is `<kid>.p11` instead of `<kid>.pem` and holds the id in the module.
Trust: a person with the module's PIN and access to the module can sign; a person with a copy of the folder cannot.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from edge.settings import Settings
from keys.ed25519 import PUBLIC_BYTES, ed25519_holds
from keys.files import StoreError, read_private
from keys.jwk import COORDINATE_BYTES, key_thumbprint

ID_BYTES: Final = 16
_POINT_BYTES: Final = 2 * COORDINATE_BYTES + 1
_UNCOMPRESSED: Final = 4
_ED25519: Final = bytes.fromhex("06032b6570")  # DER of the curve's object identifier, 1.3.101.112 (RFC 8410)


@dataclass
class HardwareModule:
    """One token of a PKCS#11 module. The process that uses it opens it at the first use, never before a fork."""

    library: Path
    token: str
    pin_file: Path
    _session: Any = field(default=None, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def generate(self) -> tuple[bytes, ec.EllipticCurvePublicKey]:
        """Make a P-256 key in the module. Return its id in the module and its public half."""
        pkcs11 = _library()
        from pkcs11.util.ec import encode_named_curve_parameters  # noqa: PLC0415 - as above

        curve = encode_named_curve_parameters("secp256r1")
        name, point = self._made(pkcs11.KeyType.EC, curve, pkcs11.Mechanism.EC_KEY_PAIR_GEN)
        return name, _public_of(point)

    def signer(self, name: bytes, public_key: ec.EllipticCurvePublicKey) -> ModuleSigner:
        """Return the signer of a key in the module. Raises StoreError if the module has no such key, or a different
        one.
        """
        return ModuleSigner(self._found(name), public_key, self._lock)

    def signs_notes(self) -> bool:
        """Return whether the module can make Ed25519 keys and sign with them. Not every module can."""
        pkcs11 = _library()
        needed = {int(pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN), int(pkcs11.Mechanism.EDDSA)}
        with self._lock:
            try:
                return needed <= {int(one) for one in self._opened().token.slot.get_mechanisms()}
            except pkcs11.PKCS11Error as error:
                raise _fault("the hardware module cannot be asked", error) from None

    def generate_note(self) -> tuple[bytes, bytes]:
        """Make an Ed25519 key for signed notes in the module. Return its id in the module and its public half, 32
        bytes.
        """
        pkcs11 = _library()
        name, point = self._made(pkcs11.KeyType.EC_EDWARDS, _ED25519, pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN)
        return name, point[-PUBLIC_BYTES:]

    def note_signer(self, name: bytes, public: bytes) -> ModuleNoteSigner:
        """Return the signer of an Ed25519 key in the module. Raises StoreError if it has no such key, or a different
        one.
        """
        return ModuleNoteSigner(self._found(name), public, self._lock)

    def _made(self, kind: object, curve: bytes, mechanism: object) -> tuple[bytes, bytes]:
        """Make a key pair. Return its random id and the bytes of its public point."""
        pkcs11 = _library()
        name = secrets.token_bytes(ID_BYTES)
        with self._lock:
            try:
                named = {pkcs11.Attribute.EC_PARAMS: curve}
                domain = self._opened().create_domain_parameters(kind, named, local=True)
                public, _ = domain.generate_keypair(mechanism=mechanism, store=True, id=name, label="yunju")
                return name, bytes(public[pkcs11.Attribute.EC_POINT])
            except pkcs11.PKCS11Error as error:
                raise _fault("the hardware module made no key", error) from None

    def _found(self, name: bytes) -> Any:  # noqa: ANN401 - the library carries no types
        """Return the handle of the private key with an id."""
        pkcs11 = _library()
        with self._lock:
            try:
                return self._opened().get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, id=name)
            except (pkcs11.NoSuchKey, pkcs11.MultipleObjectsReturned):
                raise StoreError(
                    "the hardware module does not have this key", "connect the module that the key was made in"
                ) from None
            except pkcs11.PKCS11Error as error:
                raise _fault("the hardware module gave no key", error) from None

    def _opened(self) -> Any:  # noqa: ANN401 - the library carries no types
        pkcs11 = _library()

        if self._session is None:
            pin = read_private(self.pin_file).strip().decode("utf-8")
            try:
                token = pkcs11.lib(str(self.library)).get_token(token_label=self.token)
                try:
                    self._session = token.open(rw=True, user_pin=pin)
                except pkcs11.UserAlreadyLoggedIn:  # A sign-in is the process's: another store of it was first
                    self._session = token.open(rw=True)
            except pkcs11.PKCS11Error as error:
                raise _fault("the hardware module cannot be opened", error) from None
            except RuntimeError as error:
                raise StoreError(
                    f"{self.library} is no PKCS#11 module: {type(error).__name__}", "name the module's library"
                ) from None
        return self._session


class ModuleSigner:
    """A signer whose private key stays in the module. A session does one thing at a time, so calls take turns."""

    def __init__(self, private: Any, public_key: ec.EllipticCurvePublicKey, lock: Lock) -> None:  # noqa: ANN401 - as above
        """Keep a key's handle."""
        self._private, self._public, self._lock = private, public_key, lock
        self.kid = key_thumbprint(public_key)
        """The key's RFC 7638 thumbprint."""
        if not _belongs(self, public_key):
            raise StoreError("the hardware module holds another key by this id", "restore the key folder's backup")

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half of the key."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Return the ES256 signature of `message`: r and s, 32 bytes each. The digest is made here, and the signature
        in the module.
        """
        pkcs11 = _library()

        digest = hashes.Hash(hashes.SHA256())
        digest.update(message)
        with self._lock:
            try:
                return bytes(self._private.sign(digest.finalize(), mechanism=pkcs11.Mechanism.ECDSA))
            except pkcs11.PKCS11Error as error:
                raise _fault("the hardware module did not sign", error) from None

    def __repr__(self) -> str:
        return f"ModuleSigner(kid={self.kid!r})"


class ModuleNoteSigner:
    """A signer of notes whose Ed25519 key stays in the module."""

    def __init__(self, private: Any, public: bytes, lock: Lock) -> None:  # noqa: ANN401 - as above
        """Keep a key's handle and its public half. Raises StoreError if they belong to different keys."""
        self._private, self.public, self._lock = private, public, lock
        text = secrets.token_bytes(ID_BYTES)
        if not ed25519_holds(text, self.sign(text), public):
            raise StoreError("the hardware module holds another key by this id", "restore the key folder's backup")

    def sign(self, message: bytes) -> bytes:
        """Return the signature of `message`, 64 bytes. The whole message goes to the module."""
        pkcs11 = _library()
        with self._lock:
            try:
                return bytes(self._private.sign(message, mechanism=pkcs11.Mechanism.EDDSA))
            except pkcs11.PKCS11Error as error:
                raise _fault("the hardware module did not sign", error) from None

    def __repr__(self) -> str:
        return "ModuleNoteSigner()"


def _library() -> Any:  # noqa: ANN401 - the library carries no types
    """Return the PKCS#11 library. Installations without a module do not need it."""
    try:
        return import_module("pkcs11")
    except ImportError:
        raise StoreError(
            "the library for hardware modules is not installed", "install what requirements/hsm.txt lists"
        ) from None


def _belongs(signer: ModuleSigner, public_key: ec.EllipticCurvePublicKey) -> bool:
    """Return whether the private half in the module belongs to the public key. It signs a random text for this."""
    text = secrets.token_bytes(ID_BYTES)
    made = signer.sign(text)
    if len(made) != 2 * COORDINATE_BYTES:
        return False
    r, s = (int.from_bytes(part, "big") for part in (made[:COORDINATE_BYTES], made[COORDINATE_BYTES:]))
    try:
        public_key.verify(encode_dss_signature(r, s), text, ec.ECDSA(hashes.SHA256()))
    except Exception:  # noqa: BLE001 - whatever it is, the key is not the one that it should be
        return False
    return True


def _public_of(point: bytes) -> ec.EllipticCurvePublicKey:
    """Return the key of an EC_POINT: a DER octet string around the uncompressed point, or the bare point."""
    bare = point[-_POINT_BYTES:]
    if len(bare) != _POINT_BYTES or bare[0] != _UNCOMPRESSED:
        raise StoreError("the hardware module gave a public key of another form", "use a module with P-256 keys")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bare)


def _fault(what: str, error: Exception) -> StoreError:
    """Return an error with the module's own error code. The module's texts may quote data and are left out."""
    return StoreError(f"{what}: {type(error).__name__}", "see YUNJU_PKCS11_MODULE, its token and its PIN file")


def module_of(settings: Settings) -> HardwareModule | None:
    """Return the module that the settings name, or None if keys lie in files."""
    if settings.pkcs11_module is None or settings.pkcs11_token is None:
        return None
    return HardwareModule(settings.pkcs11_module, settings.pkcs11_token, settings.pkcs11_pin_file)
