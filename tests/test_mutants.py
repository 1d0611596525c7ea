"""The tool that spoils code: which code it spoils, and that it tells apart what a test notices and what no test
notices.
"""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.mutants import PLAN, sites

ROOT = Path(__file__).resolve().parents[1]

SAMPLE = '''
"""A module."""
MOST = 2


def allowed(used: int | None, tier: str) -> bool:
    """Tell whether one more is allowed."""
    if used is None:
        raise ValueError("say how many")
    return used < MOST and tier != "none"


class Kept:
    """Counts."""

    def add(self, units, *, more=1):
        return max(units + more, 0)
'''

TESTS = """
import sample


def test_the_limit_holds():
    assert sample.allowed(1, "gold")
    assert not sample.allowed(2, "gold")
    assert not sample.allowed(3, "gold")


def test_units_are_added():
    assert sample.Kept().add(1) == 2
"""

RUN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tools import mutants
mutants.ROOT, mutants.PLAN = Path(sys.argv[1]), {"sample.py": ("test_sample.py",)}
sys.argv = ["mutants"]
sys.exit(mutants.main())
"""


def test_what_decides_is_spoilt_and_what_only_tells_is_not():
    """Comparisons, conditions, numbers, values and calls; no annotation, docstring or message."""
    told = {(mutant.function, mutant.was, mutant.became) for mutant, _ in sites(ast.parse(SAMPLE))}
    assert ("allowed", "used < MOST", "used <= MOST") in told
    assert ("allowed", "used < MOST and tier != 'none'", "used < MOST or tier != 'none'") in told
    assert ("allowed", "raise ValueError('say how many')", "pass") in told
    assert ("Kept.add", "max(units + more, 0)", "min(units + more, 0)") in told
    assert ("", "2", "3") in told
    assert not any("A module" in was or "say how many" in became or "None |" in was for _, was, became in told)


@pytest.mark.slow
def test_a_survivor_is_told_and_all_else_is_noticed(tmp_path):
    """The weak tests above never ask without a number, nor for the tier `none`, nor at the ends of the sum."""
    (tmp_path / "sample.py").write_text(SAMPLE)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_sample.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow\n browser\n parts\n soak\n")
    (tmp_path / "tests" / "conftest.py").write_text(
        "from hypothesis import settings\nsettings.register_profile('quick')\n"
    )
    environ = {"PYTHONPATH": f"{ROOT}:{tmp_path}", "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(
        [sys.executable, "-c", RUN, tmp_path, ROOT],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    told = json.loads((tmp_path / "build" / "mutants" / "sample.py.json").read_text())
    fates = {(one["was"], one["became"]): one["fate"] for one in told}
    assert fates["used < MOST", "used <= MOST"] == "killed"
    assert fates["2", "3"] == "killed"
    assert fates["1", "2"] == "killed"  # what is taken where nothing is given
    assert fates["tier != 'none'", "tier == 'none'"] == "killed"
    assert fates["used < MOST and tier != 'none'", "used < MOST"] == "survived"
    assert fates["raise ValueError('say how many')", "pass"] == "survived"
    assert "survived: sample.py:" in ended.stdout


def test_the_plan_names_files_that_are_there():
    """A module or a test that moved would be passed over in silence."""
    for module, tests in PLAN.items():
        assert (ROOT / module).is_file()
        assert all((ROOT / "tests" / one).is_file() for one in tests)
