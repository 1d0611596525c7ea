"""Programs of the system that some tests need: where one is missing the test says which package brings it."""

from __future__ import annotations

import shutil

import pytest


def part(program: str, package: str) -> str:
    """Return the path of a program; without it the test does not run, which on a build server is a failure."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is missing: apt-get install {package}")
    return path
