"""Administrators' pages: people, their factors and sessions; the security events. Nobody else, and never on oneself."""

from datetime import timedelta

import pytest

from accounts.rights import Role
from tests.accounts.builders import opened
from tests.web.site import BY, Site
from tests.web.staffing import PASSWORD, Browser, set_up_codes, text_of


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine with an administrator, an officer and an auditor."""
    made = Site(tmp_path_factory.mktemp("administering"))
    people = made.office.accounts.people
    for name, role in (("admin.hu", Role.ADMINISTRATOR), ("officer.xu", Role.OFFICER), ("auditor.wang", Role.AUDITOR)):
        people.add(name, PASSWORD, [role], by=BY, at=made.clock.now())
    yield made
    made.close()


@pytest.fixture
def administrator(site):
    """A browser of the administrator."""
    site.clock.advance(timedelta(minutes=1))
    made = Browser(site.app, site.base)
    assert made.sign_in("admin.hu").status_code == 303
    return made


def test_only_administrators_see_people_and_events(site):
    """An officer and an auditor are told that they may not; whoever lacks the second step too."""
    for name in ("officer.xu", "auditor.wang"):
        browser = Browser(site.app, site.base)
        browser.sign_in(name)
        for path in ("/people", "/security"):
            assert browser.get(path).status_code == 403
    person = site.office.accounts.people.named("admin.hu")
    site.office.accounts.factors.reset(person.id, by=BY, at=site.clock.now())
    bare = Browser(site.app, site.base)
    bare.sign_in("admin.hu", factor=False)
    assert "第二步验证" in text_of(bare.get("/people"))
    assert bare.get("/people").status_code == 403


def test_an_administrator_ends_sessions_resets_a_second_step_and_disables(administrator, site):
    """Each at once, each a line of the account log that names the administrator."""
    store, at = site.office.accounts, site.clock.now()
    officer, me = store.people.named("officer.xu"), store.people.named("admin.hu")
    set_up_codes(store, "officer.xu", at)
    theirs = opened(store, "officer.xu", at)
    page = f"/people/{officer.id}"
    assert "officer.xu" in text_of(administrator.get("/people"))
    for act in ("end-sessions", "reset-factors", "disable"):
        assert administrator.send(f"{page}/{act}", form=page).location == page
    assert [one.ended_at is not None for one in store.sessions.of(officer.id) if one.id == theirs.session.id] == [True]
    assert store.factors.of(officer.id) == []
    assert store.people.get(officer.id).disabled_at is not None
    assert {note.actor for note in store.log(3)} == {f"person:{me.id}"}


def test_nobody_acts_on_the_own_account_there(administrator, site):
    """A second person does: the page offers nothing, and a made-up post is refused."""
    me = site.office.accounts.people.named("admin.hu")
    token = administrator.token("/sign-out")
    for act in ("end-sessions", "reset-factors", "disable"):
        assert administrator.send(f"/people/{me.id}/{act}", csrf_token=token, form="/sign-out").status_code == 403
    assert administrator.get("/people").status_code == 200
    assert administrator.get("/people/nobody").status_code == 404


def test_acts_need_a_fresh_sign_in(administrator, site):
    """A screen left open disables nobody."""
    other = site.office.accounts.people.named("auditor.wang")
    site.clock.advance(timedelta(minutes=11))
    sent = administrator.send(f"/people/{other.id}/disable", form="/sign-out")
    assert sent.location.startswith("/sign-in/again?next=%2Fpeople%2F")
    assert site.office.accounts.people.get(other.id).disabled_at is None


def test_events_are_listed_by_kind_and_paged_to_the_oldest(administrator, site):
    """Known names are told, unknown ones are not; a flood hides nothing."""
    guesser = Browser(site.app, site.base, "203.0.113.77")
    guesser.send("/sign-in", name="auditor.wang", password="wrong password")
    guesser.send("/sign-in", name="nobody.here", password="wrong password")
    told = text_of(administrator.get("/security?kind=sign-in-failed"))
    assert "auditor.wang" in told
    assert "nobody.here" not in told
    assert "203.0.113" not in told
    from accounts.security import SecurityKind

    for number in range(60):
        site.office.accounts.security.note(SecurityKind.PIN_FAILED, at=site.clock.now(), who=("operator", str(number)))
    assert "auditor.wang" not in text_of(administrator.get("/security"))
    assert "auditor.wang" in text_of(administrator.get("/security?page=2"))
