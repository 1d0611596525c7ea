"""The usage log in figures for a monitor: its size, the age of its checkpoint, and the time of each witness's last
cosignature.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric

from audit.tree.place import PlaceError
from audit.tree.proofs import LogReader


def log_figures(log: LogReader) -> Iterable[Metric]:
    """Return the figures of a log. They are empty before the first publication, and if the checkpoint cannot be
    read.
    """
    size = GaugeMetricFamily("yunju_log_entries", "Entries in the published usage log.")
    signed = GaugeMetricFamily("yunju_log_checkpoint_timestamp_seconds", "When the log's checkpoint was signed last.")
    seen = GaugeMetricFamily(
        "yunju_log_witness_timestamp_seconds", "When a witness cosigned the log last; 0 for never.", labels=("witness",)
    )
    try:
        state = log.state()
    except PlaceError:
        state = None
    if state is not None:
        size.add_metric((), state.size)
        signed.add_metric((), state.at)
        for witness in log.witnesses:
            last = state.witnesses.get(witness.name)
            seen.add_metric((witness.name,), 0 if last is None else last.at)
    return [size, signed, seen]
