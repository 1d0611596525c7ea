"""A network of the tests' own: each way between two machines leads through a proxy that waits, falls silent or is cut.

All machines are processes on loopback. A machine calls from an address of its own (127.0.40.x), by which the proxy
tells who calls; what it calls is a door, a port that stands for one service of another machine. Whoever calls from
elsewhere (the test itself) is never hindered.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count

_CHUNK = 1 << 16


@dataclass
class Way:
    """How one machine's calls to another fare. `delay` in seconds each way; `forth` and `back` are open or held."""

    delay: float = 0.0
    refused: bool = False
    forth: asyncio.Event = field(default_factory=asyncio.Event)
    back: asyncio.Event = field(default_factory=asyncio.Event)
    carried: set[asyncio.StreamWriter] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.forth.set()
        self.back.set()


class Network:
    """Doors to services, machines by name, and the ways between them."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._machines: dict[str, str] = {}
        self._ways: dict[tuple[str, str], Way] = {}
        self._addresses = count(1)

    def machine(self, name: str) -> str:
        """Return the address from which a machine calls; the same for the same name."""
        if name not in self._machines.values():
            self._machines[f"127.0.40.{next(self._addresses)}"] = name
        return next(address for address, known in self._machines.items() if known == name)

    def door(self, machine: str, service: int | str, caller: str | None = None) -> int:
        """Open a door to a machine's service, a port or the path of a socket; returns the door's port.

        `caller`: whose door it is, where a caller's own address cannot be chosen (a library in C calls).
        """

        async def opened() -> int:
            server = await asyncio.start_server(
                lambda reader, writer: self._carry(machine, service, caller, reader, writer),
                "127.0.0.1",
                0,
                backlog=256,
            )
            self._servers.append(server)
            return server.sockets[0].getsockname()[1]

        return self._run(opened())

    def slow(self, source: str, target: str, seconds: float) -> None:
        """Let everything between two machines take so long, each way."""
        self._change(source, target, lambda way: setattr(way, "delay", seconds))

    def cut(self, source: str, *targets: str) -> None:
        """End what is open from one machine to others, and refuse what is begun."""

        def change(way: Way) -> None:
            way.refused = True
            for writer in list(way.carried):
                writer.transport.abort()

        for target in targets:
            self._change(source, target, change)

    def silence(self, source: str, *targets: str, answers_alone: bool = False) -> None:
        """Carry nothing from now on, and tell nobody: connections stay open. `answers_alone`: calls still arrive."""

        def change(way: Way) -> None:
            way.back.clear()
            if not answers_alone:
                way.forth.clear()

        for target in targets:
            self._change(source, target, change)

    def mend(self, source: str, *targets: str) -> None:
        """Carry everything again, what was held first."""

        def change(way: Way) -> None:
            way.refused, way.delay = False, 0.0
            way.forth.set()
            way.back.set()

        for target in targets:
            self._change(source, target, change)

    @contextmanager
    def apart(self, some: list[str], others: list[str]) -> Iterator[None]:
        """Keep two groups of machines apart, in silence, for a while."""
        pairs = [(one, other) for one in some for other in others] + [(other, one) for one in some for other in others]
        for source, target in pairs:
            self.silence(source, target)
        try:
            yield
        finally:
            for source, target in pairs:
                self.mend(source, target)

    def close(self) -> None:
        """End every connection and every door."""

        async def ended() -> None:
            for server in self._servers:
                server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await asyncio.sleep(0.1)  # an aborted connection is closed in the loop's next turn

        self._run(ended())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def _change(self, source: str, target: str, change) -> None:
        async def changed() -> None:
            change(self._way(source, target))

        self._run(changed())

    def _way(self, source: str, target: str) -> Way:
        return self._ways.setdefault((source, target), Way())

    async def _carry(
        self, machine, service, caller, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        caller = caller or self._machines.get(writer.get_extra_info("peername")[0], "")
        way = self._way(caller, machine)
        ends = [writer]
        try:
            if not way.refused:
                there = await _call(service)
                ends.append(there[1])
                way.carried.update(ends)
                forth = _pump(way, way.forth, reader, there[1])
                back = _pump(way, way.back, there[0], writer)
                await _first_of(forth, back)
        except (OSError, asyncio.CancelledError):
            pass  # a connection that cannot be made, or whose end comes in the middle: both ends see it close
        finally:
            way.carried.difference_update(ends)
            for end in ends:
                end.transport.abort()
            self._tasks.discard(task)


async def _call(service: int | str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(service, str):
        return await asyncio.open_unix_connection(service)
    return await asyncio.open_connection("127.0.0.1", service)


async def _first_of(*works) -> None:
    """Run both directions until one ends: our clients and servers never close one half alone."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(way: Way, gate: asyncio.Event, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while True:
            data = await reader.read(_CHUNK)
            if way.delay:
                await asyncio.sleep(way.delay)
            await gate.wait()
            if not data:
                break
            writer.write(data)
            await writer.drain()
    await gate.wait()  # an end that is held is not seen either
