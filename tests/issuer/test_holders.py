"""Holders: one person once, names as written, grounds as the programme asks."""

from datetime import date

import pytest

from cards.marks import Mark, MarkKind
from issuer.issuing.issuing import reissue
from issuer.issuing.lifecycle import revoke
from issuer.register.errors import RefusedError
from issuer.register.holders import (
    NewGround,
    NewHolder,
    add_ground,
    add_holder,
    correct_holder,
    find_by_identity,
    find_holder,
    grounds_of,
    list_holders,
    set_photo,
    withdraw_ground,
)
from issuer.register.identity import IdType
from issuer.register.marks import mark_ended, marks_of, rule, set_benefit
from issuer.register.office_log import OfficeAction, newest
from tests.issuer.builders import BY, EXAMPLE, NOON, give_ground, identity, make_desk, person, photo, print_card


def add(desk, name="张启明", who=None, phone=None):
    """Register a person without a ground."""
    return add_holder(desk, NewHolder(name, who or identity(), phone), by=BY, at=NOON)


@pytest.mark.parametrize(
    ("first", "second", "kind", "country"),
    [
        ("11010519491231002X", "110105 1949 1231 002x", IdType.RESIDENT_ID, None),
        ("H1234567800", "h12345678", IdType.HK_MACAO_PERMIT, None),
        ("1234567801A", "12345678", IdType.TAIWAN_PERMIT, None),
        ("C01X00T47", "c01x 00t47", IdType.PASSPORT, "DEU"),
    ],
)
def test_one_person_is_registered_once_however_the_number_is_written(desk, first, second, kind, country):
    """A second registration under another spelling is refused and names the first."""
    holder = add(desk, who=identity(first, kind, country))
    with pytest.raises(RefusedError, match="registered already") as refused:
        add(desk, who=identity(second, kind, country))
    assert holder.id in refused.value.hint
    assert find_by_identity(desk, identity(second, kind, country)) == holder


def test_equal_numbers_of_different_documents_are_different_people(desk):
    """A passport of one state is not that of another; an unknown identity finds nobody."""
    add(desk, who=identity("C01X00T47", IdType.PASSPORT, "DEU"))
    assert add(desk, who=identity("C01X00T47", IdType.PASSPORT, "FRA"))
    assert find_by_identity(desk, identity("C01X00T47", IdType.PASSPORT, "ITA")) is None


def test_a_name_is_kept_in_one_spelling_and_masked_for_cards(desk):
    """Spaces are mended, composed letters composed; the masked name is the token's."""
    holder = add(desk, "  José   Nun\u0303ez ")
    assert (holder.name, holder.masked_name) == ("José Nuñez", "J*** N****")
    assert find_holder(desk, holder.id) == holder
    assert "José" not in repr(holder)


def test_radicals_that_look_like_characters_are_kept_as_these(desk):
    """What a PDF or a scan gave: found by the name as people type it, and compared with it."""
    holder = add(desk, "⻰⼩⺠")
    assert (holder.name, holder.masked_name) == ("龙小民", "龙*民")


@pytest.mark.parametrize("name", ["", "   ", "a" * 61, "\ufdd0", "王\u202e芸", "王\n\x00芸", "王*", "a~b", "\ud800"])
def test_names_that_are_none_are_refused(desk, name):
    """Empty, too long, with control characters, or with signs that mean something elsewhere."""
    with pytest.raises(RefusedError):
        add(desk, name)


def test_a_mistyped_name_is_corrected_and_the_next_card_shows_it(desk):
    """The identity stays registered once; the log tells which fields, not what stood in them."""
    holder = person(desk, "王云")
    old = print_card(desk, holder)
    found = correct_holder(desk, holder.id, name="王芸", phone="", by=BY, at=NOON)
    assert (found.name, found.phone, found.identity) == ("王芸", None, holder.identity)
    assert reissue(desk, old.id, because="correction", by=BY, at=NOON).token != old.token
    with desk.register.read() as connection:
        line = next(each for each in newest(connection, 9) if each.action is OfficeAction.HOLDER_CORRECTED)
    assert line.detail == {"fields": ["name", "phone"]}
    for wrong in ({}, {"name": ""}, {"phone": "x"}):
        with pytest.raises(RefusedError):
            correct_holder(desk, holder.id, by=BY, at=NOON, **wrong)


def test_rare_characters_of_names_are_kept(desk):
    """Characters beyond the basic plane, newer than this Python's tables, and a middle dot are part of names."""
    for name in ("王𬭎", "䶮㛃", "李\U0002ebf0", "李\U00031350", "阿卜杜·买买提", "Ní Bhriain"):
        assert find_holder(desk, add(desk, name).id).name == name


@pytest.mark.parametrize(
    ("written", "kept"), [("+49 170 1234567", "+491701234567"), ("020-8636 0913", "02086360913"), (" ", None)]
)
def test_telephones_are_kept_as_digits(desk, written, kept):
    """Separators go; an empty one is none."""
    assert add(desk, phone=written).phone == kept


def test_a_telephone_that_is_none_is_refused(desk):
    """Words are no number."""
    with pytest.raises(RefusedError):
        add(desk, phone="call me")


def test_holders_are_listed_in_pages(desk):
    """In the order of their ids, each once."""
    made = sorted(add(desk).id for _ in range(5))
    first = list_holders(desk, limit=3)
    rest = list_holders(desk, after=first[-1].id)
    assert [holder.id for holder in first + rest] == made


def test_an_unknown_holder_is_refused(desk):
    """Reading, grounds and photos of nobody."""
    for act in (
        lambda: find_holder(desk, "x"),
        lambda: give_ground(desk, type("Nobody", (), {"id": "x"})),
        lambda: set_photo(desk, "x", photo(), by=BY, at=NOON),
    ):
        with pytest.raises(RefusedError, match="no such holder"):
            act()


def test_a_bad_photo_is_refused_with_what_is_asked_for(desk):
    """The hint is the programme's own sentence."""
    with pytest.raises(RefusedError) as refused:
        set_photo(desk, person(desk).id, photo(10, 10), by=BY, at=NOON)
    assert "358" in refused.value.hint


def test_a_ground_fixes_its_tier(desk):
    """The tier is the programme's, not the clerk's."""
    holder = person(desk, ground=None)
    assert give_ground(desk, holder, "gold-6").tier == "gold"
    with pytest.raises(RefusedError, match="fixes its tier"):
        give_ground(desk, holder, "silver-6", tier="diamond")


def test_special_takes_its_tier_from_a_decision_with_reference_and_body(desk):
    """No tier, no reference or no body: no ground."""
    holder = person(desk, ground=None)
    told = {"tier": "gold", "reference": "白才〔2026〕3号", "body": "区人才工作领导小组"}
    assert give_ground(desk, holder, "special", **told).tier == "gold"
    for missing in told:
        with pytest.raises(RefusedError, match="decision"):
            give_ground(desk, holder, "special", **{key: value for key, value in told.items() if key != missing})
    with pytest.raises(RefusedError, match="no such tier"):
        give_ground(desk, holder, "special", **(told | {"tier": "platinum"}))


def test_unknown_grounds_and_limbs_are_refused(desk):
    """Codes are the programme's."""
    holder = person(desk, ground=None)
    for code, limb in (("gold-99", None), ("gold-6", "no-such-limb")):
        with pytest.raises(RefusedError, match="no such"):
            give_ground(desk, holder, code, limb=limb)


def test_a_ground_that_ends_by_itself_needs_its_last_day(desk):
    """Time-bound grounds are looked at again: without a day nobody would."""
    holder = person(desk, ground=None)
    timed = next(ground.code for ground in desk.programme.grounds.values() if ground.basis_ends)
    with pytest.raises(RefusedError, match="ends by itself"):
        give_ground(desk, holder, timed)
    assert give_ground(desk, holder, timed, basis_ends=date(2027, 6, 30)).last_day == date(2027, 6, 30)


def test_all_grounds_are_kept_withdrawn_ones_too(desk):
    """History stays; a ground is withdrawn once."""
    holder = person(desk, ground="silver-6")
    gold = give_ground(desk, holder, "gold-6")
    withdraw_ground(desk, holder.id, gold.id, by=BY, at=NOON)
    assert [(ground.code, ground.withdrawn_at) for ground in grounds_of(desk, holder.id)] == [
        ("silver-6", None),
        ("gold-6", NOON),
    ]
    with pytest.raises(RefusedError):
        withdraw_ground(desk, holder.id, gold.id, by=BY, at=NOON)


def test_a_ground_raises_the_benefits_that_await_a_ruling(desk):
    """Ground diamond-2 brings up the State Council allowance: a mark for verifiers."""
    holder = person(desk, ground="diamond-2")
    give_ground(desk, holder, "diamond-2")
    raised = desk.programme.grounds["diamond-2"].raises
    with desk.register.read() as connection:
        assert marks_of(connection, holder.id) == [Mark(holder.id, MarkKind.BENEFIT, each) for each in sorted(raised)]
    assert raised


def test_a_ruling_replaces_the_one_before(desk):
    """One ruling a benefit; unknown benefits are refused."""
    holder = person(desk)
    set_benefit(desk, holder.id, "other-medical", by=BY, at=NOON)
    rule(desk, holder.id, "other-medical", granted=True, by=BY, at=NOON)
    rule(desk, holder.id, "other-medical", granted=False, by=BY, at=NOON)
    with desk.register.read() as connection:
        values = [mark.value for mark in marks_of(connection, holder.id)]
    assert values == ["other-medical", "other-medical:refused"]
    with pytest.raises(RefusedError):
        set_benefit(desk, holder.id, "no-such", by=BY, at=NOON)


def test_another_programme_needs_no_code(tmp_path):
    """The small programme's own grounds and photo size."""
    desk = make_desk(tmp_path, path=EXAMPLE)
    code = next(code for code, ground in desk.programme.grounds.items() if ground.tier and not ground.basis_ends)
    holder = add_holder(desk, NewHolder("Aoife Ní Bhriain", identity()), by=BY, at=NOON)
    assert add_ground(desk, holder.id, NewGround(code), by=BY, at=NOON).tier in desk.programme.tiers
    set_photo(desk, holder.id, photo(600, 800), by=BY, at=NOON)
    desk.close()


def test_a_refused_renewal_is_one_mark_of_its_last_day(desk):
    """Verifiers release what was booked until then; refused again later, the later day counts."""
    holder = person(desk)
    with desk.register.change() as connection:
        for day in (date(2026, 11, 12), date(2027, 1, 5)):
            mark_ended(connection, holder.id, day, by=BY, at=NOON)
        assert marks_of(connection, holder.id) == [Mark(holder.id, MarkKind.ENDED, "2027-01-05")]


@pytest.mark.parametrize(("because", "told"), [("not-entitled", 1), ("lost", 0)])
def test_a_card_ended_for_want_of_a_ground_tells_verifiers_so(desk, because, told):
    """A lost card's bookings wait for its successor; who is not entitled any more has none coming."""
    holder = person(desk)
    revoke(desk, print_card(desk, holder).id, because=because, by=BY, at=NOON)
    with desk.register.read() as connection:
        ended = [mark.value for mark in marks_of(connection, holder.id) if mark.kind is MarkKind.ENDED]
    assert ended == ["2026-11-02"] * told
