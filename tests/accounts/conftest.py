"""Fixtures of the accounts tests."""

import pytest

from tests.accounts.builders import Ground, new_store


@pytest.fixture
def store(tmp_path):
    """A fresh store in a file."""
    opened = new_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def ground(store):
    """A store, a clock and an application over it."""
    return Ground(store)
