"""A step of a matter (台账) as the ledger takes it: an entry that follows the check-in which opened it. A value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ledger.values import Draft


@dataclass(frozen=True, slots=True)
class MatterStep:
    """A matter reaches `stage`; its id is that of the check-in `target`. Counts nothing.

    `reason`: how it was closed; `deadline`: until when it is to be closed, once its materials are complete. What speaks
    against it by the matter's own stages was found before: `refusal`, raised as TargetState if the operation is new.
    """

    device: str
    id: str
    request: bytes
    at: datetime
    keep_until: datetime
    target: str
    draft: Draft
    stage: str
    reason: str | None = None
    deadline: datetime | None = None
    refusal: str | None = None
