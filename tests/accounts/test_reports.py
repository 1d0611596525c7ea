"""Reports of devices, moves of devices, open codes, and the last administrator."""

from datetime import timedelta

import pytest

from accounts.figures import device_figures
from accounts.people import LastAdministrator, OwnRoles, UnknownPerson
from accounts.reports import HEADER, is_due, parse_report
from accounts.rights import Role
from keys.signer import FileSigner
from tests.accounts.builders import ADMIN, NOON, PASSWORD

TOLD = "version=0.1.0; queued=3; clock=-2"


@pytest.mark.parametrize(
    "text",
    ["", "version=; queued=3; clock=0", TOLD + "\n", f"{TOLD}; more=1", TOLD.replace("-2", "x"), "queued=3",
     TOLD.replace("0.1.0", "<b>"), TOLD.replace("0.1.0", "1" * 41), TOLD.replace("queued=3", "queued=-3")],
)  # fmt: skip
def test_a_report_of_another_form_is_none(text):
    """Nothing that a device writes reaches the page but three bounded values."""
    assert parse_report(text, NOON) is None


def test_a_report_is_kept_every_five_minutes_and_sooner_when_it_says_something_else():
    """A counter that checks in every second writes the store no oftener."""
    first = parse_report(TOLD, NOON)
    assert (first.version, first.queued, first.clock_seconds) == ("0.1.0", 3, -2)
    later = [parse_report(TOLD, NOON + timedelta(minutes=minutes)) for minutes in (4, 5)]
    other = [parse_report(TOLD.replace("3", "4"), NOON + timedelta(seconds=seconds)) for seconds in (59, 60)]
    assert [is_due(one, first) for one in (*later, *other)] == [False, True, False, True]
    assert is_due(first, None)


def test_a_devices_call_brings_its_report(ground):
    """Proved by its key first; a call without a report keeps the report before."""
    device = ground.device()
    assert ground.store.devices.find(device.id).report is None
    assert device.call(headers={HEADER: TOLD}).status_code == 200
    ground.clock.advance(timedelta(minutes=9))
    assert device.call().status_code == 200
    report = ground.store.devices.find(device.id).report
    assert (report.queued, report.at) == (3, NOON)
    forged = {"Authorization": f"DPoP {device.token}", HEADER: TOLD.replace("3", "9")}
    assert ground.client.get("/v1/whoami", headers=forged).status_code == 401
    assert ground.store.devices.find(device.id).report.queued == 3


def test_a_monitor_is_told_what_waits_in_live_devices(ground):
    """The sum of what each device said last; a revoked device, which sends nothing any more, is not counted."""

    def told():
        return [family.samples[0].value for family in device_figures(ground.store.devices)]

    first, second = ground.device(), ground.device()
    assert told() == [0, 0]
    first.call(headers={HEADER: TOLD})
    second.call(headers={HEADER: TOLD.replace("3", "4")})
    assert told() == [7, 2]
    ground.store.devices.revoke(first.id, by=ADMIN, at=ground.clock.now())
    assert told() == [4, 1]


def test_a_moved_device_belongs_to_its_new_point_and_learns_so(ground):
    """At once; what it recorded before at the old point stays its own, nothing later does."""
    device = ground.device()
    ground.clock.advance(timedelta(hours=1))
    ground.store.devices.move(device.id, "museum", services=(), by=ADMIN, at=ground.clock.now())
    told = device.call(path="/v1/devices/self").json
    assert (told["device"], told["point"]) == (device.id, "museum")
    one = ground.store.devices.find(device.id)
    assert one.stood_at("gym", NOON)
    assert not one.stood_at("gym", ground.clock.now() + timedelta(seconds=1))
    assert one.stood_at("museum", ground.clock.now())
    assert not one.stood_at("library", NOON)


def test_a_code_that_was_withdrawn_enrols_nothing(ground):
    """It stands in the list until then."""
    code = ground.code()
    (waiting,) = ground.store.devices.codes(NOON)
    assert ground.store.devices.withdraw(waiting.id, by=ADMIN, at=NOON)
    assert not ground.store.devices.withdraw(waiting.id, by=ADMIN, at=NOON)
    assert ground.store.devices.codes(NOON) == []
    assert ground.enrol(code, FileSigner.generate()).status_code != 201


def test_an_integrators_last_use_is_known_to_the_hour(ground):
    """Enough to find a token that nobody uses."""
    made, token = ground.integrator()
    assert ground.store.integrators.list()[0].used_at is None
    for minutes in (0, 59, 2):
        ground.clock.advance(timedelta(minutes=minutes))
        assert ground.bearer(token).status_code == 200
    assert ground.store.integrators.list()[0].used_at == NOON + timedelta(minutes=61)
    del made


def test_a_new_pin_lifts_a_lock(ground):
    """Whoever forgot the PIN signs in with the new PIN at once."""
    ground.operator()
    device = ground.device()
    for _ in range(6):
        device.sign_operator_in(pin="000000")
    assert ground.store.operators.locked(NOON) == {"0417"}
    assert device.sign_operator_in().status_code == 429
    ground.store.operators.set_pin("0417", "271828", by=ADMIN, at=NOON)
    assert ground.store.operators.locked(NOON) == frozenset()
    assert device.sign_operator_in(pin="271828").status_code == 201
    assert set(ground.store.operators.last_sign_ins().values()) == {NOON}


def test_the_last_administrator_can_neither_be_disabled_nor_lose_the_role(ground):
    """By a page or by a command; with a second administrator either can go, and then the other is the last."""
    people = ground.store.people
    one = people.add("admin.one", PASSWORD, [Role.ADMINISTRATOR, Role.AUDITOR], by=ADMIN, at=NOON)
    for change in (
        lambda: people.disable("admin.one", by=ADMIN, at=NOON),
        lambda: people.set_roles("admin.one", [Role.AUDITOR], by=ADMIN, at=NOON),
    ):
        with pytest.raises(LastAdministrator):
            change()
    people.add("admin.two", PASSWORD, [Role.ADMINISTRATOR], by=ADMIN, at=NOON)
    with pytest.raises(OwnRoles):
        people.set_roles("admin.one", [Role.AUDITOR], by=f"person:{one.id}", at=NOON)
    people.disable("admin.two", by=f"person:{one.id}", at=NOON)
    with pytest.raises(LastAdministrator):
        people.disable("admin.one", by=ADMIN, at=NOON)
    assert people.named("admin.one").grants == one.grants


def test_a_disabled_person_can_be_let_in_again(ground):
    """Once; whoever is in use already cannot."""
    person = ground.person()
    ground.store.people.disable("auditor.li", by=ADMIN, at=NOON)
    assert ground.sign_in().status_code == 401
    ground.store.people.enable(person.id, by=ADMIN, at=NOON)
    with pytest.raises(UnknownPerson):
        ground.store.people.enable(person.id, by=ADMIN, at=NOON)
    assert ground.sign_in().status_code == 201
