"""A connection to PostgreSQL that gives a silent server up. Imported where a server is used: the driver is an extra."""

from __future__ import annotations

from typing import Any, Final

import psycopg

SILENT_SECONDS: Final = 10.0
"""How long a server may take for one answer: far longer than any call of ours, far shorter than TCP's own patience."""


class BoundedConnection(psycopg.Connection[Any]):
    """Raises OperationalError and closes itself where one answer takes longer than `silent_seconds`; None waits."""

    silent_seconds: float | None = SILENT_SECONDS

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ANN401 - the driver's
        """Wait for an answer, as the driver does, within the bound."""
        bound = self.silent_seconds if timeout is None else timeout
        try:
            return super().wait(gen, interval, bound)
        except psycopg.errors._WaitTimeout:  # noqa: SLF001 - the driver tells a wait that is over by no other name
            self.pgconn.finish()  # whatever comes later must not be taken for the answer to another question
            raise psycopg.OperationalError("the database's server does not answer") from None
