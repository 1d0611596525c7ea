"""What clients sent and were told: their own ledger, which the machine's is compared with in the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from threading import Event, Lock

from tests.verifier.machine import Answer, identifier

PATIENCE_S = 8.0
"""How long a client tries again before it goes on to other work; what is left open is settled at the end."""
FORM_OVER = "form-over"
"""A page's form from a time that has not come yet, because the clock was set back: a person opens it again."""
RETRIED = frozenset({429, 502, 503, 504})
"""docs/integrators.md, Retries: these, and a lost answer, allow the same call again under the same operation id."""


@dataclass(frozen=True)
class Trouble:
    """One answer that a fault must explain, or one that never came: when, to what, and what was said."""

    at: float
    path: str
    status: int
    code: str


@dataclass
class Operation:
    """One intended change or question, however often it was sent.

    `expected`: what may be said: `granted`, reasons, problems' codes. `forbidden` tells that a grant would be wrong.
    """

    kind: str
    path: str
    call: Callable[[str], Answer]
    expected: frozenset[str]
    id: str = field(default_factory=identifier)
    tries: int = 0
    began: float = field(default_factory=time.monotonic)
    took: float = 0.0
    answer: Answer | None = None
    holder: str | None = None
    target: str | None = None

    @property
    def forbidden(self) -> bool:
        """Whether a grant would be wrong."""
        return "granted" not in self.expected

    @property
    def told(self) -> str:
        """What was said in the end, in a word; empty while nothing was."""
        if self.answer is None:
            return ""
        if self.answer.status >= 400:
            return code_of(self.answer)
        if not self.answer.body.startswith(b"{"):
            return "done"
        found = self.answer.json
        if found.get("outcome") == "denied":
            return str(found["reason"])
        return str(found.get("outcome") or "done")


def code_of(answer: Answer) -> str:
    """Return a problem's code; the body's beginning where there is none."""
    try:
        return str(answer.json["code"])
    except (ValueError, KeyError, TypeError):
        return repr(answer.body[:60])


class Journal:
    """Everything that the clients of one soak sent; shared by their threads."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.operations: list[Operation] = []
        self.open: list[Operation] = []
        self.troubles: list[Trouble] = []
        self.statuses: Counter[int] = Counter()
        self.slowed: Counter[str] = Counter()
        self.over = Event()

    def do(self, operation: Operation, patience: float = PATIENCE_S) -> Operation:
        """Send an operation until it is answered, as docs/integrators.md allows, or until patience ends."""
        with self.lock:
            self.operations.append(operation)
        if not self.press(operation, patience):
            with self.lock:
                self.open.append(operation)
        return operation

    def press(self, operation: Operation, patience: float) -> bool:
        """Send it until it is answered; False where patience ended first."""
        until, rest = time.monotonic() + patience, 0.1
        while True:
            answer = self.attempt(operation)
            if answer is not None and answer.status not in RETRIED:
                operation.answer, operation.took = answer, time.monotonic() - operation.began
                return True
            if time.monotonic() + rest > until:
                return False
            time.sleep(rest)
            rest = min(1.0, rest * 2)

    def attempt(self, operation: Operation) -> Answer | None:
        """Send it once; None where no answer came."""
        operation.tries += 1
        try:
            answer = operation.call(operation.id)
        except (OSError, HTTPException) as error:
            self.note(operation.path, 0, type(error).__name__)
            return None
        self.note(operation.path, answer.status, code_of(answer) if answer.status >= 500 else "")
        if answer.status == 429:
            with self.lock:
                self.slowed[f"{operation.kind}: {code_of(answer)}"] += 1
        return answer

    def note(self, path: str, status: int, code: str) -> None:
        """Count an answer, and keep what was wrong with it."""
        with self.lock:
            self.statuses[status] += 1
            if status == 0 or status >= 500 or code:
                self.troubles.append(Trouble(time.monotonic(), path, status, code))

    def settle(self, seconds: float = 60.0) -> list[Operation]:
        """Send what was left open again, now that nothing is broken; return what stays open all the same."""
        until = time.monotonic() + seconds
        waiting, self.open = self.open, []
        self.open = [one for one in waiting if not self.press(one, max(1.0, until - time.monotonic()))]
        return self.open

    def granted(self, *kinds: str) -> list[Operation]:
        """Return the acknowledged grants of some kinds, or of all."""
        return [one for one in self.operations if one.told == "granted" and (not kinds or one.kind in kinds)]
