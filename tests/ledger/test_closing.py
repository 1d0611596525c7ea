"""Closing a ledger that others still read: their reads end in an answer or in LedgerUnavailable, never the process."""

import threading
from contextlib import suppress

from ledger.sqlite import SqliteLedger
from ledger.values import LedgerUnavailable, Query
from tests.ledger.builders import a_gym_visit


def test_closing_waits_for_the_reads_that_run(tmp_path, clock):
    """Four threads read while the ledger is closed again and again."""
    ledger = SqliteLedger(tmp_path / "ledger.db", clock)
    for _ in range(50):
        ledger.check_in(a_gym_visit())
    over = threading.Event()

    def read():
        while not over.is_set():
            with suppress(LedgerUnavailable):
                ledger.entries(Query(limit=50))
                ledger.heads()

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for _ in range(300):
        ledger._readers.close()
    over.set()
    for reader in readers:
        reader.join()
    ledger.close()
