"""Fixtures of the issuer's tests."""

import pytest

from tests.issuer.builders import make_desk


@pytest.fixture
def desk(tmp_path):
    """An office that has published once."""
    made = make_desk(tmp_path)
    yield made
    made.close()
