"""The ages and ends of signed documents in figures for a monitor: the same ones wherever documents are kept."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric


def document_families(
    documents: Iterable[tuple[str, datetime, datetime]], keys: Iterable[tuple[str, datetime]]
) -> list[Metric]:
    """Return the families: of `documents` name, issue and end; of `keys` purpose and the last key's end."""
    issued = GaugeMetricFamily(
        "yunju_document_issued_timestamp_seconds", "When a signed document was issued.", labels=("document",)
    )
    ends = GaugeMetricFamily(
        "yunju_document_expires_timestamp_seconds", "When a signed document ends.", labels=("document",)
    )
    last = GaugeMetricFamily(
        "yunju_key_expires_timestamp_seconds", "When the last key of a purpose ends.", labels=("purpose",)
    )
    for name, issued_at, expires_at in documents:
        issued.add_metric((name,), issued_at.timestamp())
        ends.add_metric((name,), expires_at.timestamp())
    for purpose, end in keys:
        last.add_metric((purpose,), end.timestamp())
    return [issued, ends, last]
