"""The next version of the trust bundle: made when its content has changed or its renewal is due, and signed by the
root.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from edge.instants import from_epoch, to_epoch
from edge.strictjson import canonical
from issuer.register import indexes, office_log
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer
from issuer.register.office_log import OfficeAction
from issuer.register.tables import BUNDLES
from keys.bundle import BUNDLE, LIFETIME, RENEWAL_DUE, SEPARATOR, ProgrammePin, TrustBundle, sign_bundle
from keys.errors import TokenError
from keys.files import StoreError
from keys.jwk import public_jwk
from keys.keyset import VerificationKey
from keys.signer import Signer
from keys.tokens import UnverifiedToken, parse_unverified

Roots = tuple[Signer, Signer | None]
"""The signers: the root, and also the old root during a roll-over."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """The newest bundle of the register: its version and signed document."""

    version: int
    document: str
    content: str
    issued_at: datetime


def current_bundle(
    issuer: Issuer, connection: Connection, at: datetime, *, published_version: int = 0
) -> tuple[Bundle | None, RefusedError | None]:
    """Return the bundle to publish (a new one if it is due), and why a due bundle could not be signed.

    `published_version` is the version in the folder. So after a register was restored from a backup, the next version
    is still higher than every version that verifiers have seen. Call this inside a transaction.
    """
    newest = _newest(connection)
    if programme_bytes(issuer) is None:
        # A process that read the old file must not undo what a process with the new file has published.
        return newest, RefusedError("the programme file has changed since it was read", "restart this service")
    if issuer.upcoming is not None and at >= issuer.upcoming.holds_from:
        return newest, RefusedError("the programme's next version holds by now", "restart this service")
    keys = issuer.keys.published(at)
    lists = [f"{issuer.programme.status_base}{number}" for number in indexes.list_numbers(connection)]
    content = _content(issuer, keys, lists)
    roots = _roots(issuer, at)
    if newest is not None and not _due(newest, content, roots, at, published_version):
        return newest, None
    if roots is None:
        hint = "python -m issuer publish --root-keys FOLDER, where the root key is"
        return newest, RefusedError("the trust bundle is due and its root key is not here", hint)
    root, old_root = roots
    version = max(published_version, 0 if newest is None else newest.version) + 1
    bundle = TrustBundle(
        version=version,
        issuer=issuer.programme.issuer,
        issued_at=at,
        expires_at=at + LIFETIME,
        keys=keys,
        status_lists=tuple(lists),
        programme=_pin(issuer, newest, at),
    )
    made = Bundle(version, sign_bundle(bundle, root, old_root=old_root), content, at)
    _keep(connection, made, bundle.expires_at, at)
    return made, None


def bundle_version(document: str) -> int:
    """Return the version that a document claims, unverified, or 0 if it claims none."""
    try:
        version = _first_token(document).claims["ver"]
    except TokenError:
        return 0
    return version if isinstance(version, int) else 0


def programme_bytes(issuer: Issuer) -> bytes | None:
    """Return the programme file's bytes, or None if this office's programme was read from other bytes."""
    content = issuer.programme_file.read_bytes()
    return content if sha256(content).hexdigest() == issuer.programme.sha256 else None


def root_jwk(issuer: Issuer, at: datetime) -> dict[str, str] | None:
    """Return the public root key in use, or None if the root key is kept elsewhere."""
    roots = _roots(issuer, at)
    return None if roots is None else public_jwk(roots[0].public_key)


def jwks(issuer: Issuer, at: datetime) -> dict[str, list[dict[str, str]]]:
    """Return the keys of the bundle as an RFC 7517 set, for information."""
    return issuer.keys.key_set(at).jwks()


def _due(newest: Bundle, content: str, roots: Roots | None, at: datetime, published_version: int) -> bool:
    if newest.version < published_version or newest.content != content or at >= newest.issued_at + RENEWAL_DUE:
        return True
    if roots is None:
        return False
    root, old_root = roots
    signers = [root.kid] if old_root is None else [old_root.kid, root.kid]
    return signers != [_first_token(part).header["kid"] for part in newest.document.split(SEPARATOR)]


def _roots(issuer: Issuer, at: datetime) -> Roots | None:
    """Return the root and, during a roll-over, the old root. Return None if no root key is available."""
    if issuer.roots is None:
        return None
    try:
        return issuer.roots.roots(at)
    except StoreError:
        return None


def _first_token(document: str) -> UnverifiedToken:
    return parse_unverified(document.split(SEPARATOR, 1)[0], BUNDLE)


def _content(issuer: Issuer, keys: tuple[VerificationKey, ...], lists: list[str]) -> str:
    """Return a hash of everything in a bundle except its version and times."""
    said = {
        "issuer": issuer.programme.issuer,
        "keys": [key.to_json() for key in keys],
        "lists": lists,
        "programme": _named(issuer),
    }
    return sha256(canonical(said)).hexdigest()


def _named(issuer: Issuer) -> list[object]:
    """Return what a bundle says about the programme. Its instant is included only if it lies in the future."""
    if issuer.upcoming is None:
        return [issuer.programme.version, issuer.programme.sha256]
    upcoming = issuer.upcoming
    return [upcoming.programme.version, upcoming.programme.sha256, to_epoch(upcoming.holds_from)]


def _pin(issuer: Issuer, newest: Bundle | None, at: datetime) -> ProgrammePin:
    """Pin the programme. It is in force from the first bundle that names it.

    A next version is pinned in advance with its instant. Until then, everybody uses the present version.
    """
    if issuer.upcoming is not None:
        upcoming = issuer.upcoming
        return ProgrammePin(upcoming.programme.version, upcoming.programme.sha256, upcoming.holds_from)
    programme = issuer.programme
    if newest is not None:
        match _first_token(newest.document).claims["programme"]:
            case {"sha256": programme.sha256, "effective_at": int(effective)}:
                return ProgrammePin(programme.version, programme.sha256, from_epoch(effective))
    return ProgrammePin(programme.version, programme.sha256, at)


def _newest(connection: Connection) -> Bundle | None:
    row = connection.execute(sa.select(BUNDLES).order_by(BUNDLES.c.version.desc()).limit(1)).one_or_none()
    return None if row is None else Bundle(row.version, row.document, row.content, row.issued_at)


def _keep(connection: Connection, made: Bundle, expires_at: datetime, at: datetime) -> None:
    connection.execute(
        BUNDLES.insert().values(
            version=made.version,
            content=made.content,
            document=made.document,
            issued_at=made.issued_at,
            expires_at=expires_at,
        )
    )
    office_log.append(connection, OfficeAction.BUNDLE_SIGNED, by="publisher", at=at, version=made.version)
