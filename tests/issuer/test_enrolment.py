"""A phone is enrolled by its code, and others try to be."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from cards.claims import CARD, parse
from cards.status import Status
from issuer.api import wallet as wallet_api
from issuer.enrolment import enrolling as enrolment
from issuer.enrolment.enrolling import ACTIVATIONS_MOST, ATTEMPTS_MOST
from issuer.register.errors import RefusedError
from issuer.register.holders import withdraw_ground
from issuer.register.tables import ENROLMENT_CODES
from keys.signer import FileSigner
from keys.tokens import parse_unverified
from tests.issuer.builders import (
    BY,
    NOON,
    give_ground,
    person,
    print_card,
    published_status,
    resident_id,
)
from tests.issuer.wallet_office import LAST4, REFUSED, code_of, verdict

# ---- enrolment ------------------------------------------------------------------------------------------------------


def test_a_phone_enrols_and_shows_a_code_that_a_counter_takes(office):
    """Code, last four, new key: a card bound to the key, a recovery code, and a QR with a fresh proof."""
    phone = office.phone()
    answer = phone.enrol(office.code(), LAST4.lower())
    assert answer.status_code == 201
    said = parse(parse_unverified(answer.json["card"], CARD).claims)
    assert (said.subject, dict(said.key), said.form) == (office.holder.id, phone.jwk, "phone")
    assert said.expires_at == NOON + timedelta(days=30)
    assert answer.json["refresh_from"] == "2026-11-09T04:00:00Z"
    assert answer.json["audience"] == office.desk.programme.audience
    assert verdict(office, phone) == "verified"


def test_the_answer_is_kept_by_no_cache(office):
    """It holds a card and a recovery code."""
    assert office.phone().enrol(office.code(), LAST4).headers["Cache-Control"] == "no-store"


def test_a_code_works_once(office):
    """A second phone with the same code gets nothing and hears so, and the first stays."""
    code = office.code()
    first, second = office.phone(), office.phone()
    first.enrol(code, LAST4)
    assert code_of(second.enrol(code, LAST4)) == (403, "enrolment-used")
    assert [dict(card.key) for card in office.live()] == [first.jwk]


def test_a_code_raced_by_many_phones_gives_one_card(office):
    """Twenty phones at once: one wins."""
    code = office.code()
    phones = [office.phone() for _ in range(12)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda phone: phone.enrol(code, LAST4).status_code, phones))
    assert sorted(answers) == [201] + [403] * 11
    assert len(office.live()) == 1


def test_a_phone_whose_answer_was_lost_may_ask_again(office):
    """Same code, same key, soon: the same card and a new recovery code; the older recovery code is dead."""
    code, phone = office.code(), office.phone()
    first = phone.enrol(code, LAST4).json
    office.clock.advance(timedelta(minutes=9))
    again = phone.enrol(code, LAST4).json
    assert (again["card"], len(office.live())) == (first["card"], 1)
    assert again["recovery_code"] != first["recovery_code"]
    body = {"number": first["number"], "recovery_code": first["recovery_code"]}
    assert phone.client.post("/v1/wallet/block", json=body).status_code == 403
    office.clock.advance(timedelta(minutes=2))
    assert code_of(phone.enrol(code, LAST4)) == (403, "enrolment-used")


def test_a_new_phone_ends_the_old_ones_card(office):
    """One phone a holder: the old QR is revoked, its refresh too."""
    old, new = office.enrolled(), office.enrolled()
    assert (verdict(office, old), verdict(office, new)) == ("revoked", "verified")
    answer = old.refresh()
    assert (code_of(answer), answer.json["reason"]) == ((403, "card-not-valid"), "moved")


@pytest.mark.parametrize("wrong", ["0000", "12345678", "００００"])
def test_wrong_last_four_are_counted_and_cancel_the_code(office, wrong):
    """Five guesses; then even the right ones do not help."""
    code, phone = office.code(), office.phone()
    for _ in range(ATTEMPTS_MOST):
        assert code_of(phone.enrol(code, wrong)) == REFUSED
    assert code_of(phone.enrol(code, LAST4)) == REFUSED
    with office.desk.register.read() as connection:
        row = connection.execute(sa.select(ENROLMENT_CODES)).one()
    assert (row.attempts, row.cancelled_at) == (ATTEMPTS_MOST, NOON)


def test_four_guesses_do_not_cost_the_code(office):
    """Somebody who mistypes is not locked out."""
    code, phone = office.code(), office.phone()
    for _ in range(ATTEMPTS_MOST - 1):
        phone.enrol(code, "0000")
    assert phone.enrol(code, LAST4).status_code == 201


def test_refusals_of_a_code_are_all_alike_until_the_id_is_proved(office):
    """Unknown, used, expired, cancelled or guessed: one answer, byte for byte but for its id."""
    phone = office.phone()
    used, cancelled, expired = office.code(), office.code(), office.code()
    answers = [phone.enrol(cancelled, "0000"), phone.enrol("0000-0000-0000-0000", LAST4)]
    office.clock.advance(timedelta(days=7))
    answers += [phone.enrol(expired, "0000"), phone.enrol(used, "0000"), phone.enrol(office.code(), "9999")]
    bodies = [{key: value for key, value in answer.json.items() if key != "instance"} for answer in answers]
    assert {code_of(answer) for answer in answers} == {REFUSED}
    assert all(body == bodies[0] for body in bodies)


def test_who_proved_code_and_id_is_told_what_is_so_and_whom_to_call(office):
    """A newer code was made; the code is over: neither blames the code or the digits, and both name a telephone."""
    older, phone = office.code(), office.phone()
    newer = office.code()
    replaced = phone.enrol(older, LAST4)
    assert code_of(replaced) == (403, "enrolment-replaced")
    assert "最近" in replaced.json["message"]["zh"]
    assert replaced.json["call"]["phone"] == "35912660"
    office.clock.advance(timedelta(days=7))
    assert code_of(phone.enrol(newer, LAST4)) == (403, "enrolment-over")


def test_a_code_that_is_no_good_any_more_is_guessed_at_no_oftener(office):
    """Used, replaced or over: after five wrong guesses the right characters are told nothing either."""
    used, phone = office.code(), office.phone()
    phone.enrol(used, LAST4)
    for _ in range(ATTEMPTS_MOST):
        assert code_of(office.phone().enrol(used, "0000")) == REFUSED
    assert code_of(office.phone().enrol(used, LAST4)) == REFUSED


def test_the_same_phone_enrolled_again_is_no_further_phone(office):
    """Its browser shows the mark that it was given; another browser counts, and so does a mark that is none."""
    phone = office.phone()
    for _ in range(ACTIVATIONS_MOST + 2):
        answer = phone.enrol(office.code(), LAST4)
        assert answer.status_code == 201
        phone.signer = FileSigner.generate()  # the key was lost with what the page kept
        office.clock.advance(timedelta(minutes=5))
    assert "yunju_phone=" in answer.headers["Set-Cookie"]
    assert "HttpOnly" not in answer.headers["Set-Cookie"]
    for _ in range(ACTIVATIONS_MOST - 1):
        office.enrolled()
        office.clock.advance(timedelta(minutes=5))
    with pytest.raises(RefusedError, match="within a year"):
        office.code()


def test_a_code_lives_seven_days(office):
    """To the second."""
    code = office.code()
    office.clock.advance(timedelta(days=7) - timedelta(seconds=1))
    assert office.phone().enrol(code, LAST4).status_code == 201


def test_a_code_is_forgiven_spaces_case_and_read_alikes(office):
    """As somebody types it from a letter."""
    typed = office.code().replace("-", " ").lower().replace("0", "o").replace("1", "l")
    assert office.phone().enrol(typed, LAST4).status_code == 201


def test_codes_are_kept_as_hashes(office, tmp_path):
    """Neither enrolment nor recovery codes stand in the register's file."""
    code = office.code()
    phone = office.phone()
    phone.enrol(code, LAST4)
    content = b"".join(path.read_bytes() for path in tmp_path.glob("register.db*"))
    for secret in (code, phone.recovery_code):
        assert secret.encode() not in content
        assert secret.replace("-", "").encode() not in content


def test_a_holder_enrols_few_phones_a_year(office):
    """The sixth is the last; the office is told why."""
    for _ in range(ACTIVATIONS_MOST):
        office.enrolled()
        office.clock.advance(timedelta(minutes=5))
    with pytest.raises(RefusedError, match="within a year"):
        office.code()
    office.clock.advance(timedelta(days=365))
    assert office.code()


def test_another_holders_key_is_not_taken(office):
    """One key is one person's: two holders cannot share a phone's key."""
    phone = office.enrolled()
    other = person(office.desk, "王芸", number=resident_id(sequence=77))
    answer = phone.enrol(office.code(other), resident_id(sequence=77)[-4:])
    assert code_of(answer) == REFUSED


def test_a_holder_who_lost_the_ground_does_not_enrol(office):
    """Between the code and the phone the ground was withdrawn."""
    code = office.code()
    withdraw_ground(office.desk, office.holder.id, 1, by=BY, at=NOON)
    answer = office.phone().enrol(code, LAST4)
    assert code_of(answer) == (403, "enrolment-not-entitled")
    assert "资格已变更" in answer.json["message"]["zh"]
    assert answer.json["call"]["phone"] == "35912660"
    with pytest.raises(RefusedError, match="no ground"):
        office.code()


def test_enrolling_brings_other_cards_to_the_tier(office):
    """A printed silver card is replaced when the phone enrols as gold."""
    printed = print_card(office.desk, office.holder)
    give_ground(office.desk, office.holder, "gold-6")
    office.enrolled()
    assert {(card.form, card.tier) for card in office.live()} == {("phone", "gold"), ("print", "gold")}
    assert published_status(office.desk, printed) is Status.REVOKED


def test_a_crash_in_enrolment_leaves_the_code_unused(office, monkeypatch):
    """Not persisted: neither card nor use of the code, and the old phone's card stands."""
    old, code = office.enrolled(), office.code()

    def broken(*_args):
        raise RuntimeError("the power is gone")

    with monkeypatch.context() as patched:
        patched.setattr(enrolment, "_new_recovery", broken)
        assert office.phone().enrol(code, LAST4).status_code == 500
    assert verdict(office, old) == "verified"
    assert office.phone().enrol(code, LAST4).status_code == 201
    assert verdict(office, old) == "revoked"


def test_a_failed_publication_does_not_take_the_card_back(office, monkeypatch, caplog):
    """Failed but persisted: the phone has its card; the log tells the operator; the next publication repairs."""
    old, code, new = office.enrolled(), office.code(), office.phone()

    def full(*_args):
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(wallet_api, "publish", full)
        assert new.enrol(code, LAST4).status_code == 201
    assert "publication failed" in caplog.text
    assert verdict(office, old) == "verified"
    print_card(office.desk, person(office.desk))
    assert verdict(office, old) == "revoked"
