"""The leaf of a use recorded offline: what belongs together, and what no other kind may say."""

from __future__ import annotations

import json

import pytest

from edge import strictjson
from ledger import leaf
from ledger.leaf import LeafError
from tests.audit.test_leaf import HASH, a_check_in, a_check_out, a_void

VISIT = {"started_at": 1793408300000, "ends_at": 1793415500000}
CHARGES = [{"limit": "gym", "maximum": 2, "period": "2026-10", "units": 1}]


def an_offline_use(**changes) -> dict[str, object]:
    """The fields of a use recorded offline, granted, at an earlier instant than it was received."""
    told = {"kind": "offline", "record": HASH, "used_at": 1793408300000, "visit": VISIT, "charges": CHARGES}
    return a_check_in(**(told | changes))


def decoded(fields: dict[str, object]) -> leaf.Leaf:
    """The leaf that these fields spell."""
    return leaf.decode(strictjson.canonical(fields))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"marks": ["clock-doubt", "overdrawn"], "visit": None},
        {"outcome": "denied", "reason": "offline-limit", "visit": None, "charges": None},
        {"visit": VISIT | {"entry": "7f-000009"}},
        {"moved": [{"entry": "7f-000009", "into": "7f-000001"}, {"entry": "7f-000010"}]},
        {"linked": "7f-000009", "rival": "tablet-2", "approver": "operator-1", "client_time": 1793408300000},
        {"booking": "7f-000009", "visit": None, "charges": None},
    ],
)
def test_a_use_recorded_offline_has_one_spelling(changes):
    """Read and written again, the same bytes."""
    data = strictjson.canonical(an_offline_use(**changes))
    assert leaf.encode(leaf.decode(data)) == data
    assert json.loads(data)["kind"] == "offline"


@pytest.mark.parametrize(
    "changes",
    [
        {"record": None},
        {"used_at": None},
        {"used_at": 1793408400001},
        {"target": "7f-000009"},
        {"outcome": None},
        {"outcome": "denied", "reason": "offline-limit"},
        {"reason": "revoked"},
        {"holder": None},
        {"visit": VISIT | {"started_at": 1793408400000}},
        {"visit": VISIT | {"left_at": 1793408400000}},
        {"visit": VISIT | {"entry": "7f-000009", "re_entry": 1}},
        {"visit": None, "moved": [{"entry": "7f-000009"}]},
        {"visit": VISIT | {"entry": "7f-000009"}, "moved": [{"entry": "7f-000010"}]},
        {"booking": "7f-000009"},
        {"booking": "7f-000009", "outcome": "denied", "reason": "x", "visit": None, "charges": None},
        {"window": {"closes_at": 4, "expected_at": 2, "opens_at": 1, "scheduled_at": 2}},
    ],
)
def test_what_contradicts_itself_is_refused(changes):
    """Each rule of docs/log-format.md."""
    with pytest.raises(LeafError):
        decoded(an_offline_use(**changes))


@pytest.mark.parametrize("fields", [a_check_in(), a_void(), a_check_out()], ids=["check-in", "void", "check-out"])
@pytest.mark.parametrize("told", [{"used_at": 1}, {"record": HASH}, {"rival": "x"}, {"approver": "x"}])
def test_no_other_kind_tells_of_a_record(fields, told):
    """An online entry has neither record nor instant of its own."""
    with pytest.raises(LeafError):
        decoded(fields | told)


def test_a_void_may_move_uses_and_a_check_in_may_not():
    """Taking an opening back sets free what lay in its visit."""
    moved = {"moved": [{"entry": "7f-000001"}]}
    assert decoded(a_void(**moved)).moved[0].into is None
    with pytest.raises(LeafError):
        decoded(a_check_in(**moved))


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        (an_offline_use(), 1793408300000),
        (an_offline_use(visit=None), None),
        (an_offline_use(outcome="denied", reason="x", visit=None, charges=None), None),
        (a_check_in(visit={"started_at": 1793408400000, "ends_at": 1793415600000}), 1793408400000),
        (a_check_in(visit={"started_at": 1793408300000, "ends_at": 1793415600000}), None),
        (a_check_in(), None),
        (a_check_out(), None),
    ],
)
def test_only_a_use_that_can_open_a_visit_stands_in_the_line(fields, at):
    """Its own instant; a use let into a running visit, a departure and a refusal are none."""
    assert leaf.stays_from(decoded(fields)) == at
