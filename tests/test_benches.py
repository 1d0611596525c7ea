"""The benchmarks run to their end. Each uses the product's own calls, which change."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts import part

ROOT = Path(__file__).resolve().parent.parent

# Some three minutes on two quiet cores. `make lint` holds the types of the benchmarks at every change.
pytestmark = pytest.mark.soak


def test_every_benchmark_measures(tmp_path):
    """`make bench` ends with a table, and each figure of the file beside it is above nothing."""
    for program, package in {"redis-server": "redis-server", "chromium": "chromium"}.items():
        part(program, package)
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'client'}"}
    command = [sys.executable, "-m", "bench"]
    made = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=1200, check=False)
    assert made.returncode == 0, made.stderr[-2000:]
    rows = json.loads((tmp_path / "bench-latest.json").read_text())
    parts = {
        "check-in on SQLite",
        "check-in on Redis",
        "tap to verdict",
        "append to durable",
        "read, ",
        "desks: ",
        "office",
    }
    assert [one for one in parts if not any(row["name"].startswith(one) for row in rows)] == []
    assert [row["name"] for row in rows if row["floor"] is not None and not row["floor"] > 0] == []
