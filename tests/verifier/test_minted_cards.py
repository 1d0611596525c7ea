"""A thief with the issuer's card key: cards minted on any index are dead at the counter and in the public check."""

import json
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY

from audit.tree.proofs import LogReader
from cards.claims import sign_card
from keys.signer import FileSigner
from tests.audit.builders import LogWorld
from tests.verifier.minting import MINTED, bound_world, from_the_pool, mint
from tests.verifier.world import Card, Signers, World
from verifier.service import assemble


class ListedWorld(World):
    """A verifier that keeps incidents."""

    def _verifier(self):
        made = super()._verifier()
        home = LogWorld(self.folder / "published-log", made.ledger).home
        self.incidents = self.folder / "incidents.jsonl"
        reader = LogReader(home.place, home.source(), home.index(), incidents=self.incidents)
        return assemble(made.programme, made.published, made.ledger, made.store, made.answering, log=reader)


@pytest.fixture
def thieved(tmp_path):
    """A verifier that holds bindings, a victim, an index of the pool, and the id drawn for it."""
    made = ListedWorld(tmp_path)
    yield bound_world(made)
    made.close()


def misfits() -> float:
    """What the figure says."""
    return REGISTRY.get_sample_value("yunju_card_misfits_total")


def told(world) -> list[dict]:
    """What auditors are told of cards."""
    bearer = {"Authorization": f"Bearer {world.auditor()}"}
    return world.client.get("/v1/log/incidents?list=cards", headers=bearer).json["incidents"]


@pytest.mark.parametrize("way", MINTED)
def test_a_minted_card_is_dead_online(thieved, way):
    """Refused as revoked at the counter, in a look, and in the public check; nothing is granted."""
    world, victim, pool, _ = thieved
    gym, minted = world.device("gym"), mint(world, victim, pool, way)
    answer = gym.outcome(minted.shown(), "gym-visit", id_checked=True)
    assert (answer["outcome"], answer["reason"]) == ("denied", "revoked")
    looked = gym.call("POST", "/v1/verifications", {"presentation": minted.shown()}).json
    assert looked["reason"] == "revoked"
    public = world.client.post("/v1/public-checks", json={"presentation": minted.token}).json
    assert (public["valid"], public["reason"]) == (False, "revoked")
    assert not any(leaf.get("outcome") == "granted" for leaf in world.log())


@pytest.mark.parametrize("way", MINTED[1:])
def test_a_card_on_an_index_of_another_tells_auditors(thieved, way):
    """The entry bears its mark, the incident names index and card once, the figure counts each showing."""
    world, victim, pool, _ = thieved
    gym, minted, before = world.device("gym"), mint(world, victim, pool, way), misfits()
    for _ in range(3):
        gym.outcome(minted.shown(), "gym-visit", id_checked=True)
    assert misfits() - before == 3
    leaves = [leaf for leaf in world.log() if leaf["kind"] == "check-in"]
    assert all((leaf["reason"], "card-misfit" in leaf["marks"]) == ("revoked", True) for leaf in leaves)
    (incident,) = told(world)
    assert incident["kind"] == "card-misfit"
    assert incident["place"].endswith(f"#{minted.claims.status_index}")
    assert minted.claims.card_id in incident["detail"]


def test_an_index_that_nobody_has_is_no_incident(thieved):
    """Such a card is as dead, and tells of no second card."""
    world, victim, pool, _ = thieved
    world.device("gym").outcome(mint(world, victim, pool, "unassigned index").shown(), "gym-visit")
    assert told(world) == []


def test_genuine_cards_work_the_one_from_the_pool_at_once(thieved):
    """A card issued a second ago is bound by its drawn id until the next list binds all of it."""
    world, victim, pool, drawn = thieved
    gym = world.device("gym")
    fresh = from_the_pool(world, victim, pool, drawn)
    for card in (victim, fresh):
        assert gym.outcome(card.shown(), "gym-visit")["outcome"] == "granted"
    assert world.client.post("/v1/public-checks", json={"presentation": fresh.token}).json["valid"]
    world.issued.append(fresh)
    world.bind()
    other = replace(fresh.claims, tier="gold")
    thief = Card(world, other, sign_card(Signers.card, other), fresh.signer)
    assert gym.outcome(thief.shown(), "gym-visit")["reason"] == "revoked", "now its tier is bound too"
    assert gym.outcome(fresh.shown(), "library-facilities")["reason"] == "not-offered-here"


def test_bindings_seen_once_are_asked_for_ever_after(thieved):
    """A folder that lost them grants nothing new, over a restart too: taking them away gives no thief a card."""
    world, victim, pool, _ = thieved
    gym, minted = world.device("gym"), mint(world, victim, pool, "pool index")
    assert gym.outcome(victim.shown(), "gym-visit")["outcome"] == "granted"
    (world.published / "binding-lists" / "0.jwt").unlink()
    world.bindings = None
    world.set_status(victim, world.statuses[victim.claims.status_index])
    assert gym.outcome(minted.shown(), "gym-visit")["reason"] == "revoked", "the last good lists stay in force"
    assert "binding list is gone" in world.verifier.published.fault
    world.restart()
    assert gym.outcome(minted.shown(), "gym-visit")["reason"] == "status-unknown"
    assert json.loads((world.folder / "seen.json").read_text())["bound"] == [victim.claims.status_uri]


def test_bindings_older_than_their_list_are_not_taken(thieved):
    """They lack the newest cards: the pair held before stays in force, and the fault is told."""
    world, victim, _, _ = thieved
    world.verifier.published.current(world.clock.now())
    old = (world.published / "binding-lists" / "0.jwt").read_text()
    world.clock.advance(world.verifier.published.current(world.clock.now()).bundle.expires_at - world.clock.now())
    world.go("2026-11-02 10:00")
    (world.published / "binding-lists" / "0.jwt").write_text(old)
    at = world.clock.now()
    world.verifier.published.current(at)
    world.clock.set(at)
    assert world.verifier.published.fault is not None
    assert victim.claims.status_uri in world.verifier.published.fault


def test_anyone_fetches_bindings_and_revalidates_them(thieved):
    """Statement and content apart, each with an ETag; nothing is sent twice; an unknown list is not found."""
    world, *_ = thieved
    for path in ("/v1/binding-lists/0", "/v1/binding-lists/0/content"):
        first = world.client.get(path)
        again = world.client.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (first.status_code, again.status_code, again.get_data()) == (200, 304, b"")
    content = world.client.get("/v1/binding-lists/0/content").headers["ETag"]
    world.clock.advance(world.programme.validity.grace)
    world.publish()
    same = world.client.get("/v1/binding-lists/0/content", headers={"If-None-Match": content})
    assert same.status_code == 304, "a publication that binds nothing new costs a tablet nothing"
    assert world.client.get("/v1/binding-lists/7").status_code == 404


def test_a_key_that_is_no_card_key_mints_nothing_at_all(thieved):
    """The control: without the stolen key the signature is refused before any list is asked."""
    world, victim, *_ = thieved
    forged = Card(world, victim.claims, sign_card(FileSigner.generate(), victim.claims), victim.signer)
    assert world.device("gym").outcome(forged.shown(), "gym-visit")["reason"] == "unknown-key"
