"""Every route of the office by every role: whoever lacks its right is refused before anything is looked up."""

import re

import pytest

from accounts.rights import ROLE_RIGHTS, Grant, Right, Role
from tests.web.site import BY, Site
from tests.web.staffing import PASSWORD, Browser

pytestmark = pytest.mark.slow
READS, HOLDS, LOG = {Right.APPLICATIONS}, {Right.HOLDERS}, {Right.HOLDERS, Right.AUDIT}
CARDS, KEYS = {Right.CARDS}, {Right.KEYS}
APPLICATION, HOLDER, CARD = "/office/applications/<application_id>", "/office/holders", "/office/cards/<name>"
NEEDS = {
    "GET /office": READS,
    "GET /office/worklist.csv": READS,
    "GET /office/renewals.csv": HOLDS,
    f"GET {APPLICATION}": READS,
    f"GET {APPLICATION}/files/<file>": READS,
    f"GET {APPLICATION}/<any('letter', 'form'):kind>.pdf": READS,
    **{f"POST {APPLICATION}/{act}": READS for act in ("identity", "new-code", "attach", "note", "detach", "supply")},
    **{f"POST {APPLICATION}/{act}": {Right.REVIEW} for act in ("claim", "release", "check", "tell", "ask", "forward")},
    **{f"POST {APPLICATION}/{act}": {Right.APPROVE} for act in ("approve", "refuse", "return")},
    f"GET {HOLDER}": HOLDS,
    f"GET {HOLDER}/<holder_id>": HOLDS,
    f"GET {HOLDER}/<holder_id>/photo": HOLDS,
    f"POST {HOLDER}/<holder_id>/identity": HOLDS,
    "GET /office/renewals": HOLDS,
    **{f"POST {HOLDER}/<name>/{act}": CARDS for act in ("withdraw", "mark", "died", "erase")},
    **{f"POST {CARD}/{act}": CARDS for act in ("suspend", "resume", "revoke", "reissue", "print")},
    f"POST {HOLDER}/<holder_id>/new-photo": CARDS,
    f"POST {HOLDER}/<holder_id>/enrol": CARDS,
    "GET /office/print": CARDS,
    "POST /office/print": CARDS,
    "GET /office/import": READS,
    "POST /office/import": READS,
    "POST /office/import/<draft>": READS,
    "GET /office/notices": READS,
    "POST /office/notices/<int:notice>/again": READS,
    "GET /office/programme": READS | HOLDS,
    "GET /office/log": LOG,
    "GET /office/log/checkpoint": LOG,
    "GET /office/keys": KEYS,
    "GET /office/keys/<kid>": KEYS,
    "POST /office/keys/rotate": KEYS,
    "POST /office/keys/<kid>/drop": KEYS,
}
"""What a route needs: one of these rights."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine with one person of each role that there is."""
    made = Site(tmp_path_factory.mktemp("routes"))
    for role in Role:
        made.office.accounts.people.add(f"one.{role.value}", PASSWORD, [Grant(role)], by=BY, at=made.clock.now())
    yield made
    made.close()


def named(path):
    """An address of a rule, with names of nobody and nothing."""
    path = path.replace("<any('letter', 'form'):kind>", "letter").replace("<int:notice>", "999")
    return re.sub(r"<[a-z_]+>", "nobody", path)


def post(browser, path, token):
    """Send an empty form with a token that was taken before."""
    sent = {"base_url": browser.base, "headers": {"Origin": browser.base}}
    place = {"REMOTE_ADDR": browser.address}
    return browser.client.post(path, data={"csrf_token": token}, environ_base=place, **sent)


def routes(site):
    """Every route of the office that the application has, as `METHOD rule`."""
    rules = [rule for rule in site.app.url_map.iter_rules() if rule.rule.split("/")[1] == "office"]
    return {f"{method} {rule.rule}" for rule in rules for method in rule.methods & {"GET", "POST"}}


def test_no_route_of_the_office_is_left_out(site):
    """A new route needs its line here, and with the line its right."""
    assert routes(site) == set(NEEDS)


@pytest.mark.parametrize("role", Role)
def test_each_role_passes_the_door_of_its_routes_and_no_other(site, role):
    """Names of nobody and nothing: who may pass is told that nothing is there, whoever may not is refused."""
    browser = Browser(site.app, site.base, f"198.51.100.{30 + list(Role).index(role)}")
    assert browser.sign_in(f"one.{role.value}").status_code == 303
    token = browser.token("/sign-out")
    wrong = {}
    for route, needed in NEEDS.items():
        method, path = route.split(" ", 1)
        path = named(path)
        answer = browser.get(path) if method == "GET" else post(browser, path, token)
        passes = bool(ROLE_RIGHTS[role] & needed)
        if (answer.status_code != 403) != passes or answer.status_code >= 500:
            wrong[route] = answer.status_code
    assert wrong == {}


def test_a_stranger_is_led_to_the_sign_in_or_refused(site):
    """Nobody passes any door without having signed in."""
    stranger = Browser(site.app, site.base)
    token, passed = stranger.token("/sign-in"), {}
    for route in NEEDS:
        method, path = route.split(" ", 1)
        answer = stranger.get(named(path)) if method == "GET" else post(stranger, named(path), token)
        led = answer.status_code == 303 and "/sign-in" in str(answer.location)
        if not led and answer.status_code not in {401, 403}:
            passed[route] = answer.status_code
    assert passed == {}
