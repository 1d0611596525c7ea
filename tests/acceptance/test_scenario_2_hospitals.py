"""Scenario 2 (docs/guide-coverage.md): gold, two hospitals in one day, desk and cashier by wedge scanner."""

CLINICAL = ("department", "diagnos", "clinic", "科室", "病")


def test_three_grants_in_two_hospitals_and_no_clinical_word(world):
    """Priority has no limit a day; the log holds service and point and nothing of the illness."""
    gold = world.card("gold")
    desk, cashier = world.device("hosp-baiyun"), world.device("hosp-baiyun", label="Cashier")
    other = world.device("hosp-2")
    answers = [
        desk.outcome(gold.packed(digits=True), "hospital-registration"),
        cashier.outcome(gold.packed(digits=True).lower(), "hospital-payment"),
        other.outcome(gold.packed(), "hospital-registration"),
    ]
    assert [answer["outcome"] for answer in answers] == ["granted"] * 3
    assert all("quotas" not in answer for answer in answers)
    for leaf in world.log():
        assert "reference" not in leaf
        assert not any(word in str(leaf["service"]) for word in CLINICAL)


def test_the_child_as_patient_is_not_for_this_beneficiary(world):
    """Item 6 is the holder's alone (Read right 2)."""
    gold = world.card("gold")
    answer = world.device("hosp-2").outcome(gold.shown(), "hospital-registration", beneficiary="child")
    assert answer["reason"] == "not-for-beneficiary"
    assert "持卡人本人" in answer["message"]["zh"]


def test_a_hospital_takes_no_reference(world):
    """Nothing clinical can be typed in: the field is refused and nothing is written."""
    gold = world.card("gold")
    response = world.device("hosp-2").check_in(gold.shown(), "hospital-registration", reference="内科")
    assert (response.status_code, response.json["code"]) == (422, "invalid-field")
    assert world.log() == []
