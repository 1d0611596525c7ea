"""An agent keeps promises, exchanges them after a minute and verifies the proofs by itself. A broken promise is
reported and kept.
"""

import json
from base64 import b64encode
from datetime import timedelta

import pytest

from cards.promise import Promise, origin_of, sign_promise, unverified_promise
from devices.diagnose import diagnose
from devices.promises import GRACE, PromiseBook, Trading
from devices.upload import upload
from devices.verdict import VerdictKind
from keys.signer import FileSigner
from tests.audit.builders import LogWorld
from tests.audit.test_http import LoggedWorld
from tests.devices.builders import counter as built_counter
from tests.verifier.world import Signers


class TrustedWorld(LoggedWorld):
    """A verifier whose log is signed by the log key of the trust bundle."""

    def _verifier(self):
        made = super()._verifier()
        self.log_world = LogWorld(
            self.folder / "trusted", made.ledger, origin=origin_of(self.programme.issuer), signer=Signers.log
        )
        home = self.log_world.home
        log = made.log
        log._place, log._source, log._index = home.place, home.source(), home.index()
        log._incidents = self.folder / "incidents.jsonl"
        return made

    def incidents(self) -> list[dict]:
        """What was reported, in whichever of the lists."""
        lists = sorted(self.folder.glob("incidents*.jsonl"))
        return [json.loads(line) for path in lists for line in path.read_text().splitlines()]


@pytest.fixture
def world(tmp_path):
    """A verifier with such a log."""
    made = TrustedWorld(tmp_path)
    yield made
    made.close()


@pytest.fixture
def counter(world, tmp_path, monkeypatch):
    """An agent's desk at the gym that keeps promises."""
    made = built_counter(world, tmp_path / "agent", monkeypatch)
    made.documents.refresh(made.server, world.clock.now())
    made.book = PromiseBook(made.folder)
    made.desk._promises = made.book
    made.trading = Trading(made.book, made.server, made.documents)
    return made


def visit(counter) -> VerdictKind:
    """A phone's visit now."""
    counter.world.clock.advance(timedelta(hours=3))
    return counter.desk.shown(counter.world.card("gold").shown(), "scanner").kind


def later(counter, seconds: float = 61) -> list[str]:
    """What trading tells staff a minute later."""
    counter.world.clock.advance(timedelta(seconds=seconds))
    return counter.trading.once(counter.world.clock.now())


def evidence(counter) -> list[dict]:
    """The broken promises that the agent keeps."""
    path = counter.folder / "promises-broken"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_promise_is_kept_for_its_minute_and_traded_then(counter, world):
    """Not before; once the log proves it, it is forgotten and nobody is bothered."""
    assert visit(counter) is VerdictKind.GRANTED
    world.sequence()
    assert counter.trading.once(world.clock.now()) == []
    assert PromiseBook(counter.folder).due(world.clock.now() + timedelta(seconds=61)), "it outlives the process"
    assert later(counter) == []
    assert counter.book.due(world.clock.now()) == []
    assert (world.incidents(), evidence(counter)) == ([], [])
    assert (counter.folder / "promises").stat().st_mode & 0o777 == 0o600


def test_refusals_are_promised_too(counter, world):
    """A denied attempt must not vanish either."""
    for _ in range(3):
        visit(counter)
    world.sequence()
    assert len(counter.book.due(world.clock.now() + timedelta(hours=1))) == 3
    assert later(counter) == []
    assert counter.book.due(world.clock.now()) == []


def test_a_promise_that_is_not_kept_is_reported_once_and_kept_as_evidence(counter, world):
    """The sequencer stands still: after the grace an incident at the server, a line for staff, the promise on disk."""
    visit(counter)
    assert later(counter) == [], "a clock may differ a little"
    (line,) = later(counter, GRACE.total_seconds())
    assert "not in the log as promised (absent)" in line
    (incident,) = world.incidents()
    (kept,) = evidence(counter)
    assert incident["kind"] == "promise-broken"
    assert incident["place"] == unverified_promise(kept["promise"]).entry
    assert later(counter) == [], "it is reported once"
    found = {one.part: one for one in diagnose(counter.folder, world.clock)}["promises"]
    assert (found.found, found.well) == ("0 wait, 1 were broken", False)
    assert "promises-broken" in found.remedy


def test_a_proof_that_does_not_hold_breaks_the_promise_at_once(counter, world, monkeypatch):
    """A server that shows another tree: the agent trusts no word of it, and keeps the proof."""
    visit(counter)
    world.sequence()
    sent = counter.line.sent

    def lying(base, method, path, data, headers):
        status, answer, date = sent(base, method, path, data, headers)
        if path != "/v1/log/promises":
            return status, answer, date
        told = json.loads(answer)
        other = b64encode(bytes(32)).decode()
        told["promises"][0]["proof"] = told["promises"][0]["proof"].replace("index 0\n", f"index 0\n{other}\n")
        return status, json.dumps(told).encode(), date

    monkeypatch.setattr("devices.server._sent", lying)
    (line,) = later(counter)
    assert "(bad-proof)" in line
    assert bytes(32).hex() not in line
    (kept,) = evidence(counter)
    assert kept["proof"].startswith("c2sp.org/tlog-proof@v1")
    assert "here it is kept, at index 0" in world.incidents()[0]["detail"]


def test_a_log_signed_by_another_key_proves_nothing(counter, world):
    """The checkpoint must be of a log key in the bundle that the device was told to trust."""
    visit(counter)
    strange = LogWorld(world.folder / "strange", world.verifier.ledger, origin=world.log_world.home.origin)
    strange.now = world.clock.now()
    strange.run()
    home, log = strange.home, world.verifier.log
    log._place, log._source, log._index = home.place, home.source(), home.index()
    (line,) = later(counter)
    assert "(bad-proof)" in line


def test_while_the_server_is_away_promises_wait(counter, world):
    """Nothing is called broken because of a network."""
    visit(counter)
    world.sequence()
    counter.line.cut = True
    assert later(counter, 600) == []
    counter.line.cut = False
    assert later(counter) == []
    assert (counter.book.due(world.clock.now()), evidence(counter)) == ([], [])


def test_a_promise_that_no_receipt_key_signed_is_evidence_too(counter, world):
    """It would be worth nothing, and an honest server gives none."""
    forged = sign_promise(FileSigner.generate(), world.programme.issuer, Promise("00-000001", "A" * 43, 1, 2))
    counter.book.keep({"promise": forged})
    counter.book.keep({"promise": "nonsense"})
    counter.book.keep({})
    (line,) = later(counter)
    assert "no key of the trust bundle signed" in line
    assert evidence(counter)[0]["promise"] == forged


def test_offline_records_bring_promises_when_they_are_sent(counter, world):
    """Each record's entry is promised like any other."""
    counter.line.cut = True
    assert counter.desk.shown(world.card("gold").shown(), "scanner").offline
    counter.line.cut = False
    assert "1 offline records sent" in upload(
        counter.queue, counter.server, counter.documents, world.clock.now(), promises=counter.book
    )
    world.sequence()
    assert len(counter.book.due(world.clock.now() + timedelta(hours=1))) == 1
    assert later(counter) == []
    assert counter.book.due(world.clock.now()) == []


def test_a_server_without_a_log_says_so_to_staff(counter, world, monkeypatch):
    """It cannot keep what it promises."""
    visit(counter)

    def none(base, method, path, data, headers):
        return 404, b'{"title":"none","code":"not-found"}', ""

    monkeypatch.setattr("devices.server._sent", none)
    (line,) = later(counter)
    assert "cannot be traded" in line
