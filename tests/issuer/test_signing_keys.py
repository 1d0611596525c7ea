"""Keys as the office keeps them: rotation nobody notices, a compromised key out at once with its cards listed."""

from datetime import timedelta

import pytest

from cards.claims import CARD as CARD_FORM
from cards.claims import Form
from cards.promise import origin_of
from edge.strictjson import loads
from issuer.enrolment import phone
from issuer.enrolment.enrolling import Enrolment, enrol, make_code
from issuer.issuing import signing_keys
from issuer.issuing.issuing import cards_of, issue, reissue
from issuer.publishing import office_checkpoint
from issuer.publishing.folder import BUNDLE_FILE, ROOT_FILE
from issuer.publishing.publish import publish
from issuer.register import office_log
from issuer.register.errors import RefusedError
from issuer.register.office_log import OfficeAction
from keys.bundle import BundleError, verify_bundle
from keys.errors import TokenError
from keys.jwk import public_jwk, thumbprint
from keys.keyset import Purpose
from keys.signer import FileSigner
from keys.tokens import verify_with_keys
from tests.issuer.builders import BY, DAY, NOON, person, print_card, published_bundle

CARD = Purpose.CARD


def holds(desk, card, at):
    """Whether a verifier with the published bundle takes a card's token."""
    try:
        verify_with_keys(card.token, CARD_FORM, published_bundle(desk, at=at).key_set(), CARD, at)
    except TokenError:
        return False
    return True


def doing(desk, at):
    """What each card key does, by id."""
    return {line.kid: line.doing for line in signing_keys.key_lines(desk, at) if line.purpose is CARD}


def test_a_rotation_overlaps_and_no_card_is_refused(desk):
    """Published first, signing three days later; cards of both keys hold; the act stands in the log."""
    old = print_card(desk, person(desk))
    (first,) = doing(desk, NOON)
    made = signing_keys.rotate(desk, CARD, by=BY, at=NOON)
    assert doing(desk, NOON) == {first: "signs", made.kid: "waits"}
    assert made.kid in {key.kid for key in published_bundle(desk).keys}
    with pytest.raises(RefusedError, match="already waiting"):
        signing_keys.rotate(desk, CARD, by=BY, at=NOON)
    later = made.signs_from + DAY
    publish(desk, later)
    new = print_card(desk, person(desk, at=later), at=later)
    assert doing(desk, later) == {first: "verifies", made.kid: "signs"}
    assert (signing_keys.signing_key_id(old), signing_keys.signing_key_id(new)) == (first, made.kid)
    assert holds(desk, old, later)
    assert holds(desk, new, later)
    with desk.register.read() as connection:
        assert office_log.newest(connection, 1, action="key-rotated")[0].detail == {"purpose": "card", "kid": made.kid}


def test_a_compromised_key_leaves_at_once_and_its_cards_are_listed(desk):
    """The successor signs at once, verifiers refuse the old key, each live card of it is named until it is reissued."""
    old = print_card(desk, person(desk))
    (first,) = doing(desk, NOON)
    done = signing_keys.drop(desk, first, by=BY, at=NOON)
    assert (done.cards, done.successor.kid != first) == (1, True)
    assert doing(desk, NOON) == {first: "compromised", done.successor.kid: "signs"}
    assert not holds(desk, old, NOON)
    assert [card.id for card in signing_keys.cards_of_key(desk, first)] == [old.id]
    new = reissue(desk, old.id, because="other", by=BY, at=NOON)
    assert holds(desk, new, NOON)
    assert list(signing_keys.cards_of_key(desk, first)) == []
    for again in (first, "none"):
        with pytest.raises(RefusedError):
            signing_keys.drop(desk, again, by=BY, at=NOON)
    with desk.register.read() as connection:
        assert office_log.newest(connection, 9, action=OfficeAction.KEY_COMPROMISED.value)[0].detail["kid"] == first


def test_a_phone_fetches_its_card_anew_at_once_after_its_key_was_dropped(desk):
    """It does not wait for its seventh day with a card that every counter refuses."""
    holder = person(desk)
    code = make_code(desk, holder.id, by=BY, at=NOON).code
    key = public_jwk(FileSigner.generate().public_key)
    card = enrol(desk, Enrolment(code, holder.identity.last_four, key), by="wallet", at=NOON).card
    later = NOON + timedelta(hours=1)
    assert not phone.refresh(desk, card.id, by="wallet", at=later).anew
    signing_keys.drop(desk, signing_keys.signing_key_id(card), by=BY, at=later)
    assert not holds(desk, card, later)
    fresh = phone.refresh(desk, card.id, by="wallet", at=later)
    assert fresh.anew
    assert holds(desk, fresh.card, later)
    assert cards_of(desk, holder.id)[0].id == card.id


def test_a_key_that_ends_soon_is_said_to_need_a_successor(desk):
    """Thirty days before its last signature, until a successor waits."""
    (line,) = [line for line in signing_keys.key_lines(desk, NOON) if line.purpose is CARD]
    soon = line.key.signs_until - timedelta(days=20)
    due = [one for one in signing_keys.key_lines(desk, soon) if one.purpose is CARD]
    assert (line.due, [one.due for one in due]) == (False, [True])
    signing_keys.rotate(desk, CARD, by=BY, at=soon)
    assert not any(one.due for one in signing_keys.key_lines(desk, soon) if one.purpose is CARD)


class Pinned:
    """A verifier that pinned the first root and looks at the folder every so many months; it never goes back."""

    def __init__(self, desk, every):
        self.desk, self.every = desk, every
        self.pin, self.version, self.keys, self.seen = thumbprint(_root(desk)), 0, None, set()

    def look(self, at):
        """Take the published bundle under the pinned root, and pin what the bundle says to pin next."""
        text = (self.desk.published / BUNDLE_FILE).read_text()
        bundle = verify_bundle(text, self.pin, at, seen_version=self.version)
        self.version, self.keys, self.pin = bundle.version, bundle.key_set(), bundle.pin_after(self.pin)
        self.seen.add(self.pin)

    def takes(self, card, at):
        """Whether the bundle that was kept last takes a card's token."""
        try:
            verify_with_keys(card.token, CARD_FORM, self.keys, CARD, at)
        except TokenError:
            return False
        return True


def _root(desk):
    return loads((desk.published / ROOT_FILE).read_bytes())


@pytest.mark.slow
def test_two_years_pass_without_a_refused_card(desk):
    """Month by month: keys rotated when due, bundles renewed, the root rolled over; no verifier refuses any card.

    One verifier looks each month, another each second month, as a counter does that was shut for long.
    """
    card_keys, held, first_root = set(), [], thumbprint(_root(desk))
    verifiers = [Pinned(desk, 1), Pinned(desk, 2)]
    for month in range(25):
        at = NOON + timedelta(days=30 * month)
        for line in signing_keys.key_lines(desk, at):
            if line.due:
                signing_keys.rotate(desk, line.purpose, by=BY, at=at)
        if month == 6:
            signing_keys.rotate(desk, Purpose.ROOT, by=BY, at=at)
        publish(desk, at)
        holder = person(desk, ground="silver-6", at=at)
        held.append(issue(desk, holder.id, Form.PRINT, by=BY, at=at))
        card_keys.add(signing_keys.signing_key_id(held[-1]))
        for verifier in verifiers:
            if month % verifier.every == 0:
                verifier.look(at)
                assert all(verifier.takes(card, at) for card in held)
    assert len(card_keys) >= 2
    assert published_bundle(desk, at=at).version > 8
    assert [len(verifier.seen) for verifier in verifiers] == [2, 2]
    assert {verifier.pin for verifier in verifiers} == {thumbprint(_root(desk))}
    with pytest.raises(BundleError, match="pinned root"):
        verify_bundle((desk.published / BUNDLE_FILE).read_text(), first_root, at)


def test_the_keys_of_checkpoints_are_told_with_what_an_auditor_pins(desk):
    """Each by its log and its public half; one that another machine keeps, or that does not open, is said to be so."""
    publish(desk, NOON)
    usage, office = signing_keys.note_lines(desk)
    assert (usage.log, usage.key) == ("log", None)
    assert office.key.vkey == office_checkpoint.note_key(desk).vkey
    assert office.origin == office_checkpoint.origin(desk)
    assert not office.in_module
    made = desk.keys.note_signer("log")
    usage, _ = signing_keys.note_lines(desk)
    assert (usage.key.name, usage.key.public) == (origin_of(desk.programme.issuer), made.public)
    next(desk.keys._folder.glob("note-log.pem")).write_bytes(b"no key")
    usage, office = signing_keys.note_lines(desk)
    assert usage.key is None
    assert usage.fault
    assert office.key is not None
