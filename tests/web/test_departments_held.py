"""`/department/held` without a script: a supervisor releases or puts aside what waits, once, for a reason."""

from __future__ import annotations

import pytest

from tests.verifier.offline_devices import Tablet
from tests.web.desks import DeskWorld
from tests.web.staffing import text_of


@pytest.fixture
def desks(tmp_path):
    """A gym's late record waits; it is 20 November 2026."""
    made = DeskWorld(tmp_path, "2026-10-31 09:00")
    made.silver = made.card("silver")
    tablet = Tablet.at(made, "gym")
    tablet.record(made.silver, when="2026-10-31 09:10")
    made.go("2026-11-20 09:00")
    made.record = tablet.answers()[0]
    assert made.record["status"] == "held"
    [kept] = made.verifier.store.offline.held(None)
    made.path = f"/department/held/{kept.digest}"
    yield made
    made.close()


def october(desks) -> int:
    """Units used of October's two."""
    counters = desks.verifier.ledger.usage(desks.silver.claims.subject, desks.clock.now()).counters
    return counters.get(("gym", "2026-10"), 0)


@pytest.mark.parametrize(
    ("decision", "units"), [("release:paper-record", 1), ("refuse:not-used", 0), ("refuse:other", 0)]
)
def test_a_supervisor_of_the_department_decides_once(desks, decision, units):
    """The list says why it waits; the decision stands in the log with its reason and the person who made it."""
    supervisor = desks.browser("supervisor:sports-centre")
    listed = text_of(supervisor.get("/department/held"))
    assert "上传过晚" in listed
    assert "张*明" in listed
    assert "2026-10-31 09:10" in listed
    assert supervisor.send(desks.path, decision="").status_code == 422
    response = supervisor.send(desks.path, decision=decision, note="有签到表")
    assert (response.status_code, response.headers["Location"]) == (303, "/department/held")
    assert october(desks) == units
    leaf = desks.log()[-1]
    assert f"decision:{decision.partition(':')[2]}" in leaf["marks"]
    assert leaf["approver"] == desks.accounts.people.named("person.1").id
    assert "没有待核定的记录" in text_of(supervisor.get("/department/held"))
    assert supervisor.get(desks.path).status_code == 404


def test_nobody_else_sees_or_decides(desks):
    """Another department's supervisor, a desk without the right, a supervisor without the second step, a stranger."""
    library, desk = desks.browser("supervisor:library"), desks.browser("desk:sports-centre")
    single = desks.browser("supervisor:sports-centre", factor=False)
    assert "张*明" not in text_of(library.get("/department/held"))
    seen = {browser: browser.get(desks.path).status_code for browser in (library, desk, single)}
    assert list(seen.values()) == [404, 403, 403]
    sent = [
        browser.send(desks.path, form="/sign-out", decision="release:other").status_code
        for browser in (library, desk, single)
    ]
    assert sent == [404, 403, 403]
    assert october(desks) == 0
