"""The second step at staff's pages: codes, recovery, confirming again, password and sessions, thieves and guessers."""

from datetime import timedelta

import pytest

from accounts.factors import new_totp_secret, totp_code
from accounts.rights import Role
from tests.accounts.builders import opened
from tests.web.site import BY, Site
from tests.web.staffing import PASSWORD, Browser, set_up_codes, text_of


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine with an administrator and an auditor."""
    made = Site(tmp_path_factory.mktemp("second"))
    people = made.office.accounts.people
    for name, role in (("admin.hu", Role.ADMINISTRATOR), ("auditor.wang", Role.AUDITOR), ("officer.xu", Role.OFFICER)):
        people.add(name, PASSWORD, [role], by=BY, at=made.clock.now())
    yield made
    made.close()


@pytest.fixture
def browser_(site):
    """A browser that has been nowhere; each test a place of its own."""
    site.clock.advance(timedelta(minutes=2))
    return Browser(site.app, site.base)


def code(site, secret):
    """The code of this half minute."""
    return totp_code(secret, site.clock.now())


def test_after_the_password_nothing_is_open_until_the_code_is_right(browser_, site):
    """The page of the second step, a wrong code, the right one, and then the page that was asked for."""
    secret = set_up_codes(site.office.accounts, "admin.hu", site.clock.now())
    asked = browser_.sign_in("admin.hu", path="/sign-in?next=/account", factor=False)
    assert asked.location == "/sign-in/second-step?next=%2Faccount"
    assert browser_.get("/account").status_code == 303
    assert "再验证一次" in text_of(browser_.get(asked.location))
    assert browser_.send(asked.location, code="000000").status_code == 401
    assert browser_.send(asked.location, code=code(site, secret)).location == "/account"
    assert browser_.get("/account").status_code == 200


def test_a_code_that_was_used_is_refused_at_the_page_too(browser_, site):
    """Watched over a shoulder it is worth nothing."""
    secret = set_up_codes(site.office.accounts, "admin.hu", site.clock.now())
    first = browser_.sign_in("admin.hu", factor=False)
    used = code(site, secret)
    assert browser_.send(first.location, code=used).status_code == 303
    thief = Browser(site.app, site.base)
    assert thief.send(thief.sign_in("admin.hu", factor=False).location, code=used).status_code == 401


def test_a_step_is_over_after_five_minutes_and_cannot_be_taken_twice(browser_, site):
    """Late, and replayed with the cookie of before."""
    secret = set_up_codes(site.office.accounts, "admin.hu", site.clock.now())
    where = browser_.sign_in("admin.hu", factor=False).location
    site.clock.advance(timedelta(minutes=5))
    late = browser_.get(where)
    assert (late.status_code, late.location) == (303, "/sign-in")
    where = browser_.sign_in("admin.hu", factor=False).location
    copy = browser_.client.get_cookie("yunju_forms", domain="127.0.0.1").value
    assert browser_.send(where, code=code(site, secret)).status_code == 303
    thief = Browser(site.app, site.base)
    thief.client.set_cookie("yunju_forms", copy, domain="127.0.0.1")
    assert thief.get(where).status_code == 303


def test_the_step_of_one_person_is_not_taken_with_anothers_code(browser_, site):
    """A colleague's authenticator opens the colleague's account alone."""
    set_up_codes(site.office.accounts, "admin.hu", site.clock.now())
    theirs = set_up_codes(site.office.accounts, "officer.xu", site.clock.now())
    where = browser_.sign_in("admin.hu", factor=False).location
    assert browser_.send(where, code=code(site, theirs)).status_code == 401


def test_an_unknown_name_and_a_wrong_password_look_alike(browser_, site):
    """Same page, same status, same words; and whether there is a second step is not told before the password."""
    set_up_codes(site.office.accounts, "admin.hu", site.clock.now())
    pages = {
        text_of(browser_.send("/sign-in", name=name, password="wrong password")) for name in ("admin.hu", "nobody")
    }
    assert len(pages) == 1


def test_setting_codes_up_shows_recovery_codes_and_ends_other_sessions(browser_, site):
    """First sign-in of an officer: rights wait, codes are set up, the session goes on with all rights."""
    store = site.office.accounts
    person = store.people.named("officer.xu")
    store.factors.reset(person.id, by=BY, at=site.clock.now())
    elsewhere = opened(store, "officer.xu", site.clock.now(), factor=False)
    answer = browser_.sign_in("officer.xu", factor=False)
    assert answer.location == "/account"
    assert "须设置第二步验证" in text_of(browser_.get("/account"))
    page = browser_.get("/account/totp").get_data(as_text=True)
    secret = page.partition('id="secret">')[2].partition("<")[0]
    assert browser_.send("/account/totp", code="000000").status_code == 422
    done = browser_.send("/account/totp", code=code(site, secret), label="手机")
    assert done.location == "/account/recovery-codes"
    [other] = [one for one in store.sessions.of(person.id) if one.id == elsewhere.session.id]
    assert other.ended_at is not None
    shown = text_of(browser_.send("/account/recovery-codes"))
    assert store.factors.codes_left(person.id) == 10
    assert shown.count("-") >= 20
    assert "还没有设置" not in text_of(browser_.get("/account"))


def test_the_last_factor_of_whoever_needs_it_stays(browser_, site):
    """Else rights would be gone, or open without."""
    browser_.sign_in("admin.hu")
    person = site.office.accounts.people.named("admin.hu")
    factor = site.office.accounts.factors.of(person.id)[0]
    browser_.send(f"/account/factors/{factor.id}/remove", form="/account")
    assert "这是最后一种方式" in text_of(browser_.get("/account"))
    assert [one.id for one in site.office.accounts.factors.of(person.id)] == [factor.id]


def test_changes_of_the_account_need_a_fresh_sign_in_and_make_the_session_anew(browser_, site):
    """After ten minutes: confirm first; the token from before the confirmation is worth nothing."""
    browser_.sign_in("admin.hu")
    site.clock.advance(timedelta(minutes=11))
    for path in ("/account/password", "/account/totp", "/account/passkey", "/account/recovery-codes"):
        sent = browser_.get(path)
        assert (sent.status_code, sent.location.partition("?")[0]) == (303, "/sign-in/again"), path
    before = browser_.client.get_cookie("yunju_session", domain="127.0.0.1").value
    secret = set_up_codes(site.office.accounts, "admin.hu", site.clock.now())
    assert browser_.send("/sign-in/again?next=/account/totp", code="000000").status_code == 401
    assert browser_.send("/sign-in/again?next=/account/totp", code=code(site, secret)).location == "/account/totp"
    assert browser_.get("/account/totp").status_code == 200
    thief = Browser(site.app, site.base)
    thief.client.set_cookie("yunju_session", before, domain="127.0.0.1")
    assert thief.get("/account").status_code == 303


def test_a_stolen_session_dies_with_the_password(browser_, site):
    """Whoever changes the password stays in; every other session ends; the old password opens nothing."""
    thief = Browser(site.app, site.base)
    thief.sign_in("auditor.wang", factor=False)
    browser_.sign_in("auditor.wang", factor=False)
    new = "tafel umbra kilt"
    wrong = {"old": "not this one", "new": new, "twice": new}
    assert "密码不正确" in text_of(browser_.send("/account/password", **wrong))
    for bad, said in (
        (("password1234",) * 2, "容易被猜到"),
        ((new, "tafel umbra kilts"), "不一致"),
        ((PASSWORD,) * 2, "不能与现在的相同"),
    ):
        values = {"old": PASSWORD, "new": bad[0], "twice": bad[1]}
        assert said in text_of(browser_.send("/account/password", **values))
    assert browser_.send("/account/password", old=PASSWORD, new=new, twice=new).location == "/account"
    assert browser_.get("/account").status_code == 200
    assert thief.get("/account").status_code == 303
    assert thief.sign_in("auditor.wang", factor=False).status_code == 401
    site.office.accounts.people.change_password("auditor.wang", PASSWORD, by=BY, at=site.clock.now())


def test_own_sessions_are_listed_and_ended(browser_, site):
    """One by one and all others; another person's session cannot be ended."""
    other = Browser(site.app, site.base, "203.0.113.5")
    other.sign_in("auditor.wang", factor=False)
    browser_.sign_in("auditor.wang", factor=False)
    assert "203.0.113.0/24" in text_of(browser_.get("/account"))
    store = site.office.accounts
    person, stranger = store.people.named("auditor.wang"), store.people.named("admin.hu")
    theirs = opened(store, "admin.hu", site.clock.now())
    browser_.send(f"/account/sessions/{theirs.session.id}/end", form="/account")
    assert store.sessions.of(stranger.id)[0].alive(site.clock.now())
    browser_.send("/account/sessions/end-others", form="/account")
    assert other.get("/account").status_code == 303
    assert sum(one.alive(site.clock.now()) for one in store.sessions.of(person.id)) == 1


def test_failures_and_new_places_are_told_at_the_next_sign_in(browser_, site):
    """So that the owner notices what a guesser or a thief did."""
    browser_.sign_in("auditor.wang", factor=False)
    thief = Browser(site.app, site.base, "203.0.113.200")
    for _ in range(3):
        thief.send("/sign-in", name="auditor.wang", password="wrong password")
    thief.sign_in("auditor.wang", factor=False)
    site.clock.advance(timedelta(minutes=1))
    again = Browser(site.app, site.base)
    again.sign_in("auditor.wang", factor=False)
    told = text_of(again.get("/account"))
    assert "新地点登录" in told
    assert "203.0.113.0/24" in told


def test_guessing_at_the_page_is_slowed_and_the_owner_elsewhere_is_not(browser_, site):
    """Five tries, then waiting; 429 and how long."""
    guesser = Browser(site.app, site.base, "192.0.2.66")
    statuses = [guesser.send("/sign-in", name="admin.hu", password=f"wrong password {n}").status_code for n in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    assert browser_.sign_in("admin.hu").status_code == 303


@pytest.mark.parametrize(
    "path", ["/sign-in/again", "/account", "/account/password", "/account/totp", "/account/passkey"]
)
def test_nothing_of_an_account_is_shown_to_nobody(browser_, path):
    """All lead to the sign-in."""
    assert browser_.get(path).location.startswith("/sign-in?next=")


def test_a_secret_that_was_not_confirmed_opens_nothing(browser_, site):
    """Looking at the page sets nothing up."""
    browser_.sign_in("auditor.wang", factor=False)
    browser_.get("/account/totp")
    person = site.office.accounts.people.named("auditor.wang")
    assert site.office.accounts.factors.of(person.id) == []
    assert browser_.send("/account/totp", code=code(site, new_totp_secret())).status_code == 422
