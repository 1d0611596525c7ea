"""Over real sockets: a proxy that cuts, a server that is down and comes up, one that never answers, a redirect."""

import socket
import threading
from collections.abc import Callable
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import pytest
from werkzeug.serving import make_server
from yunju_client import Client, Patience, errors

pytestmark = pytest.mark.slow


def forwarded(request: bytes, address: tuple[str, int]) -> bytes:
    """What the server answers to a request, whole."""
    with socket.create_connection(address) as onward:
        onward.sendall(request.replace(b"Connection: keep-alive", b"Connection: close"))
        return b"".join(iter(lambda: onward.recv(65536), b""))


def whole_request(connection: socket.socket) -> bytes:
    """One request with its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    size = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    while len(body) < size:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def proxy(server: str, ways: list[Callable[[bytes], bytes]]):
    """A proxy before a server: of each answer it sends on what the next of `ways` makes of it, then hangs up."""
    place = (str(urlsplit(server).hostname), int(urlsplit(server).port or 0))
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for way in ways:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(way(forwarded(whole_request(connection), place)))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        with closing(listener):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_proxy_that_cuts_after_the_grant_leaves_one_entry(counter):
    """Nothing of the answer, half its head, half its body, then all of it: one entry, its first answer again."""
    parties, (server, token, card, operation) = counter
    ways = [lambda _: b"", lambda whole: whole[:40], lambda whole: whole[:-30], lambda whole: whole]
    with proxy(server, ways) as address, Client(address, token, sleep=parties.slept.append) as client:
        given = client.check_in(
            presentation=card, service="gym-visit", id_checked=True, point="gym", operation=operation
        )
    assert (given.outcome, given.replayed, len(parties.slept)) == ("granted", True, 3)
    assert len(parties.entries()) == 1


def test_a_server_that_comes_up_while_the_client_waits_is_asked_again(parties):
    """Down at the first attempt; up before the second: nobody had to begin anew."""
    parties.server(points="gym").close()
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    started = []

    def start(_seconds: float) -> None:
        started.append(make_server("127.0.0.1", port, parties.world.app, threaded=True))
        threading.Thread(target=started[0].serve_forever, daemon=True).start()

    with Client(f"http://127.0.0.1:{port}", parties.token, sleep=start) as client:
        card = parties.world.card("silver").shown()
        given = client.check_in(presentation=card, service="gym-visit", point="gym")
    started[0].shutdown()
    started[0].server_close()
    assert (given.outcome, given.replayed, len(started)) == ("granted", False, 1)
    assert len(parties.entries()) == 1


def test_a_server_that_never_answers_is_given_up(parties):
    """The wait for an answer is bounded, each time."""
    parties.server(points="gym").close()
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        options = {"seconds": 0.05, "patience": Patience(attempts=2), "sleep": parties.slept.append}
        client = Client(address, parties.token, **options)
        with closing(client), pytest.raises(errors.UnreachableError, match="Timeout") as away:
            client.check_in(presentation="x", service="gym-visit", point="gym")
    assert (away.value.attempts, len(parties.slept)) == (2, 1)
