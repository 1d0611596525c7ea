"""Photos beside an ID check: for the device that looked, for a valid card, stored nowhere, relayed over HTTP."""

import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from cards.claims import Form
from cards.status import Status
from tests.verifier.test_looks import look
from tests.verifier.world import World, at
from verifier.trust.issuer_relay import MOST_BYTES, IssuerRelay
from verifier.trust.photos import PhotoRelay

PHOTO = b"\xff\xd8\xffa photo"
TOKEN = "a token of the tests"
NOW = at("2026-10-31 09:00")


class Photographed(World):
    """A verifier whose issuer has a photo of everybody, or is away."""

    def _verifier(self):
        self.asked, self.away = [], False
        return replace(super()._verifier(), photo_of=self._photo)

    def _photo(self, card, _at):
        self.asked.append(card)
        return None if self.away else PHOTO


@pytest.fixture
def world(tmp_path):
    """A verifier that can ask an issuer for photos."""
    made = Photographed(tmp_path)
    yield made
    made.close()


def photo(device, seen):
    """Ask for the photo of a look."""
    return device.call("GET", f"/v1/looks/{seen['id']}/photo")


def test_the_device_that_looked_is_shown_the_photo_and_nothing_keeps_it(world):
    """A JPEG that no cache may hold, of the card looked at."""
    printed, gym = world.card("silver", Form.PRINT), world.device("gym")
    answer = photo(gym, look(gym, printed.shown()))
    assert (answer.status_code, answer.content_type, answer.data) == (200, "image/jpeg", PHOTO)
    assert answer.headers["Cache-Control"] == "no-store"
    assert world.asked == [printed.claims.card_id]


def test_every_asking_is_kept_in_the_access_log_without_names(world):
    """Who asked where, for whom by the log's name alone, and whether a photo was shown."""
    printed, gym = world.card("silver", Form.PRINT), world.device("gym")
    seen = look(gym, printed.shown())
    photo(gym, seen)
    world.away = True
    assert photo(gym, seen).status_code == 404
    absent, shown, looked = world.verifier.store.accesses()
    assert [line["what"] for line in (absent, shown)] == ["absent", "shown"]
    assert (shown["kind"], shown["caller"], shown["point"]) == ("photo", gym.id, "gym")
    assert shown["holder"] == looked["holder"]
    assert printed.claims.subject not in str(shown)


def test_another_devices_look_shows_nothing_and_none_outlives_its_time(world):
    """The look's id is not enough, and after 120 seconds nothing is."""
    printed, gym, other = world.card("silver", Form.PRINT), world.device("gym"), world.device("gym", label="Desk 2")
    seen = look(gym, printed.shown())
    assert photo(other, seen).status_code == 404
    world.clock.advance(timedelta(seconds=121))
    assert photo(gym, seen).status_code == 404
    assert world.asked == []


def test_a_forged_or_revoked_card_shows_nobodys_photo(world):
    """A look at a card that does not hold lives too; the issuer is not even asked."""
    printed, gym = world.card("silver", Form.PRINT), world.device("gym")
    head, body, _ = printed.token.split(".")
    forged = look(gym, f"{head}.{body}.{'A' * 86}")
    assert forged["valid"] is False
    assert photo(gym, forged).status_code == 404
    world.statuses[printed.claims.status_index] = Status.REVOKED
    world.publish()
    world.clock.advance(timedelta(seconds=2))
    assert photo(gym, look(gym, printed.shown())).status_code == 404
    assert world.asked == []


def test_photos_are_rate_limited(world):
    """A device that asks all the time is slowed down."""
    printed, gym = world.card("silver", Form.PRINT), world.device("gym")
    seen = look(gym, printed.shown())
    codes = [photo(gym, seen).status_code for _ in range(61)]
    assert codes.count(429) == 1


@contextmanager
def issuer(status, body):
    """Serve an issuer of one answer; gives its address and what was asked of it."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers["Authorization"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def token(tmp_path):
    """The file of the relay's token."""
    file = tmp_path / "issuer-token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    return file


def test_an_issuer_elsewhere_is_asked_by_card_with_the_token(token):
    """The card's id is quoted; the photo comes back as it is."""
    with issuer(200, PHOTO) as (url, asked):
        assert PhotoRelay(IssuerRelay(url, token))("a/../b", NOW) == PHOTO
    assert asked == [("/v1/cards/a%2F..%2Fb/photo", f"Bearer {TOKEN}")]


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b"{}"), (403, b"{}"), (500, b"x"), (200, b"<html>"), (200, b""), (200, PHOTO + bytes(MOST_BYTES))],
    ids=["no photo", "not permitted", "broken", "no picture", "nothing", "too large"],
)
def test_whatever_the_issuer_answers_else_is_no_photo(token, status, body):
    """Never an error for the counter."""
    with issuer(status, body) as (url, _):
        assert PhotoRelay(IssuerRelay(url, token))("card", NOW) is None


def test_an_issuer_that_is_away_and_a_token_that_is_missing_are_no_photo(tmp_path, token, caplog):
    """Logged once each without a word of whose photo it was."""
    assert PhotoRelay(IssuerRelay("http://127.0.0.1:9", token))("card-of-somebody", NOW) is None
    assert PhotoRelay(IssuerRelay("http://127.0.0.1:9", tmp_path / "none"))("card-of-somebody", NOW) is None
    assert len(caplog.records) == 2
    assert "card-of-somebody" not in str([record.__dict__ for record in caplog.records])
