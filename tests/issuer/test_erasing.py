"""Erasure and death at the office: cards end at once, nothing personal stays, and no quota begins anew by it."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from cards.marks import Mark, MarkKind
from edge.sealing import Unsealable
from issuer.applications import erasing, office, service
from issuer.applications.deciding import approve
from issuer.applications.records import find, history, holders_named
from issuer.applications.states import State
from issuer.enrolment.enrolling import make_code
from issuer.issuing.issuing import cards_of, reissue
from issuer.register import office_log
from issuer.register.application_tables import APPLICATION_FILES, NOTICES
from issuer.register.errors import RefusedError
from issuer.register.holders import find_by_identity, find_holder, grounds_of, photo_of
from issuer.register.marks import marks_of, set_benefit
from issuer.register.office_log import OfficeAction
from issuer.register.tables import ENROLMENT_CODES, METADATA
from tests.issuer.applying import APPROVER, LATER, OFFICER, approved, handed_in, person, reviewed
from tests.issuer.builders import BY, DAY, NOON, identity, published_status, resident_id

NUMBER, PHONE, EMAIL = resident_id(sequence=901), "13800000091", "gone@host.example"
NEXT_YEAR = datetime(2027, 1, 1, tzinfo=UTC) - timedelta(hours=8)
REFERRAL = "state-council-allowance"


@pytest.fixture
def gone(desk):
    """A holder with a card, papers, a note, a benefit, a letter's code and an open second application; erased."""
    first, made = approved(desk, "gold-6", number=NUMBER, phone=PHONE, email=EMAIL)
    second = handed_in(desk, "silver-6", at=LATER, number=NUMBER, phone=PHONE, email=EMAIL)
    office.claim(desk, second, OFFICER, at=LATER)
    office.note(desk, second, "电话里说了很多", OFFICER, at=LATER)
    set_benefit(desk, made.holder_id, REFERRAL, by=BY, at=LATER)
    make_code(desk, made.holder_id, by=BY, at=LATER)
    done = erasing.erase(desk, made.holder_id, by=BY, at=LATER)
    return made.holder_id, first, second, done


def every_value(desk):
    """Every value of every table, opened where it is sealed for a place that its row names."""
    with desk.register.read() as connection:
        for table in METADATA.sorted_tables:
            for row in connection.execute(sa.select(table)).mappings():
                yield from (_opened(desk, table.name, name, value, dict(row)) for name, value in row.items())


def _opened(desk, table, column, value, row):
    if not isinstance(value, bytes) or not value:
        return str(value)
    names = [row.get("id"), row.get("holder_id"), row.get("application_id")]
    for name in filter(None, names):
        for place in (f"{table}.{column}:{name}", f"holders.{column}:{name}", f"{table}.address:{name}"):
            try:
                return desk.register.unseal(value, place).decode("utf-8", "replace")
            except Unsealable:
                continue
    return ""


def test_nothing_personal_is_left_anywhere(desk, gone):
    """Not in the tables, sealed or not; not among the attachments; and nobody finds the person any more."""
    holder_id, first, second, done = gone
    assert (done.cards, done.applications) == (1, 2)
    told = "\n".join(every_value(desk))
    for secret in (NUMBER, NUMBER[-6:], PHONE, EMAIL, "何嘉欣", "何*欣", "电话里", "生物科技"):
        assert secret not in told
    assert [path for path in desk.attachments.rglob("*") if path.is_file()] == []
    found = find_holder(desk, holder_id)
    assert (found.name, found.identity.number, found.phone, found.has_photo) == ("", "", None, False)
    assert photo_of(desk, holder_id) is None
    assert find_by_identity(desk, identity(NUMBER)) is None
    assert holders_named(desk, "何嘉欣") == []
    assert (find(desk, first).state, find(desk, second).state) == (State.APPROVED, State.WITHDRAWN)
    assert all(one.note is None for one in history(desk, second))
    with desk.register.read() as connection:
        assert set(connection.execute(sa.select(NOTICES.c.address)).scalars()) == {b""}
        assert connection.execute(sa.select(NOTICES.c.id).where(NOTICES.c.next_at.is_not(None))).all() == []
        files = connection.execute(sa.select(APPLICATION_FILES.c.removed_at)).scalars().all()
        assert files
        assert None not in files


def test_the_values_that_the_search_looks_for_were_there_before(desk):
    """The test above is able to fail: the same search finds name, number and telephone of a holder who stays."""
    approved(desk, "gold-6", number=NUMBER, phone=PHONE, email=EMAIL)
    told = "\n".join(every_value(desk))
    for secret in (NUMBER, PHONE, "何嘉欣", "何*欣"):
        assert secret in told


def test_every_card_ends_and_every_verifier_is_told(desk, gone):
    """Revoked in the published list, marked for erasure in the marks; other marks of the person go."""
    holder_id, *_ = gone
    (card,) = cards_of(desk, holder_id)
    assert (card.state, card.ended_because) == ("revoked", "erased")
    assert published_status(desk, card, at=LATER).name == "REVOKED"
    with desk.register.read() as connection:
        kinds = {mark.kind for mark in marks_of(connection, holder_id)}
        assert Mark(holder_id, MarkKind.ERASURE, "2026-11-03") in marks_of(connection, holder_id)
        assert kinds == {MarkKind.ERASURE, MarkKind.ENDED}
        codes = connection.execute(sa.select(ENROLMENT_CODES.c.cancelled_at)).scalars().all()
        assert None not in codes
    assert all(ground.withdrawn_at for ground in grounds_of(desk, holder_id))
    with pytest.raises(RefusedError):
        reissue(desk, card.id, because="lost", by=BY, at=LATER)
    with pytest.raises(RefusedError, match="erased already"):
        erasing.erase(desk, holder_id, by=BY, at=LATER)


def test_nobody_begins_the_years_quotas_anew_by_an_erasure(desk, gone):
    """The same identity in another spelling is refused until the year is over; then it is another holder."""
    again = reviewed(desk, number=NUMBER.lower(), at=LATER + DAY)
    with pytest.raises(RefusedError, match="erased") as caught:
        approve(desk, again, APPROVER, at=LATER + DAY)
    assert "2027-01-01" in caught.value.hint
    with pytest.raises(RefusedError):
        approve(desk, again, APPROVER, at=NEXT_YEAR - timedelta(seconds=1))
    assert approve(desk, again, APPROVER, at=NEXT_YEAR).holder_id != gone[0]


def test_an_erasure_of_one_touches_nobody_else(desk, gone):
    """Another holder of the same name keeps card, photo and papers."""
    _, other = approved(desk, number=resident_id(sequence=902), at=LATER)
    third, made = approved(desk, number=resident_id(sequence=903), at=LATER)
    erasing.erase(desk, other.holder_id, by=BY, at=LATER + DAY)
    assert find_holder(desk, made.holder_id).name == "何嘉欣"
    assert cards_of(desk, made.holder_id)[0].state == "valid"
    for file in find(desk, third).files:
        assert office.show_file(desk, third, file.id, by=BY, at=LATER + DAY)[1]


def test_an_erasure_that_fails_changes_nothing(desk, monkeypatch):
    """All in one transaction: no holder without a name and with a valid card, no paper removed for nothing."""
    application_id, made = approved(desk, number=NUMBER)
    monkeypatch.setattr(erasing, "_empty_holder", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        erasing.erase(desk, made.holder_id, by=BY, at=LATER)
    assert cards_of(desk, made.holder_id)[0].state == "valid"
    assert find(desk, application_id).content.name == "何嘉欣"
    assert find(desk, application_id).files


def test_a_death_ends_the_cards_and_keeps_the_data(desk):
    """Booked things are released; the data can be erased afterwards."""
    _, made = approved(desk, number=NUMBER)
    assert erasing.note_death(desk, made.holder_id, by=BY, at=LATER) == 1
    (card,) = cards_of(desk, made.holder_id)
    assert (card.state, card.ended_because) == ("revoked", "died")
    assert find_holder(desk, made.holder_id).name == "何嘉欣"
    with desk.register.read() as connection:
        assert {mark.kind for mark in marks_of(connection, made.holder_id)} == {MarkKind.ENDED}
    assert erasing.erase(desk, made.holder_id, by=BY, at=LATER + DAY).cards == 0
    with desk.register.read() as connection:
        told = [line.action for line in office_log.newest(connection, 40, holder=made.holder_id)]
        assert office_log.check_chain(connection).broken_at is None
    assert {OfficeAction.HOLDER_DIED, OfficeAction.HOLDER_ERASED} <= set(told)


@pytest.mark.parametrize("change", ["note = x'00'", "actor = 'person:nobody'", "note = NULL, act = 'approve'"])
def test_a_history_can_be_emptied_of_notes_and_changed_in_nothing_else(desk, change):
    """The guard stays: only an emptied note passes it."""
    application_id, _ = approved(desk)
    office.note(desk, application_id, "什么", OFFICER, at=LATER)
    with pytest.raises(sa.exc.IntegrityError), desk.register.change() as connection:
        connection.exec_driver_sql(f"UPDATE application_events SET {change}")


def test_an_erased_persons_code_opens_nothing(desk):
    """Receipt and code of an erased application lead nowhere."""
    begun = service.begin(desk, person(number=NUMBER), language="zh", at=NOON)
    _, made = approved(desk, number=NUMBER)
    assert service.opened(desk, begun.receipt, begun.code) == begun.id
    erasing.erase(desk, made.holder_id, by=BY, at=LATER)
    assert service.opened(desk, begun.receipt, begun.code) is None
