"""The restore drill of docs/operations.md, run as it is written there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.audit.test_audit_cli import Office

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/operations.md").read_text(encoding="utf-8")


def drill() -> tuple[str, str]:
    """The lines before the disk is lost, and those after."""
    (lines,) = re.findall(r"### A restore, step by step\n.*?```sh\n(.*?)```", PAGE, re.DOTALL)
    before, mark, after = lines.partition("# The ledger's disk is lost")
    assert mark
    return before, mark + after


def run(office: Office, lines: str) -> str:
    """Run lines of the page in the office's folder, by `python` meaning this one."""
    tools = office.folder / "bin"
    tools.mkdir(exist_ok=True)
    python = tools / "python"
    if shutil.which("sqlite3") is None:  # its one command here, by Python's own library
        backup = "import sqlite3,sys; sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2].split()[1]))"
        (tools / "sqlite3").write_text(f"#!/bin/sh\nexec {sys.executable} -c '{backup}' \"$@\"\n")
        (tools / "sqlite3").chmod(0o755)
    if not python.exists():
        python.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} "$@"\n')
        python.chmod(0o755)
    environ = {"PATH": f"{tools}:/usr/bin:/bin", "YUNJU_VAR": "var", "LANG": "C.UTF-8"}
    told = subprocess.run(
        ["sh", "-e", "-c", lines],
        cwd=office.folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout + told.stderr


@pytest.mark.slow
def test_the_drill_restores_everything_that_was_logged(tmp_path):
    """Forty entries, a copy, twenty more, the file lost: after the drill all sixty stand, clean on both sides."""
    office = Office(tmp_path)
    office.check_ins(40)
    office.run("sequence", "--once")
    before, after = drill()
    run(office, before)
    office.check_ins(20)
    office.run("sequence", "--once")
    told = run(office, after)
    assert "would put back" in told
    assert "read the lines above" in told
    assert "60 entries, no fault" in told
    assert "60 entries, 0 cosignatures" in told
    assert told.count("no fault") == 2
