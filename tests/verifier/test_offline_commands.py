"""`python -m verifier offline release` and `refuse`: the same service and the same rules as at a counter and a page."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from accounts.factors import new_totp_secret, totp_code
from accounts.rights import Grant, Right, Role
from cards.parts import Presentation
from edge.settings import load_settings
from tests.accounts.builders import PASSWORD
from tests.verifier.offline_devices import Tablet
from tests.verifier.world import BY
from verifier.cli import offline, opening, signing_in


@pytest.fixture
def ask(world, tmp_path, monkeypatch):
    """Run a command on the world's verifier, at the world's time, as a person who types; the result."""
    settings = load_settings({"YUNJU_VAR": str(tmp_path)})
    for store in ("ledger.db", "verifier.db"):  # a command asks first whether its stores are there
        (tmp_path / store).touch()
    for module in (offline, signing_in):
        monkeypatch.setattr(module, "CLOCK", world.clock)
    monkeypatch.setattr(opening, "open_verifier", lambda *_: world.verifier)
    monkeypatch.setattr(type(world.verifier), "close", lambda _: None)
    monkeypatch.setattr(signing_in.AccountStore, "open", lambda *_: world.accounts)
    monkeypatch.setattr(type(world.accounts), "close", lambda _: None)

    def run(*words: str, typed: str = ""):
        return CliRunner().invoke(offline.offline, words, obj=settings, input=typed)

    return run


class Supervisor:
    """A person who supervises a department, with a second step."""

    def __init__(self, world, name: str, department: str) -> None:
        self.world, self.name, self.secret = world, name, new_totp_secret()
        at = world.clock.now()
        person = world.accounts.people.add(name, PASSWORD, (Grant(Role.SUPERVISOR, department),), by=BY, at=at)
        world.accounts.factors.add_totp(person.id, self.secret, None, "phone", by=BY, at=at)
        self.id = person.id

    @property
    def typed(self) -> str:
        """What this person types: password and code."""
        return f"{PASSWORD}\n{totp_code(self.secret, self.world.clock.now())}\n"


@pytest.fixture
def record(world):
    """The id of a record that waits: of a card seen once at the gym, without a proof."""
    tablet = Tablet.at(world, "gym", rights=frozenset({Right.CHECK_IN}))
    card = world.card("silver")
    tablet.record(card, when="2026-10-31 09:10", presentation=Presentation(card.token, None))
    world.go("2026-10-31 20:00")
    assert [one["status"] for one in tablet.answers()] == ["held"]
    return world.verifier.store.offline.held(None, 10)[0].digest


def decided(record: str, verb: str, who: Supervisor, reason: str, *more: str) -> list[str]:
    """The words of a decision."""
    return [verb, "--record", record, "--as", who.name, "--reason", reason, *more]


def test_a_supervisor_of_the_department_releases_a_record_once(world, ask, record):
    """Listed, released by name with password and code, counted; again it is the first decision that is told."""
    owner = world.programme.services["gym-visit"].departments[0]
    who = Supervisor(world, "chen", owner)
    assert record in ask("held").output
    done = ask(*decided(record, "release", who, "holder-confirmed", "--note", "电话核实", "--json"), typed=who.typed)
    told = json.loads(done.stdout[done.stdout.index("{") :])
    assert (told["status"], told["outcome"]) == ("applied", "granted")
    assert world.log()[-1]["approver"] == who.id
    assert ask("held").output.strip() == "nothing waits"
    world.go("2026-10-31 20:05")
    again = ask(*decided(record, "refuse", who, "not-used"), typed=who.typed)
    assert "decided before" in again.output
    assert not any(one.alive(world.clock.now()) for one in world.accounts.sessions.of(who.id))


def test_a_refused_record_counts_nothing(world, ask, record):
    """Put aside for good, with the reason in the log."""
    who = Supervisor(world, "chen", world.programme.services["gym-visit"].departments[0])
    done = ask(*decided(record, "refuse", who, "not-used"), typed=who.typed)
    assert done.output.splitlines()[-1].startswith("dismissed")
    assert world.log()[-1]["marks"][-2:] == ["dismissed", "decision:not-used"]


def test_nobody_else_decides(world, ask, record):
    """Of another department, without the second step's right code, with a wrong password, of a record that is none."""
    other = next(
        code for code in world.programme.departments if code not in world.programme.services["gym-visit"].departments
    )
    stranger = Supervisor(world, "wang", other)
    owner = Supervisor(world, "chen", world.programme.services["gym-visit"].departments[0])
    for words, typed, said in (
        (decided(record, "release", stranger, "other"), stranger.typed, "not permitted"),
        (decided(record, "release", owner, "other"), f"{PASSWORD}\n000000\n", "wrong"),
        (decided(record, "release", owner, "other"), "no such password\n", "wrong"),
        (decided("-" + "A" * 42, "release", owner, "other"), owner.typed, "offline held"),
    ):
        done = ask(*words, typed=typed)
        assert (done.exit_code, type(done.exception)) == (1, SystemExit), done.output
        assert said in done.output
    assert world.verifier.store.offline.count_held() == 1
