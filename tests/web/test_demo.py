"""Demonstration data: made once, shown again, and never in the way of somebody's real data."""

import re
import threading

import pytest

from cards.presentation import read
from cards.wire import dictionary_of
from edge.clock import SystemClock
from edge.settings import load_settings
from issuer.applications.records import Filter, counted
from issuer.applications.states import State
from web import demo
from web.app import create_application
from web.seeding import POINTS_MOST

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
    assert len(re.findall(r"/wallet#enrol=[0-9A-Z-]{19}", text)) == 3
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
    assert len(codes) == 3
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
    assert len(re.findall("printed card", capsys.readouterr().out)) == 6


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
