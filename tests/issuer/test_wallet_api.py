"""The wallet's calls as a phone makes them, and as others try to."""

import json
import random
import time
from collections import Counter
from datetime import timedelta

import pytest

from accounts.attempts import SIGN_IN
from accounts.security import SecurityKind
from accounts.store import AccountStore
from cards import numbers
from cards.claims import CARD, Form, parse
from cards.proof import sign_proof
from cards.status import Status
from edge.encoding import b64u
from edge.http import create_frame
from edge.openapi import document
from issuer.api.wallet import blueprint
from issuer.issuing import lifecycle
from issuer.issuing.issuing import cards_of, find_card, issue, reissue
from issuer.register.holders import withdraw_ground
from issuer.register.tables import CardState
from keys.jwk import thumbprint
from keys.signer import FileSigner
from keys.tokens import parse_unverified
from tests.issuer.builders import (
    BY,
    DAY,
    NOON,
    give_ground,
    person,
    print_card,
    published_status,
    resident_id,
)
from tests.issuer.wallet_office import BAD_PROOF, BAD_TOKEN, LAST4, REFUSED, code_of, verdict

# ---- the proof of a call --------------------------------------------------------------------------------------------


def test_an_enrolment_is_signed_by_the_key_it_brings(office):
    """Somebody else's signature, or none, is no proof that the phone holds the key."""
    code, phone = office.code(), office.phone()
    for wrong in ({"signer": FileSigner.generate()}, {"proof": "x"}, {"proof": "a.b.c"}):
        assert code_of(phone.enrol(code, LAST4, **wrong)) == BAD_PROOF
    assert phone.enrol(code, LAST4).status_code == 201


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://localhost/v1/wallet/refresh"},
        {"url": "https://evil.example/v1/wallet/enrolments"},
        {"url": "http://localhost/v1/wallet/enrolments?x=1"},
        {"signed_body": b"{}"},
        {"card": "some.other.card"},
    ],
)
def test_a_proof_is_about_this_very_call(office, wrong):
    """Another address, server, body or a card that is not there."""
    assert code_of(office.phone().enrol(office.code(), LAST4, **wrong)) == BAD_PROOF


@pytest.mark.parametrize("off", [timedelta(seconds=61), timedelta(seconds=-61)])
def test_a_phone_whose_clock_is_off_is_told_the_time(office, off):
    """Clock, not card: with the server's time to set it by."""
    answer = office.phone().enrol(office.code(), LAST4, at=NOON + off)
    assert (code_of(answer), answer.json["server_time"]) == ((401, "clock-off"), "2026-11-02T04:00:00Z")


def test_a_proof_is_taken_once_by_any_process(office):
    """Sent again, to this process or another, it is refused."""
    phone = office.enrolled()
    office.clock.advance(8 * DAY)
    body = {"card": phone.card}
    answer = phone.refresh()
    assert answer.status_code == 200
    replayed = answer.request.headers["Wallet-Proof"]
    for client in (office.app.test_client(), office.application().test_client()):
        answer = client.post("/v1/wallet/refresh", json=body, headers={"Wallet-Proof": replayed})
        assert code_of(answer) == BAD_PROOF


def test_a_counters_proof_opens_no_wallet_call(office):
    """A `card-proof+jwt` seen at a counter, by the right key, is another type."""
    phone = office.enrolled()
    proof = sign_proof(phone.signer, card=phone.card, audience="x", proof_id=b64u(b"0" * 16), issued_at=NOON)
    assert code_of(phone.refresh(proof=proof)) == BAD_PROOF


# ---- refresh --------------------------------------------------------------------------------------------------------


def test_refresh_changes_the_times_alone(office):
    """From day 7: same id, index, key, tier, name; new iat, nbf, exp."""
    phone = office.enrolled()
    before = parse(parse_unverified(phone.card, CARD).claims)
    office.clock.advance(7 * DAY)
    answer = phone.refresh()
    after = parse(parse_unverified(phone.card, CARD).claims)
    assert (answer.status_code, answer.json["anew"]) == (200, True)
    assert (after.issued_at, after.expires_at) == (NOON + 7 * DAY, NOON + 37 * DAY)
    times = {"issued_at", "not_before", "expires_at"}
    changed = {name for name in vars(before) if getattr(before, name) != getattr(after, name)}
    assert changed == times
    assert verdict_after_publication(office, phone) == "verified"


def verdict_after_publication(office, phone):
    """Publish anew, as the publisher does, then ask a counter."""
    print_card(office.desk, person(office.desk), at=office.clock.now())
    return verdict(office, phone)


def test_before_day_seven_the_same_token_is_given_again(office):
    """Also to a phone that never received its last one."""
    phone = office.enrolled()
    card = phone.card
    office.clock.advance(7 * DAY - timedelta(seconds=1))
    assert (phone.refresh().json["anew"], phone.card) == (False, card)
    office.clock.advance(timedelta(seconds=1))
    phone.refresh()
    newer = phone.card
    assert newer != card
    assert (phone.refresh(card=card).json["anew"], phone.card) == (False, newer)


def test_a_phone_that_was_off_for_weeks_comes_back(office):
    """The token has expired, the key has not."""
    phone = office.enrolled()
    office.clock.advance(50 * DAY)
    assert phone.refresh().json["anew"]
    assert verdict_after_publication(office, phone) == "verified"


def test_a_foreign_key_refreshes_nothing(office):
    """Who copied the token but not the key."""
    phone = office.enrolled()
    thief = office.phone()
    office.clock.advance(8 * DAY)
    assert code_of(thief.refresh(card=phone.card)) == BAD_PROOF


def test_tokens_that_name_no_phone_card_are_refused_alike(office):
    """Garbage, a printed card, another issuer's card, an unknown id."""
    phone = office.enrolled()
    printed = print_card(office.desk, office.holder)
    assert code_of(phone.refresh(card="garbage")) == BAD_TOKEN
    assert code_of(phone.refresh(card=printed.token)) == BAD_TOKEN
    foreign = phone.card.split(".")
    assert code_of(phone.refresh(card=f"{foreign[0]}.e30.{foreign[2]}")) == BAD_TOKEN


@pytest.mark.parametrize(("change", "reason"), [("suspend", "suspended"), ("revoke", "revoked")])
def test_a_card_that_is_not_valid_is_not_refreshed(office, change, reason):
    """The phone is told which, since its key was proved."""
    phone = office.enrolled()
    card = office.live()[0]
    getattr(lifecycle, change)(office.desk, card.id, because="other", by=BY, at=NOON)
    office.clock.advance(8 * DAY)
    answer = phone.refresh()
    assert (code_of(answer), answer.json["reason"]) == ((403, "card-not-valid"), reason)


def test_a_holder_no_longer_entitled_gets_no_fresh_token(office):
    """The ground was withdrawn: the card dies with its last token at the latest."""
    phone = office.enrolled()
    withdraw_ground(office.desk, office.holder.id, 1, by=BY, at=NOON)
    office.clock.advance(8 * DAY)
    assert phone.refresh().json["reason"] == "not-entitled"


def test_a_token_never_outlives_the_holders_ground(office):
    """Ground until 20 November: the token, and every refresh, ends with it."""
    office.holder = person(office.desk, "王芸", number=resident_id(sequence=99), contract_ends=NOON.date() + 18 * DAY)
    phone = office.phone()
    phone.enrol(office.code(), resident_id(sequence=99)[-4:])
    office.clock.advance(10 * DAY)
    assert phone.refresh().json["expires_at"] == "2026-11-20T16:00:00Z"
    office.clock.advance(10 * DAY)
    assert phone.refresh().json["reason"] == "not-entitled"


def test_a_phone_finds_its_new_card_after_a_tier_change(office):
    """The office reissues for a higher tier; the phone's next refresh, by the same key, brings the gold card."""
    phone = office.enrolled()
    silver = office.live()[0]
    give_ground(office.desk, office.holder, "gold-6")
    reissue(office.desk, silver.id, because="tier-change", by=BY, at=NOON + DAY)
    office.clock.set(NOON + DAY)
    assert verdict(office, phone) == "revoked"
    answer = phone.refresh()
    assert (answer.status_code, answer.json["tier"]) == (200, "gold")
    assert verdict(office, phone) == "verified"
    assert answer.json["number"] != silver.number


# ---- block and unblock ----------------------------------------------------------------------------------------------


def recover(phone, path="block", place="127.0.0.1", **wrong):
    """Block or unblock a phone's card as its holder does, from an address."""
    body = {"number": phone.number, "recovery_code": phone.recovery_code} | wrong
    return phone.client.post(f"/v1/wallet/{path}", json=body, environ_base={"REMOTE_ADDR": place})


def state(answer):
    """Where the card stands, by the answer to a block or to taking it back."""
    return answer.json["state"]


def test_a_block_says_until_when_counters_go_by_it(office):
    """With a network within the lists' ttl, without one within a day: 12:00 at noon, and tomorrow."""
    said = recover(office.enrolled()).json
    assert (said["online_by"], said["offline_by"]) == ("2026-11-02T04:05:00Z", "2026-11-03T04:00:00Z")


def test_both_phones_are_told_that_the_card_moved(office):
    """The new one at once, the old one when it asks; one that was revoked for another reason is not."""
    old, first = office.phone(), office.code()
    assert old.enrol(first, LAST4).json["moved"] is False
    new = office.phone()
    assert new.enrol(office.code(), LAST4).json["moved"] is True
    refused = old.refresh()
    assert (code_of(refused), refused.json["reason"]) == ((403, "card-not-valid"), "moved")
    lifecycle.revoke(office.desk, office.live()[0].id, because="left", by=BY, at=NOON)
    assert new.refresh().json["reason"] == "revoked"


def test_a_phone_is_told_the_root_by_which_it_verifies_the_log(office):
    """The thumbprint of the published root; a machine whose root was never published says that there is none."""
    phone = office.enrolled()
    root = json.loads((office.desk.published / "root.jwk").read_text())
    assert phone.refresh().json["root"] == thumbprint(root)
    (office.desk.published / "root.jwk").unlink()
    assert phone.refresh().json["root"] is None


def test_a_phone_knows_the_holders_other_cards(office):
    """A printed one beside it: form, tier, until when; no number, no token of it."""
    phone = office.enrolled()
    printed = print_card(office.desk, office.holder)
    other, foreign = phone.refresh().json["others"], print_card(office.desk, person(office.desk, name="王岚"))
    assert [(one["form"], one["state"]) for one in other] == [("print", "valid")]
    assert printed.number not in str(other)
    assert foreign.number not in str(other)


def test_a_lost_phone_is_blocked_and_found_again(office):
    """By number and recovery code, from any device; published at once; taken back by the same code."""
    phone = office.enrolled()
    assert state(recover(phone)) == "suspended"
    assert verdict(office, phone) == "suspended"
    assert state(recover(phone)) == "suspended"
    assert state(recover(phone, "unblock")) == "valid"
    assert verdict(office, phone) == "verified"


def test_the_holder_does_not_undo_what_the_office_did(office):
    """Suspended by the office, or taken over by it: unblock changes nothing."""
    phone = office.enrolled()
    card = office.live()[0]
    recover(phone)
    lifecycle.suspend(office.desk, card.id, because="other", by=BY, at=NOON)
    assert state(recover(phone, "unblock")) == "suspended"
    lifecycle.revoke(office.desk, card.id, because="other", by=BY, at=NOON)
    assert state(recover(phone)) == state(recover(phone, "unblock")) == "revoked"
    assert find_card(office.desk, card.id).state is CardState.REVOKED


WRONG = "0000-0000-0000-0000"


@pytest.mark.slow
def test_a_strangers_thousand_wrong_codes_stop_nobody(office):
    """From the same address as the holder and from others, over hours: the right code works at once, both ways."""
    phone = office.enrolled()
    for number in range(1000):
        place = f"192.0.2.{number % 7}" if number % 2 else "127.0.0.1"
        answer = recover(phone, place=place, recovery_code=WRONG)
        assert code_of(answer) in {(403, "recovery-refused"), (429, "too-many-tries")}
        office.clock.advance(timedelta(seconds=5))
    assert state(recover(phone)) == "suspended"
    assert state(recover(phone, "unblock")) == "valid"


def test_wrong_codes_wait_longer_and_longer_by_number_and_place(office):
    """Free tries first, then a wait that doubles and says whom to call; elsewhere nobody waits."""
    phone = office.enrolled()
    waits = []
    for _ in range(SIGN_IN.free + 12):
        assert recover(phone, recovery_code=WRONG).status_code == 403
        answer = recover(phone, recovery_code=WRONG)
        if answer.status_code == 429:
            assert answer.json["code"] == "too-many-tries"
            assert answer.json["call"]["phone"] == office.desk.programme.general_contact.number
            waits.append(int(answer.headers["Retry-After"]))
        office.clock.advance(timedelta(seconds=max(waits[-1:] or [10])))
    assert waits == [min(2 << doubled, 900) for doubled in range(len(waits))]
    assert len(waits) > 8
    assert recover(phone, place="192.0.2.1", recovery_code=WRONG).status_code == 403


def test_a_number_that_is_nobodys_waits_alike(office):
    """How the answers go tells a stranger nothing of which numbers there are."""
    phone = office.enrolled()

    def told(number: str) -> list[int]:
        codes = [recover(phone, number=number, recovery_code=WRONG).status_code for _ in range(8)]
        office.clock.advance(DAY)
        return codes

    nobodys = numbers.generate(office.desk.programme.card_prefix, random.Random(7))
    assert told(phone.number) == told(nobodys)


def test_junk_from_an_address_stops_no_phone_behind_it(office):
    """Enrolment, refresh and block of others at that address go on; the junk is slowed down."""
    phone, code = office.enrolled(), office.code()
    other = office.phone()
    for _ in range(60):
        recover(phone, recovery_code=WRONG)
    refused = [other.enrol("AAAA-AAAA-AAAA-AAAA", LAST4).status_code for _ in range(60)]
    assert refused.count(429) >= 30
    assert phone.refresh().status_code == 200
    assert state(recover(phone)) == "suspended"
    assert other.enrol(code, LAST4).status_code == 201


def test_recovery_tells_strangers_nothing(office):
    """An unknown number, a mistyped one, a printed card's, another's code: one answer."""
    phone = office.enrolled()
    printed = print_card(office.desk, office.holder)
    answers = [
        recover(phone, number=printed.number),
        recover(phone, number="BY000000000001"),
        recover(phone, number="nonsense"),
        recover(phone, recovery_code="AAAA"),
    ]
    bodies = [{key: value for key, value in answer.json.items() if key != "instance"} for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    assert verdict(office, phone) == "verified"


def test_the_old_number_still_blocks_after_a_tier_change(office):
    """What the holder wrote down at enrolment goes on working."""
    phone = office.enrolled()
    give_ground(office.desk, office.holder, "gold-6")
    gold = reissue(office.desk, office.live()[0].id, because="tier-change", by=BY, at=NOON)
    assert state(recover(phone)) == "suspended"
    assert published_status(office.desk, gold) is Status.SUSPENDED


# ---- the frame ------------------------------------------------------------------------------------------------------

BAD_BODIES = [
    b"",
    b"null",
    b"[]",
    b"{",
    b'{"code":1,"id_last4":"0000","jwk":{}}',
    b'{"code":"x","id_last4":"0000","jwk":{},"more":1}',
    b'{"code":"","id_last4":"0000","jwk":{}}',
    b'{"card":7}',
    b'{"number":"x","recovery_code":null}',
    b"[" * 5000,
    b'{"code":"\xff"}',
    b'{"code":"' + b"A" * 9000 + b'"}',
]


@pytest.mark.parametrize("path", ["enrolments", "refresh", "block", "unblock"])
@pytest.mark.parametrize("body", BAD_BODIES)
def test_bad_bodies_are_problems_and_write_nothing(office, path, body):
    """Wrong types, deep, huge, unknown fields, bad UTF-8: a 4xx with a stable code, never a 500."""
    answer = office.app.test_client().post(f"/v1/wallet/{path}", data=body, content_type="application/json")
    assert 400 <= answer.status_code < 500
    assert answer.json["code"]
    assert cards_of(office.desk, office.holder.id) == []


def test_a_bad_key_names_its_field(office):
    """A phone that sends no P-256 key is told where the fault is; a private key is not taken."""
    for jwk in ({}, {"kty": "RSA"}, office.phone().jwk | {"d": "AAAA"}):
        body = {"code": office.code(), "id_last4": LAST4, "jwk": jwk}
        answer = office.app.test_client().post("/v1/wallet/enrolments", json=body)
        assert (answer.status_code, answer.json["fields"][0]["path"]) == (422, "$.jwk")


@pytest.mark.parametrize("path", ["enrolments", "refresh", "block", "unblock"])
def test_other_methods_and_types_are_refused(office, path):
    """GET, and a form instead of JSON."""
    client = office.app.test_client()
    assert client.get(f"/v1/wallet/{path}").status_code == 405
    assert client.post(f"/v1/wallet/{path}", data={"code": "x"}).status_code == 415


def test_guessing_from_one_place_is_slowed_down(office):
    """After twenty tries a place waits; the answer says how long."""
    phone = office.phone()
    answers = [phone.enrol("0000-0000-0000-0000", LAST4) for _ in range(21)]
    assert {answer.status_code for answer in answers[:20]} == {403}
    assert code_of(answers[20]) == (429, "too-many-requests")
    assert int(answers[20].headers["Retry-After"]) >= 1
    office.clock.advance(timedelta(minutes=5))
    assert phone.enrol(office.code(), LAST4).status_code == 201


def test_wrong_codes_of_phones_are_told_in_the_security_log(office, tmp_path):
    """Enrolment, block and unblock: refused, then told to wait; by card and place, neither of them in clear."""
    accounts = AccountStore.open(f"sqlite:///{tmp_path}/accounts.db", b"s" * 32)
    office.app = create_frame("test", clock=office.clock)
    office.app.register_blueprint(blueprint(office.desk, office.clock, security=accounts.security))
    phone, stranger = office.enrolled(), office.phone()
    for _ in range(21):
        stranger.enrol(WRONG, LAST4)
    for path in ("block", "unblock"):
        for number in range(SIGN_IN.free + 1):
            recover(phone, path, place=f"192.0.2.{len(path)}", recovery_code=f"{WRONG[:-1]}{number}")
    found = accounts.security.page(100)
    counted = Counter(event.kind for event in found)
    assert counted == {
        SecurityKind.ENROLMENT_REFUSED: 20,
        SecurityKind.ENROLMENT_LOCKED: 1,
        SecurityKind.RECOVERY_REFUSED: 2 * SIGN_IN.free,
        SecurityKind.RECOVERY_LOCKED: 2,
    }
    about = accounts.security.subject("card", phone.number)
    assert {event.subject for event in found} == {about, None}
    assert None not in {event.place for event in found}
    accounts.close()


def test_guessing_a_code_costs_no_write(office):
    """An unknown code ends before the register is locked: guessing cannot stop the office."""
    with office.desk.register.change():
        began = time.monotonic()
        assert code_of(office.phone().enrol("0000-0000-0000-0000", LAST4)) == REFUSED
        assert time.monotonic() - began < 2


def test_no_code_key_or_card_is_logged(office, caplog):
    """Neither a success nor a refusal leaves a secret in the log."""
    caplog.set_level("DEBUG")
    code, phone = office.code(), office.phone()
    phone.enrol(code, "0000")
    phone.enrol(code, LAST4)
    recover(phone, recovery_code="AAAA-BBBB")
    for secret in (code, phone.card, phone.recovery_code, LAST4, "AAAA-BBBB", phone.number):
        assert secret not in caplog.text


def test_the_calls_are_described(office):
    """Every route has its place in the OpenAPI document, with its problems."""
    paths = document(office.app, title="issuer", version="1")["paths"]
    assert set(paths) == {f"/v1/wallet/{name}" for name in ("enrolments", "refresh", "block", "unblock")}
    assert "403" in paths["/v1/wallet/refresh"]["post"]["responses"]


def test_a_chip_card_is_not_taken_for_a_phones(office):
    """Its key proves itself by a challenge alone; refresh is the phone's."""
    chip_key = FileSigner.generate()
    phone = office.phone(signer=chip_key)
    chip = issue(office.desk, office.holder.id, Form.CHIP, key=phone.jwk, by=BY, at=NOON)
    office.clock.advance(8 * DAY)
    assert code_of(phone.refresh(card=chip.token)) == BAD_TOKEN
