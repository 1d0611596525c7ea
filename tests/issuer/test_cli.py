"""`python -m issuer` as an officer uses it: what it prints, what it never prints, how it refuses."""

import json
import shutil
import sqlite3
import stat

import pytest
import zxingcpp
from click.testing import CliRunner
from PIL import Image

from edge.clock import FixedClock
from issuer.__main__ import main
from issuer.cli.office import IssuerCli
from issuer.issuing.issuing import find_card
from keys.keyset import Purpose
from keys.store import KeyStore
from tests.issuer.builders import BAIYUN, NOON, photo, published_status, resident_id

NUMBER = resident_id("19851129", 362)


class Line:
    """One officer at a command line over a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.clock = FixedClock(NOON)
        self.runner = CliRunner()

    def run(self, *arguments, typed=None, code=0):
        """Run a command; checks its exit code and returns the result."""
        done = self.runner.invoke(main, [str(each) for each in arguments], obj=IssuerCli(self.clock), input=typed)
        assert done.exit_code == code, done.output + done.stderr
        return done

    def json(self, *arguments, **rest):
        """Run a command with --json and return what it printed."""
        return json.loads(self.run(*arguments, "--json", **rest).stdout)

    def refused(self, *arguments, code=1, **rest):
        """Run a command that is refused and return its two lines."""
        lines = self.run(*arguments, code=code, **rest).stderr.splitlines()
        assert lines[-2].startswith("error: ")
        assert lines[-1].startswith("hint: ")
        return "\n".join(lines[-2:])

    def holder(self, name="张启明", number=NUMBER, ground="gold-6"):
        """Register a holder with a ground and return the id."""
        made = self.json("holder", "add", "--name", name, "--id-file", "-", typed=number)["id"]
        if ground:
            self.run("holder", "ground", made, ground)
        return made


@pytest.fixture(scope="module")
def set_up_once(tmp_path_factory):
    """The folder of an issuer that `init` set up: made once, copied for each test."""
    folder = tmp_path_factory.mktemp("set-up")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YUNJU_VAR", str(folder / "var"))
        Line(folder).run("init")
    return folder


@pytest.fixture
def line(tmp_path, set_up_once, monkeypatch):
    """A command line over an issuer that was set up."""
    shutil.copytree(set_up_once, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("YUNJU_VAR", str(tmp_path / "var"))
    monkeypatch.chdir(tmp_path)
    return Line(tmp_path)


def test_setting_up_makes_five_keys_once(line):
    """Again, it finds them there."""
    again = line.json("init")
    assert (again["keys"], again["publication"]["bundle_version"]) == ([], 1)
    assert "all keys are there" in line.run("init").stdout


@pytest.mark.slow
def test_from_a_person_to_a_code_at_a_counter(line):
    """The tour: register, ground, issue, show, draw."""
    holder = line.holder()
    card = line.json("card", "issue", holder)
    assert (card["tier"], card["form"], card["state"], "token" in card) == ("gold", "print", "valid", False)
    token = line.json("card", "show", card["number"], "--token")["token"]
    assert token.count(".") == 2
    assert line.run("card", "show", card["number"], "--token").stdout == f"{token}\n"  # a file of it is a card's text
    line.run("card", "qr", card["number"], "--format", "png", "-o", "card.png")
    text = line.run("card", "qr", card["number"], "--format", "text").stdout.strip()
    with Image.open(line.folder / "card.png") as image:
        assert zxingcpp.read_barcodes(image.convert("L"))[0].text == text
    assert text.startswith("YJ01:")
    assert line.run("card", "qr", card["number"]).stdout.count("█") > 500
    assert line.run("card", "qr", card["number"], "--format", "svg").stdout.startswith("<svg")
    line.run("card", "pdf", card["number"], "-o", "card.pdf")
    assert (line.folder / "card.pdf").read_bytes().startswith(b"%PDF")
    for name in ("card.png", "card.pdf"):
        assert stat.S_IMODE((line.folder / name).stat().st_mode) == 0o600


def test_the_life_of_a_card(line):
    """Suspend, resume, reissue, revoke; each says the state."""
    number = line.json("card", "issue", line.holder())["number"]
    assert line.json("card", "suspend", number, "--because", "lost")["state"] == "suspended"
    assert line.json("card", "resume", number)["state"] == "valid"
    new = line.json("card", "reissue", number, "--because", "damaged")
    assert line.json("card", "show", number)["state"] == "replaced"
    assert line.json("card", "revoke", new["number"])["state"] == "revoked"
    assert "revoked" in line.refused("card", "resume", new["number"])
    assert [card["state"] for card in line.json("card", "list")].count("revoked") == 1
    assert new["number"] in line.run("card", "list", "--holder", new["holder"]).stdout


def test_no_publish_leaves_the_lists_as_they_were(line):
    """For batches; the next `publish` tells all."""
    number = line.json("card", "issue", line.holder())["number"]
    before = (line.folder / "var/published/status-lists/0.jwt").read_bytes()
    line.run("card", "revoke", number, "--no-publish")
    assert (line.folder / "var/published/status-lists/0.jwt").read_bytes() == before
    line.run("publish")
    assert (line.folder / "var/published/status-lists/0.jwt").read_bytes() != before


def test_the_number_of_an_id_is_never_shown_whole(line):
    """Asked for without echo, or read from a file; every output masks it."""
    made = line.run("holder", "add", "--name", "张启明", typed=f"{NUMBER}\n")
    holder = line.json("holder", "list")[0]["id"]
    shown = [made, line.run("holder", "show", holder), line.run("holder", "list"), line.run("log", "--json")]
    for done in shown:
        assert NUMBER not in done.output + done.stderr
        assert NUMBER[4:14] not in done.output + done.stderr
    assert line.json("holder", "show", holder)["id_number"].startswith("4****")


def test_an_id_is_no_argument(line):
    """There is no option that takes the number: a process list would show it."""
    assert "--id-number" not in line.run("holder", "add", "--help").stdout
    assert "No such option" in line.refused("holder", "add", "--id-number", NUMBER, code=2)


def test_lists_mask_names_and_showing_one_is_written_down(line):
    """The full name is shown one holder at a time."""
    holder = line.holder("欧阳明华")
    assert "欧阳明华" not in line.run("holder", "list", "--json").stdout
    assert line.json("holder", "show", holder)["name"] == "欧阳明华"
    assert line.json("log", "--limit", "1")[0]["action"] == "holder-shown"
    assert "欧阳明华" not in line.run("log").stdout


def test_a_holder_is_found_by_the_id(line):
    """In any spelling; nobody is said to be nobody."""
    holder = line.holder()
    assert line.json("holder", "find", "--id-file", "-", typed=NUMBER.lower())["id"] == holder
    assert "nobody" in line.refused("holder", "find", "--id-file", "-", typed=resident_id(sequence=5))


def test_a_name_is_corrected(line):
    """From the command line, masked in the answer."""
    holder = line.holder("张启名")
    assert line.json("holder", "correct", holder, "--name", "张启明")["name"] == "张*明"
    assert "nothing" in line.refused("holder", "correct", holder)


def test_a_photo_from_a_file(line):
    """Kept, or refused with what is asked for."""
    holder = line.holder()
    (line.folder / "right.jpg").write_bytes(photo())
    (line.folder / "wrong.jpg").write_bytes(photo(10, 10))
    assert line.json("holder", "photo", holder, "right.jpg")["photo"]
    assert "358" in line.refused("holder", "photo", holder, "wrong.jpg")


def test_grounds_by_decision_dates_and_withdrawal(line):
    """`special` with its decision; dates as days; a withdrawn ground gives no card."""
    holder = line.holder(ground=None)
    told = ("--tier", "diamond", "--reference", "2026-3", "--body", "领导小组", "--contract-ends", "2027-03-31")
    ground = line.json("holder", "ground", holder, "special", *told)
    assert (ground["tier"], ground["last_day"]) == ("diamond", "2027-03-31")
    assert line.json("card", "issue", holder)["last_day"] == "2027-03-31"
    line.run("holder", "withdraw", holder, ground["id"])
    assert "no ground" in line.refused("card", "enrol", holder)


def test_benefits_and_rulings(line):
    """Recorded by code."""
    holder = line.holder()
    assert line.json("holder", "benefit", holder, "other-medical", "--ruling", "granted")["ruling"] == "granted"
    assert "no such benefit" in line.refused("holder", "benefit", holder, "cake")


def test_a_phone_code_is_shown_once(line):
    """Code, link and end; the link carries the code in its fragment."""
    made = line.json("card", "enrol", line.holder())
    assert made["link"].endswith(f"#enrol={made['code']}")
    assert made["expires_at"] == "2026-11-09T04:00:00Z"
    assert made["code"] not in line.run("log", "--json").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("card", "show", "nothing"), "no such card"),
        (("holder", "show", "nobody"), "no such holder"),
        (("card", "issue", "nobody"), "no such holder"),
    ],
)
def test_refusals_are_two_lines_and_exit_1(line, arguments, said):
    """`error:` and `hint:`, no traceback."""
    assert said in line.refused(*arguments)


@pytest.mark.parametrize(
    "arguments", [("card",), ("card", "issue"), ("card", "qr", "x", "--format", "gif"), ("nonsense",)]
)
def test_misuse_exits_2(line, arguments):
    """The usage is one command away."""
    assert line.run(*arguments, code=2).stderr


def test_a_bad_number_is_refused_without_being_repeated(line):
    """The message tells the fault, not the number."""
    wrong = NUMBER[:-1] + ("1" if NUMBER[-1] != "1" else "2")
    said = line.refused("holder", "add", "--name", "张启明", "--id-file", "-", typed=wrong)
    assert "check character" in said
    assert wrong not in said


def test_a_damaged_key_or_secret_is_a_refusal_with_a_remedy(line):
    """Another secret, a broken programme: what to do, no traceback."""
    (line.folder / "var/secret").write_text("0" * 64)
    assert "backup" in line.refused("holder", "list")


def test_without_the_root_the_rest_is_published_and_the_exit_tells(line):
    """A key was rotated and the root is elsewhere: lists go out, exit 1 with the remedy; with the root all is well."""
    (line.folder / "no-root").mkdir(mode=0o700)
    KeyStore(line.folder / "var/keys").rotate(Purpose.STATUS, NOON)
    before = (line.folder / "var/published/holder-marks.jwt").read_bytes()
    assert "--root-keys" in line.refused("publish", "--root-keys", line.folder / "no-root")
    assert (line.folder / "var/published/holder-marks.jwt").read_bytes() != before
    assert line.json("publish")["bundle_version"] == 2


def test_a_mistyped_root_folder_is_not_made(line):
    """A root key is looked for where it is said to be, or not at all."""
    line.run("publish", "--root-keys", line.folder / "offlien", code=2)
    assert not (line.folder / "offlien").exists()


def test_publish_says_what_it_did(line):
    """Serial, version, lists."""
    done = line.json("publish")
    assert (done["bundle_version"], len(done["status_lists"]), done["bundle_due"]) == (1, 2, None)


def test_help_is_everywhere(line):
    """Each command explains itself."""
    for group in ((), ("holder",), ("card",)):
        commands = line.run(*group, "--help").stdout.split("Commands:")[1]
        for name in (row.split()[0] for row in commands.strip().splitlines() if row.startswith("  ") or row):
            if name.islower() and name.isalpha():
                assert "--help" in line.run(*group, name, "--help").stdout


def test_the_published_status_is_what_the_commands_said(line):
    """Over the real settings: a suspension from the command line is in the folder."""
    number = line.json("card", "issue", line.holder())["number"]
    line.run("card", "suspend", number)
    with IssuerCli(line.clock).issuer() as desk:
        assert published_status(desk, find_card(desk, number)).name == "SUSPENDED"


def test_a_mistyped_folder_makes_no_empty_register(tmp_path, monkeypatch):
    """Asked for holders in a folder that is not there: refused, and still not there; only `init` makes one."""
    monkeypatch.setenv("YUNJU_VAR", str(tmp_path / "vra"))
    done = CliRunner().invoke(main, ["holder", "list"], obj=IssuerCli(FixedClock(NOON)))
    assert done.exit_code == 1
    assert "there is no register at" in done.stderr
    assert "init" in done.stderr
    assert not (tmp_path / "vra").exists()


def test_a_card_without_an_application_stands_on_the_auditors_list(line):
    """Issuing for a holder for whom nobody applied is possible on the command line, and never silent."""
    holder = line.holder()
    line.run("card", "issue", holder)
    (found,) = line.json("log", "--action", "broken-glass")
    assert (found["holder"], found["action"]) == (holder, "broken-glass")


def test_the_office_log_is_checked_before_it_is_shown(line):
    """An altered line is refused by name; a whole log is shown."""
    line.holder()
    assert line.json("log", "--check")
    lines = len(line.json("log"))
    assert f"holds its chain: {lines} lines\n" in line.run("log", "--check", "--limit", "1").stderr
    with sqlite3.connect(line.folder / "var" / "register.db") as database:
        database.execute("DROP TRIGGER office_log_no_update")
        database.execute("UPDATE office_log SET actor = 'cli:nobody' WHERE seq = 2")
    assert "from line 2 on" in line.refused("log", "--check")


def test_a_programme_file_is_checked_with_place_and_remedy(line):
    """A good file says so; each fault of a bad one names its place and what to write."""
    assert "no fault" in line.run("programme", "check", str(BAIYUN)).stdout
    text = BAIYUN.read_text(encoding="utf-8")
    (line.folder / "bad.toml").write_text(text.replace('group = "degree"', 'group = "degre"', 1), encoding="utf-8")
    assert "did you mean 'degree'?" in line.run("programme", "check", "bad.toml", code=1).stderr


def test_two_versions_of_a_programme_are_compared(line):
    """What was changed is told by its place, and whom it concerns."""
    text = BAIYUN.read_text(encoding="utf-8")
    changed = text.replace('version = "2026.1"', 'version = "2026.2"').replace("review_days = 5", "review_days = 7")
    (line.folder / "new.toml").write_text(changed, encoding="utf-8")
    rows = line.json("programme", "diff", str(BAIYUN), "new.toml")
    assert {row["place"]: (row["old"], row["new"]) for row in rows} == {
        "applying.review_days": (5, 7),
        "version": ("2026.1", "2026.2"),
    }
    assert line.json("programme", "diff", str(BAIYUN), str(BAIYUN)) == []


@pytest.mark.parametrize(
    ("old", "new", "place", "whom"),
    [
        ("[quotas.airport]", "maximum = 2", "quotas.airport.maximum", "diamond"),
        ("[quotas.gym]", "maximum = 2", "quotas.gym.maximum", "diamond, gold, silver"),
        ("[booking_rules.receipt]", "en = ", "booking_rules.receipt.name.en", "diamond, gold"),
        ("[points.housing]", "en = ", "points.housing.name.en", "diamond, gold"),
        ("[services.legal-advice]", "en = ", "services.legal-advice.name.en", "diamond"),
        ("[tiers.gold]", "en = ", "tiers.gold.name.en", "gold"),
        ("[exclusions.annual-health]", "en = ", "exclusions.annual-health.name.en", "diamond, gold"),
    ],
)
def test_a_difference_tells_whom_it_concerns(line, old, new, place, whom):
    """A figure of a quota concerns the tiers of the services that take it: an author reads for whom it changes."""
    head, found, rest = BAIYUN.read_text(encoding="utf-8").partition(old)
    assert found
    changed = rest.replace(new, "maximum = 1" if "maximum" in new else 'en = "New ', 1)
    if "maximum" not in new:
        before, _, after = changed.partition('en = "New "')
        changed = f'{before}en = "New {after}'
    (line.folder / "new.toml").write_text(head + found + changed, encoding="utf-8")
    (told,) = line.run("programme", "diff", str(BAIYUN), "new.toml").stdout.splitlines()
    assert told.startswith(f"{place}: ")
    assert told.endswith(f"  (for {whom})")


@pytest.mark.parametrize("month", ["9999-12", "0001-01", "2201-01", "1999-12"])
def test_no_month_is_played_that_no_calendar_has(line, month):
    """The ends of what dates can tell, and what nobody means: a refusal with its remedy."""
    assert "a month from 2000-01" in line.run("programme", "try", str(BAIYUN), "--month", month, code=1).stderr


def test_a_list_is_imported_by_command_and_its_faults_are_told_by_row(line):
    """A dry run changes nothing, a fault stops all, the same file changes nothing; the notices are listed."""
    file = line.folder / "list.csv"
    head, good = "姓名,证件号码,单位,手机\n", f"林志远,{NUMBER},某公司,13800000099\n"
    told = ("--department", "development", "--ground", "gold-12", "--limb", "b", "--reference", "函1号")
    file.write_text(f"{head}{good}何淑贞,{resident_id()},,\n", encoding="gb18030")
    refused = line.run("application", "import-list", file, *told, code=1)
    assert "row 3, 单位: nothing stands here" in refused.stdout
    assert line.json("application", "list") == []
    file.write_text(f"{head}{good}", encoding="utf-8-sig")
    assert line.json("application", "import-list", file, *told, "--dry-run")["new"] == 1
    for expected in ((1, 0), (0, 1)):
        done = line.json("application", "import-list", file, *told)
        assert (done["new"], done["known"]) == expected
    (kept,) = line.json("application", "list")
    assert (kept["channel"], kept["name"], kept["state"]) == ("list-development", "林*远", "submitted")
    assert line.json("notice", "list") == []
    assert "not read" in line.refused("application", "import", line.folder / "var" / "register.db")
    assert "columns" in line.refused("application", "import", file)


def test_a_month_of_a_holder_is_played_on_paper(line):
    """Two gym visits and no third until the next month; the lounge is diamond's; the second check-up is excluded."""
    rows = line.json("programme", "try", BAIYUN, "--month", "2026-11")
    found = {(row["tier"], row["service"]): row for row in rows}
    gym = found["silver", "gym-visit"]
    told = (gym["granted"], gym["refused_on"], gym["reason"], gym["again_on"])
    assert told == (2, "2026-11-03", "quota-spent", "2026-12-01")
    assert found["silver", "airport-dom-departure"]["reason"] == "not-entitled"
    airport = found["diamond", "airport-dom-departure"]
    assert (airport["granted"], airport["reason"], airport["again_on"]) == (2, "quota-spent", "2027-01-01")
    assert found["gold", "housing-apartment"]["reason"] == "service-not-open"
    assert found["diamond", "official-checkup"]["reason"] == "excluded"
    assert found["silver", "hospital-registration"]["granted"] == 30
    assert "then quota-spent from 2026-11-03, again on 2026-12-01" in line.run("programme", "try", BAIYUN).stdout
    assert "no such tier" in line.refused("programme", "try", BAIYUN, "--tier", "platinum")


def test_the_office_log_is_checked_against_a_checkpoint_that_was_kept(line):
    """Printed by one command, compared by another; a text that nobody signed is refused."""
    line.holder()
    kept = line.folder / "kept.txt"
    kept.write_text(line.run("log", "--checkpoint").stdout, encoding="utf-8")
    line.holder(number=resident_id(sequence=7))
    assert "fits the checkpoint" in line.run("log", "--check", "--against", kept).stderr
    kept.write_text(kept.read_text("utf-8").replace("\n", "\n9", 1), "utf-8")
    assert "no checkpoint" in line.refused("log", "--check", "--against", kept)
