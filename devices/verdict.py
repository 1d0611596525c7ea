"""What staff are told at the counter: one value for terminal and page. It has no token and no proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from devices.faults import DeviceFault


class VerdictKind(StrEnum):
    """The four kinds of answers."""

    GRANTED = "granted"
    DENIED = "denied"
    ASK = "ask"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class VerdictText:
    """A sentence in both languages."""

    zh: str = ""
    en: str = ""

    @classmethod
    def of(cls, value: object) -> VerdictText:
        """Read a sentence of the server. Return an empty text for anything else."""
        match value:
            case {"zh": str(zh), "en": str(en)}:
                return cls(zh, en)
        return cls()


@dataclass(frozen=True, slots=True)
class CounterVerdict:
    """One answer. `lane` is its reader or scanner. `offline`: it was judged here, and the server will judge it
    again.
    """

    kind: VerdictKind
    message: VerdictText
    hint: VerdictText = VerdictText()
    reason: str | None = None
    service: str = ""
    lane: str = ""
    profile: str = ""
    assurance: str | None = None
    name: str | None = None
    tier: str | None = None
    entry: str | None = None
    offline: bool = False
    answer: Mapping[str, object] = field(default_factory=dict)
    milliseconds: int = 0
    exchanges: int = 0

    def at(self, lane: str, *, milliseconds: int, exchanges: int = 0, profile: str = "") -> CounterVerdict:
        """Return the verdict with its place and its time."""
        return replace(self, lane=lane, milliseconds=milliseconds, exchanges=exchanges, profile=profile or self.profile)

    def to_json(self) -> dict[str, object]:
        """Return the verdict in the form for the counter page."""
        return {
            "kind": self.kind.value,
            "message": {"zh": self.message.zh, "en": self.message.en},
            "hint": {"zh": self.hint.zh, "en": self.hint.en},
            "reason": self.reason,
            "service": self.service,
            "lane": self.lane,
            "profile": self.profile,
            "assurance": self.assurance,
            "name": self.name,
            "tier": self.tier,
            "entry": self.entry,
            "offline": self.offline,
            "milliseconds": self.milliseconds,
            "answer": dict(self.answer),
        }


def of_answer(found: Mapping[str, object]) -> CounterVerdict:
    """Return the verdict of a check-in's answer (docs/design.md §9)."""
    holder = found.get("holder")
    tier = VerdictText.of(found.get("tier_name")).zh or found.get("tier")
    return CounterVerdict(
        kind=VerdictKind.GRANTED if found.get("outcome") == "granted" else VerdictKind.DENIED,
        message=VerdictText.of(found.get("message")),
        hint=VerdictText.of(found.get("hint")),
        reason=_text(found.get("reason")),
        service=str(found.get("service", "")),
        assurance=_text(found.get("assurance")),
        name=_text(holder.get("name")) if isinstance(holder, dict) else None,
        tier=_text(tier),
        entry=_text(found.get("id")),
        answer={name: value for name, value in found.items() if name != "promise"},
    )


def of_look(found: Mapping[str, object]) -> CounterVerdict:
    """Return the question that remains after a look: whether the person's ID was compared."""
    holder = found.get("holder")
    return CounterVerdict(
        kind=VerdictKind.ASK,
        message=VerdictText.of(found.get("message")),
        hint=VerdictText.of(found.get("hint")),
        assurance=_text(found.get("assurance")),
        name=_text(holder.get("name")) if isinstance(holder, dict) else None,
        tier=_text(VerdictText.of(found.get("tier_name")).zh or found.get("tier")),
        answer={name: value for name, value in found.items() if name != "id"},
    )


def of_fault(fault: DeviceFault) -> CounterVerdict:
    """Return the verdict for a fault: never a grant, and never the holder's fault."""
    message = f"{fault}"
    return CounterVerdict(
        VerdictKind.FAULT,
        VerdictText(fault.zh, message),
        VerdictText("", fault.hint),
        type(fault).__name__,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
