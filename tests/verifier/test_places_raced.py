"""The last room and the last seats, raced for by two processes of a whole machine, over every ledger."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.rights import Right
from edge.clock import SystemClock
from edge.instants import rfc3339
from tests.ledger.conftest import STORES
from tests.ledger.redis_servers import open_shared
from tests.verifier.machine import Machine
from tests.verifier.test_processes import at_once, resident_id

pytestmark = pytest.mark.slow

HOLDERS, SEATS = 8, 3


@pytest.fixture(params=sorted(STORES))
def machine(request, tmp_path):
    """Two workers over this store."""
    made = Machine(tmp_path, workers=2)
    if request.param != "sqlite":
        open_shared(request.param, tmp_path, SystemClock()).close()
        made.environ["YUNJU_LEDGER_URL"] = (tmp_path / "redis-url").read_text()
    yield made
    made.close()


def test_the_last_place_is_given_once(machine):
    """Eight holders at once: one has the room, three have seats, nobody is told `unavailable`; the log says why not."""
    cards = machine.printed(*[machine.holder(number=resident_id(number)) for number in range(HOLDERS)])
    library, events = (machine.device(point, Right.CHECK_IN, Right.BOOKINGS) for point in ("library", "events"))
    machine.start()
    begins = (machine.now() + timedelta(days=2)).replace(
        hour=6, minute=0, second=0, microsecond=0
    )  # the library is open
    ends = begins + timedelta(hours=2)
    talk = {"code": "TALK-1", "service": "steward-training", "name": {"zh": "讲座", "en": "Talk"}, "capacity": SEATS}
    kept = events.call("POST", "/v1/events", talk | {"starts_at": rfc3339(begins), "ends_at": rfc3339(ends)})
    assert kept.status == 201, kept.body
    slot = {"slot": f"{rfc3339(begins)}/{rfc3339(ends)}", "people": 2}

    def book(device, service: str, fields: dict, number: int) -> dict:
        body = {"service": service, "fields": fields, "presentation": cards[number], "id_checked": True}
        answer = device.call("POST", "/v1/bookings", body)
        assert answer.status == 201, answer.body
        return answer.json

    rooms = at_once(HOLDERS, lambda number: book(library, "library-room", slot, number))
    assert sorted(one["reason"] or "granted" for one in rooms) == ["granted"] + ["slot-taken"] * (HOLDERS - 1)
    seats = at_once(HOLDERS, lambda number: book(events, "steward-training", {"event": "TALK-1"}, number))
    assert sum(one["outcome"] == "granted" for one in seats) == SEATS
    assert {one["reason"] for one in seats} == {None, "slot-taken"}
    listed = events.call("GET", "/v1/events?point=events").json["events"]
    assert [(one["taken"], one["left"]) for one in listed] == [(SEATS, 0)]
    checked = machine.command("verifier", "ledger", "check", "--json")
    assert checked.returncode == 0, checked.stdout + checked.stderr
