"""Sending offline records in once the server is back. Records that it does not take stay where they are."""

from __future__ import annotations

from typing import Final

from devices.offline import OfflineQueue
from devices.server import Away, Refused, Server

AT_ONCE: Final = 50


def upload(queue: OfflineQueue, server: Server) -> str:
    """Send what waits, oldest first; returns one line for staff, empty when nothing waits or the server is away."""
    sent = 0
    while waiting := queue.waiting():
        batch = waiting[:AT_ONCE]
        try:
            found = server.call("POST", "/v1/offline-check-ins", {"records": [kept.text for kept in batch]})
        except Away:
            return _told(sent, len(waiting), "the server is away")
        except Refused as refused:
            why = "this server takes no offline records yet" if refused.status == 404 else str(refused)
            return _told(sent, len(waiting), why)
        answers = found.get("answers")
        if not isinstance(answers, list) or len(answers) != len(batch):
            return _told(sent, len(waiting), "the server's answer cannot be read")
        queue.taken(batch[-1].record.seq)
        sent += len(batch)
    return _told(sent, 0, "") if sent else ""


def _told(sent: int, waiting: int, why: str) -> str:
    parts = [f"{sent} offline records sent"] if sent else []
    parts += [f"{waiting} offline records wait: {why}; they are kept here, signed"] if waiting else []
    return "note: " + "; ".join(parts)
