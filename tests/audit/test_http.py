"""The tree over HTTP: checkpoint and hash tiles for everybody, entries for auditors, proofs for the caller of the
entry.
"""

from datetime import timedelta

import pytest

from accounts.http import Authenticator
from audit.evidence.watching import LogWatcher, UrlSource
from audit.tree.holding import HELD, Held
from audit.tree.place import Cosigned
from audit.tree.proofs import LogReader
from audit.tree.tiles import Tree, unpack_entries
from cards.promise import PROMISE
from edge.encoding import unb64u
from edge.http import create_frame
from keys.ed25519 import Ed25519Signer
from keys.entry_proof import EntryProof, PromiseState, promise_state
from keys.notes import Cosigner, open_checkpoint
from ledger.leaf import leaf_hash
from tests.audit.builders import ORIGIN, LogWorld
from tests.verifier.booking import Phone
from tests.verifier.world import BASE, Signers, World
from verifier.api.surface import blueprint
from verifier.service import assemble


class LoggedWorld(World):
    """A verifier with a log behind it; `sequence` integrates what was recorded."""

    def _verifier(self):
        made = super()._verifier()
        self.log_world = LogWorld(self.folder / "published-log", made.ledger)
        home = self.log_world.home
        reader = LogReader(home.place, home.source(), home.index())
        return assemble(made.programme, made.published, made.ledger, made.store, made.answering, log=reader)

    def sequence(self) -> int:
        self.log_world.now = self.clock.now()
        return self.log_world.run()

    def get(self, path: str, **headers: str):
        return self.client.get(f"/v1/log/{path}", headers=headers)


@pytest.fixture
def world(tmp_path):
    """Three check-ins, published."""
    made = LoggedWorld(tmp_path)
    made.gym = made.device("gym")
    made.answers = [made.gym.outcome(made.card("silver").shown(), "gym-visit") for _ in range(3)]
    made.sequence()
    yield made
    made.close()


def test_anyone_reads_the_checkpoint_and_the_hash_tiles(world):
    """In the types and with the caching that tlog-tiles asks for."""
    answer = world.get("checkpoint")
    assert (answer.status_code, answer.content_type) == (200, "text/plain; charset=utf-8")
    assert answer.headers["Cache-Control"] == "no-cache"
    checkpoint = open_checkpoint(answer.get_data(), world.log_world.keys).checkpoint
    assert checkpoint.size == 3
    tile = world.get("tile/0/000.p/3")
    assert (tile.status_code, tile.content_type, len(tile.get_data())) == (200, "application/octet-stream", 96)
    assert "immutable" in tile.headers["Cache-Control"]
    assert world.get("tile/0/000.p/2").get_data() == tile.get_data()[:64]
    status = world.get("status").json
    assert (status["origin"], status["size"], status["witnesses"]) == (ORIGIN, 3, [])


def test_anyone_reads_what_witnesses_signed(world):
    """Beside the newest checkpoint stands the newest cosigned one; while they are the same, both carry the line."""
    assert world.get("checkpoint.cosigned").json["code"] == "not-found"
    place = world.log_world.home.place
    note, cosigner = place.read().note, Cosigner("auditor.example/w1", Ed25519Signer.generate())
    place.witnessed(note.with_signatures([cosigner.cosign(note.text, 1)]), {cosigner.key.name: Cosigned(3, 1)})
    for path in ("checkpoint", "checkpoint.cosigned"):
        opened = open_checkpoint(world.get(path).get_data(), world.log_world.keys, [cosigner.key])
        assert cosigner.key in [each.key for each in opened.signed]


@pytest.mark.parametrize(
    "path",
    ["tile/0/000", "tile/0/000.p/4", "tile/0/001.p/1", "tile/1/000.p/1", "tile/0/0", "tile/0/../0", "tile/x/000"],
)
def test_what_the_checkpoint_does_not_cover_is_not_there(world, path):
    """Wider, further, higher, or no path at all: 404 without touching a file."""
    assert world.get(path).json["code"] == "not-found"


def test_entries_need_the_right_to_audit_everywhere_and_reading_is_logged(world):
    """Nobody, a device, an auditor."""
    path = "/v1/log/tile/entries/000.p/3"
    assert world.client.get(path).json["code"] == "unauthenticated"
    assert world.gym.call("GET", path).json["code"] == "not-permitted"
    answer = world.client.get(path, headers={"Authorization": f"Bearer {world.auditor()}"})
    assert answer.headers["Cache-Control"].startswith("private")
    entries = unpack_entries(answer.get_data())
    assert {leaf_hash(entry) for entry in entries} == {
        world.get("tile/0/000.p/3").get_data()[at : at + 32] for at in (0, 32, 64)
    }
    assert world.verifier.store.accesses()[0]["what"] == "tile/entries/000.p/3"


def test_a_device_trades_its_promise_for_a_proof(world):
    """The promise's leaf hash is in the tree within the minute; the proof holds with the log's key alone."""
    promise = world.answers[1]["promise"]
    from keys.tokens import verify_with_key

    claims = verify_with_key(promise, PROMISE, Signers.receipt.public_key).claims
    answer = world.gym.call("GET", f"/v1/log/proof/{claims['id']}").json
    assert answer["leaf_hash"] == claims["leaf"]
    proof = EntryProof.parse(answer["proof"])
    proof.verify(unb64u(claims["leaf"]), world.log_world.keys)
    state, _ = promise_state(claims["leaf"], claims["by"], claims["by"] + 100, proof, world.log_world.keys)
    assert state is PromiseState.KEPT


def test_a_proof_is_for_its_device_and_for_auditors(world):
    """Another device learns nothing of it; an auditor's reading is logged."""
    entry = world.answers[0]["id"]
    other = world.device("hosp-2")
    assert other.call("GET", f"/v1/log/proof/{entry}").json["code"] == "not-permitted"
    assert world.get(f"proof/{entry}").json["code"] == "unauthenticated"
    bearer = {"Authorization": f"Bearer {world.auditor()}"}
    assert world.get(f"proof/{entry}", **bearer).json["index"] in range(3)
    assert world.verifier.store.accesses()[0]["what"] == f"proof/{entry}"


def test_what_is_not_integrated_yet_says_so(world):
    """A new check-in is pending until the next step; nonsense and unknown ids sound the same."""
    world.clock.advance(timedelta(hours=3))
    fresh = world.gym.outcome(world.card("gold").shown(), "gym-visit")
    for entry in (fresh["id"], "00-999999", "nonsense"):
        answer = world.gym.call("GET", f"/v1/log/proof/{entry}")
        assert (answer.status_code, answer.json["code"]) == (404, "not-logged-yet")
        assert answer.headers["Retry-After"] == "2"
    assert world.sequence() == 4
    assert world.gym.call("GET", f"/v1/log/proof/{fresh['id']}").status_code == 200


def test_the_log_over_http_is_watched_by_our_own_monitor(world, tmp_path):
    """The very bytes that the service answers make proofs between visits."""

    def fetch(url):
        answer = world.client.get(url.removeprefix(BASE))
        return answer.get_data() if answer.status_code == 200 else None

    source = UrlSource(f"{BASE}/v1/log", fetch)
    watcher = LogWatcher(source, world.log_world.keys, tmp_path / "memory")
    assert watcher.visit().now.size == 3
    world.clock.advance(timedelta(hours=3))
    for _ in range(5):
        world.gym.outcome(world.card("gold").shown(), "gym-visit")
    world.sequence()
    visit = watcher.visit()
    assert (visit.before.size, visit.now.size) == (3, 8)
    assert Tree(source, 8).root() == visit.now.root


def test_damaged_files_are_503_and_an_unpublished_log_404(world, tmp_path):
    """Never a wrong answer."""
    (world.log_world.folder / "tile/0/000.p/3").write_bytes(b"short")
    assert world.get("tile/0/000.p/3").json["code"] == "unavailable"
    entry = world.answers[0]["id"]
    assert world.gym.call("GET", f"/v1/log/proof/{entry}").json["code"] == "unavailable"
    (world.log_world.folder.parent / "apart/checkpoint").write_bytes(b"{")
    assert world.get("checkpoint").json["code"] == "unavailable"
    (world.log_world.folder.parent / "apart/checkpoint").unlink()
    assert world.get("checkpoint").json["code"] == "not-found"


def test_a_verifier_without_a_log_has_no_such_calls(world):
    """Nothing half there."""
    bare = create_frame("bare", clock=world.clock)
    parts = world.verifier
    verifier = assemble(parts.programme, parts.published, parts.ledger, parts.store, parts.answering)
    bare.register_blueprint(blueprint(verifier, Authenticator(world.accounts, world.clock, (BASE,))))
    assert bare.test_client().get("/v1/log/checkpoint").status_code == 404


def test_anyone_sees_that_partitions_are_held(world, tmp_path):
    """A number, no more: until the ledger is repaired nothing is recorded there."""
    assert world.get("status").json["held"] == 0
    world.verifier.log._incidents = tmp_path / "incidents.jsonl"
    Held(tmp_path / HELD).put({3, 200})
    assert world.get("status").json["held"] == 2


def test_incidents_are_for_auditors(world, tmp_path):
    """Newest first; a device is refused."""
    path = tmp_path / "incidents.jsonl"
    line = '{"at":"2026-11-01T01:00:00Z","kind":"%s","place":"03-000001","detail":"words"}\n'
    path.write_text("cut in two\n" + line % "altered" + line % "late")
    world.verifier.log._incidents = path
    assert world.gym.call("GET", "/v1/log/incidents").json["code"] == "not-permitted"
    told = world.get("incidents", Authorization=f"Bearer {world.auditor()}").json["incidents"]
    assert [each["kind"] for each in told] == ["late", "altered"]
    assert told[0]["detail_zh"] == "", "a line of an earlier version says it in English alone"


def test_a_phone_fetches_the_proof_of_its_holders_entries_alone(world):
    """Its own are proved; another's and an unknown one sound the same; a copied call fails."""
    mine, other = world.card("silver"), world.card("gold")
    world.clock.advance(timedelta(hours=3))
    entry = world.gym.outcome(mine.shown(), "gym-visit")["id"]
    theirs = world.gym.outcome(other.shown(), "gym-visit")["id"]
    world.sequence()
    phone = Phone(world, mine)
    told = phone.call("POST", f"/v1/wallet/log/{entry}/proof").json
    EntryProof.parse(told["proof"]).verify(unb64u(told["leaf_hash"]), world.log_world.keys)
    for unseen in (theirs, "00-999999", "nonsense"):
        assert phone.call("POST", f"/v1/wallet/log/{unseen}/proof").json["code"] == "not-logged-yet"
    stranger = Phone(world, world.card("diamond"))
    assert stranger.call("POST", f"/v1/wallet/log/{entry}/proof").json["code"] == "not-logged-yet"
    copied = world.client.post(f"/v1/wallet/log/{entry}/proof", json={"card": mine.token})
    assert copied.json["code"] == "bad-wallet-proof"


def test_incidents_are_paged_to_the_first_one(world, tmp_path):
    """However many there are, each is on one page; a list or a cursor that is none is refused."""
    path = tmp_path / "incidents.jsonl"
    line = '{"at":"2026-11-01T01:00:00Z","kind":"late","place":"%d","detail":"words"}\n'
    path.write_text("".join(line % number for number in range(257)))
    world.verifier.log._incidents = path
    bearer = {"Authorization": f"Bearer {world.auditor()}"}
    seen, asked = [], ""
    while asked is not None:
        page = world.client.get(f"/v1/log/incidents?list=log{asked}", headers=bearer).json
        seen += [int(one["place"]) for one in page["incidents"]]
        asked = f"&older={page['older']}" if "older" in page else None
    assert seen == list(reversed(range(257)))
    for query in ("list=none", "older=-1", "older=x", "list=log&list=cards"):
        assert world.client.get(f"/v1/log/incidents?{query}", headers=bearer).json["code"] == "invalid-field"
