"""Several worker processes over HTTP, at once and killed: nothing counts twice, nothing granted is lost."""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from threading import Barrier, Event

import pytest

from accounts.rights import Right
from tests.verifier.machine import ROOT, Machine, identifier
from tests.waiting import until

pytestmark = pytest.mark.slow

ROUNDS, LOAD = 4, 6
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
SERVICE, POINT = "steward-certificate", "hrss"


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """Four workers and a programme whose certificate may be had twice: a quota without a visit beside it."""
    folder = tmp_path_factory.mktemp("machine")
    programme = folder / "programme.toml"
    text = (ROOT / "cards" / "programmes" / "baiyun.toml").read_text(encoding="utf-8")
    start = text.index("[quotas.certificate]")
    programme.write_text(text[:start] + text[start:].replace("maximum = 1", "maximum = 2", 1), encoding="utf-8")
    made = Machine(folder, programme=programme)
    yield made
    made.close()


@pytest.fixture(scope="module")
def device(machine):
    """A tablet at the desk that hands certificates out."""
    return machine.device(POINT, Right.CHECK_IN)


@pytest.fixture(scope="module")
def cards(machine):
    """Printed cards, each of a holder of its own; the machine serves from then on."""
    made = machine.printed(*[machine.holder(number=resident_id(number)) for number in range(ROUNDS + 1 + 2 * LOAD)])
    machine.start()
    return iter(made)


def resident_id(sequence: int) -> str:
    """Return a well-formed resident ID of nobody."""
    body = f"44011119790101{sequence:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]


def hand_out(device, card, operation=None):
    """Hand a certificate out to the person whose ID was compared."""
    return device.check_in(card, SERVICE, operation=operation, id_checked=True, reference="ZS-2026-0001")


def at_once(count, work):
    """Run work in so many threads that start together."""
    gate = Barrier(count)

    def started(number):
        gate.wait(20)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(started, range(count)))


def without_the_moment(answer):
    """Return an answer without what each sending has of its own: the time, the mark, a signature's random part."""
    told = {name: value for name, value in answer.items() if name not in {"server_time", "replayed"}}
    return told | {"promise": told["promise"].rpartition(".")[0]}


def log_of(machine, **filters):
    """Read the log with the command line, beside the running server."""
    options = [part for name, value in filters.items() for part in (f"--{name}", value)]
    done = machine.command("verifier", "log", "list", "--json", "--limit", "10000", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_sound(machine):
    """The chain holds, and replay(log) equals the counters."""
    done = machine.command("verifier", "ledger", "check", "--json")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_figures_are_those_of_all_workers(machine, cards):
    """Whichever worker answers, a request that any of them served is counted."""
    assert cards, "the machine serves"
    asked = 12
    for _ in range(asked):
        assert machine.send("GET", "/v1/time").status == 200
    counted = [line for line in machine.send("GET", "/metrics").body.decode().splitlines() if "_count" in line]
    [line] = [line for line in counted if 'route="/v1/time"' in line]
    assert float(line.rpartition(" ")[2]) >= asked


def test_parallel_check_ins_over_four_workers_never_exceed_a_quota(machine, device, cards):
    """64 at once on a quota of two, round after round: 2 granted, 62 refused as spent, 64 entries."""
    before = len(log_of(machine))
    for done in range(1, ROUNDS + 1):
        card = next(cards)
        answers = at_once(64, lambda _, card=card: hand_out(device, card))
        assert [answer.body for answer in answers if answer.status != 201] == []
        said = Counter((answer.json["outcome"], answer.json["reason"]) for answer in answers)
        assert said == {("granted", None): 2, ("denied", "quota-spent"): 62}
        entries = log_of(machine)
        assert len(entries) - before == 64 * done
        assert {answer.json["id"] for answer in answers} <= {entry["id"] for entry in entries}
    assert_sound(machine)


def test_one_operation_sent_fifty_times_at_once_is_one_entry(machine, device, cards):
    """A double tap in every worker at once: one entry, fifty answers that say the same."""
    card, operation, before = next(cards), identifier(), len(log_of(machine))
    answers = at_once(50, lambda _: hand_out(device, card, operation))
    assert [answer.status for answer in answers] == [201] * 50
    told = [without_the_moment(answer.json) for answer in answers]
    assert all(answer == told[0] for answer in told)
    assert told[0]["outcome"] == "granted"
    assert ["replayed" in answer.json for answer in answers].count(False) == 1
    assert len(log_of(machine)) - before == 1


def test_workers_killed_in_mid_load_lose_nothing_that_was_granted(machine, device, cards):
    """Kill -9 of workers under load: every granted answer is in the log, and replay(log) equals the counters."""
    answers = load_while(machine, device, [next(cards) for _ in range(LOAD)], harm=machine.kill_a_worker, times=3)
    assert_kept(machine, answers)
    assert machine.process is not None
    assert machine.process.poll() is None, "the master replaces a killed worker"


def test_a_machine_that_crashes_in_mid_load_keeps_what_it_granted(machine, device, cards):
    """Kill -9 of the master and all its workers: what was granted is there at the next start, and answered again."""
    answers = load_while(machine, device, [next(cards) for _ in range(LOAD)], harm=machine.crash, times=1)
    assert_kept(machine, answers)
    machine.start()
    operation, (card, entry) = next(iter(answers.items()))
    again = hand_out(device, card, operation).json
    assert (again["id"], again["outcome"], again["replayed"]) == (entry, "granted", True)


def load_while(machine, device, cards, *, harm, times):
    """Hand out from eight clients while `harm` is done; return card and entry of every answer that said granted."""
    granted, answered, over = {}, [], Event()

    def client(number):
        turn = 0
        while not over.is_set():
            card, operation, turn = cards[(number + turn) % len(cards)], identifier(), turn + 1
            try:
                answer = hand_out(device, card, operation)
            except (OSError, HTTPException):
                time.sleep(0.02)
                continue
            answered.append(answer.status)
            if answer.status == 201 and answer.json["outcome"] == "granted":
                granted[operation] = card, answer.json["id"]

    with ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(client, number) for number in range(8)]
        try:
            until(lambda: granted)
            for turn in range(times):
                until(lambda turn=turn: len(answered) > 8 * turn)
                harm()
            time.sleep(0.4)
        finally:
            over.set()
    for done in clients:
        done.result()
    return granted


def assert_kept(machine, answers):
    """Every granted answer stands in the log, and the log stands by itself."""
    assert answers
    logged = {entry["id"] for entry in log_of(machine, outcome="granted")}
    assert {entry for _, entry in answers.values()} <= logged
    assert_sound(machine)
