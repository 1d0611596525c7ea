"""Scenario 3 (PROGRAMME): the spouse alone, with the printed card or a screenshot."""

from datetime import timedelta

from cards.claims import Form


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
