"""The shipped programmes, and broken copies of the small one: a test shows only the line that it breaks."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from cards.programme.faults import ProgrammeError, ProgrammeFault
from cards.programme.load import load_programme, parse_programme
from cards.programme.types import Programme

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "cards" / "programmes"
NAMES = ("baiyun", "example")


@cache
def shipped(name: str) -> Programme:
    """Return a shipped programme, loaded once."""
    return load_programme(SHIPPED / f"{name}.toml")


def baiyun() -> Programme:
    """Return the programme of Baiyun."""
    return shipped("baiyun")


def example_text() -> str:
    """Return the text of the small programme."""
    return (SHIPPED / "example.toml").read_text(encoding="utf-8")


def changed(old: str, new: str) -> str:
    """Return the small programme's text with the one place `old` replaced by `new`; "" as `old` appends `new`."""
    text = example_text()
    if not old:
        return f"{text}\n{new}\n"
    assert text.count(old) >= 1, f"{old!r} is not in the example"
    return text.replace(old, new, 1)


def faults_of(text: str) -> tuple[ProgrammeFault, ...]:
    """Return every fault of a programme's text, which must have some."""
    with pytest.raises(ProgrammeError) as refusal:
        parse_programme(text.encode(), "test.toml")
    return refusal.value.faults
