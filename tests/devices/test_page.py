"""The loopback server: pages of the right origin get every verdict, and all other pages get nothing."""

import http.client
import json
import threading
import time

import pytest

from devices.page import LISTENERS_MOST, WAITING_MOST, AgentPage
from devices.verdict import CounterVerdict, VerdictKind, VerdictText

ORIGIN = "https://card.example"
VERDICT = CounterVerdict(VerdictKind.GRANTED, VerdictText("准许", "Granted"), service="gym-visit", name="张*明")


@pytest.fixture
def chosen():
    """What pages chose."""
    return []


@pytest.fixture
def page(chosen):
    """A page on any port, whose calls are kept."""

    def choose(path, body):
        chosen.append((path, dict(body)))
        return {"done": True} if path == "/confirm" else None

    with AgentPage((ORIGIN,), choose, 0) as made:
        yield made


def call(page, method="GET", path="/events", body=None, **headers):
    """One call; returns connection and response."""
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=5)
    sent = {"Origin": ORIGIN, **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.request(method, path, body=body, headers={name: value for name, value in sent.items() if value})
    return connection, connection.getresponse()


def event(response) -> tuple[str, dict]:
    """The next event of a stream."""
    name = ""
    while True:
        line = response.readline().decode().strip()
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        if line.startswith("data: "):
            return name, json.loads(line.removeprefix("data: "))


def listening(page, count: int = 1) -> None:
    """Wait until so many pages listen."""
    ends = time.monotonic() + 5
    while len(page._listeners) != count:
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_a_tap_fills_the_page(page):
    """A page that listens gets the verdict, with its words and without any token."""
    connection, response = call(page)
    assert response.getheader("Access-Control-Allow-Origin") == ORIGIN
    listening(page)
    page.publish(VERDICT)
    name, told = event(response)
    assert (name, told["kind"], told["message"]["zh"], told["name"]) == ("verdict", "granted", "准许", "张*明")
    page.tell("reader", {"change": "reader-lost"})
    assert event(response) == ("reader", {"change": "reader-lost"})
    response.close()
    connection.close()


def test_every_page_gets_every_verdict(page):
    """Several pages listen at once."""
    calls = [call(page) for _ in range(3)]
    listening(page, 3)
    page.publish(VERDICT)
    assert [event(response)[0] for _, response in calls] == ["verdict"] * 3
    for connection, response in calls:
        response.close()
        connection.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "https://card.example.evil.example"},
        {"Origin": "http://card.example"},
        {"Origin": "null"},
        {"Origin": None},
        {"Host": "evil.example"},
        {"Host": "rebound.evil.example:8765"},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/events"), ("POST", "/confirm"), ("OPTIONS", "/confirm")])
def test_other_pages_get_nothing(page, chosen, headers, method, path):
    """Another origin, none, or a host name bound to loopback: refused, and told to nobody."""
    body = b'{"lane":"x","id_checked":true}' if method == "POST" else None
    connection, response = call(page, method, path, body, Content_Type="application/json", **headers)
    assert response.status == 403
    assert response.getheader("Access-Control-Allow-Origin") is None
    connection.close()
    assert chosen == []


def test_a_choice_is_passed_on(page, chosen):
    """The page's JSON arrives whole and is answered."""
    connection, response = call(page, "POST", "/confirm", b'{"lane":"r"}', Content_Type="application/json")
    assert (response.status, json.loads(response.read())) == (200, {"done": True})
    connection.close()
    assert chosen == [("/confirm", {"lane": "r"})]


def test_a_browser_may_ask_beforehand(page):
    """The preflight names methods, header and the private network."""
    connection, response = call(page, "OPTIONS", "/confirm", Access_Control_Request_Method="POST")
    assert response.status == 204
    assert response.getheader("Access-Control-Allow-Private-Network") == "true"
    assert response.getheader("Access-Control-Allow-Headers") == "Content-Type"
    connection.close()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{}", "text/plain"),
        (b"[]", "application/json"),
        (b"{", "application/json"),
        (b"{}" * 4000, "application/json"),
    ],
)
def test_other_bodies_are_refused(page, chosen, body, kind):
    """A form's body, no object, no JSON, too much: nothing is chosen by it."""
    connection, response = call(page, "POST", "/confirm", body, Content_Type=kind)
    assert response.status == 400
    connection.close()
    assert chosen == []


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/other")])
def test_other_paths_are_not_there(page, method, path):
    """Two paths and no more."""
    body = b"{}" if method == "POST" else None
    connection, response = call(page, method, path, body, Content_Type="application/json")
    assert response.status == 404
    connection.close()


def test_a_page_that_sleeps_is_cut_off(page):
    """A listener that does not keep up is dropped; the agent never waits for it."""
    listener = page.listen()
    began = time.monotonic()
    for _ in range(WAITING_MOST + 5):
        page.publish(VERDICT)
    assert time.monotonic() - began < 2
    assert listener.qsize() == WAITING_MOST
    assert page._listeners == set()


def test_listeners_are_bounded(page):
    """One page more than there may be is told so."""
    held = [page.listen() for _ in range(LISTENERS_MOST)]
    assert all(held)
    connection, response = call(page)
    assert response.status == 503
    connection.close()


def test_closing_leaves_no_thread(chosen):
    """A closed page ends its threads, with a page still listening."""
    before = threading.active_count()
    made = AgentPage((ORIGIN,), lambda *_: None, 0)
    connection, response = call(made)
    listening(made)
    made.close()
    assert response.read()
    connection.close()
    ends = time.monotonic() + 5
    while threading.active_count() > before:
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_it_listens_on_loopback_alone(page):
    """No other machine reaches it."""
    assert page._server.server_address[0] == "127.0.0.1"
