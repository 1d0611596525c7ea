"""The final count follows from the uses that stand, never from the order in which their records came in
(docs/design.md §6).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.clock import FixedClock
from ledger.values import Fault, VisitWindow
from tests.ledger.builders import HOLDER, START, a_charge, a_check_in, a_claim, a_void
from tests.ledger.conftest import STORES
from tests.ledger.offline_builders import UPLOAD, a_record, an_offline_draft, month_of

EVENING = START + timedelta(hours=11)  # 20:00, so that visits run over midnight and the end of the month
VISIT = VisitWindow(timedelta(hours=2), re_entries=1)
SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@dataclass(frozen=True)
class Scan:
    """One use: minutes after 20:00, the device, whether its clock is in doubt, the proof shown."""

    minute: int
    device: str
    doubted: bool
    proof: str
    voided: bool

    @property
    def at(self):
        return EVENING + timedelta(minutes=self.minute)


SCANS = st.lists(
    st.builds(
        Scan,
        minute=st.integers(0, 480),
        device=st.sampled_from(["tablet-1", "tablet-2", "tablet-3"]),
        doubted=st.sampled_from([False, False, False, True]),
        proof=st.sampled_from(["p1", "p2", "p3", "p4", "p5", "p6"]),
        voided=st.sampled_from([False, False, False, True]),
    ),
    min_size=1,
    max_size=9,
    unique_by=lambda scan: (scan.minute, scan.doubted),
)
ONLINE = st.lists(st.integers(0, 480), max_size=3, unique=True)


def expected(instants, doubted: int) -> Counter:
    """Units by month: a visit from every use that lies in none, and one in the month of receipt for each doubt."""
    counted, ends_at = Counter(), None
    for at in sorted(instants):
        if ends_at is None or at >= ends_at:
            counted[month_of(at)] += 1
            ends_at = at + VISIT.length
    counted[month_of(UPLOAD)] += doubted
    return +counted


class Desk:
    """A fresh ledger of a store, with some uses granted online that evening."""

    def __init__(self, store: str, online) -> None:
        self.folder = TemporaryDirectory()
        self.clock = FixedClock(EVENING)
        self.ledger = STORES[store](Path(self.folder.name), self.clock)
        self.granted = []
        for minute in sorted(online):
            self.clock.set(EVENING + timedelta(minutes=minute))
            at = self.clock.now()
            change = a_check_in(at, charges=(a_charge(99, period=month_of(at)),), visit=VISIT)
            if self.ledger.check_in(change).granted:
                self.granted.append(at)

    def upload(self, batches):
        """Upload batches, minutes apart; void what is to be taken back as soon as it is there."""
        self.clock.set(UPLOAD)
        for batch in batches:
            self.clock.advance(timedelta(minutes=1))
            for scan in batch:
                self._record(scan)

    def _record(self, scan: Scan):
        operation = f"operation-{scan.minute:06d}-{scan.doubted}"
        used_at = self.clock.now() if scan.doubted else scan.at
        change = a_record(
            used_at,
            self.clock.now(),
            device=scan.device,
            operation=operation,
            claim=a_claim(scan.proof, at=self.clock.now()),
            visit=None if scan.doubted else VISIT,
            charges=(a_charge(2, period=month_of(used_at)),),
            draft=an_offline_draft(operation, device=scan.device),
        )
        first = self.ledger.record_offline(change)
        again = self.ledger.record_offline(replace(change, at=self.clock.now()))
        assert again == replace(first, replayed=True)
        if scan.voided:
            self.ledger.void(a_void(first.entry, self.clock.now()))

    def counted(self) -> Counter:
        counters = self.ledger.usage(HOLDER, self.clock.now()).counters
        return Counter({period: units for (limit, period), units in counters.items() if limit == "gym" and units})

    def close(self) -> None:
        assert [found for found in self.ledger.check() if isinstance(found, Fault)] == []
        self.ledger.close()
        self.folder.cleanup()


@pytest.mark.slow
@pytest.mark.parametrize("store", sorted(STORES))
def test_the_final_count_does_not_depend_on_the_order_of_upload(store):
    """Any order, any batches, records sent twice, some taken back: always the same count, and the log agrees."""

    @given(scans=SCANS, online=ONLINE, data=st.data())
    @SETTINGS
    def holds(scans, online, data):
        order = data.draw(st.permutations(scans))
        cuts = sorted(data.draw(st.sets(st.integers(1, len(order)))) | {0, len(order)})
        batches = [order[start:end] for start, end in pairwise(cuts)]
        desk = Desk(store, online)
        desk.upload(batches)
        standing = [scan for scan in scans if not scan.voided]
        instants = [scan.at for scan in standing if not scan.doubted] + desk.granted
        assert desk.counted() == expected(instants, sum(scan.doubted for scan in standing))
        desk.close()

    holds()
