"""Idempotency: looked at before policy, bound to the intended change, kept over a restart."""

from datetime import timedelta

from accounts.memory import ReplayWindow
from cards.claims import Form
from cards.status import Status
from tests.verifier.world import identifier


def test_a_retry_gets_the_first_answer(world):
    """The same operation with a fresh body gives the same entry, outcome and figures; one entry is logged."""
    silver, gym = world.card("silver"), world.device("gym")
    shown = silver.shown()
    first = gym.outcome(shown, "gym-visit", "operation-0001-aa")
    again = gym.outcome(shown, "gym-visit", "operation-0001-aa", client_time=1_793_408_400)
    assert (again["id"], again["outcome"], again["quotas"]) == (first["id"], "granted", first["quotas"])
    assert (first.get("replayed", False), again["replayed"]) == (False, True)
    assert again["holder"] == first["holder"]
    assert len(world.log()) == 1


def test_a_retry_after_the_card_was_revoked_is_still_the_first_answer(world):
    """The kept answer wins over policy: the visitor was let in, and the counter must hear it."""
    silver, gym = world.card("silver"), world.device("gym")
    shown = silver.shown()
    first = gym.outcome(shown, "gym-visit", "operation-0002-aa")
    world.set_status(silver, Status.REVOKED)
    world.clock.advance(timedelta(hours=1))
    again = gym.outcome(shown, "gym-visit", "operation-0002-aa")
    assert (again["id"], again["outcome"], again["reason"]) == (first["id"], "granted", None)


def test_a_retry_over_a_restart(world):
    """Operations lie in the ledger, not in memory."""
    silver, gym = world.card("silver"), world.device("gym")
    shown = silver.shown()
    first = gym.outcome(shown, "gym-visit", "operation-0003-aa")
    world.restart()
    assert gym.outcome(shown, "gym-visit", "operation-0003-aa")["id"] == first["id"]


def test_the_same_id_for_another_intent_is_a_conflict(world):
    """Another service, beneficiary or proof under a known id is 409, and nothing is written."""
    gold, desk = world.card("gold"), world.device("hosp-2")
    shown = gold.shown()
    desk.outcome(shown, "hospital-registration", "operation-0004-aa")
    for change in (
        {"service": "hospital-payment"},
        {"service": "hospital-registration", "beneficiary": "spouse"},
        {"service": "hospital-registration", "presentation": gold.shown()},
    ):
        body = {"presentation": shown, **change}
        response = desk.call("POST", "/v1/check-ins", body, operation="operation-0004-aa")
        assert (response.status_code, response.json["code"]) == (409, "operation-conflict")
    assert len(world.log()) == 1


def test_a_refusal_is_replayed_too(world):
    """A denied attempt keeps its answer, counts nothing, and is logged once."""
    silver, gym = world.card("silver"), world.device("gym")
    shown = silver.shown(world.clock.now() - timedelta(minutes=2))
    first = gym.outcome(shown, "gym-visit", "operation-0005-aa")
    again = gym.outcome(shown, "gym-visit", "operation-0005-aa")
    assert (first["reason"], again["id"]) == ("stale-proof", first["id"])
    assert len(world.log()) == 1
    assert world.verifier.ledger.usage(silver.claims.subject, world.clock.now()).counters == {}


def test_an_early_refusal_is_kept_under_the_device(world):
    """A bad signature names nobody: its entry lies in the device's partition with the token's digest alone."""
    silver, gym = world.card("silver"), world.device("gym")
    signature = world.card("silver").token.rpartition(".")[2]
    forged = f"{silver.token.rpartition('.')[0]}.{signature}"
    first = gym.outcome(forged, "gym-visit", "operation-0006-aa")
    again = gym.outcome(forged, "gym-visit", "operation-0006-aa")
    assert (first["reason"], again["id"]) == ("bad-signature", first["id"])
    (leaf,) = world.log()
    assert {"holder", "card", "tier", "form"} & leaf.keys() == set()
    assert "token" in leaf
    assert "holder" not in first


def test_an_operation_belongs_to_its_device(world):
    """Two devices may use one id without knowing of each other."""
    gold = world.card("gold")
    one, two = world.device("hosp-2"), world.device("hosp-2", label="Desk 2")
    first = one.outcome(gold.shown(), "hospital-registration", "operation-0007-aa")
    second = two.outcome(gold.shown(), "hospital-registration", "operation-0007-aa")
    assert first["id"] != second["id"]


def test_an_overheard_call_under_another_operation_id_is_no_second_use(world):
    """A copy of a signed call at another worker, its operation id changed, counts nothing: a print has no proof."""
    card, desk = world.card("gold", Form.PRINT), world.device("hosp-2")
    body = {"presentation": card.token, "service": "hospital-registration", "id_checked": True}
    sent = desk.signed("POST", "/v1/check-ins", body)
    first = world.client.post("/v1/check-ins", **sent).json
    assert (first["outcome"], first["reason"]) == ("granted", None)
    world.authenticate._seen = ReplayWindow()  # another worker has not seen the call
    sent["headers"]["Idempotency-Key"] = identifier()
    again = world.client.post("/v1/check-ins", **sent).json
    assert (again["outcome"], again["reason"]) == ("denied", "proof-used")
    assert desk.outcome(card.token, "hospital-registration", id_checked=True)["outcome"] == "granted"
