"""Fixtures of the accounts tests."""

import pytest

from tests.accounts.builders import Ground, new_store


@pytest.fixture
def store(tmp_path):
    opened = new_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def ground(store):
    return Ground(store)
