"""The set-up says plainly what is missing and how to mend it. On a build server a missing part is a failure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "tools"


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder that is the whole PATH: the few real commands that the scripts need; tests add their own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "bash", "sed", "dirname", "env"):
        real = next(Path(place) / name for place in ("/bin", "/usr/bin") if (Path(place) / name).exists())
        (folder / name).symlink_to(real)
    return folder


def give(folder: Path, name: str, body: str) -> None:
    """Put a command of this body on the PATH."""
    (folder / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


def run(folder: Path, *command: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script with that PATH alone, and a line of input that only a script that asks would read."""
    words = [str(word) for word in command]
    env = {"PATH": str(folder), **environment}
    return subprocess.run(words, env=env, capture_output=True, text=True, check=False, input="yes\n")


def test_a_machine_without_python_is_told_what_to_install(commands: Path) -> None:
    """No Python at all: exit 1 with the packages' names."""
    done = run(commands, TOOLS / "find-python.sh")
    assert done.returncode == 1
    assert "error: no Python 3.11" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr


def test_a_python_without_venv_is_told_what_to_install(commands: Path) -> None:
    """Debian's python3 without python3-venv: exit 1 with that package's name."""
    give(commands, "python3", 'case "$2" in *ensurepip*) exit 1;; esac')
    done = run(commands, TOOLS / "find-python.sh")
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr


def test_an_old_python_is_passed_over(commands: Path) -> None:
    """Where python3 is too old a later one under its own name is taken."""
    give(commands, "python3", "exit 1")
    give(commands, "python3.12", "exit 0")
    assert run(commands, TOOLS / "find-python.sh").stdout == "python3.12\n"


@pytest.fixture
def wanted(tmp_path: Path) -> Path:
    """A list of two system packages."""
    path = tmp_path / "list.txt"
    path.write_text("# why\nhere  # because\naway  # because\n", encoding="utf-8")
    return path


def test_missing_packages_are_named_when_they_may_not_be_installed(commands: Path, wanted: Path) -> None:
    """As anybody but root: exit 1 naming the missing ones and the command, and nothing is installed."""
    give(commands, "dpkg-query", 'case "$*" in *here) echo installed;; *) exit 1;; esac')
    give(commands, "id", "echo 1000")
    give(commands, "apt-get", "echo installed anyway; exit 0")
    done = run(commands, TOOLS / "system-packages.sh", wanted)
    assert done.returncode == 1
    assert "error: system packages are missing: away\n" in done.stderr
    assert "make check" in done.stderr
    assert "installed anyway" not in done.stdout


def test_present_packages_need_no_rights(commands: Path, wanted: Path) -> None:
    """Nothing missing: silent success, whoever asks."""
    give(commands, "dpkg-query", "echo installed")
    done = run(commands, TOOLS / "system-packages.sh", wanted)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_another_system_is_told_to_provide_the_packages(commands: Path, wanted: Path) -> None:
    """Where Debian's tools are absent the tests go on, and say what they count on."""
    done = run(commands, TOOLS / "system-packages.sh", wanted)
    assert done.returncode == 0
    assert "not a Debian system" in done.stderr


def test_build_server_runs_make_test_unattended(commands: Path) -> None:
    """`.ci/run` calls `make test` with CI=true, without input, and hands on its exit status."""
    give(commands, "make", 'echo "$*" "$CI"; read -r line && echo asked; exit 7')
    done = run(commands, ROOT / ".ci/run")
    assert done.returncode == 7
    assert done.stdout == "--no-print-directory test true\n"


@pytest.mark.parametrize(
    ("free", "given", "chosen"), [("9000000", None, "/dev/shm"), ("60000", None, "/tmp"), ("9000000", "/x", "/x")]
)
def test_tests_keep_their_files_in_memory_where_there_is_room(
    commands: Path, free: str, given: str | None, chosen: str
) -> None:
    """A small or full memory is left alone, and so is whoever has chosen a folder."""
    give(commands, "df", f"echo; echo tmpfs 9 9 {free} 9% /dev/shm")
    give(commands, "awk", "read line; read one two three free rest; echo $free")
    done = run(commands, TOOLS / "test-folder.sh", **({"TMPDIR": given} if given else {}))
    assert done.stdout == f"{chosen}\n"


SKIPS = """
import pytest

def test_passes():
    pass

@pytest.mark.skip(reason="no browser here")
def test_is_skipped():
    pass

def test_vectors():
    pytest.skip("VECTORS is not set")
"""


UNSTEADY = """
import pytest

tries = []

def fail_at_first(name):
    tries.append(name)
    assert tries.count(name) > 1, f"{name} was not ready"

@pytest.mark.browser
def test_of_a_page():
    fail_at_first("page")

@pytest.mark.browser
def test_of_a_broken_page():
    assert False, "the page is broken"

def test_of_a_rule():
    fail_at_first("rule")
"""


def run_tests(folder: Path, source: str, ci: str) -> subprocess.CompletedProcess[str]:
    """Run a file of tests under what holds for every test, on a build server or elsewhere."""
    (folder / "conftest.py").write_bytes((ROOT / "tests/conftest.py").read_bytes())
    (folder / "test_it.py").write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    environ = {**os.environ, "CI": ci, "PYTEST_ADDOPTS": ""}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def test_a_build_server_tries_a_page_twice_and_tells_so(tmp_path: Path) -> None:
    """A page that failed once is told with its reason. A page that is broken fails, and so does any other test."""
    done = run_tests(tmp_path, UNSTEADY, "true")
    assert "2 failed, 1 passed" in done.stdout
    assert "2 rerun" in done.stdout
    assert "unsteady: test_it.py::test_of_a_page" in done.stdout
    assert "page was not ready" in done.stdout
    assert "FAILED test_it.py::test_of_a_broken_page" in done.stdout
    assert "FAILED test_it.py::test_of_a_rule" in done.stdout


def test_elsewhere_a_page_is_tried_once(tmp_path: Path) -> None:
    """Whoever works on a page sees each failure at once."""
    assert "3 failed" in run_tests(tmp_path, UNSTEADY, "").stdout


@pytest.mark.slow
@pytest.mark.parametrize(("ci", "failed"), [("true", True), ("", False)])
def test_a_skip_is_a_failure_on_a_build_server_only(tmp_path: Path, ci: str, failed: bool) -> None:
    """Under CI a skipped test fails and names the missing part; only the independent vectors may be away."""
    done = run_tests(tmp_path, SKIPS, ci)
    assert (done.returncode == 1) is failed
    assert ("a part this test needs is missing: Skipped: no browser here" in done.stdout) is failed
    assert "VECTORS" not in done.stdout
