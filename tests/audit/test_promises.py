"""Promises traded over HTTP: by the device and the phone that got them, for proofs that they verify themselves."""

import json
from datetime import timedelta

import pytest

from cards.promise import Promise, sign_promise, unverified_promise, verify_promise
from edge.encoding import unb64u
from edge.instants import to_epoch
from keys.entry_proof import EntryProof, PromiseState
from keys.errors import TokenError
from keys.signer import FileSigner
from tests.audit.test_http import LoggedWorld
from tests.verifier.booking import Phone
from tests.verifier.world import Signers

LEAF = "KMCfb1x7bRkqHBimKrvhdaixBl3sWGNLQi6LdfC6Ldc"


@pytest.fixture
def world(tmp_path):
    """A verifier with a log, and a check-in not integrated yet."""
    made = LoggedWorld(tmp_path)
    made.incidents = tmp_path / "incidents.jsonl"
    made.verifier.log._incidents = made.incidents
    made.reported = tmp_path / "incidents-reported.jsonl"
    made.refuted = tmp_path / "incidents-refuted.jsonl"
    made.gym = made.device("gym")
    made.silver = made.card("silver")
    made.fresh = made.gym.outcome(made.silver.shown(), "gym-visit")
    yield made
    made.close()


def traded(world, *promises: str, device=None) -> list[dict]:
    """What the server says of promises."""
    return (device or world.gym).call("POST", "/v1/log/promises", {"promises": list(promises)}).json["promises"]


def forged(world, **changes) -> str:
    """A promise by the server's own receipt key: what only a server that lies can make."""
    told = unverified_promise(world.fresh["promise"])
    values = {"entry": told.entry, "leaf": told.leaf, "made_at": told.made_at, "by": told.by} | changes
    return sign_promise(Signers.receipt, world.verifier.programme.issuer, Promise(**values))


def test_a_promise_is_pending_then_kept_with_a_proof_that_holds(world):
    """Before the minute is over, and once the sequencer came by."""
    (waiting,) = traded(world, world.fresh["promise"])
    assert (waiting["state"], waiting["id"]) == ("pending", world.fresh["id"])
    world.sequence()
    (kept,) = traded(world, world.fresh["promise"])
    assert kept["state"] == "kept"
    promise = unverified_promise(world.fresh["promise"])
    state, _ = promise.state(promise.by + 100, EntryProof.parse(kept["proof"]), world.log_world.keys)
    assert (state, kept["leaf_hash"]) == (PromiseState.KEPT, promise.leaf)


def test_a_promise_that_is_over_is_broken(world):
    """Not in the log a minute later; another entry under the number; a number that never was."""
    world.clock.advance(timedelta(seconds=61))
    assert traded(world, world.fresh["promise"])[0]["state"] == "broken"
    world.sequence()
    assert traded(world, world.fresh["promise"])[0]["state"] == "kept", "late, and there"
    assert traded(world, forged(world, leaf=LEAF), forged(world, entry="00-999999"))[0]["state"] == "broken"


def test_only_ones_own_promises_of_this_server_are_traded(world):
    """Another device, another key, nonsense: all the same word; too many, none and an auditor are refused."""
    world.sequence()
    other = world.device("hosp-2")
    stranger = sign_promise(FileSigner.generate(), world.verifier.programme.issuer, Promise("00-000001", LEAF, 1, 2))
    assert traded(world, world.fresh["promise"], device=other) == [{"state": "unknown"}]
    assert traded(world, stranger, "nonsense") == [{"state": "unknown"}] * 2
    for promises in ([], ["x"] * 51, ["x" * 1025]):
        assert world.gym.call("POST", "/v1/log/promises", {"promises": promises}).status_code == 422
    bearer = {"Authorization": f"Bearer {world.auditor()}"}
    asked = world.client.post("/v1/log/promises", json={"promises": ["x"]}, headers=bearer)
    assert asked.json["code"] == "not-permitted"


def test_a_breach_is_an_incident_told_once(world):
    """Who was promised what by when, and how it stands here; the same report again adds nothing."""
    world.clock.advance(timedelta(seconds=61))
    for _ in range(2):
        answer = world.gym.call("POST", "/v1/log/breaches", {"promise": world.fresh["promise"], "found": "absent"})
        assert (answer.status_code, answer.json["now"]["state"]) == (201, "broken")
    (line,) = map(json.loads, world.reported.read_text().splitlines())
    assert (line["kind"], line["place"]) == ("promise-broken", world.fresh["id"])
    assert unverified_promise(world.fresh["promise"]).leaf in line["detail"]
    assert "found no proof of it; here it is broken" in line["detail"]
    bearer = {"Authorization": f"Bearer {world.auditor()}"}
    told = world.client.get("/v1/log/incidents?list=reported", headers=bearer).json["incidents"]
    assert [one["kind"] for one in told] == ["promise-broken"]
    assert world.reported.stat().st_mode & 0o777 == 0o640
    assert not world.incidents.exists(), "the sequencer's own list holds what the sequencer saw, and nothing else"


def test_reports_that_the_server_refutes_push_no_true_incident_away(world):
    """Two tablets and a phone cry wolf: neither the sequencer's incident nor a true report moves by a line."""
    world.incidents.write_text('{"at":"2026-11-01T01:00:00Z","kind":"rolled-back","place":"03-000001","detail":"x"}\n')
    promises = [world.gym.outcome(world.silver.shown(), "gym-visit")["promise"] for _ in range(8)]
    world.sequence()
    for promise in promises:
        answer = world.gym.call("POST", "/v1/log/breaches", {"promise": promise, "found": "absent"})
        assert (answer.status_code, answer.json["now"]["state"]) == (201, "kept")
    bearer = {"Authorization": f"Bearer {world.auditor()}"}

    def kinds(name: str) -> list[str]:
        page = world.client.get(f"/v1/log/incidents?list={name}", headers=bearer).json
        return [one["kind"] for one in page["incidents"]]

    assert (kinds("log"), kinds("reported"), kinds("refuted")) == (["rolled-back"], [], ["promise-broken"] * 8)


def test_nobody_reports_what_was_never_promised(world):
    """Another's promise and a made-up one leave no line."""
    for caller, promise in ((world.device("hosp-2"), world.fresh["promise"]), (world.gym, "nonsense")):
        answer = caller.call("POST", "/v1/log/breaches", {"promise": promise, "found": "absent"})
        assert answer.json["code"] == "no-promise"
    assert not any(file.exists() for file in (world.incidents, world.reported, world.refuted))


def test_a_phone_trades_its_holders_promises_and_reports_a_breach(world):
    """Its own alone; nothing about the person is written down."""
    promise = world.fresh["promise"]
    phone, stranger = Phone(world, world.silver), Phone(world, world.card("gold"))
    assert phone.call("POST", "/v1/wallet/log/promises", {"promise": promise}).json["state"] == "pending"
    world.clock.advance(timedelta(seconds=61))
    broken = {"promise": promise, "found": "absent"}
    answer = phone.call("POST", "/v1/wallet/log/breaches", broken)
    assert (answer.status_code, answer.json["now"]["state"]) == (201, "broken")
    assert "a holder's phone was promised" in world.reported.read_text()
    world.sequence()
    told = phone.call("POST", "/v1/wallet/log/promises", {"promise": promise}).json
    EntryProof.parse(told["proof"]).verify(unb64u(told["leaf_hash"]), world.log_world.keys)
    assert stranger.call("POST", "/v1/wallet/log/promises", {"promise": promise}).json == {"state": "unknown"}
    assert stranger.call("POST", "/v1/wallet/log/breaches", broken).json["code"] == "no-promise"
    copied = world.client.post("/v1/wallet/log/promises", json={"card": world.silver.token, "promise": promise})
    assert copied.status_code == 401


@pytest.mark.parametrize("changes", [{"entry": ""}, {"by": 5, "made_at": 6}])
def test_a_promise_that_says_nonsense_is_none(world, changes):
    """However well signed."""
    bundle = world.verifier.published.current(world.clock.now()).bundle
    at = world.clock.now()
    assert verify_promise(world.fresh["promise"], bundle.key_set(), bundle.issuer, at).by > to_epoch(at)
    with pytest.raises(TokenError):
        verify_promise(world.fresh["promise"], bundle.key_set(), "https://another.example", at)
    with pytest.raises(TokenError):
        verify_promise(forged(world, **changes), bundle.key_set(), bundle.issuer, at)
