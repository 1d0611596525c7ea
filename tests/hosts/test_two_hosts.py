"""Two application hosts, a Redis Cluster and PostgreSQL, with a network between that is slow, cut or half open.

What docs/operations.md promises across machines (More than one machine) holds here; its table names these tests.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.client import HTTPException
from threading import Barrier, Event, Lock
from typing import Self

import pytest

from edge.encoding import unb64u
from ledger.values import partition_of
from tests.accounts import postgres
from tests.hosts.cluster import until
from tests.hosts.province import PATIENCE_SECONDS, Host, Phone, Province, Tablet
from tests.parts import part
from tests.verifier.machine import ROOT, Answer, identifier

pytestmark = [pytest.mark.slow, pytest.mark.parts]

SERVICE, POINT, QUOTA = "steward-certificate", "hrss", 2
REFUSED = (503, "unavailable")
OFF = timedelta(minutes=5)
PAUSE_SECONDS = 1.0
"""How long a device waits before it sends again: without a pause it would meet the limit of a device's calls."""


@pytest.fixture(scope="module")
def province(tmp_path_factory):
    """The machines, with a programme whose certificate may be had twice: a quota without a visit beside it."""
    part("redis-server", "redis-server")
    if postgres.binaries() is None:
        pytest.skip("PostgreSQL is missing: apt-get install postgresql")
    folder = tmp_path_factory.mktemp("province")
    programme = folder / "programme.toml"
    text = (ROOT / "cards" / "programmes" / "baiyun.toml").read_text(encoding="utf-8")
    start = text.index("[quotas.certificate]")
    programme.write_text(text[:start] + text[start:].replace("maximum = 1", "maximum = 2", 1), encoding="utf-8")
    with postgres.server() as make_database:
        made = Province(folder, programme, make_database)
        try:
            yield made
        finally:
            made.close()


@pytest.fixture(scope="module")
def cards(province):
    """Printed cards, each of a holder of its own; all machines serve from then on."""
    made = province.printed(24)
    province.start()
    return iter(made)


@pytest.fixture(scope="module")
def tablet(province, cards):
    """A tablet at the desk that hands certificates out."""
    return province.tablet(POINT)


@pytest.fixture
def hosts(province):
    """Both hosts, with every way open before and after."""
    yield province.verifiers
    for host in province.hosts:
        host.clock.write_text("0")
        province.network.mend(host.name, "postgres", *(node.name for node in province.cluster.nodes))


def hand_out(tablet: Tablet, host: Host, card: str, operation: str | None = None, **rest) -> Answer:
    """Hand a certificate out to the person whose ID was compared."""
    return tablet.check_in(host, card, SERVICE, operation=operation, id_checked=True, reference="ZS-2026-0001", **rest)


def until_answered(call: Callable[[], Answer]) -> Answer:
    """Send again, with the same operation, until it is answered: as a 503 asks of a device."""
    answers = []

    def answered():
        answers.append(call())
        assert answers[-1].status in {201, 503}, answers[-1].body
        return answers[-1].status == 201

    until(answered, pause=PAUSE_SECONDS)
    return answers[-1]


def handed_out(tablet: Tablet, host: Host, card: str) -> Answer:
    """Hand a certificate out, sent again until it is answered."""
    operation = identifier()
    return until_answered(lambda: hand_out(tablet, host, card, operation))


def told(answer: Answer) -> tuple[int, str]:
    """Return what an answer says: its status, and the outcome or the problem's code."""
    return answer.status, answer.json.get("outcome") or answer.json["code"]


def at_once(count: int, work: Callable[[int], Answer]) -> list[Answer]:
    """Run work in so many threads that start together."""
    gate = Barrier(count)

    def started(number):
        gate.wait(PATIENCE_SECONDS)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(started, range(count)))


def partition(card: str) -> int:
    """Return the partition of a card's holder."""
    return partition_of(json.loads(unb64u(card.split(".")[1]))["sub"])


def assert_sound(province: Province) -> None:
    """The chain holds, replay(log) equals the counters, and nothing that any host acknowledged is missing."""
    for host in province.verifiers:
        assert json.loads(host.run("verifier ledger check --json").stdout)["faults"] == []


def test_a_quota_is_never_passed_across_two_hosts(province, hosts, tablet, cards):
    """40 at once over two hosts, one of them far from the cluster: 2 granted, 38 refused as spent."""
    card, far = next(cards), hosts[1]
    for node in province.cluster.nodes:
        province.network.slow(far.name, node.name, 0.01)
    answers = at_once(40, lambda number: hand_out(tablet, hosts[number % 2], card))
    said = Counter((answer.status, answer.json.get("outcome"), answer.json.get("reason")) for answer in answers)
    assert said == {(201, "granted", None): QUOTA, (201, "denied", "quota-spent"): 40 - QUOTA}
    assert len({answer.json["id"] for answer in answers}) == 40


def test_one_operation_sent_to_both_hosts_is_one_entry(hosts, tablet, cards):
    """A device that changes the host in mid-call: twelve answers at once, one entry."""
    card, operation = next(cards), identifier()
    answers = at_once(12, lambda number: hand_out(tablet, hosts[number % 2], card, operation))
    assert {told(answer) for answer in answers} == {(201, "granted")}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert ["replayed" in answer.json for answer in answers].count(False) == 1


def test_a_proof_granted_at_one_host_is_refused_at_the_other(province, hosts, cards):
    """The same code, shown at two desks one after the other, and at both in the same moment."""
    phone, desks = Phone(province), [province.tablet("hosp-2"), province.tablet("hosp-2")]
    shown = phone.shown()
    first = desks[0].check_in(hosts[0], shown, "hospital-registration")
    assert told(first) == (201, "granted"), first.body
    for desk, host in zip(desks, reversed(hosts), strict=True):
        again = desk.check_in(host, shown, "hospital-registration").json
        assert (again["outcome"], again["reason"]) == ("denied", "proof-used")
    shown = phone.shown()
    answers = at_once(2, lambda number: desks[number].check_in(hosts[number], shown, "hospital-registration"))
    assert sorted(answer.json["reason"] or "granted" for answer in answers) == ["granted", "proof-used"]


@pytest.mark.parametrize("harm", ["cut", "silent", "answers held"])
def test_a_host_that_the_cluster_does_not_reach_grants_nothing(province, hosts, tablet, cards, harm):
    """It answers 503 and says so to its front; the other host goes on, and the retry counts once."""
    near, far = hosts
    card, operation, network = next(cards), identifier(), province.network
    nodes = [node.name for node in province.cluster.nodes]
    if harm == "cut":
        network.cut(far.name, *nodes)
    else:
        network.silence(far.name, *nodes, answers_alone=harm == "answers held")
    lost = hand_out(tablet, far, card, operation)
    assert told(lost) == REFUSED
    assert "Retry-After" in lost.headers
    assert far.ready() == 503
    assert told(hand_out(tablet, near, card)) == (201, "granted")
    assert near.ready() == 200
    network.mend(far.name, *nodes)
    again = until_answered(lambda: hand_out(tablet, far, card, operation))
    assert told(again) == (201, "granted")
    assert hand_out(tablet, near, card).json["reason"] == "quota-spent"
    until(lambda: far.ready() == 200)


def test_a_host_alone_with_a_primary_is_acknowledged_nothing(province, hosts, tablet, cards):
    """A primary that the others have given up still takes writes: no replica confirms, so nobody is told "granted"."""
    near, far = hosts
    cluster, card = province.cluster, next(cards)
    alone, (first, second) = cluster.leader_of(partition(card)), (identifier(), identifier())
    with province.network.apart([far.name, alone.name], [near.name, *cluster.companions(alone)]):
        assert told(hand_out(tablet, far, card, first)) == REFUSED
        until(lambda: cluster.leader_of(partition(card)) is not alone)
        # Whoever was a replica leads now and has none itself: nobody confirms there either.
        assert told(hand_out(tablet, near, card, second)) == REFUSED
        assert told(hand_out(tablet, far, card, first)) == REFUSED
    cluster.settle()
    for host, operation in ((near, second), (far, first)):
        assert told(until_answered(lambda h=host, o=operation: hand_out(tablet, h, card, o))) == (201, "granted")
    assert handed_out(tablet, near, card).json["reason"] == "quota-spent"
    assert_sound(province)


def test_a_primary_killed_under_load_loses_nothing_acknowledged(province, hosts, cards):
    """Both hosts follow to the replica by themselves; who was told anything is in the log, and the log stands.

    With one replica each the dead primary's partitions are 503 until it, or another, follows the new one.
    """
    chosen = [next(cards) for _ in range(6)]
    with Load([province.tablet(POINT) for _ in chosen], hosts, chosen) as load:
        until(lambda: load.answered > 12)
        kill_a_primary(province, partition(chosen[0]))
        before = load.answered_for(chosen[0])
        until(lambda: load.answered_for(chosen[0]) > before + 2)
    province.cluster.settle()
    assert_kept(province, load)


def kill_a_primary(province: Province, of: int) -> None:
    """Kill the primary of a partition, and start it again once its replica leads."""
    dead = province.cluster.leader_of(of)
    dead.kill()
    until(lambda: province.cluster.leader_of(of) is not dead)
    dead.start()


def assert_kept(province: Province, load: Load) -> None:
    """No call was a fault, no quota was passed, and whatever was answered stands in the log."""
    assert load.faults == []
    granted = Counter(card for card, answer in load.answers if answer.json["outcome"] == "granted")
    assert granted == dict.fromkeys(load.cards, QUOTA)
    assert_sound(province)
    logged = {entry["id"] for entry in listed(province.verifiers[1])}
    assert {answer.json["id"] for _, answer in load.answers} <= logged


HARMS = ("cut", "silent", "answers held", "slow", "alone", "killed", "clock")


@pytest.mark.soak
def test_a_long_row_of_faults_passes_no_quota_and_loses_nothing(province, hosts, cards):
    """The long form: thirty faults in a drawn order, under load, each with holders of its own."""
    chance = random.Random(2026)
    for _ in range(30):
        chosen = province.printed(6)
        with Load([province.tablet(POINT) for _ in chosen], hosts, chosen) as load:
            until(lambda load=load: load.answered > 6)
            do_harm(province, chance.choice(HARMS), chance.choice(hosts), partition(load.cards[0]))
            before = load.answered
            until(lambda load=load, before=before: load.answered > before + 12)
            until(lambda load=load: all(load.answered_for(card) > QUOTA for card in load.cards))
        province.cluster.settle()
        assert_kept(province, load)


def do_harm(province: Province, what: str, host: Host, of: int) -> None:
    """Do one harm for some seconds, and mend it."""
    network, cluster = province.network, province.cluster
    nodes, alone = [node.name for node in cluster.nodes], cluster.leader_of(of)
    match what:
        case "cut":
            network.cut(host.name, *nodes)
        case "silent" | "answers held":
            network.silence(host.name, *nodes, answers_alone=what == "answers held")
        case "slow":
            for node in nodes:
                network.slow(host.name, node, 0.05)
        case "clock":
            host.clock.write_text("300")
        case "killed":
            kill_a_primary(province, of)
        case "alone":
            others = [other.name for other in province.verifiers if other is not host]
            with network.apart([host.name, alone.name], [*others, *cluster.companions(alone)]):
                until(lambda: cluster.leader_of(of) is not alone)
    time.sleep(3)
    network.mend(host.name, *nodes)
    host.clock.write_text("0")


def test_the_log_goes_on_over_a_failover(province, hosts, tablet, cards):
    """The host that keeps the log saw the servers change: it compared, held nothing, and integrates every entry."""
    keeper = hosts[0]
    last = handed_out(tablet, hosts[1], next(cards)).json["id"]
    entries = len(listed(keeper))

    def integrated():
        status = keeper.send("GET", "/v1/log/status").json
        return status["size"] >= entries and status["held"] == 0

    until(integrated)
    assert last in {entry["id"] for entry in listed(keeper)}
    assert json.loads(keeper.run("verifier audit repair --json").stdout or "{}").get("partitions", []) == []


def test_a_host_whose_clock_is_five_minutes_off_grants_nothing(province, hosts, tablet, cards):
    """Whether the tablet's clock is right or off with it; the other host goes on, and a set clock mends it."""
    near, far = hosts
    card = next(cards)
    for ahead in (OFF, -OFF):
        far.clock.write_text(str(ahead.total_seconds()))
        assert told(hand_out(tablet, far, card)) == (401, "clock-off")
        assert told(hand_out(tablet, far, card, ahead=ahead)) == (503, "clock-skew")
        assert far.ready() == 503
    assert told(hand_out(tablet, near, card)) == (201, "granted")
    far.clock.write_text("0")
    assert told(hand_out(tablet, far, card)) == (201, "granted")
    assert far.ready() == 200


@pytest.mark.parametrize("harm", ["cut", "silent"])
def test_a_register_that_is_away_is_answered_so_and_comes_back(province, hosts, cards, harm):
    """The issuer's phones are told to try again, never of a fault; check-ins need no register."""
    phone, network = Phone(province), province.network
    if harm == "cut":
        network.cut("issuer", "postgres")
    else:
        network.silence("issuer", "postgres")
    assert told_code(phone.call("/v1/wallet/refresh", {"card": phone.card})) == REFUSED
    network.mend("issuer", "postgres")
    until(lambda: phone.call("/v1/wallet/refresh", {"card": phone.card}).status == 200)


def told_code(answer: Answer) -> tuple[int, str]:
    """Return status and problem code."""
    return answer.status, answer.json.get("code", "")


@pytest.mark.parametrize("harm", ["cut", "silent"])
def test_a_host_that_reaches_no_accounts_grants_nothing_and_goes_on_afterwards(province, hosts, cards, harm):
    """A device whose rights cannot be looked up gets 503, never a plain 500; its operation is granted afterwards."""
    near, far = hosts
    card, operation, unseen = next(cards), identifier(), province.tablet(POINT)
    if harm == "cut":
        province.network.cut(far.name, "postgres")
    else:
        province.network.silence(far.name, "postgres")
    assert told(hand_out(unseen, far, card, operation)) == REFUSED
    assert told(hand_out(unseen, near, card)) == (201, "granted")
    province.network.mend(far.name, "postgres")
    assert told(until_answered(lambda: hand_out(unseen, far, card, operation))) == (201, "granted")
    assert hand_out(unseen, near, card).json["reason"] == "quota-spent"


def listed(host: Host) -> list[dict[str, object]]:
    """Return the log as a host lists it."""
    return json.loads(host.run("verifier log list --json --limit 10000").stdout)


class Load:
    """Clients over both hosts, who keep an operation until it is answered, as devices do."""

    def __init__(self, tablets: list[Tablet], hosts: list[Host], cards: list[str]) -> None:
        self.tablets, self.hosts, self.cards = tablets, hosts, cards
        self.answers: list[tuple[str, Answer]] = []
        self.faults: list[bytes] = []
        self._over, self._lock = Event(), Lock()
        self._pool = ThreadPoolExecutor(len(cards))

    @property
    def answered(self) -> int:
        """How many operations were answered."""
        return len(self.answers)

    def answered_for(self, card: str) -> int:
        """How many operations of one card were answered."""
        with self._lock:
            return sum(of == card for of, _ in self.answers)

    def __enter__(self) -> Self:
        self._clients = [self._pool.submit(self._client, number) for number in range(len(self.cards))]
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for client in self._clients:
            client.result()
        self._pool.shutdown()

    def _client(self, number: int) -> None:
        turn, operation = number, identifier()
        while not self._over.is_set():
            turn += 1
            try:
                answer = hand_out(self.tablets[number], self.hosts[turn % 2], self.cards[number], operation)
            except (OSError, HTTPException) as error:
                self.faults.append(repr(error).encode())
                return
            if answer.status == 503 or answer.json.get("code") == "clock-off":
                self._over.wait(PAUSE_SECONDS)
                continue
            with self._lock:
                if answer.status != 201:
                    self.faults.append(answer.body)
                self.answers.append((self.cards[number], answer))
            operation = identifier()
            self._over.wait(0.2)  # within the limit of a device's calls
