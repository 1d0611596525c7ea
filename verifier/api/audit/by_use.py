"""Offline uses in the order of their use. The log itself has them in the order in which their records arrived."""

from __future__ import annotations

from typing import Final

import msgspec

from edge.fields import invalid
from ledger.interface import Ledger
from ledger.paging import every_entry
from ledger.values import Entry, EntryPage, Query

READ_MOST: Final = 10_000
"""The greatest number of offline records that one answer reads. For more, ask for shorter spans."""
_AT_ONCE: Final = 200


def offline_by_use(ledger: Ledger, asked: Query) -> EntryPage:
    """Return the offline entries whose use lies within the bounds of `asked`, newest use first.

    `before` is the id of the last entry of the page before. Problem invalid-field if there are too many records to
    read.
    """
    if asked.kind not in {None, "offline"}:
        return EntryPage((), None)
    # A record arrives after its use. So a use after an instant has its entry after this instant.
    query = msgspec.structs.replace(asked, kind="offline", until=None, before=None, limit=_AT_ONCE)
    found: list[Entry] = []
    for number, entry in enumerate(every_entry(ledger, query)):
        if number >= READ_MOST:
            raise invalid("$.since", "too many offline records since then: ask for later days, or for one point")
        if asked.until is None or entry.leaf.happened_at < asked.until:
            found.append(entry)
    found = [one for one in found if asked.since is None or one.leaf.happened_at >= asked.since]
    found.sort(key=lambda one: (one.leaf.happened_at, one.id), reverse=True)
    return _page(found, asked)


def _page(found: list[Entry], asked: Query) -> EntryPage:
    ids = [one.id for one in found]
    first = ids.index(asked.before) + 1 if asked.before in ids else 0
    if asked.before is not None and not first:
        raise invalid("$.before", "no such page")
    page = tuple(found[first : first + asked.limit])
    more = first + asked.limit < len(found)
    return EntryPage(page, page[-1].id if more else None)
