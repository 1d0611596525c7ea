"""How long the way of one check-in through the files is, measured by `tools/trace_checkin.py`."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MOVES_MOST = 121
"""How often a reader who follows one check-in may have to turn to another file."""


@pytest.mark.slow
def test_a_check_in_turns_to_another_file_no_oftener_than_allowed():
    """The way of a check-in stays short enough to be read: the tracer counts its moves between files."""
    command = [sys.executable, "-m", "tools.trace_checkin", "--path"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    path, figures = done.stdout.splitlines()[:-1], done.stdout.splitlines()[-1]
    assert any("ledger/sqlite/writer.py" in line for line in path), "the ledger's own thread is not recorded"
    moves = re.search(r"(\d+) moves", figures)
    assert moves is not None
    assert int(moves[1]) <= MOVES_MOST, figures
