"""Single sign-on against a real provider: who comes in, who does not, and a provider or a client that lies."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from accounts.factors import totp_code
from accounts.rights import Role
from tests.web.provider import CLIENT, SECRET, Provider
from tests.web.site import BY, Site
from tests.web.staffing import PASSWORD, Browser, set_up_codes, text_of


@pytest.fixture(scope="module")
def provider():
    """The organisation's own sign-in."""
    made = Provider()
    yield made
    made.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory, provider):
    """A machine that sends its staff there; three people of three kinds."""
    folder = tmp_path_factory.mktemp("sso")
    secret = folder / "client-secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    more = {"YUNJU_SSO_ISSUER": provider.issuer, "YUNJU_SSO_CLIENT": CLIENT, "YUNJU_SSO_SECRET_FILE": str(secret),
            "YUNJU_SSO_CLAIM": "preferred_username"}  # fmt: skip
    made = Site(folder / "var", more=more)
    people, at = made.office.accounts.people, made.clock.now()
    people.add("auditor.linked", PASSWORD, [Role.AUDITOR], by=BY, at=at)
    people.link("auditor.linked", provider.issuer, "1001", by=BY, at=at)
    people.add("auditor.waits", None, [Role.AUDITOR], by=BY, at=at)
    people.add("admin.password", PASSWORD, [Role.ADMINISTRATOR], by=BY, at=at)
    yield made
    made.close()


@pytest.fixture
def browser_(site, provider):
    """A browser that has been nowhere, and a provider that tells the truth."""
    provider.user, provider.lie = {"sub": "1001"}, {}
    site.clock.advance(timedelta(minutes=1))
    return Browser(site.app, site.base)


def go_there(browser_, path="/sign-in/organisation"):
    """Go to the provider and come back; returns our answer to that."""
    sent = browser_.get(path)
    assert sent.status_code == 302, text_of(sent)
    came = requests.get(sent.location, allow_redirects=False, timeout=5)
    parts = urlsplit(came.headers["Location"])
    return browser_.get(f"{parts.path}?{parts.query}")


def test_the_sign_in_page_offers_it_and_keeps_the_way_back(browser_):
    """A link, no form: nothing of ours is sent to another site."""
    text = browser_.get("/sign-in?next=/audit/figures").get_data(as_text=True)
    assert 'href="/sign-in/organisation?next=/audit/figures"' in text


def test_a_linked_person_comes_in_and_goes_on_to_the_page_asked_for(browser_, site, provider):
    """By a page of ours, so that the strict cookie is sent; with PKCE and nonce."""
    came = go_there(browser_, "/sign-in/organisation?next=/audit/figures")
    assert came.status_code == 200
    assert 'url=/audit/figures"' in came.get_data(as_text=True)
    assert browser_.get("/audit/figures").status_code == 200
    asked = provider.asked[-1]
    assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
    assert len(asked["nonce"]) >= 16
    assert asked["redirect_uri"] == f"{site.base}/sign-in/organisation/back"


def test_somebody_who_is_not_registered_gets_no_account(browser_, site, provider):
    """Whatever the organisation says: a page, an event, and as many people as before."""
    before = len(site.office.accounts.people.list())
    provider.user = {"sub": "9999", "preferred_username": "somebody.else", "roles": ["administrator"]}
    came = go_there(browser_)
    assert came.status_code == 403
    assert "尚未登记" in text_of(came)
    assert browser_.get("/account").status_code == 303
    assert len(site.office.accounts.people.list()) == before
    assert site.office.accounts.security.page(1)[0].kind == "single-sign-on-refused"


def test_a_name_over_there_takes_no_account_with_a_password_over(browser_, provider):
    """Not even at the first time; the administrator links such a person."""
    provider.user = {"sub": "666", "preferred_username": "admin.password"}
    assert go_there(browser_).status_code == 403


def test_who_was_added_for_it_is_linked_once_and_for_all(browser_, site, provider):
    """The first to come under that name; another subject of the same name later is refused."""
    provider.user = {"sub": "2002", "preferred_username": "auditor.waits"}
    assert go_there(browser_).status_code == 200
    provider.user = {"sub": "2003", "preferred_username": "auditor.waits"}
    assert go_there(Browser(site.app, site.base)).status_code == 403
    provider.user = {"sub": "2002"}
    assert go_there(Browser(site.app, site.base)).status_code == 200


def test_our_second_step_is_asked_unless_the_organisation_took_one(browser_, site, provider):
    """An administrator by single sign-on alone; with `mfa` among the ways it is enough."""
    people, at = site.office.accounts.people, site.clock.now()
    people.link("admin.password", provider.issuer, "3003", by=BY, at=at)
    secret = set_up_codes(site.office.accounts, "admin.password", at)
    provider.user = {"sub": "3003"}
    came = go_there(browser_)
    assert "/sign-in/second-step" in came.get_data(as_text=True)
    assert browser_.get("/account").status_code == 303
    assert browser_.send("/sign-in/second-step", code=totp_code(secret, site.clock.now())).status_code == 303
    provider.user = {"sub": "3003", "amr": ["pwd", "mfa"]}
    strong = Browser(site.app, site.base)
    assert "/sign-in/second-step" not in go_there(strong).get_data(as_text=True)
    assert strong.get("/account").status_code == 200


@pytest.mark.parametrize(
    "lie",
    [
        {"key": True},
        {"alg": "none"},
        {"claims": {"aud": "another"}},
        {"claims": {"iss": "https://login.example"}},
        {"claims": {"exp": 1}},
        {"claims": {"exp": None}},
        {"claims": {"nonce": "another"}},
        {"claims": {"nonce": None}},
        {"claims": {"sub": None}},
        {"claims": {"sub": 1001}},
        {"state": "another"},
    ],
    ids=str,
)
def test_a_token_that_is_not_sound_opens_nothing(browser_, provider, lie):
    """Key, algorithm, audience, issuer, time, nonce, subject, state: each alone is enough to refuse."""
    provider.lie = lie
    came = go_there(browser_)
    assert came.status_code == 403
    assert browser_.get("/account").status_code == 303


def test_a_way_back_works_once_and_in_its_own_browser(browser_, site):
    """A stolen address with code and state is worth nothing elsewhere, nor a second time."""
    sent = browser_.get("/sign-in/organisation")
    came = requests.get(sent.location, allow_redirects=False, timeout=5)
    back = urlsplit(came.headers["Location"])
    thief = Browser(site.app, site.base)
    assert thief.get(f"{back.path}?{back.query}").status_code == 403
    assert browser_.get(f"{back.path}?{back.query}").status_code in {200, 403}
    assert browser_.get(f"{back.path}?{back.query}").status_code == 403
    assert parse_qs(back.query)["state"]


@pytest.mark.parametrize("query", ["", "?code=x", "?state=x", "?code=x&state=y", "?error=access_denied", "?state=%00"])
def test_a_made_up_way_back_is_a_page_not_a_fault(browser_, query):
    """Whatever somebody types there."""
    assert browser_.get(f"/sign-in/organisation/back{query}").status_code in {400, 403}
