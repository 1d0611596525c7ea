"""The operator's pages without a script: devices, operators, integrators, people, and what is due."""

import re
from datetime import timedelta

import pytest

from accounts.reports import HEADER
from accounts.rights import Right, Role
from doctor.words import told
from edge.release import VERSION
from keys.dpop import build_proof
from keys.jwk import public_jwk
from keys.signer import FileSigner
from ops.doctor import examine
from tests.waiting import until
from tests.web.site import BY, Site
from tests.web.staffing import PASSWORD, Browser, text_of
from verifier.records.tables import OFFLINE_RECORDS

PEOPLE = {"system.he": Role.SYSTEM_OPERATOR, "admin.hu": Role.ADMINISTRATOR, "auditor.wang": Role.AUDITOR}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine with one person of each role."""
    made = Site(tmp_path_factory.mktemp("operator"))
    people = made.office.accounts.people
    for name, role in PEOPLE.items():
        people.add(name, PASSWORD, [role], by=BY, at=made.clock.now())
    yield made
    made.close()


def enter(site, name: str) -> Browser:
    """A browser of somebody who signed in by two steps a moment ago."""
    site.clock.advance(timedelta(minutes=1))
    made = Browser(site.app, site.base)
    assert made.sign_in(name).status_code == 303
    return made


@pytest.fixture
def operator(site):
    """The system operator's browser."""
    return enter(site, "system.he")


class Counter:
    """A device that enrolled by a code."""

    def __init__(self, site, code: str) -> None:
        self.site, self.signer = site, FileSigner.generate()
        self.id, self.token = "", None
        made = self.call("POST", "/v1/devices/enrolments", {"code": code, "jwk": public_jwk(self.signer.public_key)})
        assert made.status_code == 201, made.json
        self.id, self.token = made.json["device"], made.json["access_token"]

    def call(self, method: str, path: str, body: dict | None = None, report: str = ""):
        """Send a signed call."""
        from edge.strictjson import dumps

        data = b"" if body is None else dumps(body)
        proof = build_proof(self.signer, method, self.site.base + path, data, self.token, self.site.clock.now())
        headers = {"DPoP": proof} | ({HEADER: report} if report else {})
        if self.token:
            headers["Authorization"] = f"DPoP {self.token}"
        sent = {"data": data, "content_type": "application/json"} if body is not None else {}
        return self.site.app.test_client().open(path, method=method, headers=headers, **sent)


def code_of(answer) -> str:
    """The enrolment code that a page shows."""
    return re.search(r'id="code">([^<]+)<', answer.get_data(as_text=True))[1]


def enrolled(operator, site, point: str = "gym", label: str = "2 号服务台") -> Counter:
    """A device enrolled by a code that the page made."""
    made = operator.send("/operator/devices/new", point=point, label=label, rights="check-in")
    assert made.status_code == 200, text_of(made)
    assert "data:image/svg+xml" in made.get_data(as_text=True)
    return Counter(site, code_of(made))


def test_a_device_is_enrolled_looked_after_and_revoked(operator, site):
    """Code from the page, what it tells of itself, another point, and the refusal; each a line of the account log."""
    device = enrolled(operator, site)
    page = f"/operator/devices/{device.id}"
    report = f"version={VERSION}; queued=0; clock=0"
    assert device.call("GET", "/v1/devices/self", report=report).json["point"] == "gym"
    told_ = text_of(operator.get(page))
    assert all(word in told_ for word in ("在线", VERSION, "准确", "刚刚"))
    site.clock.advance(timedelta(minutes=2))
    device.call("GET", "/v1/devices/self", report="version=0.0.9; queued=3; clock=38")
    assert all(word in text_of(operator.get("/operator/devices")) for word in ("时钟偏差", "快 38 秒", "0.0.9"))
    site.clock.advance(timedelta(hours=2))
    operator = enter(site, "system.he")
    assert "至少 3" in text_of(operator.get(page))
    assert operator.send(f"{page}/move", form=page, point="gym").status_code == 422
    assert operator.send(f"{page}/move", form=page, point="museum").location == page
    site.clock.advance(timedelta(seconds=6))  # rows are remembered for five seconds
    assert device.call("GET", "/v1/devices/self").json["point"] == "museum"
    assert operator.send(f"{page}/revoke", form=page).status_code == 422, "a tick comes first"
    _wait_record(site, device.id)
    assert operator.send(f"{page}/revoke", form=page, sure="y").location == page
    site.clock.advance(timedelta(seconds=6))
    refused = device.call("GET", "/v1/devices/self")
    assert (refused.status_code, refused.json["code"]) == (401, "device-revoked")
    revoked = text_of(operator.get("/operator/devices?tab=revoked"))
    assert re.search(r"已停用 刚刚 至少 3 1 0\.0\.9", revoked), "its held records stay visible"
    me = site.office.accounts.people.named("system.he")
    acts = {note.action.value for note in site.office.accounts.log(60) if note.actor == f"person:{me.id}"}
    assert acts >= {"code-made", "device-moved", "device-revoked"}
    log = text_of(operator.get("/operator/log"))
    assert all(word in log for word in ("停用设备", "移动设备", "system.he"))


def _wait_record(site, device: str) -> None:
    """Let one record of a device wait for a supervisor."""
    row = {"device": device, "seq": 1, "digest": "d" * 43, "prev": "", "made_at": 1, "received_at": 1, "point": "gym"}
    row |= {"service": "gym-visit", "state": "held"}
    from edge.database import Database
    from verifier.records.tables import MIGRATIONS

    database = Database.open(site.settings.verifier_url, room="verifier", migrations=MIGRATIONS)
    with database.write() as connection:
        connection.execute(OFFLINE_RECORDS.insert().values(row))
    database.close()


def test_a_code_can_be_withdrawn_before_it_is_used(operator, site):
    """It stands among those that wait, and enrols nothing afterwards."""
    made = operator.send("/operator/devices/new", point="library", label="借来的平板", rights="check-in")
    waiting = operator.get("/operator/devices?tab=codes")
    assert "借来的平板" in text_of(waiting)
    (path,) = re.findall(r'action="(/operator/devices/codes/[^"]+)"', waiting.get_data(as_text=True))
    operator.send(path, form="/operator/devices?tab=codes")
    assert "借来的平板" not in text_of(operator.get("/operator/devices?tab=codes"))
    with pytest.raises(AssertionError, match="code-refused"):
        Counter(site, code_of(made))


def test_an_operator_gets_a_new_pin_other_rights_and_an_end(operator, site):
    """The PIN is shown once; the old PIN and the sessions that began with it are worth nothing."""
    made = operator.send("/operator/operators/new", code="2001", name="陈敏仪", point="gym", rights="check-in")
    first = re.search(r'id="pin">(\d{6})<', made.get_data(as_text=True))[1]
    device, store = enrolled(operator, site), site.office.accounts
    assert _signs_in(device, first) == 201
    one = next(row for row in store.operators.list() if row.code == "2001")
    page = f"/operator/operators/{one.id}"
    reset = operator.send(f"{page}/pin", form=page)
    second = re.search(r'id="pin">(\d{6})<', reset.get_data(as_text=True))[1]
    assert second not in text_of(operator.get(page))
    assert (_signs_in(device, first), _signs_in(device, second)) == (401, 201)
    assert operator.send(f"{page}/rights", form=page, point="gym").status_code == 422, "one right must stay"
    assert operator.send(f"{page}/rights", form=page, point="museum", rights="void").location == page
    changed = next(row for row in store.operators.list() if row.code == "2001")
    assert changed.rights == {"gym": {Right.CHECK_IN}, "museum": {Right.VOID}}
    assert operator.send(f"{page}/end", form=page).status_code == 422
    operator.send(f"{page}/end", form=page, sure="y")
    assert _signs_in(device, second) == 401
    again = operator.send("/operator/operators/new", code="2001", name="另一人", point="gym", rights="check-in")
    assert (again.status_code, "已有人使用" in text_of(again)) == (422, True)


def _signs_in(device: Counter, pin: str) -> int:
    return device.call("POST", "/v1/operators/sessions", {"operator": "2001", "pin": pin}).status_code


def test_an_integrators_token_is_shown_once_and_ends(operator, site):
    """It works until it is revoked; its last use is told."""
    made = operator.send(
        "/operator/integrators/new", label="区妇幼保健院 HIS", point0="hosp-mch", rights0="check-in", days="90"
    )
    token = re.search(r'id="token">([^<]+)<', made.get_data(as_text=True))[1]
    listed = operator.get("/operator/integrators")
    assert token not in listed.get_data(as_text=True)
    assert "从未" in text_of(listed)
    bearer = {"Authorization": f"Bearer {token}"}
    assert site.app.test_client().get("/v1/points/hosp-mch/today", headers=bearer).status_code == 200
    assert "从未" not in text_of(operator.get("/operator/integrators"))
    (path,) = re.findall(r'action="(/operator/integrators/[^"]+/revoke)"', listed.get_data(as_text=True))
    operator.send(path, form="/operator/integrators")
    site.clock.advance(timedelta(seconds=6))
    assert site.app.test_client().get("/v1/points/hosp-mch/today", headers=bearer).status_code == 401


def test_one_token_serves_several_places(operator, site):
    """Another place by a button without a script; a half-filled place is told at its field; one place twice is one."""
    new, values = "/operator/integrators/new", {"label": "区文体系统", "point0": "gym", "rights0": ["check-in", "void"]}
    more = operator.send(new, do="more", **values)
    assert more.status_code == 200
    assert 'name="point1"' in more.text
    assert re.search(r'<option selected value="gym">', more.text)
    assert 'id="token"' not in more.text
    for half, field in (({"point1": "library"}, "rights1"), ({"point1": "", "rights1": "bookings"}, "point1")):
        refused = operator.send(new, **values, **half)
        assert refused.status_code == 422
        assert f'id="{field}-fault"' in refused.text
    places = {"point1": "library", "rights1": "bookings", "point2": "library", "rights2": "statement", "point3": ""}
    made = operator.send(new, days="90", **values, **places)
    token = re.search(r'id="token">([^<]+)<', made.text)[1]
    (one,) = [one for one in site.office.accounts.integrators.list() if one.label == "区文体系统"]
    assert one.rights == {
        "gym": {Right.CHECK_IN, Right.VOID},
        "library": {Right.BOOKINGS, Right.STATEMENT},
    }
    bearer = {"Authorization": f"Bearer {token}"}
    codes = [
        site.app.test_client().get(f"/v1/points/{at}/today", headers=bearer).status_code for at in ("gym", "museum")
    ]
    assert codes == [200, 403]


def test_the_page_tells_what_the_doctor_tells(operator, site):
    """The same findings in the same order, in the words of the same place; nothing of a secret in the settings."""
    shown, found = [], examine(site.settings, site.clock.now())

    def agree() -> bool:  # the background work of a machine whose clock jumps is late for a moment
        shown[:] = re.findall(r'class="finding \w+" data-code="([^"]+)"', operator.get("/operator").text)
        found[:] = examine(site.settings, site.clock.now())
        return shown == [one.code for one in found]

    until(agree)
    page = operator.get("/operator?lang=en").text
    assert told(next(one for one in found if one.code == "backup-none"), "en") in page
    operator.get("/operator?lang=zh")
    settings = text_of(operator.get("/operator/settings"))
    assert "YUNJU_STATUS_TTL 300 默认" in settings
    assert site.settings.secret().hex() not in settings
    licences = text_of(operator.get("/operator/licences"))
    assert all(word in licences for word in ("flask", "BSD", "zxing-wasm"))


def test_each_page_is_for_its_roles_alone(site):
    """Running the system and ruling over accounts are two roles; an auditor has neither, and nobody comes unknown."""
    browsers = {name: enter(site, name) for name in PEOPLE}
    pages = {
        rule.rule
        for rule in site.app.url_map.iter_rules()
        if rule.rule.startswith(("/operator", "/people", "/security")) and "GET" in rule.methods and not rule.arguments
    }
    both = {path for path in pages if re.search("/(devices|operators|integrators|hooks|log)", path)}
    system = {path for path in pages if path.startswith("/operator")}
    assert len(both) >= 7
    allowed = {"system.he": system, "admin.hu": both | (pages - system), "auditor.wang": set()}
    for name, mine in allowed.items():
        seen = {path for path in pages if browsers[name].get(path).status_code == 200}
        assert seen == mine, name
    nobody = Browser(site.app, site.base)
    assert {nobody.get(path).status_code for path in pages} == {303}
    rules = [rule for rule in site.app.url_map.iter_rules() if rule.rule.startswith("/operator")]
    for rule in (one for one in rules if "POST" in one.methods):
        path, bare = re.sub(r"<[^>]+>", "x", rule.rule), {"base_url": site.base, "headers": {"Origin": site.base}}
        assert browsers["auditor.wang"].send(path, form="/sign-out").status_code == 403, path
        assert browsers["system.he"].client.post(path, **bare).status_code == 400, "a forged form"


def test_a_password_alone_hands_out_nothing(site):
    """Devices, PINs and tokens wait for the second step."""
    person = site.office.accounts.people.named("system.he")
    site.office.accounts.people.add("system.bare", PASSWORD, [Role.SYSTEM_OPERATOR], by=BY, at=site.clock.now())
    bare = Browser(site.app, site.base)
    bare.sign_in("system.bare", factor=False)
    assert bare.get("/operator/devices").status_code == 403
    assert person.grants


def test_roles_are_given_and_taken_by_another_administrator(site):
    """One by one; one role stays, nobody acts on the own account, one session can be ended."""
    admin, people = enter(site, "admin.hu"), site.office.accounts.people
    me, other = people.named("admin.hu"), people.named("auditor.wang")
    page = f"/people/{other.id}"
    admin.send(f"{page}/roles", form=page, role="desk", scope="library")
    assert {str(grant) for grant in people.get(other.id).grants} == {"auditor", "desk:library"}
    admin.send(f"{page}/roles", form=page, role="auditor", scope="library")
    assert "不能限于" in text_of(admin.get(page))
    admin.send(f"{page}/roles/remove", form=page, grant="desk:library")
    admin.send(f"{page}/roles/remove", form=page, grant="auditor")
    assert {str(grant) for grant in people.get(other.id).grants} == {"auditor"}, "one role must stay"
    for act in ("roles", "roles/remove"):
        sent = admin.send(f"/people/{me.id}/{act}", form="/sign-out", role="auditor", grant="administrator")
        assert sent.status_code == 403
    enter(site, "auditor.wang")
    sessions = [one for one in site.office.accounts.sessions.of(other.id) if one.alive(site.clock.now())]
    admin.send(f"{page}/sessions/{sessions[0].id}/end", form=page)
    left = [one.id for one in site.office.accounts.sessions.of(other.id) if one.alive(site.clock.now())]
    assert sessions[0].id not in left
    admin.send(f"{page}/disable", form=page)
    admin.send(f"{page}/enable", form=page)
    assert people.get(other.id).disabled_at is None


def test_security_events_are_found_by_name_and_day_with_what_to_do(site):
    """A name finds its own events alone; each kind says what to do."""
    admin = enter(site, "admin.hu")
    Browser(site.app, site.base, "203.0.113.9").send("/sign-in", name="auditor.wang", password="wrong password")
    day = site.clock.now().astimezone(site.office.desk.programme.zone).date()
    here = text_of(admin.get(f"/security?person=auditor.wang&day={day}"))
    assert "登录失败" in here
    assert "同一账号多次，请联系本人" in here
    assert "没有符合条件" in text_of(admin.get("/security?person=auditor.wang&day=2020-01-01"))
    assert admin.get("/security?day=not-a-day&person=%00").status_code == 200
