"""`python -m verifier audit`, as an operator and as an auditor without anything but files and keys use it."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from audit.tree.tiles import pack_entry, unpack_entries
from edge.clock import SystemClock
from edge.settings import load_settings
from issuer.publishing.setup import set_up
from issuer.register.issuer import open_issuer
from ledger.sqlite import SqliteLedger
from tests.audit.tampering import changed
from tests.ledger.builders import a_check_in
from verifier.__main__ import main
from verifier.records.store import VerifierStore

ROOT = Path(__file__).parents[2]


class Office:
    """A data folder with keys, documents and a ledger, and the command line on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {"YUNJU_VAR": str(folder / "var")}
        settings = load_settings(self.environ)
        desk = open_issuer(settings)
        set_up(desk, SystemClock().now() - timedelta(seconds=5))
        desk.close()
        VerifierStore.open(settings.verifier_url, settings.secret()).close()

    def check_ins(self, count: int) -> list[str]:
        """Record check-ins; returns the entries' ids."""
        clock = SystemClock()
        ledger = SqliteLedger(self.folder / "var/ledger.db", clock)
        ids = [
            ledger.check_in(a_check_in(clock.now(), holder=f"holder-{number:015d}")).entry for number in range(count)
        ]
        ledger.close()
        return ids

    def run(self, *words: object, code: int = 0) -> str:
        """Run a command; its output must be with this exit code."""
        told = CliRunner().invoke(main, ["audit", *map(str, words)], env=self.environ)
        assert told.exit_code == code, told.output
        return told.output

    @property
    def keys(self) -> list[str]:
        """The log's keys as options."""
        return [word for key in self.run("keys").split() for word in ("--key", key)]

    @property
    def log(self) -> Path:
        return self.folder / "var/log"


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """Sixty entries, sequenced."""
    made = Office(tmp_path_factory.mktemp("office"))
    made.ids = made.check_ins(60)
    assert made.run("sequence", "--once").startswith("60 entries, 0 cosignatures")
    return made


def test_the_log_is_checked_offline(office):
    """By folder, with each of its keys, and against a checkpoint kept from before."""
    told = json.loads(office.run("verify", office.log, *office.keys, "--since", office.log / "checkpoint", "--json"))
    assert (told["entries"], told["size"], told["faults"]) == (60, 60, [])
    for at in (0, 2):
        assert "no fault" in office.run("verify", office.log, *office.keys[at : at + 2])


def test_a_fault_is_named_and_the_exit_says_so(office, tmp_path):
    """Kind, place, words; `error:` and `hint:` lines."""
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(office.log, copy)
    path = copy / "tile/entries/000.p/60"
    entries = unpack_entries(path.read_bytes())
    entries[17] = changed(entries[17], point="elsewhere")
    path.write_bytes(b"".join(pack_entry(entry) for entry in entries))
    told = office.run("verify", copy, *office.keys, code=1)
    assert "altered       index 17:" in told
    assert "error: 1 faults in the log" in told
    assert "hint: keep this copy" in told


def test_an_export_is_written_and_checked(office, tmp_path):
    """JSON Lines, whole and chosen; CSV and XLSX with as many rows."""
    for name, more, count in (("all.jsonl", (), 60), ("some.jsonl", ("--outcome", "denied"), 0)):
        assert office.run("export", "-o", tmp_path / name, *more).startswith(f"{count} of 60 entries")
        assert f"{count} entries, no fault" in office.run("verify", tmp_path / name, *office.keys)
    for form in ("csv", "xlsx"):
        told = json.loads(office.run("export", "--format", form, "-o", tmp_path / f"log.{form}", "--json"))
        assert told["entries"] == 60
    assert len((tmp_path / "log.csv").read_text("utf-8-sig").splitlines()) == 61
    assert "error:" in office.run("export", "-o", tmp_path / "x", "--since", "yesterday", code=1)


def test_an_entry_is_proved_and_the_proof_checked(office, tmp_path):
    """The proof and the leaf's bytes are all that a stranger needs beside the key."""
    (tmp_path / "proof").write_text(office.run("prove", office.ids[7], "--leaf", tmp_path / "leaf"))
    assert " of 60 in yunju.baiyun.example/v1/log" in office.run(
        "check-proof", tmp_path / "proof", tmp_path / "leaf", *office.keys
    )
    (tmp_path / "leaf").write_bytes((tmp_path / "leaf").read_bytes().replace(b"silver", b"golden"))
    assert "error:" in office.run("check-proof", tmp_path / "proof", tmp_path / "leaf", *office.keys, code=1)
    assert "no such entry" in office.run("prove", "00-999999", code=1)


def test_keys_may_stand_in_a_file_and_others_are_refused(office, tmp_path):
    """One a line; a key of another log opens nothing."""
    (tmp_path / "keys").write_text(office.run("keys"))
    assert "no fault" in office.run("verify", office.log, "--key", tmp_path / "keys")
    other = "yunju.baiyun.example/v1/log+9c47f2c4+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    assert "error:" in office.run("verify", office.log, "--key", other, code=1)
    assert "needed" not in office.run("verify", office.log, code=2)


def test_two_checkpoints_are_compared(office, tmp_path):
    """The same twice; an older one with the tiles at hand."""
    checkpoint = office.log / "checkpoint"
    assert "one log" in office.run("compare", checkpoint, checkpoint, *office.keys)
    older = tmp_path / "older"
    older.write_bytes(checkpoint.read_bytes())
    office.ids += office.check_ins(3)
    office.run("sequence", "--once")
    assert "error:" in office.run("compare", older, checkpoint, *office.keys, code=1)
    assert "one log" in office.run("compare", older, checkpoint, *office.keys, "--log", office.log)


@pytest.mark.slow
def test_an_auditors_witness_and_watch_run_as_programs(office, tmp_path):
    """The witness in a process of its own cosigns what the sequencer asks; a watcher follows it over HTTP."""
    key = office.run("keys").split()[1]
    command = [sys.executable, "-m", "verifier", "audit", "witness", "--name", "auditor.example/w1", "--log", key,
               "--folder", str(tmp_path / "witness"), "--listen", "127.0.0.1:0"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as witness:
        try:
            line = witness.stdout.readline()
            (tmp_path / "witnesses").write_text(line)
            office.environ["YUNJU_WITNESSES"] = str(tmp_path / "witnesses")
            office.check_ins(5)
            assert office.run("sequence", "--once").strip().endswith("1 cosignatures")
            url = line.split()[1]
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(f"{url}/nothing/checkpoint", timeout=5)
        finally:
            office.environ.pop("YUNJU_WITNESSES", None)
            witness.terminate()
            witness.wait(10)


def test_a_watch_of_an_address_without_a_log_is_refused(office, tmp_path):
    """Nothing listens there: told once, with a hint."""
    words = ("watch", "http://127.0.0.1:9/v1/log", *office.keys, "--once", "--memory", tmp_path / "memory")
    assert "could not be looked at" in office.run(*words, code=1)


def test_a_lost_place_is_adopted_by_word_alone(tmp_path):
    """Refused with a hint; after `adopt` the log goes on."""
    office = Office(tmp_path)
    office.check_ins(4)
    office.run("sequence", "--once")
    (tmp_path / "var/log-checkpoint/state.json").unlink()
    assert "place is empty" in office.run("sequence", "--once", code=1)
    office.run("adopt", code=1)
    assert "goes on from 4" in office.run("adopt", "--yes")
    office.check_ins(1)
    assert office.run("sequence", "--once").startswith("5 entries")


def test_a_holder_is_erased_and_the_log_stays_whole(tmp_path):
    """The `sub` stands in no file any more; the check finds no fault; a second time there is nobody."""
    office = Office(tmp_path)
    office.check_ins(3)
    office.run("sequence", "--once")
    office.run("erase", "holder-000000000000001", code=1)
    assert "leads nowhere" in office.run("erase", "holder-000000000000001", "--yes")
    assert "no such holder" in office.run("erase", "holder-000000000000001", "--yes", code=1)
    files = [path for path in (tmp_path / "var").rglob("*") if path.is_file()]
    assert not [path for path in files if b"holder-000000000000001" in path.read_bytes()]
    assert "3 entries, no fault" in office.run("verify", office.log, *office.keys)


def test_the_report_of_a_month_is_written_as_pdf(tmp_path):
    """Of one department or all; a month or department that is none is refused with a remedy, and nothing is written."""
    office = Office(tmp_path)
    paper = tmp_path / "report.pdf"
    assert "no checkpoint" in office.run("report", "--month", "2026-11", "--out", paper, code=1)
    office.check_ins(5)
    office.run("sequence", "--once")
    said = json.loads(office.run("report", "--month", "2026-11", "--department", "health", "--out", paper, "--json"))
    assert (said["entries"], said["department"]) == (5, "health")
    assert paper.read_bytes().startswith(b"%PDF-")
    paper.unlink()
    assert "write the month as 2026-11" in office.run("report", "--month", "November", "--out", paper, code=1)
    assert "hr-centre" in office.run("report", "--month", "2026-11", "--department", "x", "--out", paper, code=1)
    assert not paper.exists()


def test_what_is_asked_for_is_what_is_exported_and_listed(tmp_path):
    """Both commands take the same filters; a tier that nobody has finds nothing."""
    office = Office(tmp_path)
    office.check_ins(5)
    office.run("sequence", "--once")
    for tier, count in (("silver", 5), ("gold", 0)):
        written = office.run(
            "export", "--format", "csv", "-o", tmp_path / "log.csv", "--tier", tier, "--assurance", "proved", "--json"
        )
        assert json.loads(written)["entries"] == count
        told = CliRunner().invoke(main, ["log", "list", "--tier", tier, "--json"], env=office.environ)
        assert len(json.loads(told.output)) == count
    assert (tmp_path / "log.csv").read_bytes().startswith(b"\xef\xbb\xbfindex,")
