"""`python -m verifier statement`: a department's month shown, written to a file, and closed by a person by name."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from accounts.rights import Grant, Role
from edge.settings import load_settings
from tests.accounts.builders import PASSWORD
from tests.verifier.world import BY
from verifier.cli import opening, signing_in, statements

OF_OCTOBER = ("--department", "sports-centre", "--month", "2026-10")


@pytest.fixture
def ask(world, tmp_path, monkeypatch):
    """Run a command on the world's verifier, at the world's time, as a person who types; the result."""
    settings = load_settings({"YUNJU_VAR": str(tmp_path)})
    for store in ("ledger.db", "verifier.db"):  # a command asks first whether its stores are there
        (tmp_path / store).touch()
    for module in (statements, signing_in):
        monkeypatch.setattr(module, "CLOCK", world.clock)
    monkeypatch.setattr(opening, "open_verifier", lambda *_: world.verifier)
    monkeypatch.setattr(type(world.verifier), "close", lambda _: None)
    monkeypatch.setattr(signing_in.AccountStore, "open", lambda *_: world.accounts)
    monkeypatch.setattr(type(world.accounts), "close", lambda _: None)

    def run(*words: str, typed: str = ""):
        return CliRunner().invoke(statements.statement, words, obj=settings, input=typed)

    return run


def test_a_month_is_shown_written_and_closed_by_a_name(world, ask, tmp_path):
    """One use in October; closed in November by a person of the department, whose id stands in the closing."""
    world.device("gym").outcome(world.card("silver").shown(), "gym-visit")
    world.go("2026-11-01 00:00")
    person = world.accounts.people.add(
        "desk.he", PASSWORD, (Grant(Role.DESK, "sports-centre"),), by=BY, at=world.clock.now()
    )
    world.accounts.people.add("desk.wu", PASSWORD, (Grant(Role.DESK, "library"),), by=BY, at=world.clock.now())
    shown = json.loads(ask("show", *OF_OCTOBER, "--json").output)
    assert ([one["paid"] for one in shown["lines"]], shown["may_close"]) == ([1], True)
    other = ask("close", *OF_OCTOBER, "--as", "desk.wu", typed=f"{PASSWORD}\n")
    assert (other.exit_code, world.verifier.store.statements.closings("sports-centre")) == (1, ())
    closed = ask("close", *OF_OCTOBER, "--as", "desk.he", typed=f"{PASSWORD}\n")
    assert closed.exit_code == 0, closed.output
    assert "2026-10: closed 2026-10-31T16:00:00Z" in closed.output
    (closing,) = world.verifier.store.statements.closings("sports-centre")
    assert closing.closed_by == person.id
    file = tmp_path / "october.xlsx"
    assert ask("show", *OF_OCTOBER, "--out", str(file)).exit_code == 0
    assert (file.read_bytes()[:2], file.stat().st_mode & 0o777) == (b"PK", 0o600)


@pytest.mark.parametrize(
    "words",
    [
        ("show", "--department", "justice", "--month", "2026-10"),
        ("show", "--department", "sports-centre", "--month", "2026-13"),
        ("show", *OF_OCTOBER, "--out", "october.txt"),
        ("show", *OF_OCTOBER, "--out", "missing/october.csv"),
    ],
    ids=["no point", "no month", "no kind of file", "no folder"],
)
def test_what_cannot_be_shown_is_refused_with_a_remedy(ask, words):
    """A refusal, not a trace."""
    result = ask(*words)
    assert (result.exit_code, result.output.count("error:"), result.output.count("hint:")) == (1, 1, 1)
