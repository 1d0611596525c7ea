"""What an application lacks: every ground of the guide, every paper that it needs, every threshold at its edge."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from issuer.applications.papers import (
    Claim,
    Lack,
    LackKind,
    Paper,
    after_months,
    ground_of,
    lacks,
    requirements,
)
from issuer.applications.thresholds import possible
from issuer.applications.wording import lack_text, supplement_text
from issuer.register.identity import IdType
from tests.issuer.builders import EXAMPLE, TODAY, programme

LIMBS = [(ground.code, limb.code) for ground in programme().grounds.values() for limb in ground.limbs]
MET = {">": 1, ">=": 0, "<": -1, "<=": 0, "=": 0}


def facts_for(limb):
    """Return figures that meet every threshold of a limb, at the edge where one is inclusive."""
    facts = {}
    for one in limb.thresholds:
        if one.unit == "years":
            facts[one.measure] = TODAY.replace(year=TODAY.year - 3)
        else:
            facts.setdefault(one.measure, one.amount + MET[one.operator])
    return facts


def full_claim(ground="gold-6", limb="a", id_type=IdType.RESIDENT_ID, **changes):
    """Return an application that lacks nothing, everything seen by an officer."""
    named = ground_of(programme(), ground, limb)
    papers = []
    for asked in requirements(programme(), *named, id_type):
        variant = asked.variants[0].code if asked.variants else None
        months = asked.months_for(variant)
        ticks = frozenset(range(len(asked.checks_for(variant))))
        begins = TODAY - timedelta(days=1) if months else None
        ends = after_months(begins, months) - timedelta(days=1) if months else None
        papers.append(Paper(asked.key, 1, variant, begins, ends, ticks if asked.confirmed else frozenset(), ticks))
    special = {"tier": "gold", "reference": "云人才〔2026〕3号", "body": "区人才工作领导小组"}
    values = {
        "employer": "registered-or-taxed",
        "facts": facts_for(named[1]),
        "papers": tuple(papers),
        "exclusions_seen": True,
        "listed_by": named[0].list_from[0] if named[0].list_from else None,
        "basis_ends": TODAY + timedelta(days=365),
        **(special if named[0].tier is None else {}),
    }
    return Claim(ground, limb, id_type, **(values | changes))


def changed(claim, key, **changes):
    """Return an application with one paper changed."""
    papers = tuple(replace(paper, **changes) if paper.key == key else paper for paper in claim.papers)
    return replace(claim, papers=papers)


def found(claim, *, reviewed=True, today=TODAY):
    """Return what a claim lacks."""
    return lacks(programme(), claim, today, reviewed=reviewed)


def test_the_programme_has_38_grounds_and_special():
    """The table tests below go through the guide's whole first part."""
    assert len({code for code, _ in LIMBS}) == 39


@pytest.mark.parametrize(("ground", "limb"), LIMBS)
def test_with_every_paper_a_ground_lacks_nothing(ground, limb):
    """Each limb of each ground can be met."""
    assert found(full_claim(ground, limb)) == ()


@pytest.mark.parametrize(("ground", "limb"), LIMBS)
def test_each_paper_that_a_ground_needs_is_missed_when_it_is_lacking(ground, limb):
    """Without a needed paper an application is not complete, with an unneeded one left out it is."""
    claim = full_claim(ground, limb)
    for asked in requirements(programme(), *ground_of(programme(), ground, limb), claim.id_type):
        without = replace(claim, papers=tuple(paper for paper in claim.papers if paper.key != asked.key))
        assert found(without) == ((Lack(asked.key, LackKind.PAPER),) if asked.needed else ())
        empty = changed(claim, asked.key, files=0)
        assert found(empty) == found(without)


@pytest.mark.parametrize(("ground", "limb"), LIMBS)
def test_each_check_of_each_paper_has_to_be_seen(ground, limb):
    """What an officer has not looked at is missing for the review, and not the applicant's business."""
    claim = full_claim(ground, limb)
    for paper in claim.papers:
        assert paper.seen, "a paper that nobody opened would pass"
        unseen = changed(claim, paper.key, seen=frozenset())
        assert found(unseen) == tuple(Lack(paper.key, LackKind.CHECK, str(tick)) for tick in sorted(paper.seen))
        assert found(unseen, reviewed=False) == ()


@pytest.mark.parametrize(("ground", "limb"), LIMBS)
def test_every_lack_has_words_in_both_languages(ground, limb):
    """Whatever is missing can be told to the applicant and to the officer."""
    claim = replace(full_claim(ground, limb), employer=None, facts={}, exclusions_seen=False, listed_by=None, tier=None)
    bare = replace(claim, papers=tuple(replace(paper, seen=frozenset(), begins=None) for paper in claim.papers))
    for one in [*found(bare), *found(replace(bare, papers=(), basis_ends=None))]:
        said = lack_text(programme(), bare, one)
        assert said.zh
        assert said.en
        assert "{" not in said.zh + said.en


def test_seven_basic_papers_stand_in_the_guides_order():
    """The guide's numbers 1 to 7 come first, then the proofs of the limb."""
    numbers = [
        one.number for one in requirements(programme(), *ground_of(programme(), "gold-11", "b"), IdType.PASSPORT)
    ]
    assert numbers == [1, 2, 3, 4, 5, 6, 7, 0, 0, 0]


@pytest.mark.parametrize(
    ("ground", "limb", "needed"),
    [("gold-6", "a", "degree"), ("silver-2", "a", "degree"), ("silver-3", "b", "degree"), ("diamond-11", "a", "title")],
)
def test_degrees_and_titles_are_needed_where_the_ground_rests_on_them(ground, limb, needed):
    """Documents 3 and 4 are asked for if held, and needed for four grounds."""
    papers = requirements(programme(), *ground_of(programme(), ground, limb), IdType.RESIDENT_ID)
    assert {one.key for one in papers if one.needed} >= {needed}
    others = requirements(programme(), *ground_of(programme(), "diamond-7", "a"), IdType.RESIDENT_ID)
    assert not {"degree", "title"} & {one.key for one in others if one.needed}


@pytest.mark.parametrize("id_type", list(IdType))
def test_identity_is_asked_for_as_the_applicant_has_it(id_type):
    """Document 2 is the resident ID, the passport or the permit, by who applies."""
    papers = requirements(programme(), *ground_of(programme(), "gold-6", "a"), id_type)
    names = {variant.text for variant in programme().documents["identity"].variants}
    assert next(one for one in papers if one.key == "identity").name in names


def test_the_form_wants_signature_and_stamp():
    """Document 1 is two checks; each is missed by itself, by the applicant and by the officer."""
    claim = full_claim()
    signed = changed(claim, "application-form", confirmed=frozenset({0}), seen=frozenset({0}))
    assert found(signed) == (
        Lack("application-form", LackKind.CONFIRMATION, "1"),
        Lack("application-form", LackKind.CHECK, "1"),
    )
    assert found(signed, reviewed=False) == (Lack("application-form", LackKind.CONFIRMATION, "1"),)


@pytest.mark.parametrize(
    ("begins", "ends", "kind"),
    [
        (date(2026, 9, 1), date(2027, 2, 28), None),
        (date(2026, 9, 1), date(2027, 2, 27), LackKind.TOO_SHORT),
        (date(2026, 8, 31), date(2027, 2, 28), None),
        (date(2026, 3, 1), date(2026, 11, 1), LackKind.ENDED),
        (None, None, LackKind.SPAN),
    ],
)
def test_a_contract_runs_for_six_months_and_still(begins, ends, kind):
    """Document 5: exactly six months are enough, a day less is not, an ended contract is none."""
    claim = changed(full_claim(), "contract", begins=begins, ends=ends)
    assert [one.kind for one in found(claim)] == ([kind] if kind else [])


@pytest.mark.parametrize(("ends", "enough"), [(date(2026, 10, 31), True), (date(2026, 10, 30), False)])
@pytest.mark.parametrize("variant", ["personal-insurance", "income-tax"])
def test_insurance_or_tax_covers_three_months(ends, enough, variant):
    """Document 6: three months in a row, of either kind."""
    claim = changed(full_claim(), "insurance-or-tax", variant=variant, begins=date(2026, 8, 1), ends=ends)
    assert (found(claim) == ()) is enough


@pytest.mark.parametrize("variant", ["legal-representative", "newly-attracted"])
def test_the_two_exceptions_need_no_three_months_and_have_checks_of_their_own(variant):
    """A legal representative brings the firm's certificates; a newly attracted firm is recommended."""
    claim = changed(full_claim(), "insurance-or-tax", variant=variant, begins=None, ends=None, seen=frozenset())
    assert [(one.kind, one.part) for one in found(claim)] == [(LackKind.CHECK, "0"), (LackKind.CHECK, "1")]
    assert found(changed(claim, "insurance-or-tax", seen=frozenset({0, 1}))) == ()


def test_a_kind_of_paper_that_is_none_is_not_taken():
    """Document 6 says which of its kinds it is."""
    claim = changed(full_claim(), "insurance-or-tax", variant="hearsay")
    assert found(claim) == (Lack("insurance-or-tax", LackKind.VARIANT),)


@pytest.mark.parametrize("employer", [None, "elsewhere"])
def test_an_employer_outside_the_district_does_not_count(employer):
    """Registered or taxed in the district, or a teaching, medical or research institution in it."""
    assert found(full_claim(employer=employer)) == (Lack("employer", LackKind.EMPLOYER),)


def test_grounds_with_conditions_of_their_own():
    """Exclusions are looked at, gold-12 comes by a list alone, special by a decision, and what ends has a last day."""
    assert found(full_claim("diamond-4", "c", exclusions_seen=False)) == (Lack("ground", LackKind.EXCLUSION),)
    assert found(full_claim("gold-12", "a", listed_by="hrss")) == (Lack("ground", LackKind.LIST),)
    for missing in ("tier", "reference", "body"):
        assert found(full_claim("special", "a", **{missing: None})) == (Lack("ground", LackKind.DECISION),)
    assert found(full_claim("gold-7", "a", basis_ends=None)) == (Lack("ground", LackKind.BASIS),)
    assert found(full_claim("gold-7", "a", basis_ends=TODAY - timedelta(days=1))) == (Lack("ground", LackKind.BASIS),)


@pytest.mark.parametrize(
    ("ground", "limb", "measure", "met", "missed"),
    [
        ("diamond-17", "a", "district-tax", 10_000_001, 10_000_000),
        ("diamond-17", "b", "output-or-revenue", 500_000_000, 499_999_999),
        ("diamond-17", "c", "investment", 4_000_000_001, 4_000_000_000),
        ("diamond-18", "b", "promised-tax", 30_000_000, 29_999_999),
        ("gold-11", "b", "output-or-revenue", 300_000_000, 500_000_000),
        ("gold-11", "b", "output-or-revenue", 499_999_999, 299_999_999),
        ("gold-12", "c", "contribution", 300_000, 299_999),
        ("silver-7", "b", "output-or-revenue", 100_000_000, 300_000_000),
        ("silver-2", "a", "firm-age", date(2024, 11, 2), date(2024, 11, 3)),
        ("silver-2", "a", "firm-age", date(2021, 11, 2), date(2021, 11, 1)),
        ("silver-3", "b", "university-rank", 500, 501),
        ("diamond-14", "a", "world-rank", 500, 501),
    ],
)
def test_thresholds_hold_at_their_edges(ground, limb, measure, met, missed):
    """「（含）」 includes the number, 「超过」 does not; two to five years include both anniversaries."""
    assert found(full_claim(ground, limb, facts={measure: met})) == ()
    assert found(full_claim(ground, limb, facts={measure: missed})) == (Lack("ground", LackKind.THRESHOLD, measure),)
    assert found(full_claim(ground, limb, facts={})) == (Lack("ground", LackKind.FIGURE, measure),)


@pytest.mark.parametrize(
    ("tax", "tier"), [(10_000_001, "diamond"), (10_000_000, "gold"), (8_000_000, "silver"), (5_000_000, None)]
)
def test_the_self_check_names_the_tier_that_a_figure_reaches(tax, tier):
    """Whoever ticks a company's head is told the tier that the figure gives, not a refusal for another."""
    found_tiers = [one.tier for one in possible(programme(), [("silver-7", "a")], {"district-tax": tax}, TODAY)]
    assert found_tiers == ([tier] if tier else [])


def test_the_self_check_puts_the_highest_tier_first_and_takes_no_nonsense():
    """Several may be ticked: one card, highest tier; a ground that does not exist is none."""
    ticked = [("silver-3", "a"), ("gold-6", "a"), ("diamond-11", "a"), ("gold-99", "a"), ("gold-6", "z")]
    assert [one.ground.code for one in possible(programme(), ticked, {}, TODAY)] == ["diamond-11", "gold-6", "silver-3"]
    with pytest.raises(ValueError, match="no such ground"):
        found(replace(full_claim(), ground="gold-99"))


def test_a_supplement_notice_names_all_at_once():
    """The applicant is told everything that is missing in one notice, with the telephone."""
    claim = changed(full_claim(), "application-form", confirmed=frozenset({0}), seen=frozenset({0}))
    claim = changed(claim, "insurance-or-tax", begins=date(2026, 8, 1), ends=date(2026, 9, 30))
    said = supplement_text(programme(), claim, found(claim, reviewed=False))
    assert "加盖单位公章" in said.zh
    assert "不满3个月" in said.zh
    assert "35912660" in said.zh
    assert said.en.startswith("Please supply: 1. ")


def test_months_that_are_too_short_count_to_the_next_ones_first_day():
    """31 August and six months is 1 March; the last day covered is then the end of February."""
    assert after_months(date(2026, 8, 31), 6) == date(2027, 3, 1)
    assert after_months(date(2026, 12, 15), 1) == date(2027, 1, 15)


def test_another_programme_has_its_own_papers():
    """Nothing of the district stands in the rules."""
    other = programme(EXAMPLE)
    for ground in other.grounds.values():
        for limb in ground.limbs:
            claim = Claim(ground.code, limb.code, IdType.RESIDENT_ID)
            assert all(one.kind in LackKind for one in lacks(other, claim, TODAY, reviewed=True))
