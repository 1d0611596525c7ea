"""What `make run` starts: one command that serves, prints the sign-ins when it listens, and ends all its processes."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from edge.clock import SystemClock
from edge.settings import load_settings
from ops.run import environ_of
from tools.ports import free_port
from web import demo
from web.app import create_application

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
WITHIN_S = 120


def outside(var: Path, **values: str) -> dict[str, str]:
    """The environment of a command."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("YUNJU_", "PROMETHEUS"))}
    return kept | {"YUNJU_VAR": str(var)} | values


def alive(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


class Running:
    """A running `python -m ops run`."""

    def __init__(self, folder: Path, **values: str) -> None:
        self.port, self.out = free_port(), folder / "out"
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ops", "run"],
                cwd=ROOT, env=outside(folder / "var", PORT=str(self.port), **values), stdout=out, stderr=out,
            )  # fmt: skip

    def until(self, holds) -> None:
        """Wait until something holds; the process must live."""
        ends = time.monotonic() + WITHIN_S
        while not holds():
            assert self.process.poll() is None, self.text
            assert time.monotonic() < ends, self.text
            time.sleep(0.05)

    @property
    def text(self) -> str:
        """What was printed."""
        return self.out.read_text()

    def children(self) -> list[int]:
        """The processes: a witness, the web service, the background work."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in found.split()]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)


@pytest.fixture
def running(tmp_path):
    """Start the command; ended afterwards."""
    started = []

    def start(**values: str) -> Running:
        started.append(Running(tmp_path, **values))
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_a_taken_port_is_said_before_anything_is_printed_or_made(tmp_path):
    """Which port, and how to choose another; no codes, no data, nothing in shared memory."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "ops", "run"],
            cwd=ROOT, env=outside(tmp_path / "var", PORT=str(port)), capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert f"error: port {port} of 127.0.0.1 cannot be used" in done.stderr
    assert re.search(r"hint: .*PORT=\d+ make run", done.stderr)
    assert not (tmp_path / "var").exists()


def test_gunicorn_beside_a_taken_port_leaves_nothing_behind(tmp_path):
    """The folder for figures is made once the port is gunicorn's own."""
    memory, wrapper, conf = tmp_path / "memory", tmp_path / "conf.py", ROOT / "gunicorn.conf.py"
    memory.mkdir()
    wrapper.write_text(f"exec(compile(open({str(conf)!r}).read(), 'conf', 'exec'))\nworker_tmp_dir = {str(memory)!r}\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "gunicorn", "--config", str(wrapper), "-b",
                   f"127.0.0.1:{taken.getsockname()[1]}", "wsgi:application"]  # fmt: skip
        done = subprocess.run(
            command, cwd=ROOT, env=outside(tmp_path / "var"), capture_output=True, text=True, check=False, timeout=120
        )
    assert done.returncode != 0
    assert list(memory.iterdir()) == []


def test_sign_ins_are_printed_once_it_answers_and_ctrl_c_ends_everything(running, tmp_path):
    """At the first printed line the service answers; no access lines between the codes; afterwards nothing is left."""
    one = running(TMPDIR=str(tmp_path))
    one.until(lambda: "Yunju is at" in one.text)
    with urlopen(f"http://127.0.0.1:{one.port}/readyz", timeout=30) as ready:
        assert ready.status == 200
    one.until(lambda: "operator 1001" in one.text)
    assert one.text.startswith(f"Yunju is at http://127.0.0.1:{one.port}\n")
    assert '"event":"request"' not in one.text
    children = one.children()
    assert len(children) == 3
    state = tmp_path / "var/log-checkpoint/state.json"
    one.until(lambda: state.exists() and "demo.example/witness" in state.read_text())
    (figures,) = [
        value.partition("=")[2]
        for value in Path(f"/proc/{children[0]}/environ").read_text().split("\0")
        if value.startswith("PROMETHEUS_MULTIPROC_DIR=")
    ]
    assert Path(figures).is_dir()
    one.process.send_signal(signal.SIGINT)
    assert one.process.wait(60) == 0
    assert not any(alive(pid) for pid in children)
    assert not Path(figures).exists()
    assert "Traceback" not in one.text


def test_access_lines_are_shown_when_they_are_asked_for(running):
    """ACCESS_LOG=1."""
    one = running(ACCESS_LOG="1")
    one.until(lambda: '"event":"request"' in one.text)


def test_when_one_of_the_two_ends_the_other_is_ended_and_it_is_said(running):
    """Nobody serves for a day without publishing, or publishes without serving."""
    one = running()
    one.until(lambda: "operator 1001" in one.text)
    _witness, web, work = one.children()
    os.kill(work, signal.SIGKILL)
    assert one.process.wait(60) == 1
    assert "error: the background work ended" in one.text
    assert not alive(web)


def test_both_end_with_a_parent_that_is_killed(running):
    """A closed terminal or a kill leaves no process behind that holds the port."""
    one = running()
    one.until(lambda: "operator 1001" in one.text)
    children = one.children()
    one.process.kill()
    one.process.wait(10)
    ends = time.monotonic() + 60
    while any(alive(pid) for pid in children) and time.monotonic() < ends:
        time.sleep(0.1)
    assert not any(alive(pid) for pid in children)


def test_what_is_set_gives_way_to_nothing():
    """An address that was set stays; without one it is that of the port."""
    assert environ_of({}, 8001)["YUNJU_BASE_URL"] == "http://127.0.0.1:8001"
    assert environ_of({"YUNJU_BASE_URL": "https://x.example"}, 8001)["YUNJU_BASE_URL"] == "https://x.example"
    assert environ_of({"ACCESS_LOG": "1"}, 1)["YUNJU_ACCESS_LOG"] == "yes"
    assert environ_of({}, 1)["YUNJU_ACCESS_LOG"] == "no"


@pytest.mark.parametrize(
    "moment", ["demo.begun", "secret", "keys", "register.db", "published/trust-bundle.jwt", "accounts.db", "demo.json"]
)
def test_a_first_run_that_was_killed_is_made_anew_and_serves(tmp_path, moment):
    """Whatever was there when the power went, the next run serves: never a folder that is neither made nor empty."""
    var = tmp_path / "var"
    making = subprocess.Popen([sys.executable, "-m", "web.demo"], cwd=ROOT, env=outside(var), stdout=subprocess.DEVNULL)
    ends = time.monotonic() + WITHIN_S
    while not (var / moment).exists() and making.poll() is None and time.monotonic() < ends:
        time.sleep(0.002)
    making.kill()
    making.wait(10)
    settings = load_settings({"YUNJU_VAR": str(var)})
    assert demo.prepare(settings, SystemClock())
    assert "operator 1001" in demo.announce(settings, SystemClock())
    assert create_application(settings).test_client().get("/readyz").status_code == 200
