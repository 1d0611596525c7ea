"""Lists of matters hold what their filter says, however they are read: held to a plain reading of every row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from tests.verifier.test_both_databases import url  # noqa: F401 - a fixture
from tests.verifier.world import SECRET
from verifier.records.matters import MatterFilter, MatterTab
from verifier.records.store import VerifierStore
from verifier.rules.matters import Matter

NOW = datetime(2026, 10, 31, 1, 0, tzinfo=UTC)
TONIGHT = NOW + timedelta(hours=15)
PLACES = ("dept-organisation", "dept-media", "gov-green", "gym")
SERVICES = ("steward-case", "green-channel")
FILTERS = (
    MatterFilter({"dept-organisation": None}, NOW, TONIGHT),
    MatterFilter({"dept-organisation": None, "gov-green": None}, NOW, TONIGHT, frozenset({"organisation"})),
    MatterFilter({"gym": frozenset({"steward-case"})}, NOW, TONIGHT, frozenset({"media", "organisation"})),
    MatterFilter({"gym": frozenset(), "dept-media": None}, NOW, TONIGHT, service="green-channel"),
    MatterFilter({"dept-media": None}, NOW, TONIGHT, frozenset({"media"}), reference="R1"),
    MatterFilter({}, NOW, TONIGHT, frozenset({"media"})),
    MatterFilter({}, NOW, TONIGHT),
)


def matters(count: int = 400) -> list[Matter]:
    """Matters of every kind; several are closed in the same second."""
    draw = Random(20261031)
    return [
        Matter(
            f"{number % 256:02x}-{number:06d}",
            draw.choice(PLACES),
            "organisation",
            draw.choice(SERVICES),
            "kind",
            NOW - timedelta(hours=number),
            1,
            decides=draw.choice((None, None, "media", "organisation")),
            reference=draw.choice((None, "R1", "R2")),
            stage=draw.choice(("opened", "complete")),
            deadline=draw.choice((None, NOW - timedelta(days=1), NOW + timedelta(hours=2), NOW + timedelta(days=9))),
            closed_at=draw.choice((None, NOW - timedelta(minutes=draw.randrange(40)))),
        )
        for number in range(count)
    ]


def belongs(matter: Matter, wanted: MatterFilter) -> bool:
    """Whether a filter holds a matter, said plainly."""
    services = wanted.places.get(matter.point, frozenset())
    here = services is None or matter.service in services or matter.decides in wanted.handed_to
    of_service = wanted.service in (None, matter.service)
    return here and of_service and wanted.reference in (None, matter.reference)


@pytest.fixture
def store(url):  # noqa: F811 - the fixture
    """A store with those matters."""
    made = VerifierStore.open(url, SECRET)
    for matter in matters():
        made.matters.apply(matter.id, lambda _, matter=matter: matter)
    yield made.matters
    made.close()


@pytest.mark.slow
def test_closed_lists_and_counts_are_those_of_a_plain_reading(store):
    """Each once, the newest first, page by page without a gap; the numbers beside the tabs are the lists' lengths."""
    for wanted in FILTERS:
        mine = [one for one in matters() if belongs(one, wanted)]
        closed = sorted((one for one in mine if one.closed_at), key=lambda one: (NOW - one.closed_at, one.id))
        pages = [store.select(wanted, MatterTab.CLOSED, 7, offset) for offset in range(0, len(closed) + 7, 7)]
        assert [one for page in pages for one in page] == closed
        counted = store.count(wanted)
        assert counted[MatterTab.CLOSED] == len(closed)
        for tab in set(MatterTab) - {MatterTab.CLOSED}:
            found = store.select(wanted, tab, 1000)
            assert len(found) == counted[tab]
            assert {one.id for one in found} <= {one.id for one in mine if one.closed_at is None}
        assert counted[MatterTab.OPEN] == sum(one.closed_at is None for one in mine)
