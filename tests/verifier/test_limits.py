"""Limits at the verifier: junk stops nobody behind the same address, a stolen tablet fills no log."""

import pytest
from prometheus_client import REGISTRY

from cards.claims import sign_card
from edge.sharing import FileShared
from keys.signer import FileSigner
from tests.verifier.booking import Phone
from tests.verifier.test_requests import CALL_ME, PAPER
from tests.verifier.world import World


@pytest.fixture
def world(tmp_path):
    """A whole verifier."""
    made = World(tmp_path)
    yield made
    made.close()


def test_junk_from_an_address_stops_no_holder_behind_it(world):
    """Hundreds of bad calls, signed by nobody: the holder's own, from the same address, are all answered."""
    card = world.card("diamond")
    phone, junk = Phone(world, card), {"card": card.token}
    bad = [world.client.post("/v1/wallet/usage", json=junk).status_code for _ in range(130)]
    assert {401, 429} == set(bad)
    for path in ("usage", "bookings/list", "history", "requests/list", "delegations/list"):
        assert phone.call("POST", f"/v1/wallet/{path}").status_code == 200


def test_junk_checks_stop_no_phone_and_no_good_check(world):
    """Forty-five checks of nonsense, and of cards that do not hold; then a phone registers and a good card is valid."""
    silver = world.card("silver")
    codes = [world.client.post("/v1/public-checks", json={"presentation": "x"}).status_code for _ in range(45)]
    assert codes.count(429) == 25
    forged = sign_card(FileSigner.generate(), silver.claims)
    assert world.client.post("/v1/public-checks", json={"presentation": forged}).status_code == 429
    assert world.client.post("/v1/public-checks", json={"presentation": silver.token}).json["valid"]
    assert world.client.post("/v1/cards", json={"presentation": silver.shown()}).status_code == 200


@pytest.mark.slow
def test_one_key_is_bounded_by_itself(world):
    """A phone that asks all the time is slowed down; another holder's at the same address is not."""
    loud, other = Phone(world, world.card("gold")), Phone(world, world.card("gold"))
    codes = [loud.call("POST", "/v1/wallet/usage").status_code for _ in range(62)]
    assert codes == [200] * 60 + [429] * 2
    assert other.call("POST", "/v1/wallet/usage").status_code == 200


def test_a_stolen_tablet_fills_no_log(world):
    """Forged cards are logged one by one up to a bound, then counted; real ones at the same tablet go on."""
    silver, gym = world.card("silver"), world.device("gym")
    forger = FileSigner.generate()
    before = REGISTRY.get_sample_value("yunju_refusals_unlogged_total")
    forged = [sign_card(forger, silver.claims) for _ in range(100)]
    codes = [gym.check_in(token, "gym-visit").status_code for token in forged]
    assert codes == [201] * 30 + [429] * 70
    assert len(world.log()) == 30
    assert REGISTRY.get_sample_value("yunju_refusals_unlogged_total") - before == 70
    assert gym.outcome(silver.shown(), "gym-visit")["outcome"] == "granted"


def test_a_refusal_that_was_logged_is_answered_again_beyond_the_bound(world):
    """The same operation sent again is no new one."""
    silver, gym = world.card("silver"), world.device("gym")
    forged = sign_card(FileSigner.generate(), silver.claims)
    first = gym.outcome(forged, "gym-visit", operation="A" * 22)
    for _ in range(35):
        gym.check_in(forged, "gym-visit")
    again = gym.outcome(forged, "gym-visit", operation="A" * 22)
    assert (again["id"], again["replayed"]) == (first["id"], True)


@pytest.mark.slow
def test_fifty_refusals_hide_no_request(world):
    """A holder's own granted request is listed whatever was refused since; pages go to the first one."""
    phone = Phone(world, world.card("gold"))
    asked = {"service": "steward-newspaper", "fields": PAPER}
    first = phone.call("POST", "/v1/wallet/requests", asked).json
    assert first["outcome"] == "granted"
    for number in range(55):
        world.clock.advance(world.programme.validity.grace / 100_000)
        refused = phone.call("POST", "/v1/wallet/requests", asked)
        assert refused.json["outcome"] == "denied", number
    listed = phone.call("POST", "/v1/wallet/requests/list").json
    assert [one["id"] for one in listed["requests"]] == [first["id"]]


def test_own_requests_are_paged(world):
    """Two at a time, the newest first, none twice."""
    phone = Phone(world, world.card("gold"))
    asking = {"service": "steward-case", "fields": {**CALL_ME, "case": "子女入学"}}
    made = [phone.call("POST", "/v1/wallet/requests", asking).json for _ in range(5)]
    seen, asked = [], {"limit": 2}
    while asked is not None:
        page = phone.call("POST", "/v1/wallet/requests/list", asked).json
        seen += [one["id"] for one in page["requests"]]
        asked = {"limit": 2, "before": page["next"]} if "next" in page else None
    assert seen == [one["id"] for one in reversed(made)]


def test_a_captured_get_proof_works_once_over_all_workers(world):
    """Two workers over one file: whoever overheard a signed reading cannot read again at the other worker."""
    gym = world.device("gym")
    signed = gym.signed("GET", "/v1/points/gym/today")
    second = World.__new__(World)
    second.__dict__ |= world.__dict__
    second._open()
    for worker in (world, second):
        worker.authenticate.limiter.shared = FileShared(world.folder / "limits.db")
    codes = [worker.client.get("/v1/points/gym/today", **signed).status_code for worker in (world, second, world)]
    assert codes == [200, 401, 401]
    second.close()
