"""What webhooks tell: kinds of events, an event from a log, and its text for one integrator. Pure.

No text names a person. A holder or an application is given as a reference that is different for each integrator, so
that two integrators cannot link their references.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from edge.encoding import b64u
from edge.instants import rfc3339
from edge.sealing import keyed_hash

USAGE, OFFICE = "usage", "office"
"""The two logs: the ledger's entries, and the office's acts on applications."""
TEST: Final = "hook.test"
KINDS: Final[Mapping[str, str]] = {
    "check_in.granted": USAGE,
    "check_in.voided": USAGE,
    "booking.made": USAGE,
    "booking.changed": USAGE,
    "booking.cancelled": USAGE,
    "booking.missed": USAGE,
    "request.made": USAGE,
    "request.stage": USAGE,
    "request.voided": USAGE,
    "matter.stage": USAGE,
    "application.received": OFFICE,
    "application.supplement_asked": OFFICE,
    "application.supplied": OFFICE,
    "application.reviewed": OFFICE,
    "application.returned": OFFICE,
    "application.approved": OFFICE,
    "application.refused": OFFICE,
    "application.withdrawn": OFFICE,
}
"""Every kind to choose from, and its log."""


@dataclass(frozen=True, slots=True)
class HookEvent:
    """One line of a log that webhooks report.

    `entry`: the line's own name. `partition` and `sequence`: its place. In a partition, numbers only grow, and a later
    event has a higher number. `subject`: the source of the reference (`holder` or `application`, its internal name).
    `own`: further values for one integrator alone, by the integrator's id.
    """

    kind: str
    log: str
    entry: str
    partition: int
    sequence: int
    at: datetime
    told: Mapping[str, object]
    subject: tuple[str, str] | None = None
    point: str | None = None
    service: str | None = None
    own: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def kinds_of(asked: Iterable[str]) -> tuple[str, ...]:
    """Return the kinds in a list of words. A group such as `booking` stands for all of its kinds. Raises ValueError."""
    chosen: set[str] = set()
    for word in asked:
        found = {kind for kind in KINDS if kind == word or kind.partition(".")[0] == word}
        if not found:
            raise ValueError(word)
        chosen |= found
    return tuple(kind for kind in KINDS if kind in chosen)


def name_of(hook_id: str, event: HookEvent) -> str:
    """Return the webhook-id. It is the same for the same event and hook, whenever and however often it is computed."""
    return f"msg_{hook_id}_{event.entry}"


def text_of(event: HookEvent, integrator: str, key: bytes) -> str:
    """Return an event's text for one integrator: JSON, exactly the bytes that are signed and sent."""
    data: dict[str, object] = {
        "log": event.log,
        "entry": event.entry,
        "partition": event.partition,
        "sequence": event.sequence,
        **event.told,
    }
    if event.subject is not None:
        what, name = event.subject
        data[what] = {"ref": reference(key, integrator, what, name), **event.own.get(integrator, {})}
    return written(event.kind, event.at, data)


def written(kind: str, at: datetime, data: Mapping[str, object]) -> str:
    """Return the text of a webhook: its type, the time of the event, and its data."""
    told = {"type": kind, "timestamp": rfc3339(at), "data": data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def reference(key: bytes, integrator: str, what: str, name: str) -> str:
    """Return an integrator's own name for a holder or an application."""
    return b64u(keyed_hash(key, integrator, what, name)[:16])
