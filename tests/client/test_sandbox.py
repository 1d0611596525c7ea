"""The sandbox that `make run` makes: a token, a device's code, and a card for each answer, tried by the client."""

import json

import httpx
import pytest
from yunju_client import Client, OfflineRecords, OfflineUse, enrol

from edge.clock import SystemClock
from edge.settings import load_settings
from web import demo
from web.app import create_application


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A machine with the demonstration, as `make run` makes it."""
    settings = load_settings({"YUNJU_VAR": str(tmp_path_factory.mktemp("sandbox") / "var")})
    assert demo.prepare(settings, SystemClock())
    return settings, httpx.WSGITransport(app=create_application(settings, SystemClock()))


def told(settings, capsys) -> dict:
    """What `--sandbox` prints."""
    assert demo.print_sandbox(settings, SystemClock().now()) == 0
    return json.loads(capsys.readouterr().out)


def test_each_card_of_the_sandbox_gets_the_answer_that_is_told(machine, capsys):
    """In the order told: what is granted first is `already-in` afterwards."""
    settings, transport = machine
    sandbox = told(settings, capsys)
    with Client(sandbox["server"], sandbox["token"], transport=transport) as client:
        given = [
            client.check_in(
                presentation=one["card"], **{name: one[name] for name in ("service", "point", "id_checked")}
            )
            for one in sandbox["tries"]
        ]
    wanted = [one["answer"] for one in sandbox["tries"]]
    spent = wanted.index("quota-spent")
    got = [one.reason or one.outcome for one in given]
    if given[spent].outcome == "granted":  # in a month's first hours: its visits were last month's
        got[spent] = "quota-spent"
    assert got == wanted
    assert len(set(wanted)) == len(wanted) >= 10


def test_the_plain_token_of_a_card_makes_an_offline_record(machine, capsys, tmp_path):
    """As the guide does it with what the sandbox prints: kept, uploaded, held while nobody proves the ID check."""
    settings, transport = machine
    sandbox = told(settings, capsys)
    folder = enrol(sandbox["server"], sandbox["device_code"], tmp_path / "device", transport=transport)
    assert all(one["plain"].count(".") == 2 for one in sandbox["tries"])
    with Client.of_device(folder, transport=transport) as device:
        records = OfflineRecords(folder)
        records.hold_time(device)
        use = OfflineUse(service="gym-visit", shown=[sandbox["tries"][-3]["plain"]], id_checked=True)
        records.append(use, SystemClock().now().timestamp())
        (answer,) = records.upload(device)
    assert answer.status == "held"


def test_the_code_of_the_sandbox_enrols_a_device_and_the_token_is_printed(machine, capsys, tmp_path):
    """Each call of `--sandbox` makes a fresh code; `make run` prints the token that works."""
    settings, transport = machine
    sandbox = told(settings, capsys)
    folder = enrol(sandbox["server"], sandbox["device_code"], tmp_path / "device", transport=transport)
    assert folder.point == sandbox["device_point"]
    with Client.of_device(folder, transport=transport) as device:
        assert device.point_today("gym").point == "gym"
    assert sandbox["token"] in demo.announce(settings, SystemClock())
    assert told(settings, capsys)["device_code"] != sandbox["device_code"]


def test_data_without_a_sandbox_say_how_one_is_made(tmp_path, capsys):
    """No data at all, and data that an older version made, whose note knows no sandbox."""
    settings = load_settings({"YUNJU_VAR": str(tmp_path)})
    assert demo.print_sandbox(settings, SystemClock().now()) == 1
    (tmp_path / demo.NOTE).write_text('{"holders": [], "accounts": {"people": {}, "operators": {}}}')
    assert demo.print_sandbox(settings, SystemClock().now()) == 1
    assert capsys.readouterr().err.count("hint: make run makes one") == 2
