"""Steps 7 to 9 as pure functions of the shipped programme: tier, point, beneficiary, rulings, what a use counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cards.programme.types import Beneficiary, Mode, QuotaScope, Text
from ledger.values import Charge, Choice, VisitWindow
from tests.cards.programme.builders import baiyun
from verifier.rules.entitlement import (
    Cost,
    Intended,
    Wish,
    cost_of,
    entitled_services,
    fault_of,
    findings,
    intended,
    limit_key,
    notes,
    numbers_of,
    places_of,
    quota_of_limit,
    reference_fault,
)

AT = datetime(2026, 10, 31, 15, 59, 59, tzinfo=UTC)  # the last second of October in Guangzhou
SECOND = timedelta(seconds=1)
PROGRAMME = baiyun()
SERVICES, POINTS = PROGRAMME.services, PROGRAMME.points


def wish(code: str = "gym-visit", tier: str = "silver", **changes) -> Wish:
    """A wish of a holder at the first point that offers the service."""
    found = SERVICES[code]
    return replace(Wish(found, places_of(PROGRAMME, found)[0], tier), **changes)


def test_nothing_speaks_against_a_plain_visit():
    """Open, offered here, for the holder, for this tier."""
    assert findings(wish()) == ()
    assert intended(PROGRAMME, wish(), AT).marks == ()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"service": replace(SERVICES["gym-visit"], closed=Text(en="later"))}, "service-not-open"),
        ({"point": next(one for one in POINTS.values() if "gym-visit" not in one.services)}, "not-offered-here"),
        ({"misplaced": True}, "not-offered-here"),
        ({"beneficiary": Beneficiary.SPOUSE}, "not-for-beneficiary"),
        ({"not_holder": True}, "not-holder"),
        ({"tier": "bronze"}, "not-entitled"),
        ({"service": replace(SERVICES["gym-visit"], mode=Mode.BOOKED)}, "booking-needed"),
    ],
)
def test_each_thing_alone_is_one_reason(changes, reason):
    """And no other."""
    assert findings(wish(**changes)) == (reason,)


@pytest.mark.parametrize(
    ("tier", "found"), [("diamond", ()), ("gold", ("not-entitled",)), ("silver", ("not-entitled",))]
)
def test_a_departure_is_diamond_s_alone(tier, found):
    """With a booking at hand; without one that is said too."""
    assert findings(wish("airport-dom-departure", tier, booked=True)) == found
    assert findings(wish("airport-dom-departure", tier)) == (*found, "booking-needed")


def test_several_reasons_are_all_told_with_the_caller_s_own_last():
    """The ledger orders them."""
    several = wish("union-checkup", "silver", not_holder=True)
    told = intended(PROGRAMME, several, AT, against=("late",)).findings
    assert told == ("not-holder", "not-entitled", "booking-needed", "late")


def test_what_is_granted_elsewhere_holds_one_service_and_is_noted_at_another():
    """A kind that the service does not name is neither."""
    marks = ("state-council-allowance", "other-medical", "something-else")
    held = wish("official-checkup", "diamond", booked=True, elsewhere=marks)
    assert findings(held) == ("refer-to-department",)
    assert notes(held) == ()
    noted = wish("hospital-payment", elsewhere=marks)
    assert findings(noted) == ()
    assert notes(noted) == ("elsewhere:other-medical", "elsewhere:state-council-allowance")
    assert findings(wish("official-checkup", "diamond", booked=True, elsewhere=("something-else",))) == ()
    assert findings(wish("official-checkup", "diamond", booked=True, elsewhere=marks[1:])) == ("refer-to-department",)


def test_a_use_counts_in_the_month_of_the_programme_s_zone_to_the_second():
    """Guangzhou's November begins at 16:00 UTC."""
    assert cost_of(PROGRAMME, SERVICES["gym-visit"], "silver", AT).charges == (Charge("gym", "2026-10", 2),)
    assert cost_of(PROGRAMME, SERVICES["gym-visit"], "silver", AT + SECOND).charges == (Charge("gym", "2026-11", 2),)


def test_a_visit_s_length_and_re_entries_are_the_programme_s():
    """Two hours at the gym, and none where the service keeps no visits."""
    assert cost_of(PROGRAMME, SERVICES["gym-visit"], "gold", AT).visit == VisitWindow(timedelta(hours=2), 5)
    assert cost_of(PROGRAMME, SERVICES["library-facilities"], "gold", AT) == Cost()


def test_members_of_an_exclusion_count_apart_in_one_year():
    """So that `excluded` and `quota-spent` stay apart."""
    union = cost_of(PROGRAMME, SERVICES["union-checkup"], "gold", AT)
    assert (union.charges, union.choice) == (
        (Charge("annual-health/union", "2026", 1),),
        Choice("annual-health", "2026", "union"),
    )
    official = cost_of(PROGRAMME, SERVICES["official-checkup"], "diamond", AT)
    assert official.charges == (Charge("annual-health/official", "2026", 1),)
    assert official.choice == Choice("annual-health", "2026", "official")
    assert cost_of(PROGRAMME, SERVICES["gym-visit"], "gold", AT).choice is None


def test_a_quota_of_each_tier_counts_by_tier_and_a_person_s_does_not():
    """A certificate for each tier once; two gym visits whatever the tier."""
    certificate, gym = SERVICES["steward-certificate"], SERVICES["gym-visit"]
    assert limit_key(certificate, PROGRAMME.quotas["certificate"], "gold") == "certificate@gold"
    assert limit_key(gym, PROGRAMME.quotas["gym"], "gold") == limit_key(gym, PROGRAMME.quotas["gym"], "silver") == "gym"
    both = replace(PROGRAMME.quotas["annual-health"], scope=QuotaScope.TIER)
    assert limit_key(SERVICES["union-checkup"], both, "gold") == "annual-health/union@gold"


@pytest.mark.parametrize("limit", ["annual-health/union", "annual-health/union@gold", "annual-health"])
def test_a_counter_s_name_leads_back_to_its_quota(limit):
    """Whatever stands behind it."""
    assert quota_of_limit(PROGRAMME, limit) is PROGRAMME.quotas["annual-health"]


def test_a_use_that_a_booking_paid_counts_nothing_more():
    """The booking holds the unit; without it the use counts."""
    departure = wish("airport-dom-departure", "diamond", booked=True)
    assert intended(PROGRAMME, departure, AT, free=True) == Intended((), (), Cost())
    assert intended(PROGRAMME, departure, AT).cost.charges == (Charge("airport", "2026", 2),)


ID = "440111199003070015"


@pytest.mark.parametrize(
    ("service", "reference", "fault"),
    [
        ("gym-visit", None, None),
        ("gym-visit", "swimming", None),
        ("gym-visit", "swimming ", "does not have the expected form"),
        ("gym-visit", "chess", "does not have the expected form"),
        ("steward-certificate", None, "needs a reference"),
        ("steward-certificate", "CERT-1", None),
        ("steward-certificate", ID, "looks like an identity number"),
        ("steward-certificate", f"A-{ID}-B", "looks like an identity number"),
        ("steward-certificate", f"9{ID}", None),
        ("library-facilities", None, None),
        ("library-facilities", "X-1", "takes no reference"),
    ],
)
def test_a_reference_is_as_the_service_wants_it(service, reference, fault):
    """Needed, in its form, and no identity number whatever the form admits."""
    found = reference_fault(SERVICES[service], reference)
    assert found is None if fault is None else fault in str(found)
    whole = fault_of(SERVICES[service], reference, 0)
    assert whole == (None if found is None else ("$.reference", found))


@pytest.mark.parametrize(("companions", "fault"), [(0, None), (4, None), (5, "at most 4")])
def test_companions_up_to_the_programme_s_number_come_along(companions, fault):
    """One more is told with the number."""
    found = fault_of(SERVICES["airport-dom-departure"], None, companions)
    assert found is None if fault is None else (found or ("", ""))[0] == "$.companions" and fault in str(found)
    assert "the holder's alone" in str(fault_of(SERVICES["gym-visit"], None, 1))


def test_whom_to_call_is_the_one_place_first_and_each_number_once():
    """Where there are several places, the departments alone are named."""
    for service in SERVICES.values():
        told = numbers_of(PROGRAMME, service)
        numbers = [number for _, number in told]
        assert len(numbers) == len(set(numbers))
        places = places_of(PROGRAMME, service)
        assert all(service.code in place.services for place in places)
        own = [phone.number for phone in places[0].phones] if len(places) == 1 else []
        departments = [PROGRAMME.departments[code] for code in service.departments]
        listed = own + [phone.number for one in departments for phone in one.phones]
        assert numbers == list(dict.fromkeys(listed))


def test_a_number_keeps_the_name_that_it_is_listed_by_first():
    """The place's own label wins over its department's."""
    gym = SERVICES["gym-visit"]
    department = PROGRAMME.departments[gym.departments[0]]
    listed = next(phone for one in PROGRAMME.departments.values() for phone in one.phones)
    programme = replace(
        PROGRAMME,
        points={"gym": replace(POINTS["gym"], phones=(replace(listed, label=Text(en="The gym's door")),))},
        departments={**PROGRAMME.departments, department.code: replace(department, phones=(listed,))},
    )
    told = numbers_of(programme, gym)
    assert told[0] == (Text(en="The gym's door"), listed.number)


def test_what_a_tier_s_card_carries_is_told_for_every_counter_service():
    """True and false, and nothing that no counter serves."""
    gold = entitled_services(PROGRAMME, "gold")
    assert gold.keys() == {code for code, service in SERVICES.items() if service.checked_in}
    assert (gold["gym-visit"], gold["airport-dom-departure"]) == (True, False)
