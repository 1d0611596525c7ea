"""Scenario 3 (docs/guide-coverage.md): the spouse alone, with the printed card or a screenshot; the firm's clerk with
a code.
"""

from datetime import timedelta

from accounts.rights import Right
from cards.claims import Form
from tests.verifier.booking import Phone


def test_the_spouse_with_the_printed_card_is_told_what_to_bring(world):
    """Staff declare that this is not the holder; the refusal says what to bring and is logged."""
    printed = world.card("silver", Form.PRINT)
    answer = world.device("gym").outcome(printed.shown(), "gym-visit", id_checked=True, not_holder=True)
    assert answer["reason"] == "not-holder"
    assert "本人" in answer["message"]["zh"]
    assert "证件" in answer["hint"]["zh"]
    assert [leaf["reason"] for leaf in world.log()] == ["not-holder"]


def test_a_printed_card_needs_the_operators_word(world):
    """Without the ID check nothing is granted; with it, as a new operation, it is."""
    printed = world.card("silver", Form.PRINT)
    gym = world.device("gym")
    assert gym.outcome(printed.shown(), "gym-visit")["reason"] == "id-check-needed"
    granted = gym.outcome(printed.shown(), "gym-visit", id_checked=True)
    assert (granted["outcome"], granted["assurance"]) == ("granted", "copyable")


def test_a_screenshot_is_stale_after_45_seconds(world):
    """The code that was sent to somebody is worthless once its 45 seconds are over."""
    silver = world.card("silver")
    screenshot = silver.shown()
    world.clock.advance(timedelta(seconds=46))
    assert world.device("gym").outcome(screenshot, "gym-visit")["reason"] == "stale-proof"


def test_a_code_used_once_is_used_up_for_everybody(world):
    """The first device claims the proof; a second device gets `proof-used`, and so does the first after its grant."""
    silver = world.card("silver")
    shown = silver.shown()
    gym, other = world.device("gym"), world.device("gym", label="Desk 2")
    assert gym.outcome(shown, "gym-visit")["outcome"] == "granted"
    assert other.outcome(shown, "gym-visit")["reason"] == "proof-used"
    assert gym.outcome(shown, "gym-visit")["reason"] == "proof-used"


def test_the_firms_clerk_with_a_delegation_code_opens_a_matter(world):
    """Granted for the employer, matter opened; its deadline runs from complete materials, not from the check-in."""
    world.go("2026-10-23 10:00")
    phone = Phone(world, world.card("silver"))
    asked = {"service": "business-change", "employer": "白云云聚科技有限公司"}
    code = phone.call("POST", "/v1/wallet/delegations", asked).json["spaced"]
    window = world.device("gov-registry", frozenset({Right.CHECK_IN}))
    granted = window.outcome(code, "business-change", reference="LS-2026-7", id_checked=True)
    assert (granted["outcome"], granted["beneficiary"]) == ("granted", "employer")
    assert world.log()[-1]["marks"] == ["id-checked", "represented", "by-code"]
    (matter,) = window.call("GET", "/v1/matters?point=gov-registry").json["matters"]
    assert (matter["id"], matter["stage"], "deadline" in matter) == (granted["id"], "opened", False)
    world.go("2026-10-23 16:00")
    path = f"/v1/matters/{granted['id']}/stages"
    complete = window.call("POST", path, {"stage": "complete"}).json["matter"]
    assert complete["deadline"] == "2026-10-26T08:00:00Z"
    refused = window.outcome(code, "business-closure")
    assert refused["reason"] == "delegation-elsewhere"
