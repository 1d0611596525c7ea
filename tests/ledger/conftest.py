"""Every store behind the one interface: the contract's tests run over each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.clock import Clock, FixedClock
from ledger.interface import Ledger
from ledger.sqlite import SqliteLedger
from tests.ledger.builders import START, faults
from tests.ledger.redis_servers import REDIS_STORES


def _sqlite(folder: Path, clock: Clock) -> Ledger:
    return SqliteLedger(folder / "ledger.db", clock)


STORES: dict[str, Callable[[Path, Clock], Ledger]] = {"sqlite": _sqlite, **REDIS_STORES}


@pytest.fixture
def clock() -> FixedClock:
    """Stands at the morning of scenario 1 until moved."""
    return FixedClock(START)


@pytest.fixture(
    params=[pytest.param(name, marks=[pytest.mark.parts] * (name in REDIS_STORES)) for name in sorted(STORES)]
)
def store(request) -> Callable[[Path, Clock], Ledger]:
    """How a ledger of this store is opened in a folder."""
    return STORES[request.param]


@pytest.fixture
def ledger(store, tmp_path, clock) -> Iterator[Ledger]:
    """An empty ledger; after the test its check must find nothing."""
    opened = store(tmp_path, clock)
    yield opened
    assert faults(opened) == []
    opened.close()
