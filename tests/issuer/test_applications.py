"""From an application to a card: each step, each refusal, two persons every way round, nothing in the clear."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from cards.claims import Form
from cards.periods import last_day
from issuer.applications import office, service
from issuer.applications.content import BadField
from issuer.applications.deciding import approve, objection_to, refuse, send_back
from issuer.applications.files import BadFile
from issuer.applications.office import Objected
from issuer.applications.papers import Paper, requirements
from issuer.applications.records import Filter, counted, find, history, holders_named, listed
from issuer.applications.states import Objection, OfficePerson, State
from issuer.issuing import settling
from issuer.issuing.issuing import cards_of
from issuer.issuing.settling import withdraw
from issuer.register import office_log
from issuer.register.application_tables import APPLICATION_EVENTS, NOTICES
from issuer.register.errors import RefusedError
from issuer.register.holders import find_holder, grounds_of, photo_of
from issuer.register.identity import IdType
from issuer.register.marks import marks_of
from issuer.register.office_log import OfficeAction
from tests.issuer.applying import (
    APPROVER,
    BOTH,
    LATER,
    OFFICER,
    all_seen,
    approved,
    begun,
    filled,
    give,
    handed_in,
    pdf,
    person,
    reviewed,
)
from tests.issuer.builders import DAY, NOON, photo, published_status, resident_id


def state(desk, application_id):
    """Return where an application stands."""
    return find(desk, application_id).state


def office_actions(desk):
    """Return what the office log tells, oldest first."""
    with desk.register.read() as connection:
        return [line.action for line in reversed(office_log.newest(connection, 500))]


@pytest.mark.parametrize(
    ("ground", "tier"), [("diamond-11", "diamond"), ("gold-6", "gold"), ("silver-6", "silver"), ("special", "gold")]
)
def test_an_application_becomes_a_card_of_its_tier(desk, ground, tier):
    """Handed in, reviewed by one, decided by another: a printed card of the ground's tier, valid at every verifier."""
    application_id, made = approved(desk, ground)
    found = find(desk, application_id)
    assert found.state is State.APPROVED
    (card,) = cards_of(desk, made.holder_id)
    assert (card.tier, card.form, card.id) == (tier, Form.PRINT, found.card_id)
    assert published_status(desk, card, at=LATER).name == "VALID"
    assert find_holder(desk, made.holder_id).name == "何嘉欣"
    assert photo_of(desk, made.holder_id)
    (held,) = grounds_of(desk, made.holder_id)
    assert (held.code, held.contract_ends) == (ground, date(2027, 5, 1))
    assert last_day(card.valid_until, desk.programme.zone) == date(2027, 5, 1)


@pytest.mark.parametrize("actor", ["recorded", "reviewed"])
def test_one_person_with_every_role_never_decides_alone(desk, actor):
    """Who recorded at the window, imported, or reviewed may hold every right and still decides nothing of it."""
    application_id = reviewed(desk, by=BOTH.id) if actor == "recorded" else reviewed(desk, officer=BOTH)
    assert objection_to(desk, find(desk, application_id), BOTH) is Objection.SECOND_PERSON
    for act in (
        lambda: approve(desk, application_id, BOTH, at=LATER),
        lambda: refuse(desk, application_id, BOTH, reason="ground-not-met", at=LATER),
        lambda: send_back(desk, application_id, BOTH, text="再看", at=LATER),
    ):
        with pytest.raises(Objected) as caught:
            act()
        assert caught.value.objection is Objection.SECOND_PERSON
    assert state(desk, application_id) is State.IN_DECISION
    assert approve(desk, application_id, APPROVER, at=LATER).cards


def test_a_tick_or_a_note_of_an_officer_counts_as_taking_part(desk):
    """Whoever ticked papers and released the application again does not decide it after another's review."""
    application_id = handed_in(desk)
    all_seen(desk, application_id, BOTH)
    office.release(desk, application_id, BOTH, at=LATER)
    all_seen(desk, application_id, OFFICER)
    office.forward(desk, application_id, OFFICER, advice="approve", at=LATER)
    assert objection_to(desk, find(desk, application_id), BOTH) is Objection.SECOND_PERSON


@pytest.mark.parametrize("who", ["cli:root", "wallet", "integrator:7", "import"])
def test_nobody_but_a_person_reviews_or_decides(desk, who):
    """A command line, another server and an import hold no right to decide, whatever they claim."""
    machine = OfficePerson(who, reviews=frozenset({"*"}), decides=frozenset({"*"}))
    application_id = handed_in(desk)
    with pytest.raises(Objected, match="signed in"):
        office.claim(desk, application_id, machine, at=LATER)
    ready = reviewed(desk)
    with pytest.raises(Objected, match="signed in"):
        approve(desk, ready, machine, at=LATER)


def test_rights_are_held_to_department_and_tier(desk):
    """The union's reviewer reviews the union's grounds; gold's approver decides no diamond."""
    union = OfficePerson("person:u", reviews=frozenset({"union"}))
    gold = OfficePerson("person:g", decides=frozenset({"gold"}))
    with pytest.raises(Objected, match="another department"):
        office.claim(desk, handed_in(desk, "gold-6"), union, at=LATER)
    office.claim(desk, handed_in(desk, "diamond-7"), union, at=LATER)
    with pytest.raises(Objected, match="tier"):
        approve(desk, reviewed(desk, "diamond-11"), gold, at=LATER)


def test_a_claimed_application_is_one_persons(desk):
    """A second officer is told; after a release it is anybody's of the department."""
    other = OfficePerson("person:other", reviews=frozenset({"hrss"}))
    application_id = handed_in(desk)
    office.claim(desk, application_id, OFFICER, at=LATER)
    for act in (office.claim, office.release):
        with pytest.raises(Objected, match="somebody else"):
            act(desk, application_id, other, at=LATER)
    office.release(desk, application_id, OFFICER, at=LATER)
    office.claim(desk, application_id, other, at=LATER)
    assert find(desk, application_id).claimed_by == other.id


def test_nothing_is_handed_in_incomplete(desk):
    """Each missing paper keeps the application a draft, and the page can say which."""
    application_id = filled(desk, without=("degree", "photo"))
    with pytest.raises(RefusedError, match="2 things"):
        service.hand_in(desk, application_id, at=NOON, by="applicant")
    assert [lack.key for lack in service.missing(desk, find(desk, application_id), NOON)] == ["degree", "photo"]
    assert state(desk, application_id) is State.DRAFT


def test_a_review_does_not_pass_what_nobody_looked_at(desk):
    """Without an officer's ticks an application cannot be forwarded for approval, only for refusal."""
    application_id = handed_in(desk)
    office.claim(desk, application_id, OFFICER, at=LATER)
    with pytest.raises(Objected, match="missing"):
        office.forward(desk, application_id, OFFICER, advice="approve", at=LATER)
    office.forward(desk, application_id, OFFICER, advice="refuse", at=LATER, text="不符合条件")
    with pytest.raises(Objected, match="missing"):
        approve(desk, application_id, APPROVER, at=LATER)
    refuse(desk, application_id, APPROVER, reason="ground-not-met", at=LATER)
    assert (state(desk, application_id), find(desk, application_id).refusal) == (State.REFUSED, "ground-not-met")


def test_a_supplement_is_asked_for_at_once_and_stops_the_clock(desk):
    """One notice names everything; waiting costs the office nothing; what was supplied is looked at anew."""
    application_id = handed_in(desk)
    office.claim(desk, application_id, OFFICER, at=LATER)
    office.check_paper(desk, application_id, "application-form", frozenset({0}), OFFICER, at=LATER)
    assert "check:application-form:1" in find(desk, application_id).lacking
    text = office.suggested_supplement(desk, find(desk, application_id), LATER)
    assert "加盖单位公章" in text
    before = find(desk, application_id).due_on
    office.ask(desk, application_id, text, OFFICER, at=LATER)
    waiting = find(desk, application_id)
    assert (waiting.state, waiting.supplement, waiting.office_due_on) == (State.SUPPLEMENT, text, before)
    form = requirements(desk.programme, *waiting.named_ground(desk), IdType.RESIDENT_ID)[0]
    give(desk, application_id, form, at=LATER + 7 * DAY)
    assert next(one for one in find(desk, application_id).papers if one.key == form.key).seen == frozenset()
    service.hand_in(desk, application_id, at=LATER + 7 * DAY, by="applicant")
    back = find(desk, application_id)
    assert (back.state, back.claimed_by, back.supplement) == (State.IN_REVIEW, OFFICER.id, None)
    assert back.due_on > before + timedelta(days=5)


def test_a_decider_can_send_an_application_back(desk):
    """It goes to whoever reviewed it, with the reason, and is decided by a second person again."""
    application_id = reviewed(desk)
    send_back(desk, application_id, APPROVER, text="请核对学位", at=LATER)
    found = find(desk, application_id)
    assert (found.state, found.claimed_by, found.reviewed_by) == (State.IN_REVIEW, OFFICER.id, None)
    assert "请核对学位" in [event.note for event in history(desk, application_id)]
    office.forward(desk, application_id, OFFICER, advice="approve", at=LATER)
    assert approve(desk, application_id, APPROVER, at=LATER).cards


@pytest.mark.parametrize("reason", ["", "because", "other"])
def test_a_refusal_has_a_reason_of_the_programme(desk, reason):
    """No reason, one of nobody's, and "other" without a word are not taken."""
    application_id = reviewed(desk)
    with pytest.raises(RefusedError):
        refuse(desk, application_id, APPROVER, reason=reason, at=LATER)
    assert state(desk, application_id) is State.IN_DECISION
    refuse(desk, application_id, APPROVER, reason="other", text="材料另案处理", at=LATER)
    assert state(desk, application_id) is State.REFUSED


def test_what_is_decided_stays_decided(desk):
    """Nothing approves, refuses, withdraws or changes a decided application."""
    application_id, _ = approved(desk)
    for act in (
        lambda: approve(desk, application_id, OfficePerson("person:z", decides=frozenset({"*"})), at=LATER),
        lambda: refuse(desk, application_id, APPROVER, reason="ground-not-met", at=LATER),
        lambda: service.withdraw(desk, application_id, at=LATER, by="applicant"),
        lambda: service.fill_in(desk, application_id, {"employer": "x"}, at=LATER, by="applicant"),
        lambda: service.attach(desk, application_id, "degree", pdf(), at=LATER, by="applicant"),
        lambda: office.claim(desk, application_id, OFFICER, at=LATER),
    ):
        with pytest.raises(RefusedError):
            act()


def test_an_approval_without_a_free_index_decides_nothing(desk):
    """Where no card can be issued the approval says why, and the application waits as before."""
    application_id = reviewed(desk)
    dry = replace(desk, publishes=False, pool_size=0)
    with desk.register.change() as connection:
        connection.exec_driver_sql("UPDATE status_indexes SET state = 'pooled' WHERE state = 'ready'")
    with pytest.raises(RefusedError, match="no status index"):
        approve(dry, application_id, APPROVER, at=LATER)
    found = find(desk, application_id)
    assert (found.state, found.holder_id, found.decided_by) == (State.IN_DECISION, None, None)
    assert holders_named(desk, "何嘉欣") == []


def test_a_second_application_raises_the_tier_of_every_card(desk):
    """The same person is one holder; all live cards follow the higher tier, the old ones are revoked."""
    number = resident_id(sequence=77)
    _, first = approved(desk, "silver-6", number=number)
    _, second = approved(desk, "gold-6", number=number, at=LATER + DAY)
    assert first.holder_id == second.holder_id
    assert [(card.tier, card.state.value) for card in cards_of(desk, first.holder_id)] == [
        ("silver", "replaced"),
        ("gold", "valid"),
    ]


@pytest.mark.slow
def test_duplicates_are_told_before_any_work(desk):
    """A card in force, an open application and an earlier refusal of the same person are named."""
    number = resident_id(sequence=78)
    approved(desk, "silver-6", number=number)
    refused = reviewed(desk, "gold-6", number=number)
    refuse(desk, refused, APPROVER, reason="ground-not-met", at=LATER)
    handed_in(desk, "gold-6", number=number)
    newest = handed_in(desk, "diamond-11", number=number)
    assert sorted(one.kind for one in office.duplicates(desk, find(desk, newest))) == ["card", "open", "refused"]
    assert office.duplicates(desk, find(desk, handed_in(desk))) == []


def test_a_withdrawn_application_stays_visible(desk):
    """The applicant may end it at any step before the decision; the list keeps it."""
    application_id = handed_in(desk)
    service.withdraw(desk, application_id, at=NOON, by="applicant")
    assert [one.id for one in listed(desk, Filter(states=frozenset({State.WITHDRAWN})), limit=9)] == [application_id]
    assert counted(desk, Filter())[State.WITHDRAWN] == 1


def test_a_receipt_opens_with_its_code_alone(desk):
    """A receipt number without the secret code, or with another's, opens nothing."""
    mine, other = begun(desk), begun(desk)
    assert service.opened(desk, mine.receipt, mine.code) == mine.id
    assert service.opened(desk, mine.receipt.lower(), mine.code.lower().replace("-", " ")) == mine.id
    assert service.opened(desk, mine.receipt, other.code) is None
    assert service.opened(desk, other.receipt, mine.code) is None
    renewed = service.new_secret(desk, mine.id, at=NOON, by=OFFICER.id)
    assert service.opened(desk, mine.receipt, mine.code) is None
    assert service.opened(desk, mine.receipt, renewed) == mine.id


def test_a_search_finds_names_receipts_masked_numbers_and_cards(desk):
    """Whole names, our receipts, masked identity numbers and card numbers; never a part of a name."""
    application_id, made = approved(desk)
    found = find(desk, application_id)
    (card,) = cards_of(desk, made.holder_id)
    masked = found.content.identity.masked
    for text in ("何嘉欣", " 何 嘉欣", found.receipt, masked, f"{masked[0]}***{masked[-2:]}", card.number):
        assert [one.id for one in listed(desk, Filter(text=text), limit=9)] == [application_id], text
    assert listed(desk, Filter(text="何嘉"), limit=9) == []
    assert holders_named(desk, card.number) == [made.holder_id]


def test_the_worklist_is_sorted_by_what_is_due(desk):
    """What is late comes first, and every filter narrows."""
    late = handed_in(desk, at=NOON - 20 * DAY)
    fresh = handed_in(desk, "diamond-7")
    today = service.local_day(desk, NOON)
    assert [one.id for one in listed(desk, Filter(), limit=9)] == [late, fresh]
    assert [one.id for one in listed(desk, Filter(overdue_on=today), limit=9)] == [late]
    for narrowed in (Filter(tier="diamond"), Filter(ground="diamond-7"), Filter(department="union")):
        assert [one.id for one in listed(desk, narrowed, limit=9)] == [fresh]
    office.claim(desk, late, OFFICER, at=NOON)
    assert [one.id for one in listed(desk, Filter(claimed_by=OFFICER.id), limit=9)] == [late]
    assert [one.id for one in listed(desk, Filter(claimed_by=""), limit=9)] == [fresh]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"id_number": "440111199003070017"}, "id_number"),
        ({"id_type": "library-card"}, "id_type"),
        ({"phone": "call me"}, "phone"),
        ({"email": "nobody"}, "email"),
        ({"email": "a@b.example\nBcc: c@d.example"}, "email"),
    ],
)
def test_what_cannot_be_true_of_a_person_is_told_by_field(desk, changes, field):
    """Each bad field is named; the fault never quotes what was typed."""
    with pytest.raises(BadField) as caught:
        service.begin(desk, replace(person(), **changes), language="zh", at=NOON)
    assert caught.value.field == field
    assert "440111199003070017" not in str(caught.value)


def test_a_photo_is_checked_when_it_is_sent(desk):
    """The size is made to fit; a dark background is told; the new photo replaces the old."""
    application_id = filled(desk)
    service.attach(desk, application_id, "photo", photo(716, 882), at=NOON, by="applicant")
    assert len([one for one in find(desk, application_id).files if one.key == "photo"]) == 1
    with pytest.raises(ValueError, match="pixels"):
        service.attach(desk, application_id, "photo", photo(100, 100), at=NOON, by="applicant")
    with pytest.raises(BadFile):
        service.attach(desk, application_id, "degree", b"#!/bin/sh\nrm -rf /\n", at=NOON, by="applicant")


def test_files_are_taken_back_and_bounded(desk):
    """A file that was taken back is gone from the folder, and a paper has so many files at most."""
    application_id = filled(desk)
    kept = find(desk, application_id).files[0]
    service.detach(desk, application_id, kept.id, at=NOON, by="applicant")
    assert kept.id not in [path.name for path in desk.attachments.rglob("*")]
    with pytest.raises(RefusedError, match="no such file"):
        service.detach(desk, application_id, "../../etc/passwd", at=NOON, by="applicant")
    for _ in range(service.FILES_MOST):
        service.attach(desk, application_id, "title", pdf(), at=NOON, by="applicant")
    with pytest.raises(RefusedError, match="at most"):
        service.attach(desk, application_id, "title", pdf(), at=NOON, by="applicant")


def test_nothing_of_a_person_stands_in_the_clear(desk, tmp_path):
    """Neither the database nor the attachments hold a number, a name, an address, a paper or a secret code."""
    number = resident_id(sequence=79)
    application_id, made = approved(desk, number=number, email="someone@host.example", phone="13800000099")
    office.note(desk, application_id, "秘密备注", OFFICER, at=LATER)
    code = begun(desk).code
    office.show_file(desk, application_id, find(desk, application_id).files[0].id, by=OFFICER.id, at=LATER)
    desk.register.close()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    content = b"".join(path.read_bytes() for path in files)
    secrets = [number, "何嘉欣", "13800000099", "someone@host.example", "秘密备注", "某生物科技", code, "%PDF-", "JFIF"]
    assert [text for text in secrets if text.encode() in content] == []
    assert made.holder_id.encode() in content


def test_notices_tell_nothing_and_wait_to_be_sent(desk):
    """Each step that concerns the applicant queues a notice by each way that was given."""
    application_id, _ = approved(desk, email="someone@host.example", phone="13800000099")
    with desk.register.read() as connection:
        rows = connection.execute(sa.select(NOTICES).where(NOTICES.c.application_id == application_id)).all()
    assert [(row.kind, row.transport) for row in rows] == [
        ("received", "mail"),
        ("received", "sms"),
        ("approved", "mail"),
        ("approved", "sms"),
    ]


def test_every_step_stands_in_the_office_log_and_its_chain_holds(desk):
    """Who did what can be read, and whoever alters or removes a line is found."""
    approved(desk)
    told = office_actions(desk)
    for action in ("received", "claimed", "reviewed", "approved"):
        assert OfficeAction(f"application-{action}") in told
    with desk.register.read() as connection:
        assert office_log.check_chain(connection).broken_at is None
        lines = office_log.chain_end(connection).lines
    with desk.register.change() as connection:
        connection.exec_driver_sql("DROP TRIGGER office_log_no_update")
        connection.exec_driver_sql("UPDATE office_log SET actor = 'person:nobody' WHERE seq = 3")
    with desk.register.read() as connection:
        assert office_log.check_chain(connection).broken_at == 3
        assert office_log.chain_end(connection).lines == lines


@pytest.mark.parametrize("table", ["office_chain", "application_events", "office_log"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET seq = seq + 1000", "DELETE FROM {}"])
def test_history_cannot_be_rewritten(desk, table, verb):
    """The database itself refuses to change or remove a line of what happened."""
    handed_in(desk)
    with pytest.raises(sa.exc.DatabaseError, match="append-only"), desk.register.change() as connection:
        connection.exec_driver_sql(verb.format(table))


@pytest.mark.slow
def test_removing_the_last_line_is_found_too(desk):
    """A chain longer than its log tells of lines that are gone."""
    handed_in(desk)
    with desk.register.change() as connection:
        connection.exec_driver_sql("DROP TRIGGER office_log_no_delete")
        connection.exec_driver_sql("DELETE FROM office_log WHERE seq = (SELECT max(seq) FROM office_log)")
    with desk.register.read() as connection:
        assert office_log.check_chain(connection).broken_at is not None


@pytest.mark.slow
def test_a_refused_renewal_releases_bookings_only_when_the_card_is_about_to_end(desk):
    """Who applied for a higher tier in vain keeps what is booked on the card that runs on."""
    number = resident_id(sequence=80)
    _, made = approved(desk, "silver-6", number=number)
    early = reviewed(desk, "gold-6", number=number)
    refuse(desk, early, APPROVER, reason="ground-not-met", at=LATER)
    with desk.register.read() as connection:
        assert marks_of(connection, made.holder_id) == []
    (card,) = cards_of(desk, made.holder_id)
    late = reviewed(desk, "silver-6", number=number)
    refuse(desk, late, APPROVER, reason="ground-not-met", at=card.valid_until - 10 * DAY)
    with desk.register.read() as connection:
        assert [mark.kind.value for mark in marks_of(connection, made.holder_id)] == ["ended"]


def test_a_ground_that_is_withdrawn_ends_every_live_card(desk):
    """Nobody is served by a printed card whose ground is gone, whatever became of the phone's."""
    _, made = approved(desk)
    (held,) = grounds_of(desk, made.holder_id)
    assert withdraw(desk, made.holder_id, held.id, by=OFFICER.id, at=LATER) == []
    (card,) = cards_of(desk, made.holder_id)
    assert (card.state.value, card.ended_because) == ("revoked", settling.NOT_ENTITLED)
    assert published_status(desk, card, at=LATER).name == "REVOKED"


def test_a_withdrawn_ground_leaves_the_card_of_the_next_one(desk):
    """With another ground of a lower tier every card is replaced by that tier's."""
    number = resident_id(sequence=81)
    approved(desk, "silver-6", number=number)
    _, made = approved(desk, "gold-6", number=number)
    gold = next(one for one in grounds_of(desk, made.holder_id) if one.tier == "gold")
    (left,) = withdraw(desk, made.holder_id, gold.id, by=OFFICER.id, at=LATER)
    assert left.tier == "silver"


def test_events_name_actors_and_no_person(desk):
    """The history says who acted by id alone; the applicant is `applicant`."""
    application_id, _ = approved(desk)
    with desk.register.read() as connection:
        asked = sa.select(APPLICATION_EVENTS.c.actor).where(APPLICATION_EVENTS.c.application_id == application_id)
        actors = set(connection.execute(asked).scalars())
    assert actors == {"applicant", OFFICER.id, APPROVER.id}


def test_a_paper_told_anew_is_looked_at_anew(desk):
    """A contract whose days were changed after an officer saw it is unseen again."""
    application_id = handed_in(desk)
    all_seen(desk, application_id)
    office.ask(desk, application_id, "请补合同", OFFICER, at=LATER)
    known = next(one for one in find(desk, application_id).papers if one.key == "contract")
    changed = Paper("contract", 0, None, known.begins, known.ends + DAY)
    service.tell_paper(desk, application_id, changed, at=LATER, by="applicant")
    assert next(one for one in find(desk, application_id).papers if one.key == "contract").seen == frozenset()
    with pytest.raises(RefusedError, match="stays"):
        service.choose_ground(desk, application_id, "diamond-11", "a", at=LATER, by="applicant")
