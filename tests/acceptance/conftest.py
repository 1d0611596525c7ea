"""Fixtures of the acceptance tests: the same world, whose clock each scenario moves."""

import pytest

from tests.verifier.world import World


@pytest.fixture
def world(tmp_path):
    """A verifier of the shipped programme on 31 October 2026, 09:00."""
    made = World(tmp_path)
    yield made
    made.close()
