"""What devices told of themselves, in figures for a monitor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy.exc import OperationalError

from accounts.devices import Devices


def device_figures(devices: Devices) -> Iterator[Metric]:
    """Yield the offline queues as the devices told of them last; no values while the store is away."""
    records = GaugeMetricFamily(
        "yunju_offline_queue_records", "Offline records that wait in devices, by each device's last report."
    )
    holding = GaugeMetricFamily("yunju_offline_queue_devices", "Devices whose last report told of waiting records.")
    with suppress(OperationalError):
        waiting, told = devices.queues()
        records.add_metric((), waiting)
        holding.add_metric((), told)
    yield from (records, holding)
