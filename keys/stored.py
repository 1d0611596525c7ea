"""What the key store knows about a key besides its private half: state, use, trust, and the times of each purpose."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from edge.instants import parse_rfc3339, rfc3339
from edge.strictjson import dumps, loads
from keys.errors import BadKey
from keys.jwk import key_from_jwk, public_jwk
from keys.keyset import Purpose, VerificationKey

_MEMBERS: Final = {"kid", "purpose", "state", "not_before", "signs_from", "signs_until", "not_after", "jwk"}


class KeyState(StrEnum):
    """What a key may do. An ACTIVE key signs within its days of use. Of several, the one that began last signs."""

    ACTIVE = "active"
    PASSIVE = "passive"
    """Verifies earlier signatures, and signs nothing more."""
    DISABLED = "disabled"
    """Neither signs nor is published. It may be made active again."""
    COMPROMISED = "compromised"
    """Neither signs nor is published, for ever."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The times of a purpose's keys.

    `lead`: how long a key is published before its first use, so that every verifier has it. `use`: how long it signs.
    `overlap`: how long it is trusted after its last use: the longest life of what it signs, plus a grace period.
    """

    lead: timedelta
    use: timedelta
    overlap: timedelta

    def __post_init__(self) -> None:
        if self.lead < timedelta() or min(self.use, self.overlap) < timedelta(seconds=1):
            raise BadKey("a schedule's lead is not negative, its use and overlap are a second at least")


SCHEDULES: Final[Mapping[Purpose, Schedule]] = MappingProxyType(
    {
        # The lead is the roll-over: a verifier with only a bundle of the old root sees it expire within 90 days.
        Purpose.ROOT: Schedule(timedelta(days=100), timedelta(days=5 * 365), timedelta(days=120)),
        # A printed card lives up to five years.
        Purpose.CARD: Schedule(timedelta(days=3), timedelta(days=365), timedelta(days=5 * 366 + 60)),
        # A status list is used for a day.
        Purpose.STATUS: Schedule(timedelta(days=3), timedelta(days=365), timedelta(days=7)),
        # Checkpoints and promises are shown long afterwards: an auditor looks back ten years.
        Purpose.LOG: Schedule(timedelta(days=3), timedelta(days=5 * 365), timedelta(days=3660)),
        Purpose.RECEIPT: Schedule(timedelta(days=3), timedelta(days=365), timedelta(days=3660)),
    }
)
"""The project's own values. A caller may choose others."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key of the store. `public` is its form in a bundle. It signs in [`signs_from`, `signs_until`) while ACTIVE."""

    public: VerificationKey
    state: KeyState
    signs_from: datetime
    signs_until: datetime

    def __post_init__(self) -> None:
        if not self.public.not_before <= self.signs_from <= self.signs_until <= self.public.not_after:
            raise BadKey("a key signs only while it is trusted")

    @property
    def kid(self) -> str:
        """The key's RFC 7638 thumbprint."""
        return self.public.kid

    @property
    def purpose(self) -> Purpose:
        """What the key signs."""
        return self.public.purpose

    def may_sign(self, at: datetime) -> bool:
        """Return whether the key may sign at `at`, if no later key does."""
        return self.state is KeyState.ACTIVE and self.signs_from <= at < self.signs_until

    def waits(self, at: datetime) -> bool:
        """Return whether the key has not begun to sign."""
        return self.state is KeyState.ACTIVE and at < self.signs_from

    def published(self, at: datetime) -> bool:
        """Return whether a bundle made at `at` lists the key: active or passive, not expired, and no root."""
        usable = self.state in (KeyState.ACTIVE, KeyState.PASSIVE)
        return usable and at < self.public.not_after and self.purpose is not Purpose.ROOT

    def to_json(self) -> dict[str, object]:
        """Return the key's JSON story. Times are RFC 3339 text."""
        return {
            "kid": self.kid,
            "purpose": self.purpose.value,
            "state": self.state.value,
            "not_before": rfc3339(self.public.not_before),
            "signs_from": rfc3339(self.signs_from),
            "signs_until": rfc3339(self.signs_until),
            "not_after": rfc3339(self.public.not_after),
            "jwk": public_jwk(self.public.key),
        }


def write_story(stored: StoredKey) -> bytes:
    """Return the bytes of a key's JSON file."""
    return dumps(stored.to_json())


def read_story(data: bytes, kid: str) -> StoredKey:
    """Return the key in a JSON file named after `kid`. Raises ValueError if it is damaged or another key's."""
    story = loads(data)
    if not isinstance(story, dict) or story.keys() != _MEMBERS or story["kid"] != kid:
        raise BadKey("members are missing, unknown, or another key's")
    if not isinstance(story["jwk"], dict):
        raise BadKey("jwk is no object")
    public = VerificationKey(
        kid=kid,
        purpose=Purpose(story["purpose"]),
        key=key_from_jwk(story["jwk"]),
        not_before=_instant(story["not_before"]),
        not_after=_instant(story["not_after"]),
    )
    return StoredKey(public, KeyState(story["state"]), _instant(story["signs_from"]), _instant(story["signs_until"]))


def _instant(value: object) -> datetime:
    return parse_rfc3339(value if isinstance(value, str) else "")
