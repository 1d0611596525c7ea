"""A new issuer: its missing keys, then the first publication. A second run leaves everything as it is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from issuer.publishing.publish import Publication, publish
from issuer.register.issuer import Issuer
from keys.files import StoreError
from keys.keyset import Purpose
from keys.store import KeyStore, StoredKey

ISSUING: Final = (Purpose.ROOT, Purpose.CARD, Purpose.STATUS)
"""What an issuer without check-ins signs. Receipts and the log are signed where check-ins are taken."""


def set_up(
    issuer: Issuer, at: datetime, purposes: Iterable[Purpose] = tuple(Purpose)
) -> tuple[list[StoredKey], Publication]:
    """Make the missing keys and publish. Return both. Without `desk.roots`, no root key is made (RefusedError)."""
    made = []
    for purpose in purposes:
        store = issuer.roots if purpose is Purpose.ROOT else issuer.keys
        if store is not None and not _may_sign(store, purpose, at):
            made.append(store.begin(purpose, at))
    return made, publish(issuer, at)


def _may_sign(store: KeyStore, purpose: Purpose, at: datetime) -> bool:
    try:
        store.signer(purpose, at)
    except StoreError:
        return False
    return True
