"""What only a Redis Cluster does: partitions move from node to node while the ledger is in use."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from redis.crc import key_slot

from edge.clock import SystemClock
from ledger.redis import RedisLedger, RedisOptions
from ledger.redis.keys import PREFIXES
from ledger.values import LedgerUnavailable, partition_of
from tests.ledger.builders import HOLDER, a_charge, a_check_in, faults
from tests.ledger.redis_servers import a_cluster, a_server

pytestmark = pytest.mark.slow

CLOCK = SystemClock()
SLOT = key_slot(PREFIXES[partition_of(HOLDER)].encode())


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """Three nodes."""
    with a_cluster(tmp_path_factory.mktemp("cluster")) as servers:
        yield servers


@pytest.fixture
def ledger(nodes):
    """An empty ledger that has found out by itself that it is on a cluster."""
    for node in nodes:
        with node.client() as client:
            client.flushall()
    opened = RedisLedger(RedisOptions(nodes[0].url, answer=timedelta(seconds=1), whole=timedelta(seconds=2)))
    opened.ready()
    yield opened
    opened.close()


def a_use():
    """A use of a quota of two, now."""
    return a_check_in(CLOCK.now(), charges=(a_charge(2),))


def two_of(nodes):
    """The node that has the holder's partition from now on, and another one."""
    place = next(number for number in range(3) if number * 16384 // 3 <= SLOT < (number + 1) * 16384 // 3)
    give(nodes, name_of(nodes[place]))
    return nodes[place], nodes[(place + 1) % 3]


def name_of(server) -> str:
    """A node's name."""
    with server.client() as client:
        return client.execute_command("CLUSTER", "MYID").decode()


def give(nodes, name: str) -> None:
    """Tell every node whose the slot is."""
    for node in nodes:
        with node.client() as client:
            client.execute_command("CLUSTER", "SETSLOT", SLOT, "NODE", name)


def keys_of(server) -> list[bytes]:
    """The keys of the slot."""
    with server.client() as client:
        return client.execute_command("CLUSTER", "GETKEYSINSLOT", SLOT, 100)


def begin_moving(source, target) -> None:
    """Tell two nodes that the slot is on its way."""
    with target.client() as there, source.client() as here:
        there.execute_command("CLUSTER", "SETSLOT", SLOT, "IMPORTING", name_of(source))
        here.execute_command("CLUSTER", "SETSLOT", SLOT, "MIGRATING", name_of(target))


def move(source, target, keys) -> None:
    """Move keys from one node to another, as a resharding does."""
    with source.client() as client:
        client.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 1000, "KEYS", *keys)


def test_a_partition_that_moved_is_followed(nodes, ledger):
    """The next call finds the node that has it now; what was used counts on."""
    source, target = two_of(nodes)
    assert ledger.check_in(a_use()).granted
    begin_moving(source, target)
    move(source, target, keys_of(source))
    give(nodes, name_of(target))
    assert [ledger.check_in(a_use()).reason for _ in range(2)] == [None, "quota-spent"]
    assert not keys_of(source)
    assert faults(ledger) == []


def test_nothing_is_granted_while_a_partition_is_half_moved(nodes, ledger):
    """A counter on its way to another node would look like one not used: 503 until it is through, then counted on."""
    source, target = two_of(nodes)
    assert [ledger.check_in(a_use()).reason for _ in range(2)] == [None, None]
    begin_moving(source, target)
    states = [key for key in keys_of(source) if b":h:" in key or b":e:" in key]
    assert len(states) == 2
    move(source, target, states)
    with pytest.raises(LedgerUnavailable):
        ledger.check_in(a_use())
    move(source, target, keys_of(source))
    give(nodes, name_of(target))
    time.sleep(0.3)
    assert ledger.check_in(a_use()).reason == "quota-spent"
    assert faults(ledger) == []


def test_a_primary_that_dies_is_followed_to_its_replica(nodes, ledger, tmp_path):
    """The cluster promotes the replica by itself; nothing acknowledged is lost, and check-ins go on."""
    source, _ = two_of(nodes)
    with a_server(tmp_path, cluster_enabled="yes", cluster_node_timeout=1000) as replica:
        with replica.client() as client:
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", source.port)
            _until(lambda: name_of(source) in str(client.execute_command("CLUSTER", "NODES")))
            client.execute_command("CLUSTER", "REPLICATE", name_of(source))
            _until(lambda: client.info("replication").get("master_link_status") == "up")
        waiting = RedisLedger(RedisOptions(nodes[0].url, cluster=True, replicas=1, whole=timedelta(seconds=1)))
        _until(lambda: _told(waiting) is not None)
        told: list[str] = []
        _until(lambda: told.extend(filter(None, [_told(waiting)])) or len(told) >= 5)
        waiting.close()
        ledger.close()
        source.kill()
        _until(lambda: _told(ledger) is not None)
        for entry in told:
            assert ledger.entry(entry) is not None
        assert faults(ledger) == []


def _told(ledger) -> str | None:
    """The entry of a check-in that was acknowledged, None for one that was not."""
    try:
        return ledger.check_in(a_check_in(CLOCK.now())).entry
    except LedgerUnavailable:
        return None


def _until(holds) -> None:
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)
