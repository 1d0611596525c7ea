"""A tap fills the counter page: a real browser, a real server, the agent's own server on its own port."""

import pytest
from playwright.sync_api import expect

from devices import identity, server
from devices.agent import SCANNED, Agent
from devices.desk import AgentCounter
from devices.documents import DocumentFolder
from devices.offline import OfflineQueue
from devices.page import PORT, AgentPage
from tests.web.conftest import opened, site
from tests.web.counter import Tablet

pytestmark = pytest.mark.browser
__all__ = ["opened", "site"]


@pytest.fixture
def agent(site, tmp_path):
    """An agent at the gym, enrolled at the browser's server, with its page server on the port that pages know."""
    key = identity.device_key(tmp_path)
    kept = identity.keep(tmp_path, site.base, server.enrol(site.base, site.device_code("gym"), key, site.clock))
    queue = OfflineQueue(tmp_path, kept.signer, kept.device, kept.point)
    calls, documents = server.Server(kept, site.clock), DocumentFolder(tmp_path, kept.root)
    made = Agent(AgentCounter(calls, documents, queue, site.clock, "gym-visit"), lambda line: None)
    with on_the_port(site, made) as made.page:
        yield made


def on_the_port(site, made: Agent) -> AgentPage:
    """The agent's server on the one port that pages know; another worker's test may hold it for a while."""
    for _ in range(1200):
        try:
            return AgentPage((site.base,), made.chosen, PORT)
        except OSError:
            made.stop.wait(0.1)
    raise AssertionError("the port was never free")


def listening(agent) -> None:
    """Wait until the page listens."""
    for _ in range(400):
        if agent.page._listeners:
            return
        agent.stop.wait(0.05)
    raise AssertionError("the page never listened")


@pytest.fixture
def tablet(opened, site, agent):
    """The counter page on the same PC, told to listen."""
    made = Tablet(lambda path, **options: opened(f"{path}?agent=on", **options), site)
    listening(agent)
    return made


def test_a_scan_at_the_agent_fills_the_page(tablet, site, agent):
    """The agent asks, the page shows whom, its button confirms, and the page shows the grant."""
    agent.scanned(site.printed("silver"), SCANNED)
    expect(tablet.page.locator("[data-view=identity]")).to_contain_text("张*明")
    tablet.page.click("#id-confirm")
    assert tablet.outcome() == ("granted", "")
    tablet.next()


def test_a_fault_is_told_on_the_page(tablet, agent):
    """What is no card is a note above the scan field, not an outcome."""
    agent.scanned("hello", SCANNED)
    expect(tablet.page.locator("#scan-note")).not_to_be_empty()


def test_a_page_that_was_not_told_to_listens_to_nobody(opened, site, agent):
    """A tablet never calls its own loopback."""
    Tablet(opened, site)
    agent.stop.wait(0.5)
    assert not agent.page._listeners
