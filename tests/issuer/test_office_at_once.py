"""Several persons, or one impatient person, at the same application at once: one outcome, the others are told why."""

import io
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest

from cards.claims import Form
from issuer.applications import service
from issuer.applications.deciding import approve, refuse, send_back
from issuer.applications.importing import ImportOptions, bring_in
from issuer.applications.office import Objected, claim
from issuer.applications.records import Filter, find, listed
from issuer.applications.states import State
from issuer.issuing.issuing import cards_of
from issuer.register import office_log
from issuer.register.errors import RefusedError
from issuer.register.office_log import OfficeAction
from tests.issuer.applying import APPROVER, LATER, OFFICER, filled, handed_in, reviewed
from tests.issuer.builders import BY, NOON, resident_id
from tests.issuer.test_both_databases import office, url  # noqa: F401 - the fixtures of both databases

pytestmark = pytest.mark.slow
AT_ONCE = 6
DONE = object()


def together(*works):
    """Do everything at once; return what each told: what it returned, or the kind of its refusal."""
    barrier = Barrier(len(works))

    def one(work):
        barrier.wait()
        try:
            return work() or DONE
        except (Objected, RefusedError) as refused:
            return type(refused)

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(one, works))


def actions(desk, *kinds):
    """How often the office log tells of each of these acts."""
    with desk.register.read() as connection:
        told = Counter(line.action for line in office_log.newest(connection, 500))
    return [told[kind] for kind in kinds]


def refusals(answers):
    """Those that were told a refusal."""
    return [one for one in answers if one in (Objected, RefusedError)]


def test_an_application_approved_by_many_at_once_gives_one_card(office):  # noqa: F811 - the fixture
    """A double click, and an approver beside: one approval, one printed card, one line in the log."""
    made = reviewed(office)
    others = [replace(APPROVER, id=f"person:approver-{place}") for place in range(AT_ONCE - 2)]
    people = [APPROVER, APPROVER, *others]
    answers = together(*(lambda who=who: approve(office, made, who, at=LATER) for who in people))
    assert len(refusals(answers)) == AT_ONCE - 1
    found = find(office, made)
    assert found.state is State.APPROVED
    assert [card.form for card in cards_of(office, found.holder_id)] == [Form.PRINT]
    assert actions(office, OfficeAction.APPLICATION_APPROVED, OfficeAction.CARD_ISSUED) == [1, 1]


def test_opposite_decisions_at_once_leave_one(office):  # noqa: F811 - as above
    """Approved, refused, sent back and withdrawn in the same moment: what the state says is all that happened."""
    made = reviewed(office)
    answers = together(
        lambda: approve(office, made, APPROVER, at=LATER),
        lambda: refuse(office, made, APPROVER, reason="ground-not-met", at=LATER),
        lambda: service.withdraw(office, made, at=LATER, by="applicant"),
        lambda: send_back(office, made, APPROVER, at=LATER, text="再核"),
    )
    found = find(office, made)
    approved, refused, withdrawn = actions(
        office, OfficeAction.APPLICATION_APPROVED, OfficeAction.APPLICATION_REFUSED, OfficeAction.APPLICATION_WITHDRAWN
    )
    assert approved + refused + withdrawn <= 1
    assert (found.state is State.APPROVED, found.state is State.REFUSED) == (approved == 1, refused == 1)
    assert (found.holder_id is not None) == (approved == 1)
    assert len(refusals(answers)) >= 2


def test_one_person_with_two_applications_approved_at_once_has_one_printed_card(office):  # noqa: F811 - as above
    """The same identity in two applications: one holder, both grounds, one card of the higher tier."""
    number = resident_id(sequence=640)
    both = [reviewed(office, "silver-2", number=number), reviewed(office, "gold-6", number=number)]
    answers = together(*(lambda each=each: approve(office, each, APPROVER, at=LATER) for each in both))
    for each, answer in zip(both, answers, strict=True):
        if answer in (Objected, RefusedError):  # told to come again; nothing was decided
            assert find(office, each).state is State.IN_DECISION
            approve(office, each, APPROVER, at=LATER)
    holders = {find(office, each).holder_id for each in both}
    assert len(holders) == 1
    live = [card for card in cards_of(office, holders.pop()) if card.state.live]
    assert [(card.form, card.tier) for card in live] == [(Form.PRINT, "gold")]


def test_an_application_taken_up_by_many_at_once_has_one_officer(office):  # noqa: F811 - as above
    """Each of the others is told; the log has one line."""
    made = handed_in(office)
    people = [replace(OFFICER, id=f"person:officer-{place}") for place in range(AT_ONCE)]
    answers = together(*(lambda who=who: claim(office, made, who, at=LATER) for who in people))
    assert len(refusals(answers)) == AT_ONCE - 1
    (winner,) = [who.id for who, answer in zip(people, answers, strict=True) if answer is DONE]
    assert find(office, made).claimed_by == winner
    assert actions(office, OfficeAction.APPLICATION_CLAIMED) == [1]


def test_an_application_handed_in_by_a_double_click_is_received_once(office):  # noqa: F811 - as above
    """One line, one notice."""
    made = filled(office)
    answers = together(*(lambda: service.hand_in(office, made, at=NOON, by="applicant") for _ in range(3)))
    assert len(refusals(answers)) == 2
    assert actions(office, OfficeAction.APPLICATION_RECEIVED) == [1]


def test_a_list_imported_by_two_at_once_makes_each_application_once(office):  # noqa: F811 - as above
    """The same file by two officers: nobody has two applications of one letter."""
    rows = "\n".join(f"林志远,{resident_id(sequence=900 + place)},某公司" for place in range(20))
    data = f"姓名,证件号码,单位名称\n{rows}\n".encode()
    options = ImportOptions("list", department="development", ground="gold-12", limb="b", reference="文号1")

    def bring():
        return bring_in(office, io.BytesIO(data), options, by=BY, at=NOON)

    together(bring, bring, bring)
    assert bring_in(office, io.BytesIO(data), options, by=BY, at=NOON + timedelta(hours=1)).new == 0
    assert len(listed(office, Filter(states=frozenset(State)), limit=100)) == 20
