"""The background work of webhooks: reads the logs on, sends waiting events, deletes old ones."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from edge.clock import Clock
from edge.repeating import Job
from hooks.following import SetBack, Source, follow
from hooks.queue import ReadElsewhere
from hooks.sending import Sender, SendingFailed
from hooks.service import Hooks

FOLLOW_SECONDS = SEND_SECONDS = 2.0
TIDY_SECONDS = 3600.0


def hook_jobs(hooks: Hooks, sources: Iterable[Source], sender: Sender, clock: Clock) -> list[Job]:
    """Return the jobs that queue the logs' events, send them, and delete old sent events."""
    logs = tuple(sources)

    def read_on() -> None:
        faults = []
        for source in logs:
            try:
                with suppress(ReadElsewhere):  # Another machine's process reads on: the queue is shared
                    follow(hooks, source, clock.now())
            except SetBack as error:
                faults.append(str(error))
        if faults:
            raise SetBack("; ".join(faults))

    return [
        Job("hooks", FOLLOW_SECONDS, read_on, plain=(SetBack,)),
        Job("hooks-send", SEND_SECONDS, sender.once, close=sender.close, plain=(SendingFailed,)),
        Job("hooks-tidy", TIDY_SECONDS, lambda: hooks.queue.tidy(clock.now())),
    ]
