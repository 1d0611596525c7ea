"""Programs of the system that some tests need: where one is missing the test says which package brings it."""

from __future__ import annotations

import shutil
from typing import Final

import pytest

QUICK_WITHOUT: Final = ("parts", "slow", "browser", "soak")
"""The marks of what `make check` leaves out: it runs on a machine that has none of these programs."""


class Asking:
    """Whether the test that runs now may ask for a program: it bears one of the marks."""

    marked = True


def part(program: str, package: str) -> str:
    """Return the path of a program; without it the test does not run, which on a build server is a failure.

    A test that asks and bears no mark fails wherever it runs: `make check` must need no such program.
    """
    if not Asking.marked:
        pytest.fail(f"this test needs {program}: mark it with `parts`", pytrace=False)
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is missing: apt-get install {package}")
    return path
