"""The queue on SQLite and on a real PostgreSQL: its tables, two processes at once, and the age of waiting events."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from accounts.rights import Right
from hooks.queue import Cursor, ReadElsewhere, WebhookStanding
from hooks.registry import NewHook
from hooks.service import Hooks
from hooks.tables import METADATA
from tests.hooks.conftest import BY, settings_of
from tests.ledger.builders import START

DATABASES = ["sqlite", "postgresql"]


@pytest.fixture(params=DATABASES)
def processes(request, tmp_path, make_database):
    """Two processes' webhooks on one database."""
    url = f"sqlite:///{tmp_path}/accounts.db" if request.param == "sqlite" else make_database()
    settings = settings_of(tmp_path, accounts_url=url)
    opened = [Hooks.open(settings) for _ in range(2)]
    yield opened
    for one in opened:
        one.close()


@pytest.fixture
def hook(processes):
    """A webhook's id."""
    rights, end = {"gym": frozenset({Right.CHECK_IN})}, START + timedelta(days=1)
    who = processes[0]._accounts.integrators.add("Gym", rights, expires_at=end, by=BY, at=START)[0].id
    return processes[0].registry.add(NewHook(who, "https://h.example/", ("check_in",)), by=BY, at=START)[0].id


def test_the_tables_are_those_that_the_code_names(processes):
    """Their own version stands beside the accounts'."""
    with processes[0]._database.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, kind, _: kind != "table" or name in METADATA.tables}
        )
        found = compare_metadata(context, METADATA)
    assert [one for one in found if "modify_comment" not in str(one)] == []  # the migrations leave comments to the code


def test_two_processes_that_read_the_same_queue_it_once(processes, hook):
    """Whoever comes second queues nothing, and begins again from where the first one stands."""
    found = [(f"msg_{number}", "check_in.granted", "{}") for number in range(20)]
    gate = Barrier(2)

    def queue(hooks):
        gate.wait(20)
        try:
            return hooks.queue.keep(hook, "usage", Cursor({0: 20}, 0), found, at=START).version
        except ReadElsewhere:
            return None

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(queue, processes), key=str) == [1, None]
    assert processes[1].queue.cursor(hook, "usage") == Cursor({0: 20}, 1)
    assert processes[1].queue.standing() == {hook: WebhookStanding(20, START, 0)}


def test_two_processes_that_send_take_no_delivery_twice(processes, hook):
    """A claim is one process's alone."""
    found = [(f"msg_{number}", "check_in.granted", "{}") for number in range(20)]
    processes[0].queue.keep(hook, "usage", Cursor({}, 0), found, at=START)
    gate = Barrier(2)

    def claim(hooks):
        gate.wait(20)
        return [one.name for one in (hooks.queue.claim(hook, START) for _ in range(40)) if one is not None]

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(claim, processes)
    assert sorted([*first, *second]) == sorted(name for name, _, _ in found)


def test_figures_and_complaints_tell_what_waits_since_when(processes, hook):
    """More than an hour is too long; instants are instants in both databases."""
    processes[0].queue.try_out(hook, at=START)
    assert processes[1].complaint(START + timedelta(minutes=59)) is None
    assert "waited for more than an hour" in processes[1].complaint(START + timedelta(minutes=61))
    told = {sample.name: sample.value for family in processes[1].figures() for sample in family.samples}
    assert (told["yunju_hook_waiting"], told["yunju_hook_sent_timestamp_seconds"]) == (1.0, 0.0)
