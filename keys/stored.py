"""What the key store knows of a key besides its private half: state, use, trust, and how long each purpose's last."""

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
    """What a key may do. Within its days of use an ACTIVE key signs; which of several, the latest begun decides."""

    ACTIVE = "active"
    PASSIVE = "passive"
    """Verifies earlier signatures; signs nothing further."""
    DISABLED = "disabled"
    """Neither signs nor is published; may be made active again."""
    COMPROMISED = "compromised"
    """Neither signs nor is published, for ever."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a purpose's keys follow one another.

    `lead`: published before first use, so that every verifier has it. `use`: signs for so long. `overlap`: trusted
    after its last use, the longest life of what it signs plus grace.
    """

    lead: timedelta
    use: timedelta
    overlap: timedelta

    def __post_init__(self) -> None:
        if self.lead < timedelta() or min(self.use, self.overlap) < timedelta(seconds=1):
            raise BadKey("a schedule's lead is not negative, its use and overlap are a second at least")


SCHEDULES: Final[Mapping[Purpose, Schedule]] = MappingProxyType(
    {
        # The lead is the roll-over: whoever holds a bundle of the old root alone sees it expire within 90 days.
        Purpose.ROOT: Schedule(timedelta(days=100), timedelta(days=5 * 365), timedelta(days=120)),
        # A printed card lives up to five years.
        Purpose.CARD: Schedule(timedelta(days=3), timedelta(days=365), timedelta(days=5 * 366 + 60)),
        # A status list is relied on for a day.
        Purpose.STATUS: Schedule(timedelta(days=3), timedelta(days=365), timedelta(days=7)),
        # Checkpoints and promises are shown long after: an auditor looks back ten years.
        Purpose.LOG: Schedule(timedelta(days=3), timedelta(days=5 * 365), timedelta(days=3660)),
        Purpose.RECEIPT: Schedule(timedelta(days=3), timedelta(days=365), timedelta(days=3660)),
    }
)
"""The project's own figures; a caller may choose others."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key of the store: `public` is what a bundle lists; it signs in [`signs_from`, `signs_until`) while ACTIVE."""

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
        """Tell whether the key may sign at `at`, if no later one does."""
        return self.state is KeyState.ACTIVE and self.signs_from <= at < self.signs_until

    def waits(self, at: datetime) -> bool:
        """Tell whether the key is yet to sign."""
        return self.state is KeyState.ACTIVE and at < self.signs_from

    def published(self, at: datetime) -> bool:
        """Tell whether a bundle made at `at` lists the key: active or passive, not over, and no root."""
        usable = self.state in (KeyState.ACTIVE, KeyState.PASSIVE)
        return usable and at < self.public.not_after and self.purpose is not Purpose.ROOT

    def to_json(self) -> dict[str, object]:
        """Return the key's story; times as RFC 3339 text."""
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
    """Return the key that a JSON file named after `kid` tells of. Raises ValueError if it is damaged or another
    key's.
    """
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
