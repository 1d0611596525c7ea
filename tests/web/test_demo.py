"""Demonstration data: made once, shown again, and never in the way of somebody's real data."""

import contextlib
import re
import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from accounts.rights import EVERYWHERE, Right
from cards.presentation import read
from cards.programme.load import load_programme
from cards.wire import dictionary_of
from edge.clock import FixedClock, SystemClock
from edge.settings import load_settings
from issuer.applications.records import Filter, counted
from issuer.applications.states import State
from issuer.register.holders import list_holders
from ledger.values import Query
from tests.web.staffing import Browser
from verifier.service import open_verifier
from web import demo
from web.app import create_application
from web.seeding import POINTS_MOST
from web.seeding_uses import visits_of_this_month

pytestmark = pytest.mark.slow
HEADLINE = "Yunju is at http://127.0.0.1:8000"


def settings(folder):
    """Return the settings of a machine in a folder."""
    return load_settings({"YUNJU_VAR": str(folder)})


def show(folder, capsys, *, fresh=False):
    """Run the program; returns its exit code and what it printed."""
    code = demo.run(settings(folder), SystemClock(), fresh=fresh)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_an_empty_machine_gets_holders_of_every_tier_points_and_accounts(tmp_path, capsys):
    """Everything to click, type and paste is printed."""
    code, text, _ = show(tmp_path / "var", capsys)
    assert code == 0
    assert text.startswith(HEADLINE)
    for tier in ("钻石卡", "金卡", "银卡"):
        assert tier in text
    assert len(re.findall(r"^  [0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}  ", text, re.MULTILINE)) == POINTS_MOST
    assert len(re.findall(r"/wallet#enrol=[0-9A-Z-]{19}", text)) == 4
    assert re.search(r"operator 1001  PIN \d{6}$", text, re.MULTILINE)


def test_the_audit_pages_and_who_may_sign_in_there_are_printed(tmp_path, capsys):
    """The address, two accounts with their passwords and what each may do; both work."""
    _, text, _ = show(tmp_path / "var", capsys)
    assert "http://127.0.0.1:8000/audit" in text
    found = dict(re.findall(r"^  (auditor\.\w+) +(\S+)   \w", text, re.MULTILINE))
    app = create_application(settings(tmp_path / "var"))
    for name, right in (("auditor.li", False), ("auditor.zhao", True)):
        client = app.test_client()
        asked = {"name": name, "password": found[name], "cookie": True}
        if right:
            assert client.post("/v1/sessions", json=asked).json["code"] == "second-step-needed"
            assert demo.print_code(settings(tmp_path / "var"), name, app.clock.now()) == 0
            asked["code"] = capsys.readouterr().out.strip()
        signed = client.post("/v1/sessions", json=asked)
        assert signed.status_code == 201
        assert (b'"names":true' in client.get("/audit").data.replace(b" ", b"")) is right


def test_what_is_printed_of_a_printed_card_is_its_code(tmp_path, capsys):
    """The texts to paste are presentations of the programme."""
    _, text, _ = show(tmp_path / "var", capsys)
    office = demo.open_office(settings(tmp_path / "var"))
    dictionary = dictionary_of(office.desk.programme)
    codes = re.findall(r"printed card   (.+)$", text, re.MULTILINE)
    office.close()
    assert len(codes) == 4
    for code in codes:
        assert read(code, {dictionary.number: dictionary}).proof is None


def test_a_second_run_makes_nobody_twice_and_new_one_time_codes(tmp_path, capsys):
    """The same people and passwords; codes that were used or forgotten are replaced."""
    _, first, _ = show(tmp_path / "var", capsys)
    _, second, _ = show(tmp_path / "var", capsys)
    cards = re.compile(r"printed card   (.+)$|auditor\.li +(\S+)$", re.MULTILINE)
    assert cards.findall(first) == cards.findall(second)
    links = re.compile(r"#enrol=(\S+)")
    assert set(links.findall(first)).isdisjoint(links.findall(second))


def test_the_sign_ins_are_kept_for_this_user_alone(tmp_path, capsys):
    """The note with passwords is mode 0600."""
    show(tmp_path / "var", capsys)
    assert (tmp_path / "var" / demo.NOTE).stat().st_mode & 0o777 == 0o600


def test_fresh_begins_anew(tmp_path, capsys):
    """Old people are gone, new ones there."""
    _, first, _ = show(tmp_path / "var", capsys)
    _, second, _ = show(tmp_path / "var", capsys, fresh=True)
    cards = re.compile(r"printed card   (.+)$", re.MULTILINE)
    assert set(cards.findall(first)).isdisjoint(cards.findall(second))


@pytest.mark.parametrize("fresh", [False, True])
def test_data_that_is_no_demonstration_is_left_alone(tmp_path, capsys, fresh):
    """Neither seeded into nor removed."""
    var = tmp_path / "var"
    (var / "keys").mkdir(parents=True)
    (var / "keys" / "mine").write_text("kept")
    code, text, fault = show(var, capsys, fresh=fresh)
    assert code == (1 if fresh else 0)
    assert "hint:" in fault if fresh else "left as it is" in text
    assert [path.name for path in var.rglob("*") if path.is_file()] == ["mine"]


def test_bad_settings_are_told_all_together(monkeypatch, capsys):
    """As everywhere: each fault with its remedy, exit 2."""
    monkeypatch.setenv("YUNJU_STATUS_TTL", "x")
    monkeypatch.setenv("YUNJU_BASE_URL", "y")
    assert demo.main([]) == 2
    assert capsys.readouterr().err.count("error:") == 2


def test_what_an_interrupted_run_left_is_made_anew(tmp_path, capsys, monkeypatch):
    """Stopped while seeding, the next run begins again instead of calling the half a stranger's data."""
    with monkeypatch.context() as patch:
        patch.setattr(demo, "seed_accounts", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            show(tmp_path / "var", capsys)
    _, text, _ = show(tmp_path / "var", capsys)
    assert "auditor.li" in text
    assert show(tmp_path / "var", capsys)[0] == 0


def test_two_at_once_make_one_demonstration(tmp_path, capsys):
    """The second waits for the first and shows the same people."""
    codes = []
    runs = [threading.Thread(target=lambda: codes.append(_run_quietly(tmp_path / "var"))) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert codes == [0, 0]
    assert len(re.findall("printed card", capsys.readouterr().out)) == 8


def _interrupt(*_):
    raise KeyboardInterrupt


def _run_quietly(folder):
    return demo.run(settings(folder), SystemClock(), fresh=False)


def test_the_demonstration_has_an_application_in_every_state(tmp_path):
    """Whoever opens the office sees each step once; made again, nothing is made twice."""
    for _ in range(2):
        assert demo.prepare(settings(tmp_path / "var"), SystemClock())
    office = demo.open_office(settings(tmp_path / "var"))
    try:
        counts = counted(office.desk, Filter(states=frozenset(State)))
    finally:
        office.close()
    assert counts == dict.fromkeys(State, 1)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A demonstration that was made once, and the application over it."""
    var = tmp_path_factory.mktemp("demo") / "var"
    clock = FixedClock(datetime(2026, 11, 10, 7, 30, tzinfo=UTC))
    assert demo.prepare(settings(var), clock)
    printed = demo.announce(settings(var), clock)
    return SimpleNamespace(settings=settings(var), clock=clock, printed=printed,
                           app=create_application(settings(var), clock))  # fmt: skip


def test_the_demonstration_has_photos_a_flight_of_today_an_event_and_a_request(made):
    """Whatever page is opened first has something to show."""
    at, zone = made.clock.now(), ZoneInfo("Asia/Shanghai")
    office = demo.open_office(made.settings)
    try:
        assert all(holder.has_photo for holder in list_holders(office.desk) if holder.added_at < at)
        rights = {EVERYWHERE: frozenset({Right.BOOKINGS, Right.NAMES})}
        until = at + timedelta(days=1)
        _, token = office.accounts.integrators.add("looking", rights, expires_at=until, by="test", at=at)
    finally:
        office.close()
    headers, today = {"Authorization": f"Bearer {token}"}, at.astimezone(zone).date().isoformat()
    asked = [f"bookings?point=air-dom&on={today}", "events?point=events", "requests?department=organisation"]
    answers = [made.app.test_client().get(f"/v1/{one}", headers=headers).json for one in asked]
    listed = [found[name] for found, name in zip(answers, ["bookings", "events", "requests"], strict=True)]
    assert [len(one) for one in listed] == [1, 1, 1]
    assert "周晓宁" in str(listed[0])


def test_one_holder_has_spent_both_visits_and_the_others_none(made):
    """The third is refused at once: no need to wait for two visits to end."""
    with contextlib.closing(open_verifier(made.settings, made.clock)) as verifier:
        uses = [entry for entry in verifier.ledger.entries(Query()).entries if entry.leaf.kind == "check-in"]
    assert [entry.leaf.outcome for entry in uses] == ["granted", "granted"]
    assert len({entry.leaf.holder for entry in uses}) == 1
    assert made.printed.count("both gym visits of this month are used") == 1


@pytest.mark.parametrize(
    ("local", "count"), [("2026-12-01T00:30", 0), ("2026-12-01T03:00", 1), ("2026-12-01T04:10", 2)]
)
def test_in_a_months_first_hours_no_visit_is_put_into_the_month_before(local, count):
    """The month is the programme's: what would be October's is left out."""
    programme = load_programme(settings("x").programme)
    at = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("Asia/Shanghai"))
    found = visits_of_this_month(programme, at)
    assert len(found) == count
    assert all(one.astimezone(programme.zone).month == 12 for one in found)


def test_every_sign_in_that_is_printed_opens_a_page_of_its_own(made):
    """Nobody is shown a password that leads to an account page and nothing else."""
    found = dict(re.findall(r"^  (\w+\.\w+) +(\S{16})(?:   .*)?$", made.printed, re.MULTILINE))
    assert len(found) >= 5
    doors = {}
    for name, password in found.items():
        browser = Browser(made.app, made.settings.base_url)
        made.clock.advance(timedelta(minutes=1))
        browser.sign_in(name, password)
        page = browser.get("/account").get_data(as_text=True)
        doors[name] = re.findall(r'href="(/[\w/]+)"', page.partition("<nav aria-label")[2].partition("</nav>")[0])
        assert [browser.get(path).status_code for path in doors[name]] == [200] * len(doors[name])
    assert [name for name, found in doors.items() if not found] == []


@pytest.mark.parametrize(("surfaces", "warned"), [("verifier,counter", True), ("issuer,verifier", False)])
def test_a_verifier_that_has_no_register_to_ask_says_what_it_lacks(made, surfaces, warned):
    """With a shared folder of documents alone there are no bookings by number and no photos: amber, with the remedy."""
    named = {"YUNJU_VAR": str(made.settings.var), "YUNJU_SURFACES": surfaces}
    ready = create_application(load_settings(named), made.clock).test_client().get("/readyz").json
    assert ("YUNJU_ISSUER_URL" in ready.get("warnings", {}).get("register", "")) is warned


def test_a_verifier_with_an_issuer_and_no_token_says_what_it_lacks(made, tmp_path):
    """The address alone asks nobody: amber until the token's file is there."""
    token = tmp_path / "token"
    named = {"YUNJU_VAR": str(made.settings.var), "YUNJU_SURFACES": "verifier,counter",
             "YUNJU_ISSUER_URL": "http://issuer:8000", "YUNJU_PLAIN_HOSTS": "issuer",
             "YUNJU_ISSUER_TOKEN_FILE": str(token)}  # fmt: skip
    client = create_application(load_settings(named), made.clock).test_client()
    assert "YUNJU_ISSUER_TOKEN_FILE" in client.get("/readyz").json["warnings"]["register"]
    token.write_text("token")
    assert "register" not in client.get("/readyz").json.get("warnings", {})
