"""Delegation codes (docs/guide-coverage.md, Representatives): a holder allows an employer's clerk to use one service
for some days.

The code is short enough to read aloud, and only a keyed hash of it is kept. An attacker who reads the store without the
server's secret learns no code, no card and no employer. An attacker who can change the store can end a delegation or
lengthen it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cards.claims import CardClaims
from cards.programme.types import Beneficiary, Programme, Service
from edge.problems import Problem, ProblemKind, register_problem

CODE_PREFIX: Final = "71"
"""The beginning of every code. No digits-only form of a card begins like this (docs/card-format.md)."""
BODY_DIGITS: Final = 16
_GROUP: Final = 4
_CODE = re.compile(rf"{CODE_PREFIX}[0-9]{{{BODY_DIGITS + 2}}}", re.ASCII)
_BETWEEN = re.compile(r"[\s·.-]+")
CODE_MOST: Final = 40
"""The longest text that is read as a code, including its spaces and dashes."""
OVER, ELSEWHERE = "delegation-over", "delegation-elsewhere"
ASSURANCE: Final = "delegated"
"""The word of the API and the log for a use by code: there was no card and no phone, and staff compared the clerk's
ID.
"""

_KINDS: Final = (
    ProblemKind(
        "too-many-delegations",
        409,
        "有效的授权码过多",
        "The holder has too many valid codes",
        "Take back a code, then try again.",
    ),
    ProblemKind(
        "card-does-not-hold",
        409,
        "该卡目前不能使用",
        "This card cannot be used now",
        "See `reason`, or call the office.",
    ),
    ProblemKind(
        "not-delegable",
        409,
        "该服务不能授权他人代办",
        "No clerk may use this service for the holder",
        "Choose a service for employers.",
    ),
)
for _kind in _KINDS:
    register_problem(_kind)


@dataclass(frozen=True, slots=True)
class Delegation:
    """One delegation: its holder, service, employer and end. `card`: the token with which it was made.

    `uses` and `used_at` are for the holder. A use is proved by its entry.
    """

    id: str
    subject: str
    card: str
    service: str
    employer: str
    made_at: datetime
    ends_at: datetime
    revoked_at: datetime | None = None
    uses: int = 0
    used_at: datetime | None = None

    def in_force(self, at: datetime) -> bool:
        """Return whether it can be used at `at`. Its end is excluded."""
        return self.revoked_at is None and at < self.ends_at


def delegation_refusal(delegation: Delegation | None, service: str, at: datetime) -> tuple[str, ...]:
    """Return the reasons against a code for `service` at `at`. There are none if no code was shown."""
    if delegation is None:
        return ()
    if delegation.service != service:
        return (ELSEWHERE,)
    return () if delegation.in_force(at) else (OVER,)


def read_code(text: str) -> str | None:
    """Return a delegation code as it is kept, from a scanned or typed text, or None for any other text.

    Groups and dashes are ignored. A mistake in one or two digits is not accepted, because the last two digits check the
    others (ISO/IEC 7064 MOD 97-10, as in a card number).
    """
    if len(text) > CODE_MOST:
        return None
    digits = _BETWEEN.sub("", text)
    return digits if _CODE.fullmatch(digits) and int(digits) % 97 == 1 else None


def spaced_code(code: str) -> str:
    """Return a code in groups of four, to show or read aloud."""
    return " ".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))


def delegable(service: Service) -> bool:
    """Return whether a clerk can be sent for a service: it is used at a counter and serves the employer."""
    return service.checked_in and Beneficiary.EMPLOYER in service.beneficiaries


def check_delegable(programme: Programme, service: Service, card: CardClaims) -> timedelta:
    """Return how long a delegation of `service` by this card lives. Problem `not-delegable` if the service cannot be
    delegated.
    """
    if programme.delegation is None or service.closed is not None:
        raise Problem("not-delegable")
    if not delegable(service) or card.tier not in service.tiers:
        raise Problem("not-delegable")
    return programme.delegation
