"""The documents, followed: each command of a fenced block is run as it stands there, in order, in a fresh folder.

Our own command lines run in this process. What is not run here is named in ELSEWHERE, with the test that does run it.
"""

import importlib
import json
import os
import re
import shlex
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner
from werkzeug.serving import make_server

from accounts.store import AccountStore
from devices import cli_cards, pcsc
from devices import server as agents_server
from edge.clock import SystemClock
from edge.settings import load_settings
from tests.devices.builders import tap
from tests.devices.emulators import Card, Ntag424, PivCard
from tests.waiting import until
from web import demo
from web.app import create_application

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^( *)```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
PLAIN = re.compile(r"^ *```(?:text)?\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\s*(?:\$ )?(?:[\w./]*python3? -m|make|apt-get|\.venv/bin/pip) ", re.MULTILINE)
CLOCK = SystemClock()
PIN = "493817"

ELSEWHERE: Mapping[str, str] = {
    r"make run\b": "tests/ops/test_run.py::test_sign_ins_are_printed_once_it_answers_and_ctrl_c_ends_everything",
    r"python -m web\.demo --": "tests/client/test_sandbox.py::test_each_card_of_the_sandbox",
    r"curl ": "tests/test_integrators.py::test_the_page_for_integrators_can_be_followed_word_by_word",
    r"make (test|setup)\b|apt-get |\.venv/bin/pip |\. \.venv": "tests/test_outside_lines.py::test_a_line_for",
    r"\.venv/bin/python -m devices readers": "tests/devices/test_pcsc.py::test_readers_are_listed",
    r"python -m devices agent --service .*--serial": "tests/devices/test_scanner.py::test_",
    r"for name in POSTGRES|    echo |done > \.env|echo YUNJU_": "tests/test_deploy.py::test_the_handbook_s_lines",
    r"umask 077|(mkdir -p|sqlite3|cp) .*(backup|kept)": "tests/audit/test_restore_drill.py::test_the_drill",
    r"python -m verifier audit (keys >|verify var|repair \|\|)": "tests/audit/test_restore_drill.py::test_the_drill",
}
"""What no test of this file runs, as a pattern of the line, and the beginning of the name of the test that does."""


def commands_of(page: str) -> list[str]:
    """Return the commands of a page's blocks, a line each, joined lines joined, without comments."""
    found = []
    for indent, block in FENCE.findall((ROOT / page).read_text(encoding="utf-8")):
        text = re.sub(r"\\\n\s*", " ", block)
        lines = (re.sub(r"\s+#.*$", "", line.removeprefix(indent)) for line in text.splitlines())
        found += [line for line in lines if line.strip() and not line.startswith("#")]
    return found


class Reader:
    """Somebody who does what a page says. `stands` maps what stands for a value to the value."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stands: dict[str, str] = {}
        self.typed: dict[str, str] = {}
        self.before: dict[str, Callable[[], None]] = {}
        self.after: dict[str, Callable[[str], None]] = {}
        self.fails: dict[str, int] = {}
        self.ran: dict[str, str] = {}

    def follow(self, page: str) -> None:
        """Run every command of a page; each must end as it should."""
        for line in commands_of(page):
            if not any(re.match(pattern, line) for pattern in ELSEWHERE):
                self.run(line)
        unused = [begin for begin in [*self.before, *self.after, *self.typed] if not any(
            line.startswith(begin) for line in self.ran)]  # fmt: skip
        assert unused == [], "the page has no such command any more"

    def run(self, line: str) -> None:
        """Run one line in this process; what it prints goes where the line says."""
        self._told(self.before, line, lambda act: act())
        said = line
        for name, value in self.stands.items():
            said = said.replace(name, value)
        command, _, target = said.partition(" > ")
        words = shlex.split(command)
        assert words[:2] == ["python", "-m"], f"nobody runs: {line}"
        main = importlib.import_module(f"{words[2]}.__main__").main
        typed = next((text for begin, text in self.typed.items() if line.startswith(begin)), None)
        done = CliRunner().invoke(main, words[3:], input=typed, prog_name=words[2])
        wanted = next((code for begin, code in self.fails.items() if line.startswith(begin)), 0)
        assert done.exit_code == wanted, f"{said}\n{done.output}\n{done.exception!r}"
        if target:
            Path(target.strip()).write_text(done.stdout, encoding="utf-8")
        self._told(self.after, line, lambda act: act(done.output))
        self.ran[line] = done.output

    @staticmethod
    def _told(acts: Mapping[str, Callable], line: str, call: Callable) -> None:
        for begin, act in acts.items():
            if line.startswith(begin):
                call(act)


@pytest.fixture(scope="module")
def machine(tmp_path_factory) -> Path:
    """The folder of a demonstration, made once; nobody works in it."""
    made = tmp_path_factory.mktemp("machine")
    assert demo.prepare(load_settings({"YUNJU_VAR": str(made / "var")}), CLOCK)
    return made


@pytest.fixture
def empty(tmp_path, monkeypatch) -> Reader:
    """A reader in an empty folder that has the programmes beside it, as a checkout has."""
    for name in [name for name in os.environ if name.startswith("YUNJU_")]:
        monkeypatch.delenv(name)
    (tmp_path / "cards").symlink_to(ROOT / "cards")
    monkeypatch.chdir(tmp_path)
    return Reader(tmp_path)


@pytest.fixture
def reader(empty, machine) -> Reader:
    """A reader in a fresh folder with a machine's data under var/."""
    shutil.copytree(machine / "var", empty.folder / "var")
    return empty


def test_every_page_with_commands_is_followed():
    """A block of commands is marked `sh`, its page is followed by a test below, and no other block holds a command."""
    followed = set(re.findall(r'\.follow\("([\w./-]+)"\)', Path(__file__).read_text(encoding="utf-8")))
    pages = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
    assert {name for name, text in pages.items() if FENCE.search(text)} == followed
    assert [name for name, text in pages.items() for block in PLAIN.findall(text) if COMMAND.search(block)] == []


def test_what_is_run_elsewhere_is_run_there():
    """Each exception names a test that exists, and stands for a line that some page has."""
    lines = [line for path in PAGES for line in commands_of(path.relative_to(ROOT).as_posix())]
    for pattern, named in ELSEWHERE.items():
        file, _, name = named.partition("::")
        assert f"def {name}" in (ROOT / file).read_text(encoding="utf-8"), named
        assert any(re.match(pattern, line) for line in lines), pattern


def test_readme(reader):
    """The tour: names stand beside cards, a code is accepted, and of the holder with spent visits refused."""

    def chosen(told: str) -> None:
        """Take the card of the first silver holder, as the tour does."""
        (number,) = re.findall(r"^(\S+)  print  silver .*  张\*明$", told, re.MULTILINE)
        reader.stands["CARD-NUMBER"] = number

    def shown(told: str) -> None:
        reader.stands["TEXT-OF-A-CODE"] = told.strip()

    reader.after["python -m issuer card list"] = chosen
    reader.after["python -m issuer card qr CARD-NUMBER --format text"] = shown
    reader.typed["python -m accounts operator add"] = f"{PIN}\n{PIN}\n"
    reader.follow("README.md")
    cards = reader.ran["python -m issuer card list"].splitlines()
    assert len(cards) == 7  # two are the sandbox's
    assert all("*" in line.split()[-1] for line in cards)
    assert "granted" in reader.ran["python -m verifier log list"]
    decided = 'python -m verifier decide --point gym --service gym-visit --id-checked "TEXT-OF-A-CODE"'
    assert "granted" in reader.ran[decided].lower()
    (spent,) = re.findall(r"^(\S+)  print  silver .*  陈\*远$", "\n".join(cards), re.MULTILINE)
    reader.stands["CARD-NUMBER"] = spent
    reader.run("python -m issuer card qr CARD-NUMBER --format text")
    reader.fails[decided] = 1
    reader.run(decided)
    assert "quota-spent" in reader.ran[decided]


def test_audit(reader):
    """A department's month and an export, each as a file."""
    reader.follow("docs/audit.md")
    assert Path("health-2026-11.pdf").read_bytes().startswith(b"%PDF")
    assert Path("log.xlsx").read_bytes().startswith(b"PK")


def test_counter(reader):
    """A lounge's tablet and its supervisor."""
    reader.typed["python -m accounts operator add"] = f"{PIN}\n{PIN}\n"
    reader.follow("docs/counter.md")


def test_departments(reader):
    """A department's own place has a device, and its office a person."""
    reader.typed["python -m accounts person add"] = "correct horse battery\n" * 2
    reader.follow("docs/departments.md")


def test_desks(reader):
    """A desk of one department, and its supervisor."""
    reader.typed["python -m accounts person add"] = "correct horse battery\n" * 2
    reader.follow("docs/desks.md")


def test_integrators(reader):
    """A department's server and a turnstile are let in; tests/test_integrators.py follows the rest of the page."""
    reader.follow("docs/integrators.md")


def test_office(reader):
    """The office log holds, and a programme is compared with itself."""
    reader.follow("docs/office.md")


def test_deployment(empty, tmp_path, monkeypatch):
    """The verifier's keys are made on its machine, offered, and admitted by the issuer, who publishes."""
    medium, offers = tmp_path / "medium", [line for line in commands_of("docs/deployment.md") if " offer " in line]
    monkeypatch.setenv("YUNJU_VAR", "issuer")
    empty.stands["/media/root"] = str(medium)
    empty.run("python -m issuer init --root-keys /media/root")
    monkeypatch.setenv("YUNJU_VAR", "verifier")
    monkeypatch.setenv("YUNJU_SURFACES", "verifier,counter,wallet,audit")

    def at_the_issuer() -> None:
        monkeypatch.setenv("YUNJU_VAR", "issuer")
        monkeypatch.setenv("YUNJU_SURFACES", "issuer,office")

    def told_id(told: str) -> None:
        """Have the id read out: each offer's stands in the line that admits it."""
        named = f"{'receipt' if empty.ran.keys().isdisjoint(offers[:1]) else 'log'}.json --kid "
        empty.stands[f"{named}ID"] = named + re.search(r"[A-Za-z0-9_-]{43}", told)[0]

    empty.after["python -m keys offer"] = told_id
    empty.before["python -m keys admit receipt.json"] = at_the_issuer
    empty.follow("docs/deployment.md")


def test_operations(reader, tmp_path):
    """A backup is made and looked at, and restored where nothing is; a log that is whole needs no repair."""
    passphrase, place = tmp_path / "passphrase", tmp_path / "backups"
    passphrase.write_text("a passphrase that nobody guesses\n")
    passphrase.chmod(0o600)
    reader.stands["/etc/yunju/backup-passphrase"] = str(passphrase)
    reader.stands["/srv/backups"] = str(place)

    def made(_told: str) -> None:
        (name,) = [path.name for path in place.iterdir() if re.fullmatch(r"\d{8}T\d{6}Z", path.name)]
        reader.stands = {"20261130T030000Z": name} | reader.stands

    reader.after["python -m ops backup /srv/backups --seal-with"] = made
    reader.fails["python -m ops doctor --json"] = 2  # no background work has reported here
    reader.before["python -m ops restore"] = lambda: Path("var").rename("lost")
    reader.follow("docs/operations.md")
    reader.run("python -m verifier ledger check")


@pytest.fixture
def served(reader, monkeypatch):
    """The machine behind a port: an agent talks to a server over HTTP alone."""
    server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("YUNJU_BASE_URL", address)
    server.app = create_application(load_settings(dict(os.environ)), CLOCK)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    reader.stands["https://card.example.org"] = address
    monkeypatch.setattr(agents_server, "SECONDS", 120.0)  # a busy machine is slow, not away
    yield server.app
    server.shutdown()
    thread.join(5)
    server.server_close()


class Table:
    """What lies on the reader: an emulated card, which the commands reach without a daemon."""

    def __init__(self, monkeypatch) -> None:
        self.card: Card = PivCard(blank=True)
        monkeypatch.setattr(cli_cards, "on_card", lambda _reader, work: work(tap(self.card)))
        monkeypatch.setattr(cli_cards, "_taps", lambda _reader, wait=None: iter([lambda work: work(tap(self.card))]))
        monkeypatch.setattr(pcsc, "scard", None)
        monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def lay(self, card: Card) -> Callable[[], None]:
        """Return what puts another card on the reader."""
        return lambda: setattr(self, "card", card)


def test_devices(reader, served, monkeypatch):
    """A PC is enrolled, a chip and a tag are written, a stack too, and simulated cards are tapped."""
    table = Table(monkeypatch)
    accounts = AccountStore.open(load_settings(dict(os.environ)).accounts_url, load_settings(dict(os.environ)).secret())
    code = accounts.devices.make_code("gym", needs_operator=False, by="test", at=CLOCK.now()).code
    accounts.close()
    holders = json.loads(Path("var/demo.json").read_text())["holders"]
    diamond, gold, silver = (holder["id"] for holder in holders[:3])
    reader.stands |= {"OTHER-HOLDER": gold, "HOLDER": diamond}
    Path("chip.key").write_text(bytes(range(24)).hex())
    Path("chip.key").chmod(0o600)
    Path("holders.txt").write_text(f"{silver}\n")

    def issued(told: str) -> None:
        card = json.loads(told)
        reader.stands["NUMBER"] = card["number"]

    def known() -> None:
        """A server looks at the published folder once a second."""
        text = max(Path().glob("*.txt"), key=lambda path: path.stat().st_mtime_ns).read_text().strip()
        checks = served.test_client()
        until(lambda: checks.post("/v1/public-checks", json={"presentation": text}).json.get("valid"))

    reader.typed["python -m devices agent --server"] = f"{code}\n"
    reader.fails["python -m devices agent --diagnose"] = 1
    reader.after["python -m issuer card issue"] = issued
    reader.before["python -m devices personalise batch chip"] = table.lay(PivCard(blank=True))
    reader.before["python -m devices personalise tag424"] = table.lay(Ntag424())
    reader.before["python -m devices simulate tap"] = known
    reader.follow("docs/devices.md")
