"""Documents fetched from an issuer elsewhere: held against everything before they replace what is held."""

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from edge.repeating import Repeating
from tests.verifier.world import Signers, identifier
from verifier.trust.fetching import Fetcher, FetchError, IssuerSource, fetching
from verifier.trust.issuer_relay import IssuerRelay
from verifier.trust.published import PublishedFolder


class Issuer:
    """An issuer that gives out what it is told to; `documents` as Source's."""

    def __init__(self, documents):
        self.given, self.asked = documents, []

    def documents(self, etag):
        self.asked.append(etag)
        return None if etag == "same" and self.given is None else (self.given, "same")


def published(folder):
    """Return a folder's documents by name."""
    names = (path for path in folder.rglob("*") if path.suffix in {".jwt", ".json", ".toml"})
    return {path.relative_to(folder).as_posix(): path.read_text() for path in names}


@pytest.fixture
def elsewhere(world, tmp_path):
    """A verifier on another machine than the world's issuer, with an empty folder."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    read = PublishedFolder(folder, world.programme, Signers.root.kid, tmp_path / "elsewhere-seen.json")
    issuer = Issuer(published(world.published))
    return issuer, Fetcher(issuer, read, folder, world.clock), folder, read


def test_what_holds_is_put_in_force(elsewhere, world):
    """The first fetch fills the folder, and the documents are gone by."""
    issuer, fetcher, folder, read = elsewhere
    assert fetcher.once() is True
    assert published(folder) == issuer.given
    assert read.current(world.clock.now()).bundle.version
    assert fetcher.once() is False
    assert issuer.asked == [None, "same"]


@pytest.mark.parametrize("name", ["trust-bundle.jwt", "status-lists/0.jwt", "holder-marks.jwt"])
def test_one_changed_letter_changes_nothing(elsewhere, name):
    """Whoever sits between the machines can withhold documents, not alter one."""
    issuer, fetcher, folder, _ = elsewhere
    fetcher.once()
    before = published(folder)
    text = issuer.given[name]
    issuer.given = before | {name: text[:-9] + ("A" if text[-9] != "A" else "B") + text[-8:]}
    with pytest.raises(FetchError, match="do not hold"):
        fetcher.once()
    assert published(folder) == before


def test_older_documents_are_refused(elsewhere, world):
    """A status list of before the revocation, sent again: the newest seen is kept in mind."""
    issuer, fetcher, folder, read = elsewhere
    old = dict(issuer.given)
    world.clock.advance(timedelta(seconds=30))
    world.publish()
    issuer.given = published(world.published)
    fetcher.once()
    read.current(world.clock.now())
    kept = published(folder)
    issuer.given = old
    with pytest.raises(FetchError):
        fetcher.once()
    assert published(folder) == kept


def test_a_set_with_a_list_missing_is_refused_whole(elsewhere):
    """Half a set is none: cards of the missing list would be refused as unknown."""
    issuer, fetcher, folder, _ = elsewhere
    del issuer.given["status-lists/0.jwt"]
    with pytest.raises(FetchError, match="not published"):
        fetcher.once()
    assert published(folder) == {}


@pytest.fixture
def bound(elsewhere, world):
    """The same, from an issuer that binds each index to its card; everything was fetched once."""
    issuer, fetcher, *_ = elsewhere
    world.card("silver")
    world.bind(identifier())
    issuer.given = published(world.published)
    assert "binding-lists/0.jwt" in issuer.given
    assert fetcher.once()
    return elsewhere


@pytest.mark.parametrize("part", [0, 1], ids=["statement", "content"])
def test_one_changed_letter_of_a_binding_list_changes_nothing(bound, part):
    """Neither of what is signed nor of the bindings that it states."""
    issuer, fetcher, folder, _ = bound
    before = published(folder)
    parts = issuer.given["binding-lists/0.jwt"].split("~")
    parts[part] = parts[part][:-9] + ("A" if parts[part][-9] != "A" else "B") + parts[part][-8:]
    issuer.given = before | {"binding-lists/0.jwt": "~".join(parts)}
    with pytest.raises(FetchError, match="do not hold"):
        fetcher.once()
    assert published(folder) == before


def test_a_set_that_lost_its_binding_list_is_refused(bound, world):
    """Whoever sits between the machines takes the bindings away from no verifier that saw them; over a restart too."""
    issuer, fetcher, folder, _ = bound
    before = published(folder)
    issuer.given = {name: text for name, text in before.items() if not name.startswith("binding-lists/")}
    again = PublishedFolder(folder, world.programme, Signers.root.kid, folder.parent / "elsewhere-seen.json")
    for one in (fetcher, Fetcher(issuer, again, folder, world.clock)):
        with pytest.raises(FetchError):
            one.once()
    assert published(folder) == before


def test_an_older_binding_list_is_refused(bound, world):
    """It would let a card in that the newest one binds no more."""
    issuer, fetcher, folder, read = bound
    old = issuer.given["binding-lists/0.jwt"]
    world.clock.advance(timedelta(seconds=30))
    world.bind()
    issuer.given = published(world.published)
    assert fetcher.once()
    read.current(world.clock.now())
    kept = published(folder)
    issuer.given = kept | {"binding-lists/0.jwt": old}
    with pytest.raises(FetchError):
        fetcher.once()
    assert published(folder) == kept


def test_a_set_without_a_bundle_is_refused(elsewhere):
    """Nothing says whose keys hold."""
    issuer, fetcher, *_ = elsewhere
    issuer.given = {}
    with pytest.raises(FetchError, match="no trust bundle"):
        fetcher.once()


class Server:
    """A server on loopback that gives one answer to everybody and keeps what it was asked."""

    def __init__(self, status, body, headers=()):
        asked = self.asked = []

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append((self.path, dict(self.headers)))
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def token(tmp_path):
    """The file of a token."""
    path = tmp_path / "token"
    path.write_text("yj_secret\n")
    path.chmod(0o600)
    return path


def test_a_call_carries_the_token_and_the_mark(token):
    """A second call names what it has, so that it is not sent again."""
    body = json.dumps({"documents": {"trust-bundle.jwt": "x", "../../evil": "y", "/etc/passwd": "z"}}).encode()
    with Server(200, body, [("ETag", '"1"')]) as server:
        found, mark = IssuerSource(server.url, token).documents('"0"')
    assert found == {"trust-bundle.jwt": "x"}, "a name that is no document's is never written"
    assert mark == '"1"'
    path, headers = server.asked[0]
    assert (path, headers["Authorization"], headers["If-None-Match"]) == (
        "/v1/published", "Bearer yj_secret", '"0"',
    )  # fmt: skip


def test_what_has_not_changed_is_not_read(token):
    """304 is no fault."""
    with Server(304, b"") as server:
        assert IssuerSource(server.url, token).documents('"0"') is None


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b"", "token does not allow"),
        (403, b"{}", "token does not allow"),
        (404, b"", "nothing is published"),
        (503, b"", "try again"),
        (200, b"<html>", "cannot be read"),
        (200, b"[]", "no set of documents"),
        (200, b'{"documents": {"trust-bundle.jwt": 1}}', "no set of documents"),
        (200, b'{"documents": {}, "documents": {}}', "cannot be read"),
    ],
)
def test_any_other_answer_is_a_fault_with_a_reason(token, status, body, said):
    """Whatever answers there, the verifier keeps what it has and says why."""
    with Server(status, body) as server, pytest.raises(FetchError, match=said):
        IssuerSource(server.url, token).documents(None)


def test_an_issuer_that_is_away_is_told(token):
    """No process listens there."""
    with pytest.raises(FetchError, match="cannot be reached"):
        IssuerSource("http://127.0.0.1:9", token).documents(None)


def test_a_token_that_others_may_read_is_refused(token):
    """Its file is a secret like any other."""
    token.chmod(0o644)
    with pytest.raises(FetchError, match="open to others"):
        IssuerSource("http://127.0.0.1:9", token).documents(None)


def test_a_fault_is_logged_once_until_it_changes(elsewhere, world, caplog):
    """A night without the issuer is one line, not one a minute."""
    issuer, fetcher, *_ = elsewhere
    issuer.given = {}
    work = Repeating(fetching(fetcher, 300), world.clock)
    assert [work.once() for _ in range(3)] == [False, False, False]
    assert len(caplog.records) == 1
    assert "trust bundle" in caplog.records[0].safe_fields["error"]
    assert work.report.faults == 3


def test_the_token_goes_to_no_other_server_that_the_issuer_is_said_to_be_at(token):
    """Whoever answers in the issuer's place may name another address: nothing is asked there, least of all with it."""
    with Server(200, b"{}") as thief, Server(302, b"", [("Location", f"{thief.url}/v1/published")]) as between:
        with pytest.raises(FetchError, match="names another address"):
            IssuerSource(between.url, token).documents(None)
        assert IssuerRelay(between.url, token).ask("/v1/cards/x/photo") is None
        assert (len(between.asked), thief.asked) == (2, [])
