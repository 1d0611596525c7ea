"""The account log: who changed what. It is append-only and has ids and codes of actions alone, no name and no
secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from accounts.tables import ACCOUNT_LOG


class AccountAction(StrEnum):
    """All actions in the account log. Grammar: `<what>-<done>`; `subject` is the id of the <what>."""

    PERSON_ADDED = "person-added"
    PERSON_DISABLED = "person-disabled"
    PERSON_ENABLED = "person-enabled"
    PERSON_PASSWORD_CHANGED = "person-password-changed"  # noqa: S105 - an action's name
    PERSON_ROLES_CHANGED = "person-roles-changed"
    PERSON_SIGNED_IN = "person-signed-in"
    PERSON_SESSION_ENDED = "person-session-ended"
    PERSON_FACTOR_ADDED = "person-factor-added"
    PERSON_FACTOR_REMOVED = "person-factor-removed"
    PERSON_FACTORS_RESET = "person-factors-reset"
    PERSON_CODES_MADE = "person-codes-made"
    PERSON_CODE_USED = "person-code-used"
    PERSON_LINKED = "person-linked"
    CODE_MADE = "code-made"
    CODE_WITHDRAWN = "code-withdrawn"
    DEVICE_ENROLLED = "device-enrolled"
    DEVICE_REVOKED = "device-revoked"
    DEVICE_MOVED = "device-moved"
    DEVICE_OPERATOR_CHANGED = "device-operator-changed"
    INTEGRATOR_ADDED = "integrator-added"
    INTEGRATOR_REVOKED = "integrator-revoked"
    HOOK_ADDED = "hook-added"
    HOOK_ROTATED = "hook-rotated"
    HOOK_STOPPED = "hook-stopped"
    HOOK_RESUMED = "hook-resumed"
    HOOK_REMOVED = "hook-removed"
    HOOK_SENT_AGAIN = "hook-sent-again"
    OPERATOR_ADDED = "operator-added"
    OPERATOR_DISABLED = "operator-disabled"
    OPERATOR_SIGNED_IN = "operator-signed-in"
    OPERATOR_PIN_CHANGED = "operator-pin-changed"
    OPERATOR_RIGHTS_CHANGED = "operator-rights-changed"


@dataclass(frozen=True, slots=True)
class JournalNote:
    """One line of the account log. `actor` is `cli:<user>`, or `device:`, `person:`, `code:` and an id."""

    id: int
    at: datetime
    actor: str
    action: AccountAction
    subject: str
    detail: Mapping[str, object]


def append(
    connection: Connection,
    action: AccountAction,
    subject: str,
    *,
    by: str,
    at: datetime,
    detail: Mapping[str, object] | None = None,
) -> None:
    """Write one line, in the transaction of its change."""
    line = {"at": at, "actor": by, "action": action.value, "subject": subject, "detail": dict(detail or {})}
    connection.execute(ACCOUNT_LOG.insert().values(line))


def newest(connection: Connection, limit: int, offset: int = 0) -> Sequence[JournalNote]:
    """Return `limit` lines, newest first, after `offset` newer lines."""
    rows = connection.execute(sa.select(ACCOUNT_LOG).order_by(ACCOUNT_LOG.c.id.desc()).limit(limit).offset(offset))
    return [JournalNote(row.id, row.at, row.actor, AccountAction(row.action), row.subject, row.detail) for row in rows]
