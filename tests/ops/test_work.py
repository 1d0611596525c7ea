"""The background work in a separate process: its jobs, its reports, and check-ins without it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.workreport import WorkPlace
from tests.verifier.machine import Machine

ROOT = Path(__file__).resolve().parents[2]
WITHIN_S = 60


def outside(machine) -> dict[str, str]:
    """What a process of the machine finds in its environment."""
    return {name: value for name, value in os.environ.items() if not name.startswith("YUNJU_")} | machine.environ


def command(machine, *words, code=0):
    """Run `python -m ops work` to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "ops", "work", *words],
        cwd=ROOT, env=outside(machine), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done


class Worker:
    """A running `python -m ops work`."""

    def __init__(self, machine) -> None:
        self.place = WorkPlace(machine.var)
        self._began = time.time() - 1
        self.process = subprocess.Popen([sys.executable, "-m", "ops", "work"], cwd=ROOT, env=outside(machine))
        try:
            self.until(lambda report: all(job.runs for job in report.jobs))
        except BaseException:
            self.process.kill()
            self.process.wait(10)
            raise

    def until(self, holds):
        """Wait until its report holds."""
        ends = time.monotonic() + WITHIN_S
        while time.monotonic() < ends:
            report = self.place.read()
            if report is not None and report.pid == self.process.pid and holds(report):
                return report
            assert self.process.poll() is None
            time.sleep(0.1)
        raise AssertionError(f"never came: {self.place.read()}")

    def stop(self, number=signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A served machine, as deployed."""
    made = Machine(tmp_path_factory.mktemp("work"), workers=2)
    made.start()
    yield made
    made.close()


@pytest.mark.slow
def test_the_work_is_done_told_and_missed_when_it_is_away(machine):
    """Jobs of every surface; a second process is refused; gone, /readyz says so and check-ins are still served."""
    assert "no background work" in machine.send("GET", "/readyz").json["warnings"]["work"]
    worker = Worker(machine)
    try:
        report = worker.place.read()
        names = ["publish", "renewals", "notices", "uploads", "erasure", "bookings", "records", "log", "witnesses"]
        names += ["hooks", "hooks-send", "hooks-tidy"]
        assert [job.name for job in report.jobs] == names
        assert [job.name for job in report.jobs if job.failing] == []
        ready = machine.send("GET", "/readyz")
        assert (ready.status, "work" in ready.json.get("warnings", {})) == (200, False)
        told = machine.send("GET", "/metrics").body.decode()
        assert "yunju_work_up 1.0" in told
        assert 'yunju_work_last_run_timestamp_seconds{task="log"}' in told
        assert f"process {worker.process.pid} does the background work" in command(machine, code=1).stderr
        assert json.loads(command(machine, "--status", "--json").stdout)["wrong"] is None
        assert "publish" in command(machine, "--once").stdout
    finally:
        assert worker.stop() == 0
    ready = machine.send("GET", "/readyz")
    assert ready.status == 200
    assert ready.json["warnings"]["work"].startswith("the background work is away since")
    assert "yunju_work_up 0.0" in machine.send("GET", "/metrics").body.decode()
    assert "away since" in command(machine, "--status", code=1).stdout


@pytest.mark.slow
def test_once_does_every_job_and_tells_how_it_went(machine):
    """For cron, and for finding out what fails: a job that fails is named, with its fault, and the exit is 1."""
    done = json.loads(command(machine, "--once", "--json").stdout)
    assert {job["name"]: job["runs"] for job in done["report"]["jobs"]}["log"] == 1
    checkpoint = machine.settings.log_checkpoint
    kept = checkpoint.read_bytes()
    checkpoint.write_bytes(kept.replace(b"baiyun", b"another"))
    try:
        failed = json.loads(command(machine, "--once", "--json", code=1).stdout)
    finally:
        checkpoint.write_bytes(kept)
    assert failed["wrong"] == "failed: log"
    assert next(job["fault"] for job in failed["report"]["jobs"] if job["failing"]).startswith("Unsafe: ")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_work_cleanly(machine, number, capfd):
    """No traceback, exit 0, the report says that it ended by itself."""
    worker = Worker(machine)
    assert worker.stop(number) == 0
    assert worker.place.read().stopped
    assert "Traceback" not in capfd.readouterr().err


SERVE = "import wsgi"
WORK = """
from edge.clock import SystemClock
from edge.settings import load_settings
from ops.jobs import open_jobs
open_jobs(load_settings(os.environ), SystemClock()).__enter__()
"""


def after(machine, surfaces: str, statement: str, told: str) -> list[str]:
    """What a fresh process with these surfaces tells after a statement."""
    code = f"import os, sys, json, threading\n{statement}\nprint(json.dumps({told}))\nsys.stdout.flush()\nos._exit(0)"
    environ = outside(machine) | {"YUNJU_SURFACES": surfaces}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_a_web_worker_runs_no_loop_of_its_own(machine):
    """Nothing publishes, sweeps or sequences there: beside the main thread at most the ledger's writer."""
    surfaces = "issuer,verifier,wallet,counter,office,audit"
    threads = after(machine, surfaces, SERVE, "[one.name for one in threading.enumerate()]")
    assert set(threads) <= {"MainThread", "ledger-writer"}


@pytest.mark.slow
@pytest.mark.parametrize("statement", [SERVE, WORK], ids=["web worker", "work"])
def test_a_counter_server_loads_no_code_of_the_issuer(machine, statement):
    """Nor what draws documents: those libraries are read when a document is asked for."""
    modules = after(machine, "verifier,counter", statement, "sorted(sys.modules)")
    assert "verifier.service" in modules
    heavy = {"issuer", "reportlab", "PIL", "qrcode", "openpyxl", "alembic"}
    assert [name for name in modules if name.partition(".")[0] in heavy] == []


@pytest.mark.slow
def test_an_issuers_server_loads_no_check_in(machine):
    """The other way about: what it trusts of the published folder is all that it has of the verifier."""
    modules = after(machine, "issuer", SERVE, "sorted(sys.modules)")
    assert "issuer.register.issuer" in modules
    assert [name for name in modules if name.startswith(("verifier.counter", "verifier.api", "ledger.sqlite"))] == []
