"""Papers that staff attach to an application of a platform: as any upload, looked at, and never by who decides."""

from datetime import timedelta

import pytest

from issuer.applications import attaching, office
from issuer.applications.content import Applicant
from issuer.applications.deciding import approve
from issuer.applications.files import BadFile
from issuer.applications.intake import IntakeText, check, take_in
from issuer.applications.office import Objected
from issuer.applications.papers import Paper, after_months, requirements
from issuer.applications.records import find, history
from issuer.applications.states import Objection, OfficePerson, State
from issuer.register import office_log
from issuer.register.errors import RefusedError
from issuer.register.identity import IdType
from issuer.register.office_log import OfficeAction
from tests.issuer.applying import APPROVER, BOTH, LATER, OFFICER, all_seen, handed_in, pdf
from tests.issuer.builders import NOON, TODAY, photo, resident_id

OTHER = OfficePerson("person:other", reviews=frozenset({"*"}))


def told_by_platform(desk, sequence=711):
    """An application that a platform handed in, without any paper."""
    who = Applicant("何嘉欣", "resident-id", resident_id(sequence=sequence), phone="13800000099")
    told = IntakeText(
        "province", f"GD-{sequence}", who, "gold-6", employer="某单位", employer_kind="registered-or-taxed"
    )
    return take_in(desk, check(desk, told, TODAY), by="integrator:i", at=NOON).id


def asked_of(desk, application_id):
    """The papers that are needed."""
    ground, limb = find(desk, application_id).named_ground(desk)
    return [one for one in requirements(desk.programme, ground, limb, IdType.RESIDENT_ID) if one.needed]


def give(desk, application_id, asked, person=OFFICER, *, data=None, at=LATER):
    """Attach one paper as it should be."""
    variant = asked.variants[0].code if asked.variants else None
    span = asked.months_for(variant)
    ticks = frozenset(range(len(asked.checks_for(variant)))) if asked.confirmed else frozenset()
    ends = after_months(TODAY, span) - timedelta(days=1) if span else None
    paper = Paper(asked.key, 0, variant, TODAY if span else None, ends, ticks)
    kept = photo() if asked.key == "photo" else pdf(asked.key)
    return attaching.attach(desk, application_id, paper, kept if data is None else data, person, at=at)


def give_all(desk, application_id, person=OFFICER):
    """Attach every paper that is needed."""
    for asked in asked_of(desk, application_id):
        give(desk, application_id, asked, person)


def test_a_platforms_application_becomes_a_card_with_papers_that_staff_attached(desk):
    """Attached, looked at, passed on, decided by a second person; the log names who attached what."""
    made = told_by_platform(desk)
    give_all(desk, made)
    all_seen(desk, made)
    office.forward(desk, made, OFFICER, advice="approve", at=LATER)
    assert approve(desk, made, APPROVER, at=LATER).cards[0].tier == "gold"
    with desk.register.read() as connection:
        lines = office_log.newest(connection, 50, action=OfficeAction.APPLICATION_ATTACHED)
    assert {line.actor for line in lines} == {OFFICER.id}
    assert {line.detail["paper"] for line in lines} == {asked.key for asked in asked_of(desk, made)}


def test_whoever_attached_does_not_decide(desk):
    """A person with both roles attaches, somebody else reviews: the person is told before the click and after."""
    made = told_by_platform(desk)
    give_all(desk, made, BOTH)
    all_seen(desk, made)
    office.forward(desk, made, OFFICER, advice="approve", at=LATER)
    with pytest.raises(Objected) as caught:
        approve(desk, made, BOTH, at=LATER)
    assert caught.value.objection is Objection.SECOND_PERSON


def test_papers_lie_as_the_applicants_own_do(desk):
    """A copy that we wrote, sealed under a random name; opened, it holds what was sent."""
    made = told_by_platform(desk)
    give(desk, made, next(one for one in asked_of(desk, made) if one.key == "contract"))
    (file,) = find(desk, made).files
    (kept,) = [path for path in desk.attachments.rglob("*") if path.is_file()]
    assert (kept.name, file.key, b"%PDF" in kept.read_bytes()) == (file.id, "contract", False)
    assert office.show_file(desk, made, file.id, by="person:x", at=LATER)[1].startswith(b"%PDF")


@pytest.mark.parametrize("data", [b"<script>alert(1)</script>", b"MZ\x90\x00", b"%PDF-1.4 no more"])
def test_a_hostile_file_is_refused_and_nothing_is_kept(desk, data):
    """Staff are held to what applicants are held to."""
    made = told_by_platform(desk)
    with pytest.raises(BadFile):
        give(desk, made, asked_of(desk, made)[0], data=data)
    assert find(desk, made).files == ()
    assert [path for path in desk.attachments.rglob("*") if path.is_file()] == []


def test_a_paper_that_is_attached_again_is_looked_at_again(desk):
    """Ticks belong to the file that was seen."""
    made = told_by_platform(desk)
    give_all(desk, made)
    all_seen(desk, made)
    before = next(paper for paper in find(desk, made).papers if paper.key == "contract")
    give(desk, made, next(one for one in asked_of(desk, made) if one.key == "contract"))
    after = next(paper for paper in find(desk, made).papers if paper.key == "contract")
    assert (before.looked_at, after.looked_at, after.seen) == (True, False, frozenset())
    with pytest.raises(Objected):
        office.forward(desk, made, OFFICER, advice="approve", at=LATER)


@pytest.mark.parametrize(
    ("person", "claimed", "objection"),
    [
        (OfficePerson("cli:root"), False, Objection.NOT_A_PERSON),
        (OfficePerson("integrator:i"), False, Objection.NOT_A_PERSON),
        (OTHER, True, Objection.ANOTHERS_CLAIM),
    ],
)
def test_who_may_not_attach_is_told_why(desk, person, claimed, objection):
    """Neither a command line nor a platform, and nobody into somebody else's review."""
    made = told_by_platform(desk)
    if claimed:
        office.claim(desk, made, OFFICER, at=LATER)
    with pytest.raises(Objected) as caught:
        give(desk, made, asked_of(desk, made)[0], person)
    assert caught.value.objection is objection
    assert find(desk, made).files == ()


def test_an_applicants_own_application_is_left_to_the_applicant(desk):
    """Nobody of the office adds papers to it or removes them."""
    made = handed_in(desk)
    files = find(desk, made).files
    with pytest.raises(Objected):
        give(desk, made, asked_of(desk, made)[0])
    with pytest.raises(Objected):
        attaching.detach(desk, made, files[0].id, OFFICER, at=LATER)
    assert find(desk, made).files == files


def test_a_paper_that_the_ground_does_not_ask_for_is_refused(desk):
    """Keys come from the programme, never from a form."""
    made = told_by_platform(desk)
    with pytest.raises(RefusedError, match="no such paper"):
        attaching.attach(desk, made, Paper("../../etc", 0), pdf(), OFFICER, at=LATER)


def test_a_supplement_that_came_by_the_platform_is_recorded_by_staff(desk):
    """Asked once, attached, handed in: the review's term goes on; while something is missing it is refused."""
    made = told_by_platform(desk)
    office.claim(desk, made, OFFICER, at=LATER)
    office.ask(desk, made, "请补全部材料", OFFICER, at=LATER)
    with pytest.raises(RefusedError, match="missing"):
        attaching.supply(desk, made, OFFICER, at=LATER)
    give_all(desk, made)
    attaching.supply(desk, made, OFFICER, at=LATER)
    assert (find(desk, made).state, history(desk, made)[0].act) == (State.IN_REVIEW, "supply")


def test_a_file_that_does_not_belong_there_is_removed(desk):
    """Removed from the page and from the folder; the log tells."""
    made = told_by_platform(desk)
    give(desk, made, next(one for one in asked_of(desk, made) if one.key == "contract"))
    attaching.detach(desk, made, find(desk, made).files[0].id, OFFICER, at=LATER)
    assert find(desk, made).files == ()
    assert [path for path in desk.attachments.rglob("*") if path.is_file()] == []
