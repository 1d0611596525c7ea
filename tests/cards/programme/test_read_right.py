"""docs/guide-coverage.md, statement by statement: what the shipped programme must say where the guide can be read
wrongly.
"""

import re
from datetime import date, timedelta

import pytest

from cards.periods import PeriodUnit
from cards.programme.types import Assurance, Beneficiary, BookingBasis, Mode, PeriodFrom, QuotaScope
from tests.cards.programme.builders import baiyun

ALL = {"diamond", "gold", "silver"}
GOLD_UP = {"diamond", "gold"}
DIAMOND = {"diamond"}
HOLDER = {"holder"}
FIRM = {"holder", "employer"}
FAMILY = {"holder", "spouse", "dependent-child"}
HOSPITALS = ("hosp-baiyun", "hosp-mch", "hosp-2", "hosp-gzucm", "hosp-3", "hosp-shijing", "hosp-taihe")

# code: item, mode, tiers, for whom, quota, visit minutes, booking, points, offline (None: not limited)
TABLE = {
    "household-filing": (1, "scanned", ALL, FAMILY, None, None, None, ("hr-centre",), None),
    "household-review": (1, "scanned", ALL, FAMILY, None, None, None, ("police-hall",), None),
    "green-channel": (2, "scanned", ALL, FIRM, None, None, None, ("gov-green",), None),
    "green-agency": (2, "kept", ALL, FIRM, None, None, None, ("gov-green",), 0),
    "business-setup": (3, "kept", ALL, FIRM, None, None, None, (), 0),
    "business-change": (3, "scanned", ALL, FIRM, None, None, None, ("gov-registry",), None),
    "business-closure": (3, "scanned", ALL, FIRM, None, None, None, ("gov-registry",), None),
    "business-other": (3, "scanned", ALL, FIRM, None, None, None, ("gov-registry",), None),
    "tax-matter": (3, "scanned", ALL, FIRM, None, None, None, ("tax-hall",), None),
    "library-facilities": (4, "scanned", ALL, HOLDER, None, None, None, ("library",), None),
    "culture-facilities": (4, "scanned", ALL, HOLDER, None, None, None, ("culture",), None),
    "library-room": (4, "booked", ALL, HOLDER, None, None, "room", ("library",), 1),
    "culture-room": (4, "booked", ALL, HOLDER, None, None, "room", ("culture",), 1),
    "promotion": (4, "requested", ALL, HOLDER, None, None, None, (), 0),
    "gym-visit": (4, "scanned", ALL, HOLDER, "gym", 120, None, ("gym",), 1),
    "museum-visit": (4, "booked", ALL, HOLDER, None, None, "museum", ("museum",), 1),
    "party-observe": (5, "kept", ALL, HOLDER, None, None, None, (), 0),
    "party-nominate": (5, "kept", ALL, HOLDER, None, None, None, (), 0),
    "party-cobuild": (5, "kept", ALL, {"employer"}, None, None, None, (), 0),
    "party-admission": (5, "information", ALL, HOLDER, None, None, None, (), 0),
    "hospital-registration": (6, "scanned", ALL, HOLDER, None, None, None, HOSPITALS, None),
    "hospital-payment": (6, "scanned", ALL, HOLDER, None, None, None, HOSPITALS, None),
    "hospital-other": (6, "scanned", ALL, HOLDER, None, None, None, HOSPITALS, None),
    "hospital-3a-help": (6, "requested", ALL, HOLDER, None, None, None, (), 0),
    "steward-advice": (7, "information", ALL, HOLDER, None, None, None, (), 0),
    "steward-case": (7, "requested", ALL, HOLDER, None, None, None, (), 0),
    "steward-newspaper": (7, "requested", ALL, HOLDER, "newspaper", None, None, (), 0),
    "steward-training": (7, "booked", ALL, HOLDER, None, None, "event", ("events",), 1),
    "steward-leader-link": (7, "kept", ALL, HOLDER, None, None, None, (), 0),
    "steward-honours": (7, "kept", ALL, HOLDER, None, None, None, (), 0),
    "steward-experts": (7, "kept", ALL, HOLDER, None, None, None, (), 0),
    "steward-certificate": (7, "scanned", ALL, HOLDER, "certificate", None, None, ("hrss",), 0),
    "kindergarten-public": (8, "information", GOLD_UP, {"child"}, None, None, None, (), 0),
    "kindergarten-other": (8, "information", GOLD_UP, {"child"}, None, None, None, (), 0),
    "school-place": (8, "scanned", GOLD_UP, {"child"}, None, None, None, ("edu-centres",), None),
    "school-guidance": (8, "requested", GOLD_UP, {"child"}, None, None, None, (), 0),
    "housing-apartment": (9, "scanned", GOLD_UP, HOLDER, None, None, None, ("housing",), 0),
    "union-checkup": (10, "booked", GOLD_UP, HOLDER, "annual-health", None, "receipt", ("union",), 0),
    "union-retreat": (10, "booked", GOLD_UP, HOLDER, "annual-health", None, "receipt", ("union",), 0),
    "official-checkup": (11, "booked", DIAMOND, HOLDER, "annual-health", None, "receipt", ("cadre-health",), 0),
    "legal-advice": (12, "requested", DIAMOND, HOLDER, None, None, None, (), 0),
    "airport-dom-departure": (13, "booked", DIAMOND, HOLDER, "airport", None, "air-dom", ("air-dom",), 0),
    "airport-dom-arrival": (13, "booked", DIAMOND, HOLDER, "airport", None, "air-dom", ("air-dom",), 0),
    "airport-intl-departure": (13, "booked", DIAMOND, HOLDER, "airport", None, "air-intl", ("air-intl",), 0),
    "airport-intl-arrival": (13, "booked", DIAMOND, HOLDER, "airport", None, "air-intl", ("air-intl",), 0),
}  # fmt: skip


def service(code: str):
    """Return one service of Baiyun."""
    return baiyun().services[code]


@pytest.mark.parametrize("code", TABLE)
def test_each_row_of_the_table(code):
    """Item, mode, tiers, beneficiaries, quota, visit, booking rule, points and offline limit of one service."""
    one = service(code)
    visit = int(one.visit.length.total_seconds() // 60) if one.visit else None
    beneficiaries = {kind.value for kind in one.beneficiaries}
    row = (
        one.item,
        one.mode.value,
        set(one.tiers),
        beneficiaries,
        one.quota,
        visit,
        one.booking,
        one.points,
        one.offline_limit,
    )
    assert row == TABLE[code]


def test_the_table_is_whole():
    """No service of the file is outside the table."""
    assert list(baiyun().services) == list(TABLE)


def test_the_yearly_choice_has_two_members_of_which_the_union_has_two_services():
    """Read right 1: union check-up and retreat are one member, the official one the other; once a year by notice."""
    group = baiyun().exclusions["annual-health"]
    chosen = {code: one.exclusion for code, one in baiyun().services.items() if one.exclusion}
    assert set(group.members) == {"union", "official"}
    assert (group.unit, group.period_from) == (PeriodUnit.YEAR, PeriodFrom.NOTICE)
    assert chosen == {
        "union-checkup": ("annual-health", "union"),
        "union-retreat": ("annual-health", "union"),
        "official-checkup": ("annual-health", "official"),
    }


def test_gold_is_bound_by_the_choice_through_item_10_alone():
    """Read right 1: of the three services gold has the union's two."""
    assert {code for code, one in baiyun().services.items() if one.exclusion and "gold" in one.tiers} == {
        "union-checkup",
        "union-retreat",
    }


def test_no_child_is_asked_for_but_in_items_1_and_8():
    """Read right 2: spouse and dependent child in item 1, child without spouse in item 8, employer in items 2, 3 and
    5.
    """
    items: dict[Beneficiary, set[int]] = {}
    for one in baiyun().services.values():
        for kind in one.beneficiaries:
            items.setdefault(kind, set()).add(one.item)
    assert items[Beneficiary.SPOUSE] == items[Beneficiary.DEPENDENT_CHILD] == {1}
    assert items[Beneficiary.CHILD] == {8}
    assert items[Beneficiary.EMPLOYER] == {2, 3, 5}
    assert items[Beneficiary.HOLDER] == set(range(1, 14)) - {8}


QUOTAS = {
    "gym": (2, PeriodUnit.MONTH, PeriodFrom.USE, QuotaScope.PERSON, False),
    "airport": (2, PeriodUnit.YEAR, PeriodFrom.BOOKING, QuotaScope.PERSON, False),
    "annual-health": (1, PeriodUnit.YEAR, PeriodFrom.NOTICE, QuotaScope.PERSON, True),
    "newspaper": (1, PeriodUnit.YEAR, PeriodFrom.USE, QuotaScope.PERSON, True),
    "certificate": (1, PeriodUnit.EVER, PeriodFrom.USE, QuotaScope.TIER, True),
}


def test_the_five_quotas():
    """Gym 2 a month, airport 2 a year by the booking, check-up 1 a year by the notice, newspaper, certificate."""
    held = {
        code: (one.maximum, one.unit, one.period_from, one.scope, one.assumed is not None)
        for code, one in baiyun().quotas.items()
    }
    assert held == QUOTAS


def test_a_gym_visit_lasts_two_hours_with_capped_re_entry():
    """「每次2小时」 is the guide's; the cap on re-entry is an assumption and marked so."""
    assert service("gym-visit").visit.length == timedelta(hours=2)
    assert service("gym-visit").visit.re_entries == 5
    assert service("gym-visit").assumed


def test_no_other_service_has_a_visit():
    """Only the gym counts hours."""
    assert [code for code, one in baiyun().services.items() if one.visit] == ["gym-visit"]


def test_airport_leads_are_two_and_three_hours():
    """Read right 5: 2 h domestic, 3 h international; booking only, 90 days ahead at most, a party of 5 with the
    holder.
    """
    dom, intl = baiyun().booking_rules["air-dom"], baiyun().booking_rules["air-intl"]
    assert (dom.lead, intl.lead) == (timedelta(hours=2), timedelta(hours=3))
    for rule in (dom, intl):
        assert rule.basis is BookingBasis.JOURNEY
        assert (rule.ahead, rule.party_most, rule.missed) == (timedelta(days=90), 5, "release")
        assert rule.change_needs_lead == {"earlier", "stricter-rule"}
        assert rule.missed_listed_from == 2
        assert rule.cancel_until == "start"
    assert all(service(code).companions_most == 4 for code in TABLE if code.startswith("airport-"))


def test_airport_windows():
    """Departures from 4 h before to 6 h after, arrivals from 1 h before to 6 h after the expected time."""
    for kind in ("dom", "intl"):
        rule = baiyun().booking_rules[f"air-{kind}"]
        assert (rule.opens_before, rule.closes_after) == (timedelta(hours=4), timedelta(hours=6))
        assert service(f"airport-{kind}-departure").use_window is None
        window = service(f"airport-{kind}-arrival").use_window
        assert (window.opens_before, window.closes_after) == (timedelta(hours=1), timedelta(hours=6))


def test_passenger_counts_equal_the_names_and_boards_are_for_arrivals():
    """Read right 5: each count names its list; the name board is asked for at arrivals alone."""
    for kind in ("dom", "intl"):
        fields = {field.code: field for field in baiyun().booking_rules[f"air-{kind}"].fields}
        counts = {code: field.counts for code, field in fields.items() if field.counts}
        assert counts == {"passenger_count": "passengers", "escort_count": "escorts", "vehicle_count": "plates"}
        assert fields["name_board"].services == {f"airport-{kind}-arrival"}
        assert re.fullmatch(fields["flight"].pattern, "CZ3101")
        personal = {code for code, field in fields.items() if field.personal}
        assert personal == {"holder_name", "passengers", "phone", "escorts", "plates"}


def test_inclusions_differ_between_the_four_airport_services():
    """Parking, valet, lounge and car as docs/guide-coverage.md lists their exceptions; parking is the guest's own
    expense.
    """

    def having(word: str) -> set[str]:
        return {code for code, one in baiyun().services.items() if any(word in text.zh for text in one.includes)}

    every = {code for code in TABLE if code.startswith("airport-")}
    assert having("免费停车1小时") == every - {"airport-intl-departure"}
    assert having("免费代") == every - {"airport-intl-arrival"}
    assert having("休息室休息") | having("贵宾厅休息") == every - {"airport-intl-arrival"}
    assert having("贵宾专车") == {"airport-dom-departure", "airport-dom-arrival"}
    assert having("电瓶车") == {"airport-intl-departure"}
    assert {code for code in every if service(code).own_expense} == every - {"airport-intl-arrival"}


def test_other_booking_rules():
    """Rooms, museum, receipt and events as assumed, each marked."""
    rules = baiyun().booking_rules
    assert set(rules) == {"air-dom", "air-intl", "room", "museum", "receipt", "event"}
    assert all(rule.assumed for rule in rules.values())
    room, museum, receipt = rules["room"], rules["museum"], rules["receipt"]
    assert (room.lead, room.ahead, room.slot_most) == (timedelta(days=1), timedelta(days=30), timedelta(hours=4))
    assert room.closes_after == timedelta(minutes=30)
    assert (museum.lead, museum.ahead, museum.party_most) == (timedelta(days=1), timedelta(days=30), 10)
    assert (receipt.basis, receipt.cancel_until) == (BookingBasis.NOTICE, "day-before")
    assert rules["event"].basis is BookingBasis.EVENT


def test_deadlines_are_item_3s_alone():
    """Read right 4: set-up 1 day with a target of half a day, registrations 1 day; every other matter has no number."""
    limits = {
        code: (one.matter.limit_working_days, one.matter.target_working_days)
        for code, one in baiyun().services.items()
        if one.matter and one.matter.limit_working_days is not None
    }
    assert limits == {
        "business-setup": (1, 0.5),
        "business-change": (1, None),
        "business-closure": (1, None),
        "business-other": (1, None),
    }


def test_matters_are_opened_where_the_table_says():
    """C+matter and R+matter rows, and the online set-up with its limit."""
    assert {code for code, one in baiyun().services.items() if one.matter} == {
        "household-filing",
        "green-channel",
        "business-setup",
        "business-change",
        "business-closure",
        "business-other",
        "tax-matter",
        "steward-case",
        "school-place",
        "housing-apartment",
    }
    assert service("tax-matter").matter.limit_text.zh == "按相关规定即时或限时办结"


def test_special_fixes_no_tier():
    """Read right 7: tier, reference and body of a case-by-case decision are input, approved by the leading group."""
    assert baiyun().grounds["special"].tier is None
    assert baiyun().grounds["special"].documents == ("ground-proof", "group-decision")
    assert baiyun().approval["by-decision"] == "leading-group"


def test_benefits_granted_elsewhere_hold_item_11_and_are_noted_at_item_6():
    """Read right 8: raised by diamond-2 and diamond-13, explained by the Human Resources Bureau."""
    kinds = set(baiyun().referrals)
    assert kinds == {"state-council-allowance", "other-medical"}
    assert all(kind.department == "hrss" for kind in baiyun().referrals.values())
    for one in baiyun().services.values():
        wanted = {6: "note", 11: "hold"}.get(one.item)
        assert one.referral == (dict.fromkeys(kinds, wanted) if wanted else {})
    raising = {code: ground.raises for code, ground in baiyun().grounds.items() if ground.raises}
    assert raising == {"diamond-2": ("state-council-allowance",), "diamond-13": ("other-medical",)}


def test_degrees_and_titles_are_needed_where_the_ground_rests_on_them():
    """Read right 9: document 3 for gold-6, silver-2, silver-3; document 4 for diamond-11; both assumed."""
    documents = baiyun().documents
    assert documents["degree"].grounds == ("gold-6", "silver-2", "silver-3")
    assert documents["title"].grounds == ("diamond-11",)
    assert documents["degree"].needed == documents["title"].needed == "if-held"
    assert documents["degree"].assumed
    assert documents["title"].assumed


def test_documents_5_and_6_have_their_checks_and_exceptions():
    """Read right 12: six months in the district; three months, or the two exceptions; two checks on the form."""
    documents = baiyun().documents
    assert len(documents["contract"].checks) == 2
    assert len(documents["application-form"].checks) == 2
    codes = [variant.code for variant in documents["insurance-or-tax"].variants]
    assert codes == ["personal-insurance", "income-tax", "legal-representative", "newly-attracted"]
    assert "近两年合法纳税证明" in documents["insurance-or-tax"].variants[2].text.zh
    assert set(baiyun().channels) == {"province", "district"}


THRESHOLDS = {
    "diamond-14": [[("world-rank", "<=", 500)], [("china-rank", "<=", 500)]],
    "diamond-17": [
        [("district-tax", ">", 10_000_000)],
        [("output-or-revenue", ">=", 500_000_000)],
        [("investment", ">", 4_000_000_000)],
    ],
    "diamond-18": [[], [("promised-tax", ">=", 30_000_000)]],
    "gold-11": [
        [("district-tax", ">", 8_000_000)],
        [("output-or-revenue", ">=", 300_000_000), ("output-or-revenue", "<", 500_000_000)],
        [("investment", ">", 2_000_000_000)],
    ],
    "gold-12": [[], [], [("contribution", ">=", 300_000)]],
    "silver-2": [[("firm-age", ">=", 2), ("firm-age", "<=", 5)]],
    "silver-3": [[], [("university-rank", "<=", 500)]],
    "silver-7": [
        [("district-tax", ">", 5_000_000)],
        [("output-or-revenue", ">=", 100_000_000), ("output-or-revenue", "<", 300_000_000)],
        [("investment", ">", 1_000_000_000)],
    ],
}


def test_thresholds_are_inclusive_or_strict_as_the_guide_words_them():
    """Read right 11: 「（含）」 includes, 「超过」 does not, and no amount falls between two tiers."""
    held = {
        code: [[(one.measure, one.operator, one.amount) for one in limb.thresholds] for limb in ground.limbs]
        for code, ground in baiyun().grounds.items()
        if any(limb.thresholds for limb in ground.limbs)
    }
    assert held == THRESHOLDS


def test_diamond_4_excludes_what_the_guide_excludes():
    """「不含产业高端和急需紧缺人才」 is an exclusion of the limb on city talent projects, and the only one."""
    excluding = {(g.code, limb.code) for g in baiyun().grounds.values() for limb in g.limbs if limb.excludes}
    assert excluding == {("diamond-4", "c")}


def test_gold_12_comes_by_lists_alone():
    """Read right 11: three departments' lists bring ground gold-12, and no other ground."""
    by_list = {ground.code: ground.list_from for ground in baiyun().grounds.values() if ground.by_list_only}
    assert by_list == {"gold-12": ("development", "science", "investment")}


def test_grounds_that_can_end_are_marked():
    """Read right 11: permits, in-station post-docs and lists of a year; two cards by assumption."""
    ending = {code for code, ground in baiyun().grounds.items() if ground.basis_ends}
    assert ending == {
        "diamond-10", "diamond-12", "diamond-13", "diamond-14", "diamond-18", "gold-7", "gold-8", "gold-12",
    }  # fmt: skip


def test_every_ground_has_a_first_reviewer_and_every_tier_an_approver():
    """Read right 13: first review by ground, second by the Human Resources Bureau, approval by tier."""
    assert all(ground.reviewer for ground in baiyun().grounds.values())
    assert baiyun().second_reviewer == "hrss"
    assert dict(baiyun().approval) == {
        "diamond": "leading-group-office",
        "gold": "hrss",
        "silver": "hrss",
        "by-decision": "leading-group",
    }


def test_party_matters_never_enter_the_counter_log():
    """Read right 14: item 5 is silent, and it alone."""
    assert {code for code, one in baiyun().services.items() if one.log_silent} == {
        code for code in TABLE if code.startswith("party-")
    }


def test_hospitals_and_legal_advice_record_no_content():
    """Read right 14: no reference field where something clinical or legal could be written."""
    for code in ("hospital-registration", "hospital-payment", "hospital-other", "hospital-3a-help", "legal-advice"):
        assert service(code).reference is None
    assert not service("hospital-registration").record
    assert not service("hospital-payment").record


def test_hospital_priority_is_priority_only():
    """Read right 15: not free, and the holder is the patient; both told to the desk."""
    for code in ("hospital-registration", "hospital-payment", "hospital-other"):
        assert service(code).beneficiaries == {Beneficiary.HOLDER}
        assert service(code).own_expense[0].zh == "仅为优先，医疗费用照常支付"
        assert service(code).declarations[0].zh == "持卡人本人就诊"


def test_what_is_not_open_says_so():
    """Read right 15 and 16: housing waits for its apartments, other hospital services for their list."""
    closed = {code: one.closed.zh for code, one in baiyun().services.items() if one.closed}
    assert set(closed) == {"housing-apartment", "hospital-other"}
    assert "建成并投入使用" in closed["housing-apartment"]


def test_legal_advice_has_no_desk_and_confirms_a_personal_matter():
    """Read right 16: requested, with the declaration that the matter is the holder's own; charged work is no use of
    it.
    """
    assert service("legal-advice").mode is Mode.REQUESTED
    assert not service("legal-advice").points
    assert "直接利害关系" in service("legal-advice").declarations[0].zh
    assert service("legal-advice").own_expense


def test_a_booked_diamond_with_a_dead_phone_can_be_served():
    """Scenario 4: every counter service takes a printed card with an ID check, and says why."""
    counter = [one for one in baiyun().services.values() if one.checked_in]
    assert {one.least_assurance for one in counter} == {Assurance.COPYABLE}
    assert "dead phone" in service("airport-dom-departure").assurance_reason


def test_points_without_a_telephone_fall_back_to_the_general_one():
    """Gym and museum: 35912660 is shown as general."""
    assert {code for code, point in baiyun().points.items() if not point.phones} == {"gym", "museum"}
    assert baiyun().general_contact.number == "35912660"


POINTS = [
    "hr-centre",
    "police-hall",
    "gov-green",
    "gov-registry",
    "tax-hall",
    "library",
    "culture",
    "gym",
    "museum",
    "hosp-baiyun",
    "hosp-mch",
    "hosp-2",
    "hosp-gzucm",
    "hosp-3",
    "hosp-shijing",
    "hosp-taihe",
    "cadre-health",
    "hrss",
    "edu-centres",
    "housing",
    "union",
    "events",
    "air-dom",
    "air-intl",
]


def test_the_points_of_the_programme():
    """Every point of docs/guide-coverage.md and the venue of events; the eight hospitals' desks share one number."""
    assert list(baiyun().points) == POINTS
    for code in (*HOSPITALS, "cadre-health"):
        assert [phone.number for phone in baiyun().points[code].phones] == ["39431784"]


def test_departments_without_a_desk_have_no_point():
    """Organisation Department, Media Centre and Justice Bureau are reached by telephone alone."""
    at_points = {point.department for point in baiyun().points.values()}
    assert not at_points & {"organisation", "media", "justice"}


def test_validity_photo_and_delegation_as_assumed():
    """Five years, renewal from 30 days before; phone token 30 days from day 7; photo 358x441; delegation 7 days."""
    validity, photo = baiyun().validity, baiyun().photo
    assert (validity.longest_years, validity.renewal_opens) == (5, timedelta(days=30))
    assert (validity.phone_token, validity.phone_refresh_after) == (timedelta(days=30), timedelta(days=7))
    assert (photo.width, photo.height) == (358, 441)
    assert baiyun().delegation == timedelta(days=7)


def test_working_days_follow_the_calendar_in_the_file():
    """Office hours, holidays and worked weekends stand in the file; no day is both."""
    holidays = baiyun().holidays[2026]
    assert date(2026, 10, 1) in holidays
    assert not holidays & baiyun().working_weekends
    assert all(day.weekday() >= 5 for day in baiyun().working_weekends)
    assert baiyun().office_hours == (("09:00", "12:00"), ("13:00", "17:00"))


def test_what_the_tokens_carry():
    """Issuer, audience, status base, dictionary, zone and prefix of the shipped programme."""
    programme = baiyun()
    assert programme.issuer == "https://yunju.baiyun.example"
    assert programme.audience == "baiyun-talent-card"
    assert programme.status_base == "https://yunju.baiyun.example/v1/status-lists/"
    assert (programme.wire_dictionary, programme.zone.key, programme.card_prefix) == (1, "Asia/Shanghai", "BY")
    assert sorted(programme.tiers, key=lambda code: programme.tiers[code].rank) == ["silver", "gold", "diamond"]
