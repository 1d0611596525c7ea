"""Reads a search to its end, page by page."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ledger.interface import Ledger
from ledger.values import Entry, Query


def every_entry(ledger: Ledger, query: Query) -> Iterator[Entry]:
    """Yield all entries that a query finds, newest first, in pages of `query.limit`. Raises LedgerUnavailable."""
    while True:
        page = ledger.entries(query)
        yield from page.entries
        if page.next is None:
            return
        query = msgspec.structs.replace(query, before=page.next)
