"""Operators at devices: a right needs both the device and the operator, and a session stays at its device."""

from datetime import timedelta

import pytest

from accounts.attempts import SIGN_IN
from accounts.credentials import WeakSecret
from accounts.operators import UnknownOperator
from accounts.people import NameTaken
from accounts.rights import EVERYWHERE, Right
from accounts.tables import OPERATORS
from tests.accounts.builders import ADMIN, EVERY_DEVICE_RIGHT, NOON, Ground, code_of, new_store

SUPERVISOR = {"gym": frozenset({Right.CHECK_IN, Right.VOID, Right.VOID_ANY, Right.OVERRIDE})}


def allowed(device, point="gym"):
    """The rights that are in force for a device's calls."""
    return {right for right in Right if device.call(path=f"/v1/may/{right}/{point}").status_code == 200}


def test_an_operator_signs_in_at_a_device(ground):
    """The answer tells the rights in force there, and until when."""
    device, operator = ground.device(rights=EVERY_DEVICE_RIGHT), ground.operator(grant=SUPERVISOR)
    told = device.sign_operator_in().json
    assert told["operator"] == operator.id
    assert told["rights"] == ["check-in", "void", "void-any", "override"]
    assert told["expires_at"] == "2026-11-01T00:00:00Z"
    assert device.call().json["operator"] == operator.id


def test_rights_in_force_are_the_devices_and_the_operators_together(ground):
    """Neither gets from the other what it lacks."""
    device = ground.device(rights=frozenset({Right.CHECK_IN, Right.VOID, Right.OVERRIDE, Right.AUDIT}))
    ground.operator(grant=SUPERVISOR)
    device.sign_operator_in()
    assert allowed(device) == {Right.CHECK_IN, Right.VOID, Right.OVERRIDE}


def test_an_operator_with_less_narrows_the_device(ground):
    """A trainee at a supervisor's tablet has a trainee's rights."""
    device = ground.device(rights=EVERY_DEVICE_RIGHT)
    ground.operator()
    device.sign_operator_in()
    assert allowed(device) == {Right.CHECK_IN}


def test_voiding_anothers_and_overriding_need_an_operator(ground):
    """A device alone never has them, even if it was enrolled with them."""
    device = ground.device(rights=EVERY_DEVICE_RIGHT)
    assert allowed(device) == EVERY_DEVICE_RIGHT - {Right.VOID_ANY, Right.OVERRIDE}


def test_an_operator_of_every_point_gets_no_further_than_the_device(ground):
    """`*` with the operator does not open another point than the device's."""
    device = ground.device(rights=EVERY_DEVICE_RIGHT)
    ground.operator(grant={EVERYWHERE: frozenset(Right)})
    device.sign_operator_in()
    assert allowed(device) == EVERY_DEVICE_RIGHT
    assert allowed(device, "museum") == set()


def test_a_session_of_another_device_is_refused(ground):
    """A session token carried to another tablet is worth nothing there."""
    first, second = ground.device(rights=EVERY_DEVICE_RIGHT), ground.device(rights=EVERY_DEVICE_RIGHT)
    ground.operator(grant=SUPERVISOR)
    first.sign_operator_in()
    second.session = first.session
    answered = second.call()
    assert (answered.status_code, code_of(answered)) == (401, "operator-signed-out")
    assert first.call().status_code == 200


@pytest.mark.parametrize("session", ["", "x", "yo_" + "A" * 43, "yo_" + "A" * 5000])
def test_a_session_that_is_nobodys_is_refused_not_ignored(ground, session):
    """Ignoring it would give the device's wider rights."""
    device = ground.device()
    device.session = session
    assert code_of(device.call()) == "operator-signed-out"


def test_a_session_ends_after_twelve_hours(ground):
    """To the second."""
    device = ground.device()
    ground.operator()
    device.sign_operator_in()
    ground.clock.advance(timedelta(hours=12, seconds=-1))
    assert device.call().status_code == 200
    ground.clock.advance(timedelta(seconds=1))
    assert code_of(device.call()) == "operator-signed-out"


def test_signing_out_ends_the_session_at_once(ground):
    """And signing out twice is no error."""
    device = ground.device()
    ground.operator()
    device.sign_operator_in()
    assert device.call("DELETE", "/v1/operators/sessions").status_code == 204
    assert code_of(device.call()) == "operator-signed-out"
    assert device.call("DELETE", "/v1/operators/sessions").status_code == 204


def test_another_device_cannot_end_a_session(ground):
    """It does nothing to a session that is not its own."""
    first, second = ground.device(), ground.device()
    ground.operator()
    first.sign_operator_in()
    second.session = first.session
    second.call("DELETE", "/v1/operators/sessions")
    assert first.call().status_code == 200


def test_signing_out_without_a_session_is_told(ground):
    """There is nothing to end."""
    assert code_of(ground.device().call("DELETE", "/v1/operators/sessions")) == "operator-signed-out"


def test_a_disabled_operator_is_out_within_five_seconds(tmp_path):
    """Also when another process disabled it."""
    here, elsewhere = new_store(tmp_path), new_store(tmp_path)
    ground = Ground(here)
    device = ground.device()
    ground.operator()
    device.sign_operator_in()
    assert device.call().status_code == 200
    elsewhere.operators.disable("0417", by=ADMIN, at=NOON)
    ground.clock.advance(timedelta(seconds=5))
    assert code_of(device.call()) == "operator-signed-out"
    assert code_of(device.sign_operator_in()) == "wrong-credentials"
    here.close()
    elsewhere.close()


def test_a_new_pin_ends_what_the_old_one_opened(ground):
    """A PIN that was seen over the shoulder is worth nothing from then on."""
    device = ground.device()
    ground.operator()
    device.sign_operator_in()
    ground.store.operators.set_pin("0417", "271828", by=ADMIN, at=NOON)
    assert code_of(device.call()) == "operator-signed-out"
    assert code_of(device.sign_operator_in("0417", "493817")) == "wrong-credentials"
    assert device.sign_operator_in("0417", "271828").status_code == 201
    with pytest.raises(WeakSecret):
        ground.store.operators.set_pin("0417", "12", by=ADMIN, at=NOON)


def test_changed_rights_are_in_force_at_once(ground):
    """Also for who is signed in: a supervisor who is one no more voids nothing more."""
    device = ground.device(rights=EVERY_DEVICE_RIGHT)
    ground.operator(grant=SUPERVISOR)
    device.sign_operator_in()
    ground.store.operators.set_rights("0417", {"gym": frozenset({Right.CHECK_IN})}, by=ADMIN, at=NOON)
    assert allowed(device) == {Right.CHECK_IN}
    with pytest.raises(ValueError, match="needs a right"):
        ground.store.operators.set_rights("0417", {}, by=ADMIN, at=NOON)


@pytest.mark.parametrize(("operator", "pin"), [("9999", "493817"), ("0417", "000000"), ("0417", None), ("0418", None)])
def test_wrong_codes_and_pins_are_one_answer(ground, operator, pin):
    """Unknown operator, wrong PIN and missing PIN cannot be told apart."""
    ground.operator()
    ground.operator(code="0418", grant={"museum": frozenset({Right.CHECK_IN})}, pin=None)
    answered = ground.device().sign_operator_in(operator, pin)
    assert (answered.status_code, code_of(answered)) == (401, "wrong-credentials")
    assert "detail" not in answered.json


def test_an_operator_of_another_point_cannot_sign_in_here(ground):
    """The right PIN at the wrong place is the same refusal."""
    ground.operator(grant={"museum": frozenset({Right.CHECK_IN})})
    assert code_of(ground.device(point="gym").sign_operator_in()) == "wrong-credentials"


def test_a_point_may_do_without_pins(ground):
    """An operator without one signs in by code; a PIN given nevertheless is wrong."""
    ground.operator(pin=None)
    device = ground.device()
    assert code_of(device.sign_operator_in(pin="1234")) == "wrong-credentials"
    assert device.sign_operator_in(pin=None).status_code == 201


def test_guessing_a_pin_locks_that_device_and_no_other(ground):
    """The tablet waits, its neighbour works on, and the wait ends."""
    ground.operator()
    first, second = ground.device(), ground.device()
    for _ in range(SIGN_IN.free):
        assert code_of(first.sign_operator_in(pin="000000")) == "wrong-credentials"
    locked = first.sign_operator_in()
    assert (locked.status_code, code_of(locked)) == (429, "too-many-requests")
    assert second.sign_operator_in().status_code == 201
    ground.clock.advance(timedelta(seconds=int(locked.headers["Retry-After"])))
    assert first.sign_operator_in().status_code == 201


def test_only_a_device_signs_operators_in(ground):
    """An integrator or a person has no counter to stand at."""
    ground.operator()
    _, token = ground.integrator()
    asked = {"operator": "0417", "pin": "493817"}
    refused = ground.client.post("/v1/operators/sessions", json=asked, headers={"Authorization": f"Bearer {token}"})
    assert (refused.status_code, code_of(refused)) == (403, "not-permitted")
    assert code_of(ground.client.post("/v1/operators/sessions", json=asked)) == "unauthenticated"


def test_an_operators_session_serves_a_device_alone(ground):
    """With another caller's token it is refused, not ignored."""
    device, (_, token) = ground.device(), ground.integrator()
    ground.operator()
    device.sign_operator_in()
    answered = ground.bearer(token, **{"Yunju-Operator": device.session})
    assert code_of(answered) == "operator-signed-out"


def test_what_an_operator_must_have(store):
    """A PIN of digits, a code of its own, a right somewhere."""
    rights = {"gym": frozenset({Right.CHECK_IN})}
    store.operators.add("1", "A", rights, by=ADMIN, at=NOON, pin="1234")
    with pytest.raises(NameTaken):
        store.operators.add("1", "B", rights, by=ADMIN, at=NOON)
    with pytest.raises(ValueError, match="right"):
        store.operators.add("2", "B", {"gym": frozenset()}, by=ADMIN, at=NOON)
    for pin in ("123", "1" * 13, "12a4", "１２３４", ""):
        with pytest.raises(WeakSecret):
            store.operators.add("3", "B", rights, by=ADMIN, at=NOON, pin=pin)
    with pytest.raises(UnknownOperator):
        store.operators.disable("9", by=ADMIN, at=NOON)
    assert [one.code for one in store.operators.list()] == ["1"]


def test_a_device_that_needs_an_operator_has_no_right_without(ground):
    """Leaving the operator out never widens a right: it takes them all."""
    device = ground.device(rights=EVERY_DEVICE_RIGHT, needs_operator=True)
    ground.operator(grant=SUPERVISOR)
    assert allowed(device) == set()
    assert code_of(device.call(path="/v1/may/check-in/gym")) == "operator-needed"
    assert code_of(device.call(path="/v1/may/check-in/museum")) == "not-permitted"
    device.sign_operator_in()
    assert allowed(device) == SUPERVISOR["gym"]


def test_no_header_is_never_more_than_a_narrow_operator(ground):
    """A trainee who signs out gains nothing at such a device."""
    device = ground.device(rights=EVERY_DEVICE_RIGHT, needs_operator=True)
    ground.operator()
    device.sign_operator_in()
    narrow = allowed(device)
    device.session = None
    assert allowed(device) <= narrow


def test_a_supervisor_without_a_pin_from_before_supervises_no_more(ground):
    """What an older release granted to a code without a PIN is not in force."""
    ground.operator(grant={"gym": frozenset({Right.CHECK_IN})}, pin=None)
    with ground.store._database.write() as connection:
        connection.execute(OPERATORS.update().values(rights={"gym": ["check-in", "override", "void-any"]}))
    device = ground.device(rights=EVERY_DEVICE_RIGHT)
    assert device.sign_operator_in(pin=None).json["rights"] == ["check-in"]
    assert allowed(device) == {Right.CHECK_IN}


def test_a_session_is_remembered_with_its_start_and_end(ground):
    """Who was at which device when: within the session alone, give or take two clocks."""
    device, other, operator = ground.device(), ground.device(), ground.operator()
    ground.clock.advance(timedelta(hours=1))
    device.sign_operator_in()
    ground.clock.advance(timedelta(hours=2))
    device.call("DELETE", "/v1/operators/sessions")
    on_duty, minute = ground.store.operators.on_duty, timedelta(minutes=1)
    assert on_duty(operator.id, device.id, NOON + timedelta(hours=2), minute) is not None
    assert on_duty(operator.id, device.id, NOON + timedelta(hours=1) - minute, minute) is not None
    for hours in (0, 0.9, 3.1, 14):
        assert on_duty(operator.id, device.id, NOON + timedelta(hours=hours), minute) is None
    assert on_duty(operator.id, other.id, NOON + timedelta(hours=2), minute) is None
    assert on_duty(other.id, device.id, NOON + timedelta(hours=2), minute) is None


def test_a_session_ends_by_itself_and_with_its_operator(ground):
    """Twelve hours, or until the operator is out of use; remembered for weeks after."""
    device, operator = ground.device(), ground.operator()
    device.sign_operator_in()
    ground.clock.advance(timedelta(hours=3))
    ground.store.operators.disable("0417", by=ADMIN, at=ground.clock.now())
    ground.operator("0418")
    ground.clock.advance(timedelta(days=40))
    device.sign_operator_in("0418")
    on_duty, minute = ground.store.operators.on_duty, timedelta(minutes=1)
    assert on_duty(operator.id, device.id, NOON + timedelta(hours=2), minute) is not None
    assert on_duty(operator.id, device.id, NOON + timedelta(hours=4), minute) is None
