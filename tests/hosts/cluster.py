"""A Redis Cluster of three primaries with a replica each, whose every conversation leads through the tests' network."""

from __future__ import annotations

import time
from functools import cached_property
from pathlib import Path

from redis.crc import key_slot

from ledger.redis.keys import PREFIXES
from tests.hosts.network import Network
from tests.ledger.redis_servers import SLOTS, Server
from tools.ports import free_port

PRIMARIES = 3
NODE_TIMEOUT_MILLIS = 2000


class Node(Server):
    """One node: its name in the network, and the door at which all others reach it."""

    def __init__(self, network: Network, name: str, folder: Path) -> None:
        self.name = name
        self.door = free_port()  # told anew below: a door is opened once the port behind it is known
        super().__init__(
            folder,
            cluster_enabled="yes",
            cluster_node_timeout=NODE_TIMEOUT_MILLIS,
            bind_source_addr=network.machine(name),
            cluster_announce_ip="127.0.0.1",
        )
        self.door, self.bus = network.door(name, self.port), network.door(name, self.port + 10_000)
        with self.client() as client:
            client.config_set("cluster-announce-port", self.door)
            client.config_set("cluster-announce-bus-port", self.bus)

    def ask(self, *words: object):
        """Ask it something beside the network."""
        with self.client() as client:
            return client.execute_command(*words)

    @cached_property
    def id(self) -> str:
        """Its name in the cluster, which it keeps for good."""
        return self.ask("CLUSTER", "MYID").decode()

    @property
    def leads(self) -> bool:
        """Whether it is a primary now."""
        return self.ask("ROLE")[0] == b"master"


class Cluster:
    """Six nodes: `primaries[n]` and, at first, `replicas[n]` behind it."""

    def __init__(self, network: Network, folder: Path) -> None:
        self.nodes: list[Node] = []
        try:
            for number in range(2 * PRIMARIES):
                self.nodes.append(Node(network, f"node-{number}", folder / str(number)))
            self.primaries, self.replicas = self.nodes[:PRIMARIES], self.nodes[PRIMARIES:]
            self._join()
            assert len({node.id for node in self.nodes}) == len(self.nodes)
        except BaseException:
            self.close()
            raise

    def _join(self) -> None:
        for number, node in enumerate(self.nodes):
            if number < PRIMARIES:
                ends = number * SLOTS // PRIMARIES, (number + 1) * SLOTS // PRIMARIES - 1
                node.ask("CLUSTER", "ADDSLOTSRANGE", *ends)
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            node.ask("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].door, self.nodes[0].bus)
        until(lambda: all(node.ask("CLUSTER", "INFO").count(b"cluster_known_nodes:6") for node in self.nodes))
        for primary, replica in zip(self.primaries, self.replicas, strict=True):
            until(lambda r=replica, p=primary: p.id.encode() in r.ask("CLUSTER", "NODES"))
            replica.ask("CLUSTER", "REPLICATE", primary.id)
        self.settle()

    def settle(self) -> None:
        """Wait until every node that runs knows a whole cluster, and every primary has a replica that keeps up."""
        until(lambda: all(self._is_well(node) for node in self.nodes))

    def _is_well(self, node: Node) -> bool:
        if b"cluster_state:ok" not in node.ask("CLUSTER", "INFO"):
            return False
        with node.client() as client:
            about = client.info("replication")
        if about["role"] == "master":
            return not self._has_slots(node) or (
                about["connected_slaves"] >= 1 and about["slave0"]["state"] == "online"
            )
        return about["master_link_status"] == "up"

    def _has_slots(self, node: Node) -> bool:
        (line,) = [line for line in node.ask("CLUSTER", "NODES").splitlines() if b"myself" in line]
        return len(line.split()) > 8

    def leader_of(self, partition: int) -> Node:
        """Return the node that leads a partition's slot now, as most nodes say."""
        slot, told = key_slot(PREFIXES[partition].encode()), list[str]()
        for node in self.nodes:
            if node.process is None or node.process.poll() is not None:
                continue
            for first, last, leader, *_ in node.ask("CLUSTER", "SLOTS"):
                if first <= slot <= last:
                    told.append(leader[2].decode())
        most = max(set(told), key=told.count)
        return next(node for node in self.nodes if node.id == most)

    def companions(self, node: Node) -> list[str]:
        """Return the names of all other nodes."""
        return [other.name for other in self.nodes if other is not node]

    def close(self) -> None:
        """End every node."""
        for node in self.nodes:
            node.stop()


def until(holds, seconds: float = 90, pause: float = 0.1) -> None:
    """Wait until something holds; a busy machine is slow, not wrong."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it never came"
        time.sleep(pause)
