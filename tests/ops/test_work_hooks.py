"""Webhooks by the real background work: killed between sending and noting, started again, nothing lost or renamed."""

import signal
from datetime import timedelta

import pytest

from accounts.rights import Right
from edge.settings import load_settings
from hooks.registry import NewHook
from hooks.service import Hooks
from ledger.opening import open_ledger
from tests.hooks.receiver import Receiver, cut
from tests.ledger.builders import a_check_in, a_draft
from tests.ops.test_work import Worker
from tests.verifier.machine import BY, Machine
from tests.waiting import until
from web.app import create_application


@pytest.fixture
def machine(tmp_path):
    """A machine that serves nothing, whose webhooks may reach this machine."""
    made = Machine(tmp_path)
    made.environ["YUNJU_HOOK_NETWORKS"] = "127.0.0.0/8"
    yield made
    made.close()


@pytest.mark.slow
def test_the_work_killed_between_sending_and_noting_loses_nothing(machine):
    """SIGKILL while the receiver holds the call: the same event comes again under its name, every other one once."""
    receiver, settings = Receiver(), load_settings(machine.environ)
    hooks, ledger = Hooks.open(settings), open_ledger(settings.ledger_url, machine)
    rights = {"gym": frozenset({Right.CHECK_IN})}
    end = machine.now() + timedelta(days=1)
    who = machine.accounts.integrators.add("Gym", rights, expires_at=end, by=BY, at=machine.now())[0].id
    hook, _ = hooks.registry.add(NewHook(who, receiver.url, ("check_in",)), by=BY, at=machine.now())
    entries = {ledger.check_in(a_check_in(machine.now(), draft=a_draft())).entry for _ in range(5)}
    workers = []

    def kill(handler) -> None:
        workers[0].process.send_signal(signal.SIGKILL)
        workers[0].process.wait(30)
        cut(handler)

    try:
        receiver.answers = [204, 204, lambda handler: (until(lambda: workers), kill(handler))]
        workers.append(Worker(machine))
        until(lambda: len(receiver.calls) == 3 and workers[0].process.poll() is not None)
        assert hooks.queue.standing()[hook.id].waiting == 3
        client = create_application(settings).test_client()
        assert f'yunju_hook_waiting{{hook="{hook.id}"}} 3.0' in client.get("/metrics").get_data(as_text=True)
        assert "hooks" not in client.get("/readyz").json.get("warnings", {})
        hooks.registry.resume(hook.id, by=BY, at=machine.now())  # so that the test need not wait for the next try
        workers.append(Worker(machine))
        until(lambda: hook.id not in hooks.queue.standing())
        assert workers[1].stop() == 0
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.wait(30)
        receiver.end()
        ledger.close()
        hooks.close()
    assert set(receiver.entries) == entries
    twice = {name for name in receiver.names if receiver.names.count(name) > 1}
    assert (len(receiver.calls), twice) == (6, {receiver.names[2]})
