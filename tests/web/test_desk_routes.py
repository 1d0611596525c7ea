"""Every route of departments, booking desks, the operator and the administrator by every role, and of other places."""

from __future__ import annotations

import re

import pytest

from accounts.rights import Grant, Role
from tests.web.site import BY, Site
from tests.web.staffing import PASSWORD, Browser
from tests.web.test_office_routes import post

pytestmark = pytest.mark.slow
DESKS, CHIEF = {Role.DESK, Role.SUPERVISOR}, {Role.SUPERVISOR}
SYSTEM, PEOPLE = {Role.SYSTEM_OPERATOR}, {Role.ADMINISTRATOR}
BOTH = SYSTEM | PEOPLE
ROOMS = ("department", "desk", "operator", "people", "security")
REQUEST, BOOKING = "/department/requests/<matter>", "/desk/bookings/<booking>"
STATEMENT = "/department/statements/<department>/<month>"
DEVICE, OPERATOR = "/operator/devices/<device_id>", "/operator/operators/<operator_id>"
PERSON = "/people/<person_id>"
MAY = {
    "GET /department": DESKS,
    f"GET {REQUEST}": DESKS,
    f"GET {REQUEST}/notice.pdf": DESKS,
    f"POST {REQUEST}/<any('take-up', 'hand-over', 'call-back', 'close'):act>": DESKS,
    "GET /department/new": DESKS,
    **{f"{method} /department/new/<service>/<department>": DESKS for method in ("GET", "POST")},
    "GET /department/certificates": DESKS,
    **{f"{method} /department/certificates/<entry>": DESKS for method in ("GET", "POST")},
    "GET /department/held": CHIEF,
    **{f"{method} /department/held/<digest>": CHIEF for method in ("GET", "POST")},
    "GET /department/statements": DESKS,
    f"GET {STATEMENT}.<any('csv', 'xlsx', 'pdf'):kind>": DESKS,
    f"POST {STATEMENT}/close": DESKS,
    "GET /department/subscribers": DESKS,
    "GET /department/subscribers/<service>/<year>.csv": DESKS,
    "GET /desk": DESKS,
    "GET /desk/state": DESKS,
    "GET /desk/print": DESKS,
    "GET /desk/missed": DESKS,
    f"GET {BOOKING}": DESKS,
    f"POST {BOOKING}/change": DESKS,
    f"POST {BOOKING}/<any('delay', 'cancel', 'reopen'):act>": DESKS,
    f"POST {BOOKING}/missed": DESKS,
    **{f"{method} /desk/new/<point>/<service>": DESKS for method in ("GET", "POST")},
    **{f"{method} /desk/events": DESKS for method in ("GET", "POST")},
    **{f"{method} /desk/events/<code>": DESKS for method in ("GET", "POST")},
    "POST /desk/events/<code>/cancel": DESKS,
    **{f"{method} /desk/notices": DESKS for method in ("GET", "POST")},
    **{f"{method} /desk/receipts": DESKS for method in ("GET", "POST")},
    "GET /desk/receipts.csv": DESKS,
    **{f"GET /operator{path}": SYSTEM for path in ("", "/settings", "/licences")},
    "GET /operator/log": BOTH,
    **{f"GET /operator/{name}": BOTH for name in ("devices", "operators", "integrators", "hooks")},
    **{
        f"{method} /operator/{name}/new": BOTH
        for name in ("devices", "operators", "integrators", "hooks")
        for method in ("GET", "POST")
    },
    "POST /operator/devices/codes/<code_id>/withdraw": BOTH,
    f"GET {DEVICE}": BOTH,
    **{f"POST {DEVICE}/{act}": BOTH for act in ("move", "operator", "revoke")},
    f"GET {OPERATOR}": BOTH,
    **{f"POST {OPERATOR}/{act}": BOTH for act in ("rights", "pin", "end")},
    "POST /operator/integrators/<integrator_id>/revoke": BOTH,
    **{f"POST /operator/hooks/<hook_id>/{act}": BOTH for act in ("rotate", "stop", "resume", "test", "again")},
    "GET /people": PEOPLE,
    f"GET {PERSON}": PEOPLE,
    **{f"POST {PERSON}/{act}": PEOPLE for act in ("disable", "enable", "end-sessions", "reset-factors")},
    f"POST {PERSON}/sessions/<session_id>/end": PEOPLE,
    f"POST {PERSON}/roles": PEOPLE,
    f"POST {PERSON}/roles/remove": PEOPLE,
    "GET /security": PEOPLE,
}
"""Who passes the door of a route."""
ASKED = {"/desk/state": "point=air-dom", "/desk/print": "point=air-dom", "/desk/receipts.csv": "point=union"}
NAMED = {
    "department": "media", "point": "air-dom", "month": "2020-01", "kind": "csv", "act": "close", "year": "2026",
    "service": "steward-newspaper",
}  # fmt: skip
NOT_THERE = {
    *(f"{method} /department/certificates/<entry>" for method in ("GET", "POST")),
    "GET /department/subscribers/<service>/<year>.csv",
}
"""Pages of the right to names: an auditor of names finds nothing there, since the desks ask for bookings too."""
AT_A_PLACE = [
    f"GET {STATEMENT}.<any('csv', 'xlsx', 'pdf'):kind>", f"POST {STATEMENT}/close",
    "GET /desk/state", "GET /desk/print",
    "GET /desk/new/<point>/<service>", "POST /desk/new/<point>/<service>",
    "GET /department/new/<service>/<department>", "POST /department/new/<service>/<department>",
]  # fmt: skip
"""Routes that name a point or a department."""


def address(rule: str) -> str:
    """An address of a rule: places that there are, and names of nobody and nothing."""
    acts = {"/desk/": "cancel", "/department/": "close"}

    def named(found: re.Match[str]) -> str:
        name = found[1].rpartition(":")[2]
        if name == "act":
            return next(act for room, act in acts.items() if rule.startswith(room))
        if name == "service" and rule.startswith("/desk/"):
            return "airport-dom-departure"
        return NAMED.get(name, "nobody")

    path = re.sub(r"<((?:[^<>']|'[^']*')+)>", named, rule)
    return f"{path}?{ASKED[path]}" if path in ASKED else path


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine with one person of each role that there is, and a desk of the library's alone."""
    made = Site(tmp_path_factory.mktemp("desk-routes"))
    for role in Role:
        made.office.accounts.people.add(f"one.{role.value}", PASSWORD, [Grant(role)], by=BY, at=made.clock.now())
    narrow = [Grant.parse("supervisor:library")]
    made.office.accounts.people.add("library.chief", PASSWORD, narrow, by=BY, at=made.clock.now())
    yield made
    made.close()


def call(browser: Browser, route: str, token: str):
    """Open or send a route."""
    method, rule = route.split(" ", 1)
    return browser.get(address(rule)) if method == "GET" else post(browser, address(rule), token)


def test_no_route_of_these_rooms_is_left_out(site):
    """A new route needs its line here, and with the line its roles."""
    rules = [rule for rule in site.app.url_map.iter_rules() if rule.rule.split("/")[1] in ROOMS]
    assert {f"{method} {rule.rule}" for rule in rules for method in rule.methods & {"GET", "POST"}} == set(MAY)


@pytest.mark.parametrize("role", Role)
def test_each_role_passes_the_door_of_its_routes_and_no_other(site, role):
    """Whoever may pass is told that nothing is there; whoever may not is refused; nothing fails."""
    browser = Browser(site.app, site.base, f"198.51.100.{60 + list(Role).index(role)}")
    assert browser.sign_in(f"one.{role.value}").status_code == 303
    token, wrong = browser.token("/sign-out"), {}
    for route, roles in MAY.items():
        status = call(browser, route, token).status_code
        refused = status == (404 if role is Role.NAME_AUDITOR and route in NOT_THERE else 403)
        if refused is (role in roles) or status >= 500:
            wrong[route] = status
    assert wrong == {}


def test_a_desk_of_one_department_opens_no_place_of_another(site):
    """Every route that names a point or a department: refused, or not there."""
    browser = Browser(site.app, site.base, "198.51.100.80")
    assert browser.sign_in("library.chief").status_code == 303
    token = browser.token("/sign-out")
    found = {route: call(browser, route, token).status_code for route in AT_A_PLACE}
    assert set(found.values()) <= {403, 404}, found


def test_a_stranger_is_led_to_the_sign_in_or_refused(site):
    """Nobody passes any door without having signed in."""
    stranger = Browser(site.app, site.base)
    token, passed = stranger.token("/sign-in"), {}
    for route in MAY:
        answer = call(stranger, route, token)
        led = answer.status_code == 303 and "/sign-in" in str(answer.location)
        if not led and answer.status_code not in {401, 403}:
            passed[route] = answer.status_code
    assert passed == {}
