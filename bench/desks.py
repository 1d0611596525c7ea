"""The lists of departments and booking desks with 50,000 requests and 100,000 bookings: the 95th percentile of each.

The pages are made in this process, so that their processor time is what they take on a machine that is idle.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.desk_stores import fill_bookings, fill_requests
from bench.rows import Row
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


def run(*, short: bool = False) -> list[Row]:
    """Return a row a list; `short`: of smaller stores."""
    share = SHORT if short else 1
    with TemporaryDirectory() as folder:
        world = DeskWorld(Path(folder), f"{TODAY} 09:00")
        number = world.numbered("diamond")
        world.go(f"{TODAY} 10:00")
        rows = _of_requests(world, REQUESTS // share) + _of_bookings(world, number, BOOKINGS // share)
        world.close()
    return rows


def _of_requests(world: DeskWorld, count: int) -> list[Row]:
    fill_requests(world, count)
    return _rows(world.browser("desk:organisation"), LISTS, f"of {count:,} requests")


def _of_bookings(world: DeskWorld, number: str, count: int) -> list[Row]:
    """The day, the week (on the same page), the search and what a page asks for every few seconds."""
    lounge, library = world.browser("desk:investment"), world.browser("desk:library")
    made = [
        _booked(lounge, "/desk/new/air-dom/airport-dom-departure", number, FLIGHT),
        _booked(library, "/desk/new/library/library-room", number, ROOM),
    ]
    fill_bookings(world, made, count)
    lounges = f"/desk?point=air-dom&day={TODAY}"
    sought = {"a flight": "CZ3101", "a plate": "粤A12345", "a card number": number, "a name": HOLDER}
    lists = {
        "day and week": lounges,
        "the list for the door": f"/desk/print?point=air-dom&day={TODAY}",
        "whether the day changed": f"/desk/state?point=air-dom&day={TODAY}",
        **{f"search by {name}": f"{lounges}&sought={text}" for name, text in sought.items()},
    }
    rooms = {"day, week and free hours": f"/desk?point=library&day={TODAY}"}
    of = f"of {count:,} bookings"
    return _rows(lounge, lists, of) + _rows(library, rooms, of)


def _booked(browser: Browser, path: str, number: str, fields: Mapping[str, str]) -> str:
    """Book by telephone; the booking's id."""
    response = browser.send(path, **{"card_number": number, "called_back": "y", **fields})  # type: ignore[arg-type]
    if response.status_code != 303:
        raise RuntimeError(response.get_data(as_text=True))
    return str(response.location).rpartition("/")[2]


def _rows(browser: Browser, lists: Mapping[str, str], of: str) -> list[Row]:
    return [
        Row(f"desks: {name} {of}, p95", _p95(browser, path), "ms", AIM_MS, "150 ms", 1) for name, path in lists.items()
    ]


def _p95(browser: Browser, path: str) -> float:
    """Return the 95th percentile of a page, the first call left out."""
    spent = [_milliseconds(lambda: browser.get(path)) for _ in range(ASKED + 1)][1:]
    return statistics.quantiles(spent, n=20)[-1]


def _milliseconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1000
