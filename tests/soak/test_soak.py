"""The short soak: every kind of fault once, under mixed traffic, over each store. `make soak` runs it for long."""

import pytest

from tests.soak.judging import shown
from tests.soak.run import STORES, Plan, soak

SECONDS = 25.0


@pytest.mark.soak
@pytest.mark.parametrize("store", STORES)
def test_a_short_soak_finds_nothing_wrong(tmp_path, store):
    """Nothing acknowledged is lost, nobody is granted wrongly, no quota is passed, every 5xx comes of its fault."""
    verdict = soak(Plan(store, SECONDS, holders=24), tmp_path, lambda _: None)
    assert verdict.wrong == [], shown(store, verdict)
    assert verdict.figures["granted"] > 20
    done = verdict.figures["faults done"]
    assert {"worker killed", "background work killed", "disk full", "garbage", "slow clients"} <= set(done)
    assert any("ahead and back" in name for name in done)
    if store == "redis":
        assert {"Redis killed and started again", "Redis handed over by FAILOVER"} <= set(done)
        assert "Redis primary lost, replica promoted" in done
