"""A primary and its replica behind one address that moves with the primary, as a name or a virtual address does."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from pathlib import Path

from redis.exceptions import RedisError

from tests.ledger.redis_servers import Server


class Switch:
    """Hands new connections on to the server of now. Those that are open stay where they are, unless they are cut."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        self._open |= {writer, back}
        await asyncio.gather(self._copy(reader, back), self._copy(there, writer))
        self._open -= {writer, back}

    @staticmethod
    async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    def close(self) -> None:
        """Cut everything and stop listening."""

        async def end() -> None:
            self._server.close()
            for writer in list(self._open):
                writer.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class Pair:
    """Two servers that take turns as the primary; `url` is the address that moves."""

    def __init__(self, folder: Path) -> None:
        self.primary = Server(folder / "one", repl_diskless_sync_delay=0)
        self.replica = Server(folder / "two", replicaof=f"127.0.0.1 {self.primary.port}", repl_diskless_sync_delay=0)
        self.switch = Switch(self.primary.port)
        self.url = f"redis://127.0.0.1:{self.switch.port}/0?replicas=1"
        self.wait_linked()

    def wait_linked(self, seconds: float = 30) -> None:
        """Wait until the replica follows the primary."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with suppress(RedisError), self.primary.client() as client:
                about = client.info("replication")
                if about["connected_slaves"] == 1 and about["slave0"]["state"] == "online":
                    return
            time.sleep(0.05)
        raise AssertionError("the replica does not follow")

    def restart(self, seconds: float) -> None:
        """Kill the primary, leave it down for so long, start it again on its files."""
        self.primary.kill()
        time.sleep(seconds)
        self.primary.start()
        self.wait_linked()

    def lose_primary(self) -> None:
        """The primary dies, the replica takes its place, the dead one comes back as the replica."""
        self.primary.kill()
        with self.replica.client() as client:
            client.execute_command("REPLICAOF", "NO", "ONE")
        self._turn()
        self.replica.settings["replicaof"] = f"127.0.0.1 {self.primary.port}"
        self.replica.start()
        self.wait_linked()

    def fail_over(self) -> None:
        """Hand over in order, by FAILOVER: the old primary lives on as the replica, with its connections."""
        with self.primary.client() as client:
            client.execute_command("FAILOVER", "TIMEOUT", 5000)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with suppress(RedisError), self.replica.client() as client:
                if client.info("replication")["role"] == "master":
                    break
            time.sleep(0.005)
        self._turn()
        self.replica.settings["replicaof"] = f"127.0.0.1 {self.primary.port}"
        self.wait_linked()

    def _turn(self) -> None:
        self.primary, self.replica = self.replica, self.primary
        self.primary.settings.pop("replicaof", None)
        self.switch.target = self.primary.port

    def close(self) -> None:
        """End both servers."""
        self.switch.close()
        self.replica.stop()
        self.primary.stop()
