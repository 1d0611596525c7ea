"""Public keys of other servers that an issuer vouches for: servers that take check-ins sign receipts and the log
themselves.

A counter server's private keys never leave it (docs/design.md §3). The key that it offers is compared in another way
and admitted here. From then on, the trust bundle lists it, until it is dismissed or expires.
"""

from pathlib import Path
from typing import Final

from edge.strictjson import JsonError, dumps, loads
from keys.errors import BadKey
from keys.files import StoreError, create_private, open_folder, read_private
from keys.keyset import Purpose, VerificationKey

ADMISSIBLE: Final = frozenset({Purpose.RECEIPT, Purpose.LOG})
"""The purposes that another server may have keys for. Cards, status lists and bundles are the issuer's own."""

_FOLDER: Final = "admitted"


def write_offer(key: VerificationKey) -> bytes:
    """Return a key in the form for another issuer's `read_offer`: one JSON object without secrets."""
    return dumps(key.to_json())


def read_offer(data: bytes) -> VerificationKey:
    """Read what `write_offer` made. Raises BadKey for anything else, and for a purpose that another server may not
    have.
    """
    try:
        key = VerificationKey.from_json(loads(data))
    except JsonError as error:
        raise BadKey(f"an offer is one JSON object: {error}") from None
    if key.purpose not in ADMISSIBLE:
        raise BadKey(f"another server may not sign as {key.purpose}: that key is the issuer's own")
    return key


class AdmittedKeys:
    """The admitted keys, each in a file of its own in a folder beside the issuer's keys. Raises StoreError as the key
    store does.
    """

    def __init__(self, folder: Path) -> None:
        """Keep the files beside the keys in `folder`, the key store's folder."""
        self._folder = folder / _FOLDER

    def admit(self, key: VerificationKey) -> None:
        """Add a key; it is durable on return. Raises StoreError if it is there already."""
        open_folder(self._folder)
        try:
            create_private(self._path(key.kid), write_offer(key))
        except StoreError:
            if not self._path(key.kid).exists():
                raise
            raise StoreError("this key is admitted already", "python -m keys list shows it") from None

    def dismiss(self, kid: str) -> VerificationKey:
        """Remove a key and return it. The next bundle no longer lists it. Raises StoreError for an unknown key."""
        for key in self.list():
            if key.kid == kid:
                self._path(kid).unlink()
                return key
        raise StoreError("no key of this id was admitted", "python -m keys list shows which are")

    def list(self) -> tuple[VerificationKey, ...]:
        """Return the keys, by purpose, then by validity."""
        found = (self._read(path) for path in self._folder.glob("*.json"))
        return tuple(sorted(found, key=lambda key: (key.purpose, key.not_before, key.kid)))

    def _read(self, path: Path) -> VerificationKey:
        try:
            return read_offer(read_private(path))
        except BadKey as error:
            raise StoreError(f"{path} is damaged: {error}", "restore it from the backup of the key folder") from None

    def _path(self, kid: str) -> Path:
        return self._folder / f"{kid}.json"
