"""People: signing in with a password, by token and by cookie, and what happens to people who guess."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Request

from accounts.attempts import SIGN_IN, TooSoon
from accounts.authenticator import Authenticator
from accounts.credentials import WeakSecret, hash_password, matches
from accounts.http import COOKIE
from accounts.people import NameTaken, UnknownPerson, WrongCredentials
from accounts.rights import Right, Role
from accounts.security import SecurityKind
from edge.limits import Limiter
from edge.sharing import FileShared
from tests.accounts.builders import ADMIN, BASE, NOON, PASSWORD, Ground, code_of, opened


def test_an_auditor_signs_in_and_may_read_the_log_everywhere(ground):
    """A bearer token, the role's rights, and nothing else."""
    person = ground.person()
    told = ground.sign_in().json
    assert told["roles"] == ["auditor"]
    assert told["expires_at"] == "2026-11-01T00:00:00Z"
    assert ground.bearer(told["token"]).json["id"] == person.id
    assert ground.bearer(told["token"], "/v1/may/audit/gym").status_code == 200
    granted = [right for right in Right if ground.bearer(told["token"], f"/v1/may/{right}/gym").status_code == 200]
    assert granted == [Right.AUDIT]


@pytest.mark.parametrize(
    ("roles", "granted"),
    [
        ({Role.OFFICER}, {Right.HOLDERS, Right.CARDS, Right.APPLICATIONS}),
        ({Role.OFFICER, Role.AUDITOR}, {Right.HOLDERS, Right.CARDS, Right.APPLICATIONS, Right.AUDIT}),
        ({Role.REVIEWER}, {Right.APPLICATIONS, Right.REVIEW}),
        ({Role.APPROVER}, {Right.HOLDERS, Right.CARDS, Right.APPLICATIONS, Right.APPROVE}),
        ({Role.NAME_AUDITOR}, {Right.AUDIT, Right.NAMES}),
        ({Role.ADMINISTRATOR}, {Right.ACCOUNTS, Right.KEYS}),
        ({Role.SYSTEM_OPERATOR}, {Right.SYSTEM}),
        ({Role.DESK}, {Right.BOOKINGS, Right.NAMES, Right.STATEMENT}),
        ({Role.SUPERVISOR}, {Right.BOOKINGS, Right.NAMES, Right.STATEMENT, Right.OVERRIDE}),
    ],
)
def test_roles_give_their_rights_and_no_others(ground, roles, granted):
    """No role opens a counter."""
    ground.person(roles=roles)
    token = opened(ground.store, "auditor.li", NOON).token
    assert {right for right in Right if ground.bearer(token, f"/v1/may/{right}/gym").status_code == 200} == granted


@pytest.mark.parametrize(("name", "password"), [("nobody", PASSWORD), ("auditor.li", "wrong password")])
def test_an_unknown_name_and_a_wrong_password_are_one_answer(ground, name, password):
    """Nobody learns which names exist."""
    ground.person()
    answered = ground.sign_in(name, password)
    assert (answered.status_code, code_of(answered)) == (401, "wrong-credentials")
    assert name not in answered.text
    assert "detail" not in answered.json


def test_an_unknown_name_costs_as_much_time_as_a_wrong_password(ground):
    """The slow hash runs in both cases: medians of processor time within a factor of two."""
    ground.person()

    def median(name):
        spent = []
        for turn in range(5):
            begun = time.thread_time()
            ground.sign_in(name, "wrong password", address=f"203.0.113.{turn}")
            spent.append(time.thread_time() - begun)
        return sorted(spent)[2]

    known, unknown = median("auditor.li"), median("nobody")
    assert 0.5 < known / unknown < 2


def test_a_name_is_read_as_it_is_meant(ground):
    """Case and width of its letters do not matter; the password's do."""
    ground.person(name="Auditor.Li")
    assert ground.sign_in(" ａuditor.LI").status_code == 201
    assert ground.sign_in("auditor.li", PASSWORD.upper()).status_code == 401


def test_failures_lock_longer_and_longer_but_never_for_ever(ground):
    """The wait doubles up to fifteen minutes, and the right password then works."""
    ground.person()
    for _ in range(SIGN_IN.free):
        assert ground.sign_in(password="wrong password").status_code == 401
    waits = []
    for _ in range(12):
        locked = ground.sign_in()
        assert code_of(locked) == "too-many-requests"
        waits.append(int(locked.headers["Retry-After"]))
        ground.clock.advance(timedelta(seconds=waits[-1]))
        assert ground.sign_in(password="wrong password").status_code == 401
    assert waits[:4] == [2, 4, 8, 16]
    assert max(waits) == 900
    ground.clock.advance(timedelta(seconds=900))
    assert ground.sign_in().status_code == 201


def test_an_attacker_elsewhere_does_not_lock_the_owner_out(ground):
    """Failures from one address leave another free."""
    ground.person()
    for _ in range(SIGN_IN.free + 3):
        ground.sign_in(password="wrong password", address="203.0.113.9")
    assert ground.sign_in(address="203.0.113.9").status_code == 429
    assert ground.sign_in(address="198.51.100.7").status_code == 201


@pytest.mark.slow
def test_many_addresses_guessing_at_one_name_meet_a_ceiling(ground):
    """From then on a new place has one try; the owner gets in at a known place, and at a new one at the first try."""
    ground.person()
    assert ground.sign_in(address="198.51.100.7").status_code == 201
    for turn in range(SIGN_IN.ceiling // 4):
        for _ in range(4):
            assert ground.sign_in(password="wrong password", address=f"203.0.113.{turn}").status_code == 401
    assert ground.sign_in(password="wrong password", address="192.0.2.1").status_code == 401
    assert ground.sign_in(address="192.0.2.1").status_code == 429
    assert ground.sign_in(address="198.51.100.7").status_code == 201
    assert ground.sign_in(address="192.0.2.2").status_code == 201
    ground.clock.advance(SIGN_IN.memory)
    for _ in range(2):
        assert ground.sign_in(password="wrong password", address="192.0.2.3").status_code == 401


def test_wrong_passwords_from_an_address_stop_nobody_behind_it(ground):
    """Whoever tries made-up names is told to wait; a person who never signed in there gets in from the same address."""
    ground.person()
    tried = [ground.sign_in(f"nobody-{number}").status_code for number in range(34)]
    assert (tried[:30], set(tried[30:])) == ([401] * 30, {429})
    assert ground.sign_in().status_code == 201
    assert SecurityKind.SIGN_IN_LOCKED in {event.kind for event in ground.store.security.page(100)}


def test_wrong_passwords_are_counted_for_all_workers_together(ground, tmp_path):
    """Thirty over two workers of one machine, not thirty at each; the right password is taken at both."""
    shared = FileShared(tmp_path / "limits.db")
    workers = [
        Authenticator(ground.store, ground.clock, (BASE,), limiter=Limiter(ground.clock, shared)) for _ in range(2)
    ]
    ground.person()

    def tried(number: int) -> bool:
        came = Request.from_values(environ_base={"REMOTE_ADDR": "203.0.113.9"})
        try:
            workers[number % 2].check_password(came, f"nobody-{number}", "wrong password", ground.clock.now())
        except TooSoon:
            return False
        except WrongCredentials:
            return True

    assert [tried(number) for number in range(33)] == [True] * 30 + [False] * 3
    came = Request.from_values(environ_base={"REMOTE_ADDR": "203.0.113.9"})
    for worker in workers:
        assert worker.check_password(came, "auditor.li", PASSWORD, ground.clock.now()).name == "auditor.li"


def test_names_that_do_not_exist_are_locked_alike(ground):
    """Otherwise the lock would tell which names exist."""
    for _ in range(SIGN_IN.free):
        ground.sign_in("nobody")
    assert ground.sign_in("nobody").status_code == 429


def test_parallel_guesses_do_not_slip_past_the_count(ground):
    """Counting comes before trying: of twelve at once no more than the free ones are tried."""
    ground.person()
    with ThreadPoolExecutor(6) as pool:
        futures = [pool.submit(ground.sign_in, password="wrong password") for _ in range(12)]
        statuses = [future.result().status_code for future in futures]
    assert sorted(statuses) == [401] * SIGN_IN.free + [429] * (12 - SIGN_IN.free)


def test_success_takes_the_count_back(ground):
    """Four slips a day lock nobody."""
    ground.person()
    for _ in range(4):
        for _ in range(SIGN_IN.free - 1):
            ground.sign_in(password="wrong password")
        assert ground.sign_in().status_code == 201
        ground.clock.advance(timedelta(minutes=1))


def test_a_session_ends_after_twelve_hours(ground):
    """To the second, however busy its holder is."""
    ground.person()
    token = ground.sign_in().json["token"]
    for _ in range(12 * 4 - 1):
        ground.clock.advance(timedelta(minutes=15))
        assert ground.bearer(token).status_code == 200
    ground.clock.advance(timedelta(minutes=15, seconds=-1))
    assert ground.bearer(token).status_code == 200
    ground.clock.advance(timedelta(seconds=1))
    assert code_of(ground.bearer(token)) == "bad-token"


@pytest.mark.parametrize("end", ["disable", "password", "sign-out"])
def test_sessions_end_with_the_account_the_password_and_the_sign_out(ground, end):
    """At once in this process."""
    ground.person()
    token = ground.sign_in().json["token"]
    assert ground.bearer(token).status_code == 200
    if end == "disable":
        ground.store.people.disable("auditor.li", by=ADMIN, at=NOON)
        assert ground.sign_in().status_code == 401
    elif end == "password":
        ground.store.people.change_password("auditor.li", "another long password", by=ADMIN, at=NOON)
        assert ground.sign_in(password="another long password").status_code == 201
    else:
        assert ground.bearer(token, "/v1/sessions", "DELETE").status_code == 204
    assert code_of(ground.bearer(token)) == "bad-token"


def test_a_page_gets_a_cookie_that_scripts_and_other_sites_cannot_use(ground):
    """HttpOnly, SameSite=Strict, and no token in the body."""
    ground.person()
    answered = ground.sign_in(cookie=True)
    assert "token" not in answered.json
    cookie = answered.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=yp_")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie


def test_the_cookie_is_secure_where_the_server_is(store):
    """By https it never travels in clear."""
    ground = Ground(store, base_urls=("https://card.example",))
    ground.person()
    cookie = ground.sign_in(cookie=True).headers["Set-Cookie"]
    assert cookie.startswith("__Host-yunju_session=yp_")
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def signed_in_page(ground):
    """A browser with a session's cookie."""
    ground.person()
    browser = ground.app.test_client()
    answered = browser.post("/v1/sessions", json={"name": "auditor.li", "password": PASSWORD, "cookie": True})
    assert answered.status_code == 201
    return browser


def test_a_page_reads_with_its_cookie(ground):
    """No header of its own is needed."""
    assert signed_in_page(ground).get("/v1/whoami").json["kind"] == "person"


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://localhost:9000", "https://localhost"])
def test_a_writing_call_by_cookie_must_come_from_our_own_page(ground, origin):
    """A browser adds the cookie by itself, so the origin decides."""
    headers = {} if origin is None else {"Origin": origin}
    answered = signed_in_page(ground).post("/v1/change", json={}, headers=headers)
    assert (answered.status_code, code_of(answered)) == (403, "not-permitted")


def test_our_own_page_writes_and_signs_out(ground):
    """The origin is ours; after the sign-out the cookie is gone and dead."""
    browser = signed_in_page(ground)
    assert browser.post("/v1/change", json={}, headers={"Origin": BASE}).status_code == 200
    token = browser.get_cookie(COOKIE).value
    assert browser.delete("/v1/sessions", headers={"Origin": BASE}).status_code == 204
    assert browser.get_cookie(COOKIE) is None
    assert code_of(ground.bearer(token)) == "bad-token"


def test_a_device_cannot_end_a_persons_session(ground):
    """It has none."""
    answered = ground.device().call("DELETE", "/v1/sessions")
    assert code_of(answered) == "not-permitted"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x"},
        {"name": "x", "password": ""},
        {"name": "x", "password": "y" * 257},
        {"name": "x", "password": "y", "role": "officer"},
        {"name": 1, "password": "y"},
    ],
)
def test_a_misshapen_sign_in_is_refused(ground, body):
    """422, and no hash is computed for it."""
    assert ground.client.post("/v1/sessions", json=body).status_code == 422


def test_what_a_person_must_have(store):
    """A long password, a name of its own, a role."""
    store.people.add("Li", PASSWORD, [Role.AUDITOR], by=ADMIN, at=NOON)
    with pytest.raises(NameTaken):
        store.people.add("ｌi", PASSWORD, [Role.AUDITOR], by=ADMIN, at=NOON)
    with pytest.raises(ValueError, match="role"):
        store.people.add("Wang", PASSWORD, [], by=ADMIN, at=NOON)
    with pytest.raises(ValueError, match="name"):
        store.people.add(" ", PASSWORD, [Role.AUDITOR], by=ADMIN, at=NOON)
    for password in ("eleven char", "x" * 257):
        with pytest.raises(WeakSecret):
            store.people.add("Wang", password, [Role.AUDITOR], by=ADMIN, at=NOON)
    for change in (store.people.disable, lambda name, **rest: store.people.change_password(name, PASSWORD, **rest)):
        with pytest.raises(UnknownPerson):
            change("Wang", by=ADMIN, at=NOON)
    assert [one.name for one in store.people.list()] == ["Li"]


def test_a_password_typed_composed_or_not_is_one_password():
    """Two keyboards, one accent."""
    assert matches("caf\u0065\u0301 corner table", hash_password("caf\u00e9 corner table"))


def test_a_hash_that_cannot_be_read_matches_nothing():
    """A damaged row locks out; it opens nothing."""
    assert not matches("anything at all", "not a hash")


def test_one_password_is_kept_differently_each_time():
    """Each hash has its own salt, and is argon2id."""
    first, second = hash_password(PASSWORD), hash_password(PASSWORD)
    assert first != second
    assert first.startswith("$argon2id$")


def test_what_ships_hashes_as_dearly_as_owasp_asks(cheap_passwords):
    """Argon2id with 19 MiB and two passes; the tests alone hash for less."""
    shipped = cheap_passwords.hash(PASSWORD)
    assert shipped.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert matches(PASSWORD, shipped)
    assert not matches(PASSWORD + "x", shipped)
