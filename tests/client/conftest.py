"""A verifier to call, and the document that a server with every surface serves."""

import json

import pytest

from tests.client.parties import Parties
from tests.verifier.world import World
from tools.client_calls import served


@pytest.fixture
def parties(tmp_path):
    """A verifier in a temporary folder, and who calls it."""
    world = World(tmp_path)
    yield Parties(world, tmp_path)
    world.close()


@pytest.fixture(scope="session")
def document(tmp_path_factory):
    """The OpenAPI document, parsed."""
    return json.loads(served(tmp_path_factory.mktemp("document") / "var"))
