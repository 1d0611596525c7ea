"""`python -m accounts`: what an administrator sees, and what is never an argument."""

import json

import pytest
from click.testing import CliRunner

from accounts.__main__ import main
from accounts.cli.desk import AccountsCli
from accounts.factors import new_totp_secret
from accounts.people import WrongCredentials
from accounts.rights import Right, Role
from accounts.store import AccountStore
from edge.clock import FixedClock
from edge.settings import load_settings
from keys.jwk import public_jwk, thumbprint
from keys.signer import FileSigner
from tests.accounts.builders import NOON, PASSWORD


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """Run a command line: exit code, stdout, stderr."""
    environ = {"YUNJU_VAR": str(tmp_path)}
    AccountStore.open(f"sqlite:///{tmp_path}/accounts.db").close()

    def command(*line, stdin=None, **settings):
        desk = AccountsCli(FixedClock(NOON), load_settings({**environ, **settings}))
        if stdin is not None:
            file = tmp_path / "typed"
            file.write_text(stdin, encoding="utf-8")
            line = [str(file) if part == "FILE" else part for part in line]
        with pytest.raises(SystemExit) as left:
            main.main(list(line), obj=desk)
        captured = capsys.readouterr()
        return left.value.code, captured.out, captured.err

    return command


@pytest.fixture
def store(tmp_path):
    """The store that the commands change."""
    opened = AccountStore.open(f"sqlite:///{tmp_path}/accounts.db")
    yield opened
    opened.close()


def test_a_code_is_shown_once_with_a_qr_to_scan(run, store):
    """And it enrols a device at the point, with the rights named."""
    code, out, _ = run("device", "add", "--point", "gym", "--right", "check-in", "--right", "void", "--label", "Desk 1")
    assert code == 0
    assert "█" in out
    shown = next(line for line in out.splitlines() if line.startswith("code:")).split()[1]
    device, _ = store.devices.enrol(shown, public_jwk(FileSigner.generate().public_key), at=NOON)
    assert (device.point, device.label, device.rights) == ("gym", "Desk 1", {Right.CHECK_IN, Right.VOID})
    _, listed, _ = run("device", "list")
    assert shown not in listed


def test_the_qr_carries_the_root_where_it_is_known(run, tmp_path):
    """Behind the #, so that no server logs it."""
    root = public_jwk(FileSigner.generate().public_key)
    file = tmp_path / "root.jwk"
    file.write_text(json.dumps(root))
    code, out, _ = run("device", "add", "--point", "gym", "--json", YUNJU_ROOT=str(file))
    assert code == 0
    made = json.loads(out)
    assert made["address"] == f"http://127.0.0.1:8000/counter#code={made['code']}&root={thumbprint(root)}"
    assert made["rights"] == ["check-in"]
    assert made["expires_at"] == "2026-11-01T12:00:00Z"


def test_the_qr_carries_the_root_that_the_issuer_here_wrote(run, tmp_path):
    """On one machine nothing has to be set."""
    root = public_jwk(FileSigner.generate().public_key)
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "root.jwk").write_text(json.dumps(root))
    assert f"&root={thumbprint(root)}" in run("device", "add", "--point", "gym")[1]


def test_a_programme_that_cannot_be_read_is_a_refusal(run, tmp_path):
    """With the setting that names it."""
    code, _, err = run("device", "add", "--point", "gym", YUNJU_PROGRAMME=str(tmp_path / "none.toml"))
    assert code == 1
    assert "hint: YUNJU_PROGRAMME" in err


def test_a_root_that_cannot_be_read_is_told_before_a_code_is_lost(run, tmp_path):
    """Exit 1 with the remedy."""
    (tmp_path / "root.jwk").write_text("{}")
    code, _, err = run("device", "add", "--point", "gym", YUNJU_ROOT=str(tmp_path / "root.jwk"))
    assert code == 1
    assert "hint: YUNJU_ROOT" in err
    assert json.loads(run("log", "--json")[1]) == []


def test_devices_are_listed_and_revoked(run, store):
    """By id; a second time is a refusal."""
    made = store.devices.make_code("gym", needs_operator=False, by="x", at=NOON)
    device, _ = store.devices.enrol(made.code, public_jwk(FileSigner.generate().public_key), at=NOON)
    assert json.loads(run("device", "list", "--json")[1])[0]["id"] == device.id
    assert run("device", "revoke", device.id)[0] == 0
    assert "revoked" in run("device", "list", "--point", "gym")[1]
    code, _, err = run("device", "revoke", device.id)
    assert (code, err.splitlines()[0]) == (1, "error: no device in use has this id")


@pytest.mark.parametrize("point", ["Gym", "gim", "gym/../x", "*", "", "体育"])
def test_a_point_that_the_programme_does_not_have_is_refused(run, point):
    """A slip of the finger would make a device that can do nothing anywhere."""
    code, _, err = run("device", "add", "--point", point)
    assert code == 1
    assert err.startswith("error: the programme has no point")
    assert "hint: " in err
    assert json.loads(run("log", "--json")[1]) == []


def test_an_integrators_token_is_shown_once(run):
    """With rights by point and a term; lists do not show it."""
    code, out, _ = run(
        "integrator",
        "add",
        "Hospital 2",
        "--grant",
        "hosp-2=check-in,void",
        "--grant",
        "hosp-3",
        "--days",
        "30",
        "--json",
    )
    made = json.loads(out)
    assert code == 0
    assert made["token"].startswith("yj_")
    assert made["rights"] == {"hosp-2": ["check-in", "void"], "hosp-3": ["check-in"]}
    assert made["expires_at"] == "2026-11-30T12:00:00Z"
    listed = run("integrator", "list", "--json")[1] + run("integrator", "list")[1]
    assert made["token"] not in listed
    assert run("integrator", "revoke", made["id"])[0] == 0
    assert run("integrator", "revoke", made["id"])[0] == 1


@pytest.mark.parametrize(("grant", "status"), [("gym=fly", 2), ("Gym", 1), ("=check-in", 1)])
def test_a_grant_that_names_no_right_or_point_adds_nobody(run, grant, status):
    """Misuse, or a refusal with the nearest point."""
    assert run("integrator", "add", "X", "--grant", grant)[0] == status
    assert json.loads(run("integrator", "list", "--json")[1]) == []


def test_people_are_added_with_a_password_from_a_file(run, store):
    """Listed with their roles; changed; disabled."""
    code, out, _ = run(
        "person", "add", "li", "--role", "auditor", "--password-file", "FILE", "--json", stdin=f"{PASSWORD}\n"
    )
    assert code == 0
    assert json.loads(out)["roles"] == ["auditor"]
    assert store.people.check("li", PASSWORD, source="x", at=NOON).name == "li"
    assert run("person", "password", "li", "--password-file", "FILE", stdin="another long password\n")[0] == 0
    assert store.people.check("li", "another long password", source="x", at=NOON)
    assert run("person", "disable", "li")[0] == 0
    assert "disabled" in run("person", "list")[1]
    assert run("person", "disable", "li")[0] == 1
    assert run("person", "password", "li", "--password-file", "FILE", stdin=f"{PASSWORD}\n")[0] == 1


def test_a_weak_password_and_a_taken_name_are_refused(run):
    """Exit 1 with a hint, and the password is not repeated."""
    add = ("person", "add", "li", "--role", "auditor", "--password-file", "FILE")
    code, out, err = run(*add, stdin="short\n")
    assert code == 1
    assert "12 to 256" in err
    assert "short" not in out + err
    assert run(*add, stdin=PASSWORD)[0] == 0
    assert run(*add, stdin=PASSWORD)[0] == 1


@pytest.mark.parametrize(
    "line",
    [
        ("person", "add", "li", "--role", "auditor", "--password", "x"),
        ("operator", "add", "1", "A", "--grant", "gym", "--pin", "1"),
    ],
)
def test_a_secret_is_never_an_argument(run, line):
    """Other users of the machine can read arguments."""
    assert run(*line)[0] == 2


def test_a_person_needs_a_role(run):
    """Exit 2."""
    assert run("person", "add", "li", "--password-file", "FILE", stdin=PASSWORD)[0] == 2


def test_operators_come_with_a_pin_or_without_by_wish(run):
    """Listed with which of the two, and their rights."""
    line = ("operator", "add", "0417", "陈小明", "--grant", "gym=check-in,void")
    assert json.loads(run(*line, "--pin-file", "FILE", "--json", stdin="493817\n")[1])["pin"] is True
    assert run("operator", "add", "0418", "Wang", "--grant", "*", "--no-pin")[0] == 0
    listed = json.loads(run("operator", "list", "--json")[1])
    assert [(one["code"], one["pin"], one["rights"]) for one in listed] == [
        ("0417", True, {"gym": ["check-in", "void"]}),
        ("0418", False, {"*": ["check-in"]}),
    ]
    assert run(*line, "--no-pin")[0] == 1
    assert run("operator", "add", "0419", "Li", "--grant", "gym", "--pin-file", "FILE", stdin="12\n")[0] == 1
    assert run("operator", "pin", "0418", "--pin-file", "FILE", stdin="271828\n")[0] == 0
    assert run("operator", "pin", "0418", "--pin-file", "FILE", stdin="12\n")[0] == 1
    assert run("operator", "pin", "0418", "--no-pin")[0] == 0
    assert json.loads(run("operator", "grant", "0418", "--grant", "gym=void", "--json")[1])["rights"] == {
        "gym": ["void"]
    }
    assert run("operator", "pin", "nobody", "--no-pin")[0] == 1
    assert run("operator", "disable", "0417")[0] == 0
    assert run("operator", "disable", "0417")[0] == 1
    assert "no PIN" in run("operator", "list")[1]


def test_the_log_tells_who_did_what_newest_first(run):
    """As lines and as JSON, without names."""
    run("operator", "add", "0417", "陈小明", "--grant", "gym", "--no-pin")
    run("device", "add", "--point", "gym")
    actions = [line["action"] for line in json.loads(run("log", "--json")[1])]
    assert actions == ["code-made", "operator-added"]
    told = run("log")[1]
    assert "cli:" in told
    assert "陈小明" not in told
    assert len(run("log", "--limit", "1")[1].splitlines()) == 1


def test_empty_lists_say_so(run):
    """A sentence for people, an empty list for machines."""
    for kind in ("person", "device", "integrator", "operator"):
        assert "yet" in run(kind, "list")[1]
        assert json.loads(run(kind, "list", "--json")[1]) == []
    assert "yet" in run("log")[1]


def test_a_database_that_cannot_serve_is_a_refusal():
    """With the setting to change; the frame's own check comes first where it knows the address."""
    desk = AccountsCli(FixedClock(NOON), load_settings({"YUNJU_ACCOUNTS_URL": "sqlite:///:memory:"}))
    with pytest.raises(SystemExit) as left:
        main.main(["log"], obj=desk)
    assert left.value.code == 1


@pytest.mark.parametrize("kind", ["person", "device", "integrator", "operator", "log"])
def test_every_command_explains_itself(run, kind):
    """`--help` everywhere."""
    code, out, _ = run(kind, "--help")
    assert code == 0
    assert out.startswith("Usage: ")
    commands = out.partition("Commands:")[2].split("\n")
    assert kind == "log" or [line for line in commands if len(line.split()) > 1]  # each command with what it does


def test_a_device_needs_an_operator_unless_said_otherwise(run, store):
    """New devices do; the list says which, and a device in use can be changed."""
    assert json.loads(run("device", "add", "--point", "gym", "--json")[1])["needs_operator"] is True
    made = json.loads(run("device", "add", "--point", "gym", "--no-operator", "--json")[1])
    assert made["needs_operator"] is False
    device, _ = store.devices.enrol(made["code"], public_jwk(FileSigner.generate().public_key), at=NOON)
    assert "works without an operator" in run("device", "list")[1]
    assert run("device", "operator", device.id)[0] == 0
    assert json.loads(run("device", "list", "--json")[1])[0]["needs_operator"] is True
    assert "needs an operator" in run("device", "list")[1]
    assert run("device", "operator", "nobody")[0] == 1


def test_a_department_is_a_place_for_devices_operators_and_integrators(run):
    """The first command of docs/departments.md, and its like; another department is a refusal with a hint."""
    line = ("device", "add", "--point", "dept-media", "--label", "订阅", "--right", "bookings", "--right", "names")
    assert json.loads(run(*line, "--json")[1])["point"] == "dept-media"
    operator = ("operator", "add", "0417", "陈小明", "--grant", "dept-media=bookings,names", "--pin-file", "FILE")
    assert json.loads(run(*operator, "--json", stdin="493817\n")[1])["rights"] == {"dept-media": ["bookings", "names"]}
    assert run("integrator", "add", "Media", "--grant", "dept-media=bookings")[0] == 0
    code, _, err = run("device", "add", "--point", "dept-medea")
    assert code == 1
    assert "did you mean dept-media?" in err


def test_rights_are_narrowed_to_a_service_where_said(run):
    """One service of a place, or some of a device's; a service that is none is a refusal."""
    grant = ("integrator", "add", "Gym", "--grant", "gym/gym-visit=check-in", "--json")
    assert json.loads(run(*grant)[1])["rights"] == {"gym/gym-visit": ["check-in"]}
    made = json.loads(run("device", "add", "--point", "gym", "--service", "gym-visit", "--json")[1])
    assert made["services"] == ["gym-visit"]
    assert run("device", "add", "--point", "gym", "--service", "gym-visits")[0] == 1
    assert run("integrator", "add", "Gym", "--grant", "gym/gym-visits=check-in")[0] == 1


@pytest.mark.parametrize("right", ["void-any", "override"])
def test_a_supervisor_has_a_pin(run, right):
    """A code typed at the device answers for nobody: neither added, nor granted, nor the PIN taken away."""
    add = ("operator", "add", "0417", "Chen", "--grant", f"gym=check-in,{right}")
    assert run(*add, "--no-pin")[0] == 1
    assert run(*add, "--pin-file", "FILE", stdin="493817\n")[0] == 0
    assert run("operator", "pin", "0417", "--no-pin")[0] == 1
    assert run("operator", "add", "0418", "Wang", "--grant", "gym", "--no-pin")[0] == 0
    assert run("operator", "grant", "0418", "--grant", f"gym={right}")[0] == 1


def test_a_mistyped_folder_makes_no_empty_accounts(tmp_path, monkeypatch):
    """A folder that is not there is refused and not made."""
    monkeypatch.setenv("YUNJU_VAR", str(tmp_path / "vra"))
    done = CliRunner().invoke(main, ["person", "list"], obj=AccountsCli(FixedClock(NOON)))
    assert done.exit_code == 1
    assert "there is no store of accounts" in done.stderr
    assert not (tmp_path / "vra").exists()


def test_roles_are_changed_and_narrowed_on_the_command_line(run, store):
    """A scope that the programme does not know is refused with those that it does."""
    add = ("person", "add", "li", "--role", "auditor", "--password-file", "FILE")
    assert run(*add, stdin=PASSWORD)[0] == 0
    code, out, _ = run("person", "roles", "li", "--role", "approver:gold", "--role", "officer", "--json")
    assert (code, json.loads(out)["roles"]) == (0, ["approver:gold", "officer"])
    assert {str(grant) for grant in store.people.named("li").grants} == {"approver:gold", "officer"}
    code, _, err = run("person", "roles", "li", "--role", "approver:golden")
    assert code == 1
    assert "gold" in err
    assert run("person", "roles", "li", "--role", "officer:gold")[0] == 2
    assert run("person", "roles", "nobody", "--role", "officer")[0] == 1


def test_a_second_step_is_reset_on_the_command_line(run, store):
    """For whoever lost the phone: factors, codes and sessions are gone."""
    person = store.people.add("li", PASSWORD, [Role.ADMINISTRATOR], by="cli:x", at=NOON)
    store.factors.add_totp(person.id, new_totp_secret(), None, "phone", by="cli:x", at=NOON)
    assert run("person", "reset-second-step", "li")[0] == 0
    assert store.factors.of(person.id) == []
    assert run("person", "reset-second-step", "nobody")[0] == 1


def test_a_person_for_single_sign_on_has_no_password(run, store):
    """Nobody signs in as that person with any; linking needs a provider."""
    assert run("person", "add", "li", "--role", "auditor", "--single-sign-on")[0] == 0
    assert not store.people.has_password(store.people.named("li"))
    for password in ("!", "", PASSWORD):
        with pytest.raises(WrongCredentials):
            store.people.check("li", password, source="x", at=NOON)
    code, _, err = run("person", "link", "li", "--subject", "1001")
    assert code == 1
    assert "YUNJU_SSO_ISSUER" in err


def test_security_events_are_shown_and_paged_on_the_command_line(run, store):
    """Newest first, by kind; a name typed wrong or right stands there as a hash alone."""
    assert "nothing yet" in run("security")[1]
    for password in ("wrong password", "another wrong one"):
        with pytest.raises(WrongCredentials):
            store.people.check("nobody.here", password, source="203.0.113.9", at=NOON)
    code, out, _ = run("security", "--limit", "1", "--skip", "1", "--kind", "sign-in-failed", "--json")
    assert (code, len(json.loads(out))) == (0, 1)
    assert "nobody" not in out
    assert run("security", "--kind", "pin-failed")[1].strip() == "nothing yet"


def test_a_device_is_moved_and_the_last_administrator_stays(run, store):
    """By command as by page; a place that the programme does not have is refused, and so is locking everybody out."""
    made = store.devices.make_code("gym", needs_operator=False, by="t", at=NOON, label="Desk 1")
    device, _ = store.devices.enrol(made.code, public_jwk(FileSigner.generate().public_key), at=NOON)
    assert run("device", "move", device.id, "--point", "nowhere")[0] == 1
    assert run("device", "move", device.id, "--point", "museum")[0] == 0
    assert store.devices.find(device.id).point == "museum"
    assert (
        run("person", "add", "admin.li", "--role", "administrator", "--password-file", "FILE", stdin=PASSWORD)[0] == 0
    )
    for line in (("disable", "admin.li"), ("roles", "admin.li", "--role", "auditor")):
        code, _, told = run("person", *line)
        assert (code, "last administrator" in told) == (1, True)
    assert run("person", "add", "admin.wang", "--role", "administrator", "--single-sign-on")[0] == 0
    assert run("person", "disable", "admin.li")[0] == 0
    assert run("person", "enable", "admin.wang")[0] == 1
    assert run("person", "enable", "admin.li")[0] == 0
    assert store.people.named("admin.li").disabled_at is None
