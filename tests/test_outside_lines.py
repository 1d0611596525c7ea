"""Lines of the documents for tools of the system, tried as far as a test may. Nothing is installed or served."""

import subprocess
from pathlib import Path

import pytest

from tests.parts import part
from tests.test_following import PAGES, ROOT, commands_of

pytestmark = [pytest.mark.slow, pytest.mark.parts]

TRIED = {
    "make ": lambda words: ["make", "--dry-run", *words[1:]],
    "apt-get install ": lambda words: ["apt-get", "--simulate", "--yes", *words[1:]],
    ".venv/bin/pip install ": lambda words: [words[0], "install", "--dry-run", "--no-index", *words[2:]],
    ". .venv/bin/activate": lambda words: ["sh", "-c", f"{' '.join(words)} && python -c 'import edge.settings'"],
}
"""How a line is tried, by its beginning: what it would do is said, and a target, a package or a lock must be there."""
LINES = [
    line for page in PAGES for line in commands_of(page.relative_to(ROOT).as_posix()) if line.startswith(tuple(TRIED))
]


def test_each_kind_of_line_stands_in_some_page():
    """What nobody writes any more needs no way to be tried."""
    assert [begin for begin in TRIED if not any(line.startswith(begin) for line in LINES)] == []


@pytest.mark.parametrize("line", sorted(set(LINES)))
def test_a_line_for_the_system_would_run_as_it_stands(line):
    """The target is the Makefile's, the packages are Debian's, the locked wheels go together, the environment opens."""
    begin = next(begin for begin in TRIED if line.startswith(begin))
    words = TRIED[begin](line.split())
    if words[0] == "apt-get" and not [*Path("/var/lib/apt/lists").glob("*_Packages*")]:
        words = ["dpkg-query", "--status", *words[4:]]  # without Debian's lists: they are on this machine at least
    if "/" not in words[0]:
        words[0] = part(words[0], words[0])
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
