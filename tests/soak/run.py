"""One soak: a machine, its traffic, its faults, and the judgement in the end."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol

from tests.soak import judging
from tests.soak.counters import Counter as CounterDesk
from tests.soak.counters import OfflineTablet
from tests.soak.faults import Faults, MovedTime, small_disk
from tests.soak.journal import Journal
from tests.soak.people import Auditor, Office, PhoneUser
from tests.soak.redis_pair import Pair
from tests.soak.town import Town
from tests.soak.watching import Watch

STORES = ("sqlite", "redis")
DISK_MB = 192
PACE_S = 0.2
"""Between two steps of one client: a device may ask five times a second for ever (docs/operations.md, Limits)."""
BETWEEN_FAULTS_S = 3.0
WATCHED_S = 240.0
"""From this length on a process must have lived long enough after its warm-up that its growth can be judged."""


class Client(Protocol):
    """Whoever does one thing after the other."""

    def step(self) -> None:
        """Do one thing."""


@dataclass(frozen=True)
class Plan:
    """How long, over which store, with which chances. `holders`: half with phones, half with printed cards."""

    store: str
    seconds: float
    seed: int = 1
    holders: int = 80


def soak(plan: Plan, folder: Path, say: Callable[[str], None]) -> judging.Verdict:
    """Run a soak in an empty folder and return what it came to."""
    with ExitStack() as opened:
        (folder / "disk").mkdir()
        has_disk = opened.enter_context(small_disk(folder / "disk", DISK_MB))
        pair = opened.enter_context(closing(Pair(folder / "disk"))) if plan.store == "redis" else None
        moved = MovedTime(folder)
        more = dict(moved.environ)
        if pair is not None:
            more["YUNJU_LEDGER_URL"] = pair.url
        town = opened.enter_context(closing(Town(folder / "disk", more, holders=plan.holders, seed=plan.seed)))
        town.machine.stream = folder / "stream.log"
        town.open()
        say(f"{plan.store}: served, {len(town.phones)} phones, {len(town.printed)} printed cards")
        return _run(plan, town, Faults(town, moved, folder / "disk" if has_disk else None, pair, plan.seed), say)


def _run(plan: Plan, town: Town, faults: Faults, say: Callable[[str], None]) -> judging.Verdict:
    journal = Journal()
    tablet = OfflineTablet(town, journal, town.machine.device("library"), plan.seed)
    office = Office(town, journal, plan.seed)
    clients: dict[str, Client] = {
        **{f"counter {point}": CounterDesk(town, journal, point, plan.seed + number)
           for number, point in enumerate(CounterDesk.SERVICES)},
        **{f"phone {number}": PhoneUser(town, journal, plan.seed + 10 + number) for number in range(2)},
        "auditor": Auditor(town, journal, plan.seed),
        "office": office,
        "tablet": tablet,
    }  # fmt: skip
    watch = Watch(lambda: _processes(town))
    broken: list[str] = []
    threads = [threading.Thread(target=_drive, args=(name, one, journal, broken)) for name, one in clients.items()]
    for thread in threads:
        thread.start()
    try:
        _break_things(plan, faults, journal, say)
    finally:
        journal.over.set()
        for thread in threads:
            thread.join()
    watch.stop()
    say(f"{plan.store}: traffic over, settling {len(journal.open)} open operations")
    tablet.upload()
    left = journal.settle()
    tablet.upload()
    town.machine.stop()
    office.close()
    verdict = judging.Verdict(wrong=[f"a client broke: {one}" for one in broken])
    _judge(verdict, town, journal, tablet=tablet, office=office, faults=faults)
    judging.judge_growth(verdict, watch.growths(least_s=plan.seconds * 0.3), wanted=plan.seconds >= WATCHED_S)
    judging.judge_open(verdict, left)
    return verdict


def _processes(town: Town) -> Iterator[tuple[int, str]]:
    for pid in town.machine.worker_pids():
        yield pid, "worker"
    if town.machine.background is not None:
        yield town.machine.background.pid, "background work"


def _drive(name: str, client: Client, journal: Journal, broken: list[str]) -> None:
    """Step until all is over; what a client did not understand ends it and is told."""
    try:
        while not journal.over.wait(PACE_S):
            client.step()
    except BaseException as error:  # noqa: BLE001 - told in the verdict, whatever it was
        broken.append(f"{name}: {type(error).__name__}: {error}")


def _break_things(plan: Plan, faults: Faults, journal: Journal, say: Callable[[str], None]) -> None:
    """Do each kind of fault in an order of chance, then anew; the work process is killed in the first quarter alone."""
    random, began = Random(plan.seed), time.monotonic()
    ends = began + plan.seconds
    round_ = 0
    while True:
        kinds = faults.kinds(early=round_ == 0)
        random.shuffle(kinds)
        kinds.sort(key=lambda one: one.__name__ != "work_killed")  # first, so that its successor is watched for long
        for kind in kinds:
            if journal.over.wait(BETWEEN_FAULTS_S) or (time.monotonic() > ends and round_ > 0):
                return
            kind()
            done = faults.done[-1]
            say(f"{plan.store}: {time.monotonic() - began:5.0f} s  {done.name} ({done.ended - done.began:.1f} s)")
        round_ += 1
        while time.monotonic() < ends and plan.seconds > 600 and journal.over.wait(20):
            pass
        if time.monotonic() > ends:
            return


def _judge(
    verdict: judging.Verdict,
    town: Town,
    journal: Journal,
    *,
    tablet: OfflineTablet,
    office: Office,
    faults: Faults,
) -> None:
    """Hold the clients' ledger against the machine's, and gather the figures."""
    leaves = judging.leaves_of(town)
    judging.judge_answers(verdict, journal, leaves, town.first)
    judging.judge_words(verdict, journal)
    judging.judge_quotas(verdict, leaves, judging.judge_offline(verdict, tablet, leaves))
    judging.judge_office(verdict, town, office)
    judging.judge_log(verdict, town, leaves)
    judging.judge_troubles(verdict, journal.troubles, faults.done)
    verdict.figures["operations"] = dict(Counter(one.kind for one in journal.operations).most_common())
    verdict.figures["granted"] = len(journal.granted(*judging.CHANGES))
    verdict.figures["statuses"] = {str(status): times for status, times in sorted(journal.statuses.items())}
    verdict.figures["told to come later"] = dict(journal.slowed.most_common())
    verdict.figures["faults done"] = dict(Counter(one.name for one in faults.done))
    verdict.figures["unexpected lines"] = _logged(town.machine.stream)


def _logged(stream: Path) -> dict[str, int]:
    """Count the log's lines of a fault that nobody expected."""
    found: Counter[str] = Counter()
    for line in stream.read_text("utf-8", "replace").splitlines():
        with suppress(ValueError, AttributeError, KeyError, IndexError):
            told = json.loads(line)
            if told["event"] in {"unexpected exception", "no room on the disk"}:
                last = told["error"][-1]
                found[f"{last['type']} at {last['stack'][-1].rpartition('/')[2]}"] += 1
    return dict(found)
