"""Fixtures of the issuer's tests."""

import shutil

import pytest

from tests.issuer.builders import make_desk
from tests.issuer.wallet_office import Office


@pytest.fixture(scope="session")
def ready_office(tmp_path_factory):
    """The folder of an office that has published once: made once a run, copied for each test."""
    folder = tmp_path_factory.mktemp("office")
    make_desk(folder).close()
    return folder


@pytest.fixture
def desk(tmp_path, ready_office):
    """An office that has published once."""
    shutil.copytree(ready_office, tmp_path, dirs_exist_ok=True)
    made = make_desk(tmp_path, ready=False)
    yield made
    made.close()


@pytest.fixture
def office(desk):
    """An issuer's wallet calls over a published office."""
    return Office(desk)
