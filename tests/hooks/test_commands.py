"""`python -m verifier hooks`: a webhook from its registration to its end, and the events that could not be sent."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

import verifier.__main__
from accounts.rights import Right
from accounts.store import AccountStore
from edge.clock import FixedClock
from hooks.queue import DELAYS
from hooks.service import Hooks
from tests.hooks.conftest import BY, settings_of
from tests.ledger.builders import START
from tests.migrated import lay_out
from verifier.cli import hooks as commands


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """Run a command line: exit code, and what it printed as JSON, or its text."""
    lay_out(tmp_path)
    monkeypatch.setenv("YUNJU_VAR", str(tmp_path))
    monkeypatch.setenv("YUNJU_SECRET", "s" * 32)
    monkeypatch.setattr(commands, "CLOCK", FixedClock(START))

    def command(*line, plain=False):
        with pytest.raises(SystemExit) as left:
            verifier.__main__.main.main(["hooks", *line, *([] if plain else ["--json"])], prog_name="verifier")
        said = capsys.readouterr()
        text = said.out or said.err
        return left.value.code, text if plain or left.value.code else json.loads(said.out)

    return command


@pytest.fixture
def integrator(tmp_path, run):
    """The id of a gym's server."""
    store = AccountStore.open(f"sqlite:///{tmp_path}/accounts.db")
    rights = {"gym": frozenset({Right.CHECK_IN})}
    made, _ = store.integrators.add("Gym", rights, expires_at=START + timedelta(days=9), by=BY, at=START)
    store.close()
    return made.id


def test_a_webhook_from_its_registration_to_its_end(run, integrator, tmp_path):
    """Its secret is shown once and again only as another one; each change is a line of the account log."""
    code, made = run("add", integrator, "https://host.example/in", "--kind", "check_in", "--point", "gym")
    assert (code, made["kinds"]) == (0, ["check_in.granted", "check_in.voided"])
    assert made["secret"].startswith("whsec_")
    hook = made["id"]
    assert run("test", hook)[1]["webhook_id"].startswith(f"msg_{hook}_")
    assert run("rotate", hook, "--keep-hours", "1")[1]["secret"] != made["secret"]
    assert run("stop", hook)[0] == 0
    (listed,) = run("list")[1]
    assert (listed["stopped_why"], listed["waiting"], listed["dead"]) == ("by-hand", 1, 0)
    assert "secret" not in listed
    assert "stopped (by-hand)  1 wait, 0 given up" in run("list", plain=True)[1]
    assert run("resume", hook, "--since", "2026-10-01T00:00:00Z")[0] == 0
    assert run("list")[1][0]["starts_at"] == "2026-10-01T00:00:00Z"
    assert run("remove", hook)[0] == 0
    assert run("list", plain=True) == (0, "no webhook yet\n")
    store = AccountStore.open(f"sqlite:///{tmp_path}/accounts.db")
    told = [note.action.value for note in store.log() if note.subject == hook]
    store.close()
    assert told == ["hook-removed", "hook-resumed", "hook-stopped", "hook-rotated", "hook-added"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("add nobody https://host.example/ --kind check_in", "no integrator in use has this id"),
        ("add ID http://host.example/ --kind check_in", "set YUNJU_HOOK_NETWORKS"),
        ("add ID https://10.0.0.1/ --kind check_in", "not in the public network"),
        ("add ID https://host.example/ --kind visits", "choose from check_in.granted"),
        ("add ID https://host.example/ --kind check_in --point nowhere", "no point nowhere"),
        ("add ID https://host.example/ --kind check_in --point library", "the integrator has no right at library"),
        ("add ID https://host.example/ --kind check_in --since yesterday", "write an instant as"),
        ("rotate nothing", "there is no such webhook"),
        ("again msg_of_nothing", "nothing of that was given up"),
    ],
)
def test_a_mistake_is_refused_with_its_remedy(run, integrator, line, said):
    """Exit 1, what is wrong, what to do."""
    code, text = run(*line.replace("ID", integrator).split(), plain=True)
    assert (code, said in text) == (1, True), text
    assert run("list", plain=True)[1] == "no webhook yet\n"


def test_dead_letters_are_listed_and_sent_again(run, integrator, tmp_path):
    """With what each tells, its tries and its last fault; then it waits again."""
    hook = run("add", integrator, "https://host.example/in", "--kind", "check_in")[1]["id"]
    opened = Hooks.open(settings_of(tmp_path))
    opened.queue.try_out(hook, at=START)
    for number in range(len(DELAYS) + 1):
        one = opened.queue.claim(hook, START + timedelta(days=10 * number))
        opened.queue.failed(one, "answered 500", START)
    opened.close()
    (dead,) = run("dead")[1]
    assert (dead["kind"], dead["tries"], dead["fault"]) == ("hook.test", len(DELAYS) + 1, "answered 500")
    assert "answered 500" in run("dead", "--hook", hook, plain=True)[1]
    assert run("again", "--hook", hook, plain=True) == (0, "1 are sent again\n")
    assert run("dead", plain=True)[1] == "nothing was given up\n"
    assert run("list")[1][0]["waiting"] == 1
    assert run("again", plain=True)[0] == 2
