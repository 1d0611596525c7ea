"""The second step: one-time codes, recovery codes, rights that wait for the second step, guessers and thieves."""

from datetime import timedelta

import pytest

from accounts.factors import FACTORS_MOST, FactorRefused, TooManyFactors, new_totp_secret, totp_code
from accounts.rights import Right, Role
from tests.accounts.builders import ADMIN, NOON, PASSWORD, code_of, opened

STEP = timedelta(seconds=30)


@pytest.fixture
def secret(ground):
    """The secret of an administrator's one-time codes."""
    person = ground.person("admin.wu", (Role.ADMINISTRATOR,))
    made = new_totp_secret()
    ground.store.factors.add_totp(person.id, made, None, "phone", by=ADMIN, at=NOON)
    return made


def sign_in(ground, code=None, address="198.51.100.7"):
    """Sign the administrator in."""
    more = {} if code is None else {"code": code}
    return ground.sign_in("admin.wu", address=address, **more)


def test_a_password_alone_opens_no_session_of_whoever_has_a_second_step(ground, secret):
    """It is asked for; with it all rights are there."""
    assert code_of(sign_in(ground)) == "second-step-needed"
    token = sign_in(ground, totp_code(secret, NOON)).json["token"]
    assert ground.bearer(token, "/v1/may/accounts/gym").status_code == 200


def test_without_a_second_step_set_up_the_rights_that_need_it_wait(ground):
    """An administrator, an approver, whoever may see names: signed in, and without a single right of those."""
    for number, role in enumerate(Role):
        ground.person(f"somebody.{number}", (role,))
        token = ground.sign_in(f"somebody.{number}").json["token"]
        held = {right for right in Right if ground.bearer(token, f"/v1/may/{right}/gym").status_code == 200}
        assert held <= {Right.AUDIT, Right.BOOKINGS, Right.STATEMENT, Right.SYSTEM}, role


def test_a_code_is_taken_once(ground, secret):
    """Replay is refused within its own half minute, and so is the code before it."""
    code = totp_code(secret, NOON)
    assert sign_in(ground, code).status_code == 201
    assert code_of(sign_in(ground, code)) == "wrong-credentials"
    assert code_of(sign_in(ground, totp_code(secret, NOON - STEP))) == "wrong-credentials"
    ground.clock.advance(STEP)
    assert sign_in(ground, totp_code(secret, NOON + STEP)).status_code == 201


def test_parallel_uses_of_one_code_open_one_session(ground, secret):
    """The store decides, not the order of requests."""
    from concurrent.futures import ThreadPoolExecutor

    code = totp_code(secret, NOON)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda turn: sign_in(ground, code, f"203.0.113.{turn}").status_code, range(6)))
    assert sorted(answers) == [201] + [401] * 5


@pytest.mark.parametrize(("late", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_phones_clock_may_be_half_a_minute_off(ground, secret, late, taken):
    """One step either way, and no more."""
    assert (sign_in(ground, totp_code(secret, NOON + late * STEP)).status_code == 201) is taken


@pytest.mark.parametrize("code", ["", " ", "12345", "1234567", "１２３４５６", "abcdef", "-", "0" * 100])
def test_what_is_no_code_is_refused_like_a_wrong_one(ground, secret, code):
    """One answer, and never a fault of the server."""
    assert sign_in(ground, code).status_code in {401, 422}


def test_guessing_codes_locks_that_place_longer_and_longer_and_no_other(ground, secret):
    """Who knows the password and not the code gets five tries; the owner elsewhere is not held up."""
    for _ in range(5):
        assert sign_in(ground, "000000").status_code == 401
    assert sign_in(ground, totp_code(secret, NOON)).status_code == 429
    assert sign_in(ground, totp_code(secret, NOON), "203.0.113.9").status_code == 201


def test_a_recovery_code_works_once_and_new_ones_end_the_old(ground, secret):
    """Spaces, case and hyphens are as they are meant; another person's code is worth nothing."""
    factors, person = ground.store.factors, ground.store.people.named("admin.wu")
    other = ground.person("admin.other", (Role.ADMINISTRATOR,))
    theirs = factors.new_codes(other.id, by=ADMIN, at=NOON)
    codes = factors.new_codes(person.id, by=ADMIN, at=NOON)
    assert len(set(codes)) == 10
    assert sign_in(ground, codes[0].lower().replace("-", " ")).status_code == 201
    assert sign_in(ground, codes[0]).status_code == 401
    assert sign_in(ground, theirs[0]).status_code == 401
    assert factors.codes_left(person.id) == 9
    factors.new_codes(person.id, by=ADMIN, at=NOON)
    assert sign_in(ground, codes[1]).status_code == 401


def test_the_secret_of_codes_lies_sealed_in_the_store(ground, secret, tmp_path):
    """Whoever copies the file cannot make codes."""
    ground.store.close()
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert secret.encode() not in content


def test_a_code_has_to_be_shown_before_its_secret_counts(ground):
    """Else a mistyped secret would lock its owner out."""
    person, secret = ground.person("admin.wu", (Role.ADMINISTRATOR,)), new_totp_secret()
    for wrong in ("000000", "", totp_code(secret, NOON - timedelta(hours=1))):
        with pytest.raises(FactorRefused):
            ground.store.factors.add_totp(person.id, secret, wrong, "phone", by=ADMIN, at=NOON)
    ground.store.factors.add_totp(person.id, secret, totp_code(secret, NOON), "phone", by=ADMIN, at=NOON)
    with pytest.raises(FactorRefused):  # the code that was shown is used
        ground.store.factors.check_totp(person.id, totp_code(secret, NOON), NOON)


def test_a_person_has_a_bounded_number_of_factors(ground, secret):
    """Ten, and the eleventh is refused."""
    person, factors = ground.store.people.named("admin.wu"), ground.store.factors
    for _ in range(FACTORS_MOST - 1):
        factors.add_totp(person.id, new_totp_secret(), None, "x", by=ADMIN, at=NOON)
    with pytest.raises(TooManyFactors):
        factors.add_totp(person.id, new_totp_secret(), None, "x", by=ADMIN, at=NOON)


def test_a_reset_takes_everything_away_and_rights_wait_again(ground, secret):
    """For whoever lost the phone and came in person."""
    person = ground.store.people.named("admin.wu")
    codes = ground.store.factors.new_codes(person.id, by=ADMIN, at=NOON)
    ground.store.factors.reset(person.id, by=ADMIN, at=NOON)
    answer = sign_in(ground, codes[0])
    assert answer.status_code == 201
    assert ground.bearer(answer.json["token"], "/v1/may/accounts/gym").status_code == 403


def test_a_session_ends_after_thirty_idle_minutes(ground):
    """Use keeps it; a minute more or less does not matter, half an hour does."""
    ground.person()
    token = ground.sign_in().json["token"]
    for _ in range(3):
        ground.clock.advance(timedelta(minutes=29))
        assert ground.bearer(token).status_code == 200
    ground.clock.advance(timedelta(minutes=30))
    assert code_of(ground.bearer(token)) == "bad-token"


def test_an_ended_session_is_over_at_once_in_every_process(ground, tmp_path):
    """Another worker's store ends it: the very next call here is refused."""
    from tests.accounts.builders import new_store

    person = ground.person()
    session = opened(ground.store, "auditor.li", NOON)
    assert ground.bearer(session.token).status_code == 200
    other = new_store(tmp_path)
    other.sessions.end(person.id, session.session.id, by=ADMIN, at=NOON)
    other.close()
    assert code_of(ground.bearer(session.token)) == "bad-token"


def test_changed_roles_count_at_the_next_call(ground):
    """Nobody keeps a right because of a session that was open."""
    ground.person()
    token = ground.sign_in().json["token"]
    ground.store.people.set_roles("auditor.li", [Role.SYSTEM_OPERATOR], by=ADMIN, at=NOON)
    assert ground.bearer(token, "/v1/may/audit/gym").status_code == 403


def test_what_happened_since_the_last_sign_in_is_known(ground):
    """Failures at the name and sign-ins from new places, between one sign-in and the next."""
    ground.person()
    opened(ground.store, "auditor.li", NOON)
    ground.clock.advance(timedelta(hours=1))
    for _ in range(3):
        ground.sign_in(password="wrong password", address="203.0.113.9")
    assert ground.sign_in(address="203.0.113.77").status_code == 201
    ground.clock.advance(timedelta(hours=1))
    since = ground.store.sessions.since_last(opened(ground.store, "auditor.li", ground.clock.now()).session)
    assert (since.last.place, since.last.new_place, len(since.new_places)) == ("203.0.113.0/24", True, 1)
    first = ground.store.sessions.of(since.last.person.id)[-1]
    assert ground.store.security.failures("Auditor.LI", first.opened_at) == 3
    assert PASSWORD not in repr(since)
