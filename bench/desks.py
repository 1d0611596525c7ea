"""The lists of departments and booking desks with 50,000 requests and 100,000 bookings: the 95th percentile of each
list.

The pages are made in this process. So the processor time is what the pages take on an idle machine.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from redis import Redis

from bench.desk_stores import fill_bookings, fill_requests
from bench.ledger_redis import redis_server
from bench.rows import Row
from bench.serving import pass_over_what_stays
from ledger.redis import RedisLedger, RedisOptions
from tests.verifier.booking import HOLDER
from tests.web.desks import DeskWorld
from tests.web.staffing import Browser

REQUESTS, BOOKINGS = 50_000, 100_000
SHORT: Final = 10
"""Among the other benchmarks the stores are so many times smaller."""
ASKED: Final = 30
AIM_MS: Final = 150.0
TODAY: Final = "2026-10-23"
LISTS: Final = {
    "open": "/department",
    "overdue": "/department?tab=overdue",
    "closed": "/department?tab=closed",
    "a late page": "/department?tab=closed&page=100",
}
FLIGHT: Final = {
    "f-holder_name": HOLDER, "f-flight": "CZ3101", "f-scheduled_at": "2026-10-24T10:30", "f-passenger_count": "2",
    "f-passengers": f"{HOLDER}、李雷", "f-phone": "13800001234", "f-escort_count": "0", "f-vehicle_count": "1",
    "f-plates": "粤A12345", "f-checked_luggage": "yes",
}  # fmt: skip
ROOM: Final = {"f-slot": "2026-10-26T09:00", "f-slot-ends": "2026-10-26T10:00", "f-people": "4"}


class RedisDesks(DeskWorld):
    """The desks over a ledger on Redis."""

    def __init__(self, folder: Path, start: str, port: int) -> None:
        self.port = port
        super().__init__(folder, start)

    def _ledger(self) -> RedisLedger:
        return RedisLedger(RedisOptions(f"redis://127.0.0.1:{self.port}/0"), self.clock)


def run(*, short: bool = False) -> list[Row]:
    """Return a row a list; `short`: of smaller stores. Without redis-server there are no rows of that store."""
    share = SHORT if short else 1
    with TemporaryDirectory() as folder:
        world = DeskWorld(Path(folder), f"{TODAY} 09:00")
        rows = _of_bookings(world, BOOKINGS // share) + _of_requests(world, REQUESTS // share)
        world.close()
    return rows if shutil.which("redis-server") is None else rows + _on_redis(BOOKINGS // share)


def _on_redis(count: int) -> list[Row]:
    """The lists that read the ledger. Requests stand beside it, in the same store for both."""
    with TemporaryDirectory() as folder, redis_server(Path(folder)) as port:
        (Path(folder) / "world").mkdir()
        world = RedisDesks(Path(folder) / "world", f"{TODAY} 09:00", port)
        rows = _of_bookings(world, count, ", Redis", port)
        world.close()
    return rows


def _of_requests(world: DeskWorld, count: int) -> list[Row]:
    fill_requests(world, count)
    pass_over_what_stays()
    return _rows(world.browser("desk:organisation"), LISTS, f"of {count:,} requests", None)


def _of_bookings(world: DeskWorld, count: int, store: str = "", port: int | None = None) -> list[Row]:
    """The day, the week (on the same page), the search and what a page asks for every few seconds."""
    number = world.numbered("diamond")
    world.go(f"{TODAY} 10:00")
    lounge, library = world.browser("desk:investment"), world.browser("desk:library")
    made = [
        _booked(lounge, "/desk/new/air-dom/airport-dom-departure", number, FLIGHT),
        _booked(library, "/desk/new/library/library-room", number, ROOM),
    ]
    fill_bookings(world, made, count, port)
    pass_over_what_stays()
    lounges = f"/desk?point=air-dom&day={TODAY}"
    sought = {"a flight": "CZ3101", "a plate": "粤A12345", "a card number": number, "a name": HOLDER}
    lists = {
        "day and week": lounges,
        "the list for the door": f"/desk/print?point=air-dom&day={TODAY}",
        "whether the day changed": f"/desk/state?point=air-dom&day={TODAY}",
        **{f"search by {name}": f"{lounges}&sought={text}" for name, text in sought.items()},
    }
    rooms = {"day, week and free hours": f"/desk?point=library&day={TODAY}"}
    of = f"of {count:,} bookings{store}"
    return _rows(lounge, lists, of, port) + _rows(library, rooms, of, port)


def _booked(browser: Browser, path: str, number: str, fields: Mapping[str, str]) -> str:
    """Book by telephone; the booking's id."""
    response = browser.send(path, **{"card_number": number, "called_back": "y", **fields})  # type: ignore[arg-type]
    if response.status_code != 303:
        raise RuntimeError(response.get_data(as_text=True))
    return str(response.location).rpartition("/")[2]


def _rows(browser: Browser, lists: Mapping[str, str], of: str, port: int | None) -> list[Row]:
    return [
        Row(f"desks: {name} {of}, p95", _p95(browser, path, port), "ms", AIM_MS, "150 ms", 1)
        for name, path in lists.items()
    ]


def _p95(browser: Browser, path: str, port: int | None) -> float:
    """Return the 95th percentile of a page, the first call left out."""
    with _server_seconds(port) as seconds:
        spent = [_milliseconds(lambda: browser.get(path), seconds) for _ in range(ASKED + 1)][1:]
    return statistics.quantiles(spent, n=20)[-1]


@contextmanager
def _server_seconds(port: int | None) -> Iterator[Callable[[], float]]:
    """Yield what tells the processor seconds of the Redis server so far; none without one."""
    if port is None:
        yield lambda: 0.0
        return
    with Redis(port=port) as client:

        def seconds() -> float:
            told = client.info("cpu")
            return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])

        yield seconds


def _milliseconds(work: Callable[[], object], seconds: Callable[[], float]) -> float:
    before, start = seconds(), time.process_time()
    work()
    own = time.process_time() - start
    return (own + seconds() - before) * 1000
