"""A verifier to call, and the document that a server with every surface serves."""

import json
import threading

import pytest
from werkzeug.serving import make_server
from yunju_client import new_id

from cards.claims import Form
from tests.client.parties import Parties
from tests.verifier.world import World
from tools.client_calls import served


@pytest.fixture
def parties(tmp_path):
    """A verifier in a temporary folder, and who calls it."""
    world = World(tmp_path)
    yield Parties(world, tmp_path)
    world.close()


@pytest.fixture
def counter(parties):
    """The verifier on a loopback port, and what a check-in needs: address, token, card, operation."""
    server = make_server("127.0.0.1", 0, parties.world.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    parties.server(points="gym").close()
    card = parties.world.card("silver", Form.PRINT)
    yield parties, (f"http://127.0.0.1:{server.port}", parties.token, card.shown(), new_id())
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def document(tmp_path_factory):
    """The OpenAPI document, parsed."""
    return json.loads(served(tmp_path_factory.mktemp("document") / "var"))
