"""Sets of verification keys. Each key has one id, one purpose, and one validity. Nothing here can sign."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric import ec

from edge.instants import from_epoch, to_epoch
from keys.errors import BadKey, UnknownKey
from keys.jwk import key_from_jwk, key_thumbprint, public_jwk

_MEMBERS = frozenset({"kid", "purpose", "nbf", "exp", "jwk"})


class Purpose(StrEnum):
    """What a key signs. Each key has one purpose."""

    ROOT = "root"
    CARD = "card"
    STATUS = "status"
    LOG = "log"
    RECEIPT = "receipt"


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key trusted for `purpose` from `not_before` until before `not_after` (aware UTC, whole seconds).

    Raises BadKey unless `kid` is the key's RFC 7638 thumbprint and the validity is not empty.
    """

    kid: str
    purpose: Purpose
    key: ec.EllipticCurvePublicKey
    not_before: datetime
    not_after: datetime

    def __post_init__(self) -> None:
        if self.kid != key_thumbprint(self.key):
            raise BadKey("the kid is not the key's RFC 7638 thumbprint")
        if self.not_before.utcoffset() is None or self.not_after.utcoffset() is None:
            raise BadKey("a key's validity needs a time zone")
        if not self.not_before < self.not_after:
            raise BadKey("a key's validity ends after it begins")

    @classmethod
    def of(
        cls, key: ec.EllipticCurvePublicKey, purpose: Purpose, not_before: datetime, not_after: datetime
    ) -> "VerificationKey":
        """Return the key under its own thumbprint."""
        return cls(key_thumbprint(key), purpose, key, not_before, not_after)

    def valid_at(self, at: datetime) -> bool:
        """Return whether `at` lies in the key's half-open validity."""
        return self.not_before <= at < self.not_after

    def to_json(self) -> dict[str, object]:
        """Return `kid`, `purpose`, `nbf`, `exp` (epoch seconds) and `jwk`."""
        return {
            "kid": self.kid,
            "purpose": self.purpose.value,
            "nbf": to_epoch(self.not_before),
            "exp": to_epoch(self.not_after),
            "jwk": public_jwk(self.key),
        }

    @classmethod
    def from_json(cls, value: object) -> "VerificationKey":
        """Read what `to_json` wrote. Raises BadKey for anything else, also for unknown members."""
        if not isinstance(value, Mapping) or value.keys() != _MEMBERS:
            raise BadKey("a key is described by kid, purpose, nbf, exp and jwk")
        jwk = value["jwk"]
        if not isinstance(jwk, Mapping):
            raise BadKey("a JWK is an object")
        return cls(
            kid=str(value["kid"]),
            purpose=_purpose(value["purpose"]),
            key=key_from_jwk(jwk),
            not_before=_instant(value["nbf"]),
            not_after=_instant(value["exp"]),
        )


class KeySet:
    """An immutable set of verification keys with distinct ids."""

    def __init__(self, keys: Iterable[VerificationKey]) -> None:
        """Take the keys. Raises BadKey if two have one id, whatever their purposes."""
        self._by_kid: dict[str, VerificationKey] = {}
        for key in keys:
            if key.kid in self._by_kid:
                raise BadKey("two keys of a set have one kid")
            self._by_kid[key.kid] = key

    def find(self, kid: str, purpose: Purpose, at: datetime) -> VerificationKey:
        """Return the key with this id, for this purpose, valid at `at`. Raises UnknownKey otherwise."""
        key = self._by_kid.get(kid)
        if key is None:
            raise UnknownKey("no key of this id is trusted")
        if key.purpose is not purpose:
            raise UnknownKey(f"the key is for {key.purpose}, not for {purpose}")
        if not key.valid_at(at):
            raise UnknownKey("the key is not in its validity")
        return key

    def of_purpose(self, purpose: Purpose) -> tuple[VerificationKey, ...]:
        """Return the keys of one purpose, in the set's order."""
        return tuple(key for key in self if key.purpose is purpose)

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the RFC 7517 §5 set: public keys with `kid`, `use` and `alg`. It is for information, never for
        trust.
        """
        return {"keys": [public_jwk(key.key) | {"kid": key.kid, "use": "sig", "alg": "ES256"} for key in self]}

    def __iter__(self) -> Iterator[VerificationKey]:
        return iter(self._by_kid.values())

    def __len__(self) -> int:
        return len(self._by_kid)


def _purpose(value: object) -> Purpose:
    try:
        return Purpose(value)  # type: ignore[arg-type]  # the enumeration itself refuses what is no text
    except ValueError:
        raise BadKey("a key's purpose is root, card, status, log or receipt") from None


def _instant(value: object) -> datetime:
    try:
        return from_epoch(value)  # type: ignore[arg-type]  # from_epoch refuses what is no integer
    except ValueError:
        raise BadKey("a key's validity is given in whole epoch seconds") from None
