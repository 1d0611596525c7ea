"""What auditors noted about anomalies: who reviewed which anomaly, when, and with what text (sealed). Reviews are only
added.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from audit.tables import REVIEWS
from edge.database import Database
from edge.instants import from_epoch, to_epoch
from edge.sealing import Sealer, Unsealable

_AT_ONCE: Final = 500  # Ids in one query: databases limit the number of values in a statement


@dataclass(frozen=True, slots=True)
class Review:
    """One review of an anomaly. `name` and `note` are empty if the server's secret was replaced later."""

    anomaly: str
    at: datetime
    name: str
    note: str


class ReviewStore:
    """Reviews in the verifier's store."""

    def __init__(self, database: Database, secret: bytes) -> None:
        """Keep the database. Names and notes are sealed under the server's secret."""
        self._database = database
        self._sealer = Sealer(secret, "anomaly-reviews")

    def add(self, caller: str, operation: str, review: Review) -> None:
        """Keep a review. If the same operation is sent again, nothing changes."""
        mine = REVIEWS.c.caller == caller, REVIEWS.c.operation == operation
        plain = json.dumps([review.name, review.note], ensure_ascii=False).encode()
        sealed = self._sealer.seal(plain, f"{caller}:{operation}")
        row = {"caller": caller, "operation": operation, "anomaly": review.anomaly, "note": sealed}
        with self._database.write() as connection:
            if connection.execute(sa.select(sa.literal(1)).where(*mine)).first() is None:
                connection.execute(REVIEWS.insert().values(**row, at=to_epoch(review.at)))

    def of(self, anomalies: Iterable[str]) -> dict[str, list[Review]]:
        """Return the reviews of anomalies, oldest first."""
        found: dict[str, list[Review]] = {}
        for row in self._rows(anomalies):
            name, note = self._opened(row.note, f"{row.caller}:{row.operation}")
            found.setdefault(row.anomaly, []).append(Review(row.anomaly, from_epoch(row.at), name, note))
        return found

    def _rows(self, anomalies: Iterable[str]) -> list[sa.Row[Any]]:
        rows, named = list[sa.Row[Any]](), list(anomalies)
        with self._database.read() as connection:
            for start in range(0, len(named), _AT_ONCE):
                some = REVIEWS.c.anomaly.in_(named[start : start + _AT_ONCE])
                rows += connection.execute(sa.select(REVIEWS).where(some).order_by(REVIEWS.c.at)).all()
        return rows

    def _opened(self, sealed: bytes, context: str) -> tuple[str, str]:
        try:
            name, note = json.loads(self._sealer.open(sealed, context))
        except Unsealable:
            return "", ""
        return name, note
