"""Issuing and what happens to cards afterwards: one transaction a change, verifiers told at once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from cards import numbers
from cards.claims import CARD, Form, parse
from cards.parts import Presentation
from cards.status import Status, StatusLists
from cards.verify import Trust, Verified, verify_presentation
from issuer.issuing import issuing, lifecycle
from issuer.issuing.issuing import cards_of, find_card, issue, list_cards, reissue
from issuer.issuing.lifecycle import resume, revoke, suspend
from issuer.register import office_log
from issuer.register.errors import PoolEmpty, RefusedError
from issuer.register.holders import withdraw_ground
from issuer.register.office_log import OfficeAction
from issuer.register.tables import CARDS, STATUS_INDEXES, CardState, IndexState
from keys.jwk import public_jwk
from keys.keyset import Purpose
from keys.signer import FileSigner
from keys.tokens import parse_unverified
from tests.issuer.builders import (
    BY,
    DAY,
    NOON,
    give_ground,
    person,
    print_card,
    published_bundle,
    published_list,
    published_status,
)


def verdict(desk, token, *, at=NOON):
    """What a verifier that trusts the published folder says of a copyable card, its ID checked."""
    bundle = published_bundle(desk, at=at)
    lists = StatusLists(published_list(desk, number, at=at) for number in (0, 1))
    trust = Trust(bundle.key_set(), desk.programme.issuer, desk.programme.audience, lists, bundle.version)
    found = verify_presentation(Presentation(token, None), trust, at, id_checked=True)
    return "verified" if isinstance(found, Verified) else found.reason


def claims(card):
    """Return what a card's token says."""
    return parse(parse_unverified(card.token, CARD).claims)


def actions(desk, holder):
    """Return what the office log tells of a holder, oldest first."""
    with desk.register.read() as connection:
        return [line.action for line in reversed(office_log.newest(connection, 100, holder=holder.id))]


def test_an_issued_card_verifies_and_says_no_more_than_it_must(desk):
    """The token: masked name, tier, ids, status; no full name, number or ground."""
    holder = person(desk, "欧阳明华", ground="gold-6")
    card = print_card(desk, holder)
    said = claims(card)
    assert verdict(desk, card.token) == "verified"
    assert (said.subject, said.card_id, said.tier, said.form, said.name) == (
        holder.id,
        card.id,
        "gold",
        Form.PRINT,
        "欧**华",
    )
    assert (said.issued_at, said.expires_at) == (NOON, card.valid_until)
    assert card.number not in card.token
    assert numbers.check(card.number, "BY") == card.number


def test_a_card_ends_with_its_ground(desk):
    """`exp` is the end of the last day of the contract."""
    card = print_card(desk, person(desk, contract_ends=date(2027, 3, 31)))
    assert card.expires_at.isoformat() == "2027-03-31T16:00:00+00:00"
    assert verdict(desk, card.token) == "verified"


def test_nobody_gets_a_card_without_a_ground_that_holds(desk):
    """No ground, a withdrawn one, one that is over."""
    holder = person(desk, ground=None)
    with pytest.raises(RefusedError, match="no ground"):
        print_card(desk, holder)
    ground = give_ground(desk, holder, contract_ends=date(2026, 11, 1))
    with pytest.raises(RefusedError, match="no ground"):
        print_card(desk, holder)
    with pytest.raises(RefusedError, match="no ground"):
        print_card(desk, holder, at=NOON + DAY)
    withdraw_ground(desk, holder.id, ground.id, by=BY, at=NOON)
    assert cards_of(desk, holder.id) == []


def test_one_live_card_of_a_form(desk):
    """A second printed card is a reissue, which ends the first."""
    holder = person(desk)
    card = print_card(desk, holder)
    with pytest.raises(RefusedError, match="already") as refused:
        print_card(desk, holder)
    assert card.number in refused.value.hint
    revoke(desk, card.id, because="lost", by=BY, at=NOON)
    assert print_card(desk, holder).id != card.id


def test_a_phone_card_is_not_issued_by_hand(desk):
    """Its key is the phone's own: enrolment alone makes one."""
    with pytest.raises(RefusedError, match="enrols"):
        issue(desk, person(desk).id, Form.PHONE, by=BY, at=NOON)


def test_a_chip_card_names_its_key_and_others_none(desk):
    """A chip without a key, a print with one, a key that is none."""
    holder = person(desk)
    jwk = public_jwk(FileSigner.generate().public_key)
    for form, key in ((Form.CHIP, None), (Form.PRINT, jwk), (Form.CHIP, jwk | {"x": "AAAA"}), (Form.CHIP, {})):
        with pytest.raises(RefusedError):
            issue(desk, holder.id, form, key=key, by=BY, at=NOON)
    assert claims(issue(desk, holder.id, Form.CHIP, key=jwk, by=BY, at=NOON)).key == jwk


def test_suspend_resume_and_revoke_are_published_at_once(desk):
    """What verifiers are told follows each change."""
    card = print_card(desk, person(desk))
    assert published_status(desk, card) is Status.VALID
    assert suspend(desk, card.id, because="lost", by=BY, at=NOON).state is CardState.SUSPENDED
    assert (published_status(desk, card), verdict(desk, card.token)) == (Status.SUSPENDED, "suspended")
    assert resume(desk, card.id, by=BY, at=NOON).state is CardState.VALID
    assert verdict(desk, card.token) == "verified"
    revoke(desk, card.id, because="lost", by=BY, at=NOON)
    assert (published_status(desk, card), verdict(desk, card.token)) == (Status.REVOKED, "revoked")


def test_revoked_is_final(desk):
    """No way leads back."""
    card = print_card(desk, person(desk))
    revoke(desk, card.id, because="lost", by=BY, at=NOON)
    for act in (
        lambda: resume(desk, card.id, by=BY, at=NOON),
        lambda: suspend(desk, card.id, because="lost", by=BY, at=NOON),
        lambda: revoke(desk, card.id, because="lost", by=BY, at=NOON),
        lambda: reissue(desk, card.id, because="lost", by=BY, at=NOON),
    ):
        with pytest.raises(RefusedError):
            act()
    assert published_status(desk, card) is Status.REVOKED


def test_what_is_valid_is_not_resumed_nor_suspended_twice(desk):
    """Each change is from another state."""
    card = print_card(desk, person(desk))
    with pytest.raises(RefusedError, match="not suspended"):
        resume(desk, card.id, by=BY, at=NOON)
    suspend(desk, card.id, because="lost", by=BY, at=NOON)
    with pytest.raises(RefusedError, match="already"):
        suspend(desk, card.id, because="lost", by=BY, at=NOON)


def test_a_reissued_card_is_new_in_everything_and_ends_the_old(desk):
    """New id, number, index; same person; the old one revoked for verifiers."""
    holder = person(desk)
    old = print_card(desk, holder)
    new = reissue(desk, old.id, because="damaged", by=BY, at=NOON + DAY)
    assert (new.holder_id, new.tier, new.form) == (old.holder_id, old.tier, old.form)
    assert not {new.id, new.number, (new.status_list, new.status_index)} & {
        old.id,
        old.number,
        (old.status_list, old.status_index),
    }
    ended = find_card(desk, old.number)
    assert (ended.state, ended.replaced_by, ended.ended_because) == (CardState.REPLACED, new.id, "damaged")
    assert verdict(desk, old.token, at=NOON + DAY) == "revoked"
    assert verdict(desk, new.token, at=NOON + DAY) == "verified"
    assert actions(desk, holder)[-2:] == [OfficeAction.CARD_ISSUED, OfficeAction.CARD_REPLACED]


def test_a_suspension_survives_a_reissue(desk):
    """A new piece of plastic is no way around a suspension."""
    card = print_card(desk, person(desk))
    suspend(desk, card.id, because="other", by=BY, at=NOON)
    new = reissue(desk, card.id, because="damaged", by=BY, at=NOON)
    assert (new.state, published_status(desk, new)) == (CardState.SUSPENDED, Status.SUSPENDED)


def test_a_higher_tier_replaces_every_card_of_the_holder(desk):
    """Scenario 6: silver becomes gold; no card goes on showing silver."""
    holder = person(desk, ground="silver-6")
    printed = print_card(desk, holder)
    chip = issue(desk, holder.id, Form.CHIP, key=public_jwk(FileSigner.generate().public_key), by=BY, at=NOON)
    give_ground(desk, holder, "gold-6", at=NOON)
    gold = reissue(desk, printed.id, because="tier-change", by=BY, at=NOON + DAY)
    live = [card for card in cards_of(desk, holder.id) if card.state.live]
    assert {(card.form, card.tier) for card in live} == {(Form.PRINT, "gold"), (Form.CHIP, "gold")}
    assert claims(gold).subject == claims(printed).subject
    assert verdict(desk, printed.token, at=NOON + DAY) == "revoked"
    assert published_status(desk, chip, at=NOON + DAY) is Status.REVOKED
    assert next(card for card in live if card.form is Form.CHIP).key == chip.key


def test_a_card_of_another_form_brings_the_others_along(desk):
    """Issued after a tier change, a tag replaces the printed card's tier too."""
    holder = person(desk, ground="silver-6")
    printed = print_card(desk, holder)
    give_ground(desk, holder, "diamond-11")
    issue(desk, holder.id, Form.TAG, by=BY, at=NOON)
    live = [card for card in cards_of(desk, holder.id) if card.state.live]
    assert {card.tier for card in live} == {"diamond"}
    assert find_card(desk, printed.id).ended_because == "tier-change"


def test_a_downgrade_is_a_new_card_too(desk):
    """When the better ground is withdrawn, the reissued card has the lesser tier."""
    holder = person(desk, ground="silver-6")
    gold = give_ground(desk, holder, "gold-6")
    card = print_card(desk, holder)
    withdraw_ground(desk, holder.id, gold.id, by=BY, at=NOON)
    assert (card.tier, reissue(desk, card.id, because="not-entitled", by=BY, at=NOON).tier) == ("gold", "silver")


def test_a_lost_chip_is_not_reissued_with_its_key(desk):
    """Whoever found it must not get the successor."""
    jwk = public_jwk(FileSigner.generate().public_key)
    chip = issue(desk, person(desk).id, Form.CHIP, key=jwk, by=BY, at=NOON)
    for because in ("lost", "stolen"):
        with pytest.raises(RefusedError, match="not carried on"):
            reissue(desk, chip.id, because=because, by=BY, at=NOON)


def test_cards_are_found_by_number_as_people_type_it(desk):
    """Spaces, small letters and full width are forgiven; other numbers name no card."""
    card = print_card(desk, person(desk))
    typed = numbers.spaced(card.number).lower()
    assert find_card(desk, typed) == find_card(desk, card.id) == card
    assert list_cards(desk) == [card]
    for wrong in ("BY000000000098", "", "x" * 22, card.number[:-1] + "9"):
        if wrong != card.number:
            with pytest.raises(RefusedError, match="no such card"):
                find_card(desk, wrong)


def test_a_failure_after_the_index_was_drawn_undoes_everything(desk, monkeypatch):
    """No card, no line, and the index is free again."""
    holder = person(desk)

    def broken(*_args, **_rest):
        raise RuntimeError("the signer is gone")

    with monkeypatch.context() as patched:
        patched.setattr(issuing, "sign_card", broken)
        with pytest.raises(RuntimeError):
            print_card(desk, holder)
    assert cards_of(desk, holder.id) == []
    assert OfficeAction.CARD_ISSUED not in actions(desk, holder)
    with desk.register.read() as connection:
        taken = sa.select(STATUS_INDEXES).where(STATUS_INDEXES.c.state == IndexState.ASSIGNED)
        assert connection.execute(taken).all() == []


def test_a_failed_publication_does_not_undo_a_revocation(desk, monkeypatch):
    """Failed but persisted: the card is revoked in the register, and the next publication tells."""
    card = print_card(desk, person(desk))

    def full(*_args):
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(lifecycle, "after_change", full)
        with pytest.raises(OSError, match="full"):
            revoke(desk, card.id, because="lost", by=BY, at=NOON)
    assert published_status(desk, card) is Status.VALID
    print_card(desk, person(desk))
    assert published_status(desk, card) is Status.REVOKED


@pytest.mark.slow
def test_a_quiet_desk_publishes_nothing_and_stops_when_the_pool_is_used_up(desk):
    """Batches publish once; an index that verifiers have not seen is never given out."""
    quiet = desk.quiet()
    cards = [print_card(quiet, person(quiet)) for _ in range(desk.pool_size)]
    holder = person(quiet)
    with pytest.raises(PoolEmpty):
        print_card(quiet, holder)
    assert len({(card.status_list, card.status_index) for card in cards}) == desk.pool_size
    assert all(published_status(desk, card) is Status.VALID for card in cards)
    assert print_card(desk, holder)


def test_two_offices_at_once_never_share_an_index_or_a_number(desk):
    """Parallel issuing: every card its own index and number; one card of a form a holder."""
    desk = replace(desk, pool_size=40)
    holders = [person(desk) for _ in range(6)]

    def attempt(holder):
        try:
            return print_card(desk, holder)
        except RefusedError:
            return None

    with ThreadPoolExecutor(6) as pool:
        made = [card for card in pool.map(attempt, holders * 2) if card]
    assert Counter(card.holder_id for card in made) == Counter(holder.id for holder in holders)
    assert len({(card.status_list, card.status_index) for card in made}) == len(holders)
    assert len({card.number for card in made}) == len(holders)


def test_two_cards_on_one_index_are_refused_by_the_register(desk):
    """Whatever the code above does, the table keeps a second card off an index."""
    one, two = print_card(desk, person(desk)), print_card(desk, person(desk))
    same = {"list": one.status_list, "index": one.status_index, "state": "assigned", "card_id": "another"}
    with pytest.raises(sa.exc.IntegrityError), desk.register.change() as connection:
        connection.execute(STATUS_INDEXES.insert().values(same))
    taken = STATUS_INDEXES.update().where(STATUS_INDEXES.c.card_id == two.id).values(card_id=one.id)
    with pytest.raises(sa.exc.IntegrityError), desk.register.change() as connection:
        connection.execute(taken)


def test_a_card_minted_unseen_is_dead(desk):
    """Who steals the card key and mints a card on an index of a guess finds it published as revoked."""
    card = print_card(desk, person(desk))
    with desk.register.read() as connection:
        known = {row.index for row in connection.execute(sa.select(STATUS_INDEXES))}
    unseen = next(index for index in range(131_072) if index not in known)
    forged = replace(claims(card), status_index=unseen, card_id="A" * 22)
    token = issuing.sign_card(desk.keys.signer(Purpose.CARD, NOON), forged)
    assert verdict(desk, token) == "revoked"


def test_times_are_whole_seconds(desk):
    """What is stored is what the token says, to the second."""
    card = print_card(desk, person(desk), at=NOON + timedelta(microseconds=999_999))
    assert card.issued_at == claims(card).issued_at == NOON
    with desk.register.read() as connection:
        row = connection.execute(sa.select(CARDS).where(CARDS.c.id == card.id)).one()
    assert row.expires_at == claims(card).expires_at
