"""Sends offline records when the server is back (docs/offline.md). Records that the server does not accept stay
here.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Final

from devices.documents import DocumentFolder
from devices.offline import OfflineQueue
from devices.promises import PromiseBook
from devices.server import Away, Server, ServerRefusedError

AT_ONCE: Final = 100
"""Records in one call: the server allows 200, and two megabytes."""


def upload(
    queue: OfflineQueue,
    server: Server,
    documents: DocumentFolder,
    at: datetime,
    *,
    promises: PromiseBook | None = None,
) -> str:
    """Send the waiting records, oldest first. Return one line for staff, or an empty text if nothing waited.

    A record counts as accepted once the server has answered it, also if it is held for a supervisor or refused: the
    server has it. `promises` keeps the server's promise for each.
    """
    statuses: Counter[str] = Counter()
    while waiting := queue.waiting():
        server.state.queued = len(waiting)
        batch = waiting[:AT_ONCE]
        try:
            found = server.call("POST", "/v1/offline-check-ins", {"records": [kept.text for kept in batch]})
        except Away:
            return _upload_text(statuses, len(waiting), "the server is away")
        except ServerRefusedError as refused:
            why = "this server takes no offline records" if refused.status == 404 else str(refused)
            return _upload_text(statuses, len(waiting), why)
        answers = found.get("answers")
        if not isinstance(answers, list) or len(answers) != len(batch):
            return _upload_text(statuses, len(waiting), "the server's answer cannot be read")
        queue.taken(batch[-1].record.seq)
        _keep(promises, answers)
        statuses.update(str(one.get("status")) if isinstance(one, dict) else "unread" for one in answers)
        documents.keep_time(str(found.get("time", "")), at)
    server.state.queued = 0
    return _upload_text(statuses, 0, "")


def _keep(promises: PromiseBook | None, answers: list[object]) -> None:
    for one in answers:
        if promises is not None and isinstance(one, dict):
            promises.keep(one)


def _upload_text(statuses: Counter[str], waiting: int, why: str) -> str:
    parts = [f"{statuses.total()} offline records sent ({_counted(statuses)})"] if statuses else []
    parts += [f"{waiting} offline records wait: {why}; they are kept here, signed"] if waiting else []
    return f"note: {'; '.join(parts)}" if parts else ""


def _counted(statuses: Counter[str]) -> str:
    return ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
