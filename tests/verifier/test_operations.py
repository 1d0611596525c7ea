"""Idempotency: the operation is checked before the rules, is bound to the intended change, and survives a restart."""

from dataclasses import replace
from datetime import timedelta

import pytest

from accounts.memory import ReplayWindow
from accounts.rights import Caller
from cards.claims import Form
from cards.parts import Presentation
from cards.programme.load import load_programme
from cards.programme.types import Beneficiary
from cards.status import Status
from tests.verifier.world import PROGRAMMES, at, identifier
from verifier.counter.intents import Intent, Override
from verifier.rules.delegations import Delegation


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
    sent = desk.signed("POST", "/v1/check-ins", body, names=False)
    first = world.client.post("/v1/check-ins", **sent).json
    assert (first["outcome"], first["reason"]) == ("granted", None)
    world.authenticate._seen = ReplayWindow()  # another worker has not seen the call
    sent["headers"]["Idempotency-Key"] = identifier()
    again = world.client.post("/v1/check-ins", **sent).json
    assert (again["outcome"], again["reason"]) == ("denied", "proof-used")
    assert desk.outcome(card.token, "hospital-registration", id_checked=True)["outcome"] == "granted"


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("other", ["card", "reference"])
def test_a_key_used_with_another_card_or_reference_is_a_conflict(world, other, restarted):
    """A device that uses a key again for another visitor or another matter hears 409; nothing is granted or lost."""
    gold, desk = world.card("gold"), world.device("gov-registry")
    body = {
        "presentation": gold.shown(),
        "service": "business-change",
        "beneficiary": "employer",
        "reference": "GZ2026-0012345",
    }
    first = desk.call("POST", "/v1/check-ins", body, operation="operation-0008-aa")
    assert (first.status_code, first.json["outcome"]) == (201, "granted")
    if restarted:
        world.restart()
    change = {"presentation": world.card("gold").shown()} if other == "card" else {"reference": "GZ2026-0099999"}
    again = desk.call("POST", "/v1/check-ins", {**body, **change}, operation="operation-0008-aa")
    assert (again.status_code, again.json["code"]) == (409, "operation-conflict")
    assert len(world.log()) == 1
    retried = desk.call("POST", "/v1/check-ins", body, operation="operation-0008-aa")
    assert (retried.json["id"], retried.json["replayed"]) == (first.json["id"], True)


@pytest.mark.parametrize("other", ["card", "proof"])
def test_a_key_of_a_refused_card_is_a_conflict_with_another(world, other):
    """A refusal takes its key too: what the device shows next under it is another operation."""
    silver, gym = world.card("silver"), world.device("gym")
    gym.outcome(silver.shown(world.clock.now() - timedelta(minutes=2)), "gym-visit", "operation-0009-aa")
    shown = world.card("silver").shown() if other == "card" else silver.shown()
    assert gym.check_in(shown, "gym-visit", "operation-0009-aa").status_code == 409
    assert len(world.log()) == 1


OVERRIDE = Override("came-early", "the flight was moved")
BEGUN = at("2026-10-31 12:00")
CODED = Delegation("a-delegation", "holder", "a.b.c", "business-change", "某公司", BEGUN, BEGUN + timedelta(days=7))
CHANGES = {
    "caller": {"caller": Caller("device", "tablet-2", {})},
    "point": {"point": "gym"},
    "service": {"service": "gym-visit"},
    "beneficiary": {"beneficiary": Beneficiary.SPOUSE},
    "card": {"presentation": Presentation("a.b.other", None)},
    "id_checked": {"id_checked": True},
    "not_holder": {"not_holder": True},
    "reference": {"reference": "another"},
    "booking": {"booking": "01-000001"},
    "companions": {"companions": 2},
    "represented": {"represented": True},
    "delegation": {"delegation": CODED},
    "another delegation": {"delegation": replace(CODED, id="another")},
    "override": {"override": OVERRIDE},
    "override's reason": {"override": replace(OVERRIDE, reason="other")},
    "override's note": {"override": replace(OVERRIDE, note="another note")},
}


def intent(**changes: object) -> Intent:
    """An intended check-in of a card, with what a test changes of it."""
    programme = load_programme(PROGRAMMES / "baiyun.toml")
    for name, table in (("point", programme.points), ("service", programme.services)):
        if name in changes:
            changes[name] = table[str(changes[name])]
    plain = Intent(
        operation="operation-0010-aa",
        caller=Caller("device", "tablet-1", {}),
        point=programme.points["hosp-2"],
        service=programme.services["hospital-registration"],
        presentation=Presentation("a.b.c", None),
    )
    return replace(plain, **changes)


def test_an_operation_is_bound_to_all_that_is_intended():
    """Each thing that makes it another check-in makes it another request: none of them may be left out of the hash."""
    plain = intent().request
    hashes = {name: intent(**change).request for name, change in CHANGES.items()}
    assert plain not in hashes.values()
    assert len(set(hashes.values())) == len(CHANGES)


def test_an_operation_is_not_bound_to_what_a_retry_may_say_anew():
    """The device's clock, the operation id itself and the signed call differ with every try of one check-in."""
    again = intent(operation="operation-0011-aa", client_time=1_793_408_400, call="another call")
    assert again.request == intent().request


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"id_checked": True}, "operation-conflict"),
        ({"not_holder": True}, "operation-conflict"),
        ({"beneficiary": "employer", "represented": True}, "operation-conflict"),
    ],
)
def test_what_staff_vouch_for_is_another_operation(world, change, code):
    """An ID compared, a person who is not the holder, a clerk with a letter: not the check-in that was answered."""
    printed, desk = world.card("gold", Form.PRINT), world.device("hosp-2")
    desk.outcome(printed.token, "hospital-registration", "operation-0012-aa")
    response = desk.check_in(printed.token, "hospital-registration", "operation-0012-aa", **change)
    assert (response.status_code, response.json["code"]) == (409, code)
