"""The intent of a call at a counter, read and typed, and the hash that binds an operation to the intent.

Values alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from accounts.rights import Caller
from cards.parts import Presentation
from cards.programme.types import Beneficiary, Point, Service
from edge.encoding import b64u
from edge.strictjson import canonical_digest
from verifier.records.tags import TagRead
from verifier.rules.delegations import Delegation


@dataclass(frozen=True, slots=True)
class Override:
    """A supervisor's word that a refusal of the visitor would be wrong: a reason of the closed set, and free text."""

    reason: str
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """The part of a use that steps 7 to 9 judge, for a check-in, a look or a dry run.

    `not_holder`: staff say that the person here is not the holder. `booking`: the named booking. `override`: a
    supervisor's word. `delegation`: the delegation behind the code of an employer's clerk.
    """

    point: Point
    service: Service
    beneficiary: Beneficiary = Beneficiary.HOLDER
    not_holder: bool = False
    booking: str | None = None
    override: Override | None = None
    delegation: Delegation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent(Use):
    """One intended check-in, read and typed, with the requester and the point. `operation` is the Idempotency-Key.

    `looked_at`: the time of the look that this confirms; its proof is judged by this instant. `tag`: the reading of a
    counting tag that named the card. `call`: the name of the signed call, if the call was signed. `represented`: staff
    saw a clerk's letter and ID.
    """

    operation: str
    caller: Caller
    presentation: Presentation
    reference: str | None = None
    id_checked: bool = False
    client_time: int | None = None
    looked_at: datetime | None = None
    tag: TagRead | None = None
    call: str | None = None
    companions: int = 0
    matter: Mapping[str, str] = field(default_factory=dict)
    represented: bool = False

    @property
    def request(self) -> bytes:
        """The hash of the intent: requester, place, subject, holder, what staff vouch for, the card and its proof.

        Rare fields are hashed only if they are present. A matter's kind and department are never hashed: a device's
        record of a check-in whose answer was lost does not hold them.
        """
        shown = self.presentation
        intended: dict[str, object] = {
            "device": self.caller.id,
            "service": self.service.code,
            "point": self.point.code,
            "beneficiary": self.beneficiary.value,
            "id_checked": self.id_checked,
            "not_holder": self.not_holder,
            "card": b64u(shown.card_digest),
            # The name of this showing of the card: the tag's count, the phone's proof, or the chip's nonce.
            "proof": self.tag.proof if self.tag else shown.showing,
        }
        if self.reference is not None:
            intended["reference"] = self.reference
        if self.booking is not None:
            intended["booking"] = self.booking
        if self.companions:
            intended["companions"] = self.companions
        if self.represented:
            intended["represented"] = True
        if self.delegation is not None:
            intended["delegation"] = self.delegation.id
        if self.override is not None:
            intended["override"] = [self.override.reason, self.override.note or ""]
        return canonical_digest(intended)
