"""A step of a matter (台账) as the ledger takes it: an entry that follows the check-in that opened the matter. A
value.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ledger.values import Draft


@dataclass(frozen=True, slots=True)
class MatterStep:
    """A matter reaches `stage`. The matter's id is the id of the check-in `target`. The step counts nothing.

    `reason`: how the matter was closed. `deadline`: the instant by which the matter must be closed, once its materials
    are complete. `refusal`: the reason that the matter's own stages gave against the step. The ledger raises it as
    TargetState if the operation is new.
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
