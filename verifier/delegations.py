"""Delegation codes (PROGRAMME, Representatives): a holder lets an employer's clerk use one service, for some days.

The code is short enough to read out and is kept as a keyed hash alone. Whoever can read the store without the server's
secret learns no code, no card and no employer; whoever can change it can end a delegation, or lengthen one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from cards.programme.types import Beneficiary
from edge.database import Database
from edge.encoding import b64u
from edge.instants import from_epoch, to_epoch
from edge.problems import Problem, ProblemKind, register_problem
from edge.sealing import Sealer, Unsealable, derive, keyed_hash
from verifier.tables import DELEGATIONS

if TYPE_CHECKING:
    from cards.claims import CardClaims
    from cards.programme.types import Programme, Service

CODE_PREFIX: Final = "71"
"""How every code begins: no wire form of digits does (docs/card-format.md)."""
_BODY_DIGITS: Final = 16
_GROUP: Final = 4
_CODE = re.compile(rf"{CODE_PREFIX}[0-9]{{{_BODY_DIGITS + 2}}}", re.ASCII)
_BETWEEN = re.compile(r"[\s·.-]+")
_LONGEST: Final = 40
LIVE_MOST: Final = 10
"""How many delegations of one holder may be in force at once."""
KEPT_AFTER: Final = timedelta(days=30)
"""How long what a delegation says outlives its end, as a booking's details do."""
OVER, ELSEWHERE = "delegation-over", "delegation-elsewhere"

_KINDS: Final = (
    ProblemKind(
        "too-many-delegations", 409, "有效的授权码过多", "Too many codes are in force", "Take one back, then try again."
    ),
    ProblemKind(
        "card-does-not-hold", 409, "该卡目前不能使用", "This card does not hold now", "See the reason, or call."
    ),
    ProblemKind(
        "not-delegable", 409, "该服务不能授权他人代办", "No clerk can use this service", "Services for employers alone."
    ),
)
for _kind in _KINDS:
    register_problem(_kind)


@dataclass(frozen=True, slots=True)
class Delegation:
    """One delegation: whose, for which service and employer, until when. `card`: the token it was made with.

    `uses` and `used_at` are told to the holder; what proves a use is its entry.
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
        """Whether it can be used at `at`: its end is excluded."""
        return self.revoked_at is None and at < self.ends_at


def refusal_of(delegation: Delegation | None, service: str, at: datetime) -> tuple[str, ...]:
    """Return what speaks against a code as the word for `service` at `at`; nothing where no code was shown."""
    if delegation is None:
        return ()
    if delegation.service != service:
        return (ELSEWHERE,)
    return () if delegation.in_force(at) else (OVER,)


def read_code(text: str) -> str | None:
    """Return a delegation code as it is kept, from what was scanned or typed; None for any other text.

    Groups and dashes are forgiven. A slip of one or two digits is none: the last two digits check the others
    (ISO/IEC 7064 MOD 97-10, as in a card number).
    """
    if len(text) > _LONGEST:
        return None
    digits = _BETWEEN.sub("", text)
    return digits if _CODE.fullmatch(digits) and int(digits) % 97 == 1 else None


def spaced(code: str) -> str:
    """Return a code in groups of four, as it is shown and read out."""
    return " ".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))


def delegable(service: Service) -> bool:
    """Whether a clerk can be sent for a service: it is used at a counter, and serves the employer."""
    return service.checked_in and Beneficiary.EMPLOYER in service.beneficiaries


def check_delegable(programme: Programme, service: Service, card: CardClaims) -> timedelta:
    """Return how long a delegation of `service` by this card lives; Problem `not-delegable` where there is none."""
    if programme.delegation is None or service.closed is not None:
        raise Problem("not-delegable")
    if not delegable(service) or card.tier not in service.tiers:
        raise Problem("not-delegable")
    return programme.delegation


class DelegationStore:
    """Keeps delegations until 30 days after their end. Every change is one transaction, durable on return."""

    def __init__(self, database: Database, secret: bytes) -> None:
        """Keep the database; details are sealed under the server's secret, codes hashed with it."""
        self._database = database
        self._sealer = Sealer(secret, "delegations")
        self._ids = derive(secret, "delegation-ids")
        self._codes = derive(secret, "delegation-codes")
        self._names = derive(secret, "delegation-code-names")

    def make(self, operation: str, wanted: Delegation) -> tuple[Delegation, str]:
        """Keep a delegation and return it with its code; the same operation again returns both again.

        Problems: `operation-conflict` where the operation was another delegation's, `too-many-delegations`.
        """
        made_id = b64u(keyed_hash(self._ids, wanted.subject, operation)[:16])
        with self._database.write() as connection:
            kept = self._found(connection.execute(sa.select(DELEGATIONS).where(DELEGATIONS.c.id == made_id)).all())
            if kept:
                if (kept[0].service, kept[0].employer) != (wanted.service, wanted.employer):
                    raise Problem("operation-conflict")
                return kept[0], self._code(made_id)
            live = sa.select(sa.func.count()).where(
                DELEGATIONS.c.subject == wanted.subject,
                DELEGATIONS.c.revoked_at.is_(None),
                DELEGATIONS.c.ends_at > to_epoch(wanted.made_at),
            )
            if connection.execute(live).scalar_one() >= LIVE_MOST:
                raise Problem("too-many-delegations")
            connection.execute(DELEGATIONS.insert().values(self._row(made_id, wanted)))
        return self._required(made_id), self._code(made_id)

    def _row(self, made_id: str, wanted: Delegation) -> dict[str, object]:
        details = json.dumps({"card": wanted.card, "employer": wanted.employer}, ensure_ascii=False)
        return {
            "id": made_id,
            "code": self._name(self._code(made_id)),
            "subject": wanted.subject,
            "service": wanted.service,
            "details": self._sealer.seal(details.encode(), made_id),
            "made_at": to_epoch(wanted.made_at),
            "ends_at": to_epoch(wanted.ends_at),
            "uses": 0,
        }

    def by_code(self, code: str) -> Delegation | None:
        """Return the delegation of a code, in force or not; None for a code that was never given out."""
        return self._one(DELEGATIONS.c.code == self._name(code))

    def find(self, delegation: str) -> Delegation | None:
        """Return a delegation by its id."""
        return self._one(DELEGATIONS.c.id == delegation)

    def of(self, subject: str) -> tuple[Delegation, ...]:
        """Return a holder's delegations, the newest first, those just over among them."""
        wanted = sa.select(DELEGATIONS).where(DELEGATIONS.c.subject == subject)
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(DELEGATIONS.c.made_at.desc(), DELEGATIONS.c.id)).all()
        return tuple(self._found(rows))

    def revoke(self, delegation: str, subject: str, at: datetime) -> Delegation:
        """Take a delegation back, once; Problem `not-found` where it is not this holder's."""
        mine = DELEGATIONS.c.id == delegation, DELEGATIONS.c.subject == subject
        with self._database.write() as connection:
            first = DELEGATIONS.update().where(*mine, DELEGATIONS.c.revoked_at.is_(None))
            connection.execute(first.values(revoked_at=to_epoch(at)))
        found = self.find(delegation)
        if found is None or found.subject != subject:
            raise Problem("not-found")
        return found

    def used(self, delegation: str, at: datetime) -> None:
        """Note a use, for its holder to see."""
        with self._database.write() as connection:
            mine = DELEGATIONS.update().where(DELEGATIONS.c.id == delegation)
            connection.execute(mine.values(uses=DELEGATIONS.c.uses + 1, used_at=to_epoch(at)))

    def erase(self, subject: str) -> None:
        """Erase all delegations of a holder."""
        with self._database.write() as connection:
            connection.execute(DELEGATIONS.delete().where(DELEGATIONS.c.subject == subject))

    def sweep(self, at: datetime) -> int:
        """Erase what ended 30 days before; return how many went."""
        over = DELEGATIONS.c.ends_at < to_epoch(at - KEPT_AFTER)
        with self._database.write() as connection:
            return connection.execute(DELEGATIONS.delete().where(over)).rowcount

    def _one(self, clause: sa.ColumnElement[bool]) -> Delegation | None:
        with self._database.read() as connection:
            found = self._found(connection.execute(sa.select(DELEGATIONS).where(clause)).all())
        return found[0] if found else None

    def _required(self, delegation: str) -> Delegation:
        found = self.find(delegation)
        if found is None:
            raise Problem("unavailable")
        return found

    def _found(self, rows: Iterable[sa.Row[Any]]) -> list[Delegation]:
        return [one for row in rows if (one := self._read(row)) is not None]

    def _read(self, row: sa.Row[Any]) -> Delegation | None:
        try:
            details = json.loads(self._sealer.open(row.details, row.id))
        except Unsealable:
            return None  # a replaced secret: as good as erased, and its code is known no more either
        return Delegation(
            id=row.id,
            subject=row.subject,
            card=details["card"],
            service=row.service,
            employer=details["employer"],
            made_at=from_epoch(row.made_at),
            ends_at=from_epoch(row.ends_at),
            revoked_at=_instant(row.revoked_at),
            uses=row.uses,
            used_at=_instant(row.used_at),
        )

    def _code(self, made_id: str) -> str:
        """Work out the code of a delegation: nobody without the secret can, and it need not be kept."""
        body = int.from_bytes(keyed_hash(self._codes, made_id)) % 10**_BODY_DIGITS
        head = f"{CODE_PREFIX}{body:0{_BODY_DIGITS}d}"
        return f"{head}{98 - int(head) * 100 % 97:02d}"

    def _name(self, code: str) -> bytes:
        return keyed_hash(self._names, code)


def _instant(kept: int | None) -> datetime | None:
    return None if kept is None else from_epoch(kept)
