"""`python -m verifier bookings` and `matters`: what they do and say, on a verifier of the settings."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner

from tests.verifier.booking import Phone, flight
from verifier.cli import bookings as cli_bookings
from verifier.cli import opening


@pytest.fixture
def ask(world, tmp_path, monkeypatch):
    """Run a command on the world's verifier, at the world's time; return what it printed."""
    monkeypatch.setattr(cli_bookings, "CLOCK", world.clock)
    monkeypatch.setenv("YUNJU_VAR", str(tmp_path))
    for store in ("ledger.db", "verifier.db"):  # a command asks first whether its stores are there
        (tmp_path / store).touch()
    monkeypatch.setattr(opening, "open_verifier", lambda *_: world.verifier)
    monkeypatch.setattr(type(world.verifier), "close", lambda _: None)

    def run(group, *words: str) -> str:
        result = CliRunner().invoke(group, words)
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_a_sweep_says_what_it_did(world, ask):
    """One missed, then none."""
    Phone(world, world.card("diamond")).booked("airport-dom-departure", flight("2026-11-01 14:00"))
    world.go("2026-11-01 20:01")
    assert json.loads(ask(cli_bookings.bookings, "sweep", "--json"))["missed"] == 1
    assert ask(cli_bookings.bookings, "sweep").startswith("0 missed, 0 released")
    assert "nobody missed" in ask(cli_bookings.bookings, "missed")
    assert json.loads(ask(cli_bookings.bookings, "missed", "--json")) == []


def test_matters_are_read_anew(world, ask):
    """As many entries as told of one."""
    world.clock.advance(timedelta(seconds=2))
    world.device("gov-registry").outcome(world.card("gold").shown(), "business-other")
    assert json.loads(ask(cli_bookings.matters, "rebuild", "--json")) == {"entries": 1}
