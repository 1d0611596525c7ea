"""The ages and ends of the signed documents: what makes readiness fail, what gives a warning, and the figures.

A verifier with expired status lists refuses every card. Such a server is not ready, however well it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from prometheus_client.core import Metric

from cards.status import STATUS_GRACE
from edge.documentfigures import document_families
from edge.instants import rfc3339
from keys.bundle import RENEWAL_DUE
from verifier.trust.published import Documents, Untrusted

KEY_ENDS_SOON: Final = timedelta(days=14)
"""A key of the bundle that ends within this time without a successor is reported."""
PUBLISH: Final = "run `python -m issuer publish` at the issuer, and see that `python -m ops work` runs"


@dataclass(frozen=True, slots=True)
class DocumentAge:
    """A signed document: when it was issued, when a newer one is due, and when it ends."""

    name: str
    issued_at: datetime
    due_at: datetime
    expires_at: datetime


def ages(documents: Documents) -> tuple[DocumentAge, ...]:
    """Return every document that a verifier uses: the bundle, each status list, and the marks if there are any."""
    bundle = documents.bundle
    found = [DocumentAge("trust-bundle", bundle.issued_at, bundle.issued_at + RENEWAL_DUE, bundle.expires_at)]
    for uri in bundle.status_lists:
        held = documents.lists.get(uri)
        if held is not None:
            name, due_at = f"status-list-{uri.rpartition('/')[2]}", held.issued_at + held.ttl + STATUS_GRACE
            found.append(DocumentAge(name, held.issued_at, due_at, held.expires_at))
    if documents.marks is not None:
        marks = documents.marks
        half = (marks.expires_at - marks.issued_at) / 2
        found.append(DocumentAge("holder-marks", marks.issued_at, marks.issued_at + half, marks.expires_at))
    return tuple(found)


def expired(documents: Documents, at: datetime) -> str | None:
    """Return what has expired or is missing at `at`, with the remedy, or None if every document is valid."""
    missing = [uri for uri in documents.bundle.status_lists if documents.lists.get(uri) is None]
    if missing:
        return f"no status list holds for {', '.join(missing)}: {PUBLISH}"
    over = [f"{one.name} since {rfc3339(one.expires_at)}" for one in ages(documents) if at >= one.expires_at]
    return f"expired: {', '.join(over)}: {PUBLISH}" if over else None


def ageing(documents: Documents, at: datetime) -> str | None:
    """Return which documents need a newer version, and which keys end without a successor, or None if there are
    none.
    """
    due = [one.name for one in ages(documents) if one.due_at < at < one.expires_at]
    told = [f"a newer one is due of {', '.join(due)}: {PUBLISH}"] if due else []
    ends = ((purpose, end) for purpose, end in key_ends(documents) if end - at < KEY_ENDS_SOON)
    ending = [f"the {purpose} key on {rfc3339(end)[:10]}" for purpose, end in ends]
    told += [f"without a successor ends {', '.join(ending)}: run `python -m keys rotate`"] if ending else []
    return "; ".join(told) or None


def key_ends(documents: Documents) -> Iterator[tuple[str, datetime]]:
    """Yield, for each purpose, when its last key in the bundle ends."""
    last: dict[str, datetime] = {}
    for key in documents.bundle.keys:
        purpose = key.purpose.value
        last[purpose] = max(last.get(purpose, key.not_after), key.not_after)
    yield from sorted(last.items())


def document_figures(current: Callable[[], Documents]) -> Iterable[Metric]:
    """Return when each document was issued and ends, and when the last key of each purpose ends. Empty without
    documents.
    """
    try:
        documents = current()
    except Untrusted:
        return document_families((), ())
    told = ((one.name, one.issued_at, one.expires_at) for one in ages(documents))
    return document_families(told, key_ends(documents))
