"""Every way in which an offline record can be dishonest: counted? paid? held? who is told? docs/design.md §6.

A tablet of the gym with the right to check in, a card token that it saw once, and nothing else may move neither a quota
nor money. What really happened stays in the log, and waits for a supervisor of the service.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from accounts.rights import Right
from audit.figures.anomalies import AnomalyKind, find_anomalies
from cards.claims import Form, sign_card
from cards.offline_record import FIRST_PREV
from cards.parts import Presentation
from cards.programme.types import Beneficiary
from cards.status import Status
from keys.signer import FileSigner
from ledger.values import Fault
from tests.ledger.redis_servers import open_shared
from tests.verifier.booking import Phone
from tests.verifier.offline_devices import Tablet
from tests.verifier.world import BY, World, at, identifier

STAFF = frozenset({Right.CHECK_IN, Right.STATEMENT})
SUPERVISOR = frozenset({Right.CHECK_IN, Right.OVERRIDE, Right.VOID_ANY})
THEN = "2026-10-31 09:10"


@dataclass
class Scene:
    """A gym's tablet, a holder of every tier's benefits, and what the tablet did while it was offline."""

    world: World
    tablet: Tablet
    card: Any
    printed: Any

    def token(self, card: Any = None) -> Presentation:
        """A card seen once: the token alone, no proof."""
        return Presentation((card or self.card).token, None)

    def shown(self, moment: str = THEN) -> Presentation:
        """The phone's card with a proof of a moment."""
        token, _, proof = self.card.shown(at(moment)).partition("~")
        return Presentation(token, proof)

    def signed_in(self, code: str = "wang") -> str:
        """Sign an operator in at the tablet; returns the id that a record names."""
        made = self.world.operator(code, {"gym": frozenset({Right.CHECK_IN})})
        self.tablet.device.sign_in(code)
        self.tablet.device.session = None  # it goes on at the server; the tablet uploads without
        return made.id

    def compared(self, by: str, when: str = THEN) -> None:
        """Record the printed card; an operator compared the person's ID."""
        self.tablet.record(self.printed, when=when, presentation=self.token(self.printed), id_checked=True, operator=by)


@pytest.fixture
def scene(world):
    """31 October, 09:00, before the network went."""
    return scene_of(world)


def scene_of(world: World) -> Scene:
    """A gym's tablet, and a holder with a phone's card and a printed one."""
    return Scene(world, Tablet.at(world, "gym", rights=STAFF), world.card("diamond"), world.card("diamond", Form.PRINT))


def honest(scene: Scene) -> None:
    """The code on the phone, seen at the gym: what the others are held against."""
    scene.tablet.record(scene.card, when=THEN)


def honest_printed(scene: Scene) -> None:
    """A printed card, the person's ID compared by an operator who was signed in there."""
    scene.compared(scene.signed_in())


def no_proof(scene: Scene) -> None:
    """A card token seen once, the holder absent."""
    scene.tablet.record(scene.card, when=THEN, presentation=scene.token())


def no_id_check(scene: Scene) -> None:
    """A printed card that nobody compared with anybody."""
    scene.tablet.record(scene.printed, when=THEN, presentation=scene.token(scene.printed))


def invented_operator(scene: Scene) -> None:
    """An ID compared by somebody who is nobody."""
    scene.compared(identifier())


def operator_elsewhere(scene: Scene) -> None:
    """An ID compared by an operator who never was at this device."""
    made = scene.world.operator("wang", {"gym": frozenset({Right.CHECK_IN})})
    scene.world.device("gym", label="Desk 2").sign_in("wang")
    scene.compared(made.id)


def operator_gone(scene: Scene) -> None:
    """An ID compared by an operator who had signed out an hour before."""
    operator = scene.world.operator("wang", {"gym": frozenset({Right.CHECK_IN})}).id
    scene.tablet.device.sign_in("wang")
    scene.tablet.device.call("DELETE", "/v1/operators/sessions")
    scene.tablet.device.session = None
    scene.compared(operator, when="2026-10-31 10:10")


def integrator_as_operator(scene: Scene) -> None:
    """A server's id in the operator's place."""
    rights = {"gym": frozenset({Right.CHECK_IN})}
    now = scene.world.clock.now()
    made, _ = scene.world.accounts.integrators.add("Gym", rights, expires_at=now + timedelta(days=30), by=BY, at=now)
    scene.compared(made.id)


def nobody_compared(scene: Scene) -> None:
    """An ID compared, by nobody."""
    scene.tablet.record(scene.printed, when=THEN, presentation=scene.token(scene.printed), id_checked=True)


def stale_proof(scene: Scene) -> None:
    """A screenshot of ten minutes before."""
    scene.tablet.record(scene.card, when=THEN, presentation=scene.shown("2026-10-31 09:00"))


def proof_of_another(scene: Scene) -> None:
    """Another's live code beside the card."""
    other = scene.world.card("gold").shown(at(THEN)).partition("~")[2]
    scene.tablet.record(scene.card, when=THEN, presentation=Presentation(scene.card.token, other))


def proof_used_online(scene: Scene) -> None:
    """A code that was checked in at another desk and put into a record too."""
    desk = scene.world.device("library")
    text = scene.card.shown()
    desk.outcome(text, "library-facilities")
    token, _, proof = text.partition("~")
    scene.tablet.record(scene.card, presentation=Presentation(token, proof))


def other_points_service(scene: Scene) -> None:
    """The library's service at the gym, the holder's live code and all."""
    scene.tablet.record(scene.card, "library-facilities", when=THEN)


def airport_without_booking(scene: Scene) -> None:
    """An airport trip at the gym, by a token seen once: the attack that spent a year."""
    scene.tablet.record(scene.card, "airport-dom-departure", when=THEN, presentation=scene.token())


def never_offline(scene: Scene) -> None:
    """The certificate, which is never given offline, at its own desk and with a live code."""
    scene.tablet = Tablet.at(scene.world, "hrss", rights=STAFF)
    scene.tablet.record(scene.card, "steward-certificate", when=THEN)


def wrong_tier(scene: Scene) -> None:
    """A school place for a silver card."""
    scene.card = scene.world.card("silver")
    scene.tablet = Tablet.at(scene.world, "edu-centres", rights=STAFF)
    scene.tablet.record(scene.card, "school-place", when=THEN, beneficiary=Beneficiary.CHILD)


def backdated(scene: Scene) -> None:
    """Into last month, by a token seen once: the server's time that the device holds is later."""
    scene.world.go("2026-11-01 09:00")
    scene.tablet.hold_time()
    scene.tablet.record(scene.card, when="2026-10-31 23:00", presentation=scene.token())


def backdated_id_check(scene: Scene) -> None:
    """A doubted time proves no session, whoever was signed in at some time."""
    operator = scene.signed_in()
    scene.world.go("2026-10-31 15:00")
    scene.tablet.hold_time()
    scene.compared(operator)


def of_tomorrow(scene: Scene) -> None:
    """A time to come, by a token seen once."""
    scene.tablet.record(scene.card, when="2026-11-02 09:00", presentation=scene.token())


def forged_card(scene: Scene) -> None:
    """A card that no issuer signed, with a live code."""
    forged = sign_card(FileSigner.generate(), scene.card.claims)
    scene.tablet.record(scene.card, when=THEN, presentation=Presentation(forged, scene.card.proof(at(THEN))))


def expired_card(scene: Scene) -> None:
    """A phone card that had ended the day before; its live code holds."""
    scene.card = scene.world.card("diamond", expires_at=at("2026-10-31 09:05"))
    scene.tablet.record(scene.card, when=THEN)


def late(scene: Scene) -> None:
    """A live code of three weeks ago."""
    scene.tablet.record(scene.card, when=THEN)
    scene.world.go("2026-11-20 09:00")


def over_the_limit(scene: Scene) -> None:
    """A second use, where a device may grant one a month offline."""
    scene.tablet.record(scene.card, when=THEN)
    scene.tablet.record(scene.card, when="2026-10-31 12:10")


def forked(scene: Scene) -> None:
    """Two records of one number, the second a use that the limit would have stopped."""
    scene.tablet.record(scene.card, when=THEN)
    scene.tablet.seq, scene.tablet.prev, scene.tablet.prev_at = 0, FIRST_PREV, None
    scene.tablet.record(scene.card, when="2026-10-31 12:10")


def after_a_gap(scene: Scene) -> None:
    """A live code in a record after two that never come."""
    scene.tablet.seq, scene.tablet.prev, scene.tablet.prev_at = 2, identifier() + "A" * 21, at("2026-10-31 09:05")
    scene.tablet.record(scene.card, when=THEN)


def revoked_since(scene: Scene) -> None:
    """A live code, and the card stopped an hour later: it happened, and the refusal stands beside it."""
    scene.tablet.record(scene.card, when=THEN)
    scene.world.set_status(scene.card, Status.REVOKED)


def revoked_and_unproved(scene: Scene) -> None:
    """A stopped card's token: that it was stopped hides nothing of the missing proof."""
    scene.tablet.record(scene.card, when=THEN, presentation=scene.token())
    scene.world.set_status(scene.card, Status.REVOKED)


def unstaffed(scene: Scene) -> None:
    """A tablet that needs its operator, and a live code while nobody was signed in."""
    scene.tablet = Tablet.at(scene.world, "gym", rights=STAFF, needs_operator=True)
    scene.tablet.record(scene.card, when=THEN)


@dataclass(frozen=True)
class Row:
    """What becomes of it: units counted, uses paid, why it is held, what auditors are told."""

    done: Callable[[Scene], None]
    why: str | None = None
    counted: int = 0
    paid: int = 0
    anomaly: AnomalyKind | None = None
    conflict: str | None = "held"


UNPROVED, BEYOND, LATE = AnomalyKind.UNPROVED_OFFLINE, AnomalyKind.BEYOND_OFFLINE, AnomalyKind.LATE_OFFLINE
ROWS = (
    Row(honest, None, 1, 1, None, None),
    Row(honest_printed, None, 1, 1, None, None),
    Row(no_proof, "proof-missing", anomaly=UNPROVED),
    Row(no_id_check, "id-check-needed", anomaly=UNPROVED),
    Row(invented_operator, "operator-unproved", anomaly=UNPROVED),
    Row(operator_elsewhere, "operator-unproved", anomaly=UNPROVED),
    Row(operator_gone, "operator-unproved", anomaly=UNPROVED),
    Row(integrator_as_operator, "operator-unproved", anomaly=UNPROVED),
    Row(nobody_compared, "operator-unproved", anomaly=UNPROVED),
    Row(stale_proof, "stale-proof", anomaly=UNPROVED),
    Row(proof_of_another, "bad-proof", anomaly=UNPROVED),
    Row(proof_used_online, "proof-used", anomaly=UNPROVED),
    Row(other_points_service, "not-offered-here", anomaly=BEYOND),
    Row(airport_without_booking, "proof-missing", anomaly=UNPROVED),
    Row(never_offline, "online-only", anomaly=BEYOND),
    Row(wrong_tier, "not-entitled", anomaly=BEYOND),
    Row(backdated, "proof-missing", anomaly=UNPROVED),
    Row(backdated_id_check, "operator-unproved", anomaly=UNPROVED),
    Row(of_tomorrow, "proof-missing", anomaly=UNPROVED),
    Row(forged_card, None, anomaly=AnomalyKind.FORGED_OFFLINE, conflict="forged"),
    Row(expired_card, "expired", anomaly=BEYOND),
    Row(late, "late", anomaly=LATE),
    Row(over_the_limit, "offline-limit", 1, 1, BEYOND),
    Row(forked, "offline-limit", 1, 1, BEYOND),
    Row(after_a_gap, None, 1, 1, None, None),
    Row(revoked_since, None, 1, 1, AnomalyKind.REVOKED_OFFLINE, "contradicted"),
    Row(revoked_and_unproved, "proof-missing", anomaly=UNPROVED),
    Row(unstaffed, "operator-unproved", anomaly=UNPROVED),
)


def counted(scene: Scene) -> int:
    """Every unit counted for the holder of either card, of any limit."""
    ledger, now = scene.world.verifier.ledger, scene.world.clock.now()
    return sum(sum(ledger.usage(card.claims.subject, now).counters.values()) for card in (scene.card, scene.printed))


def statement(scene: Scene) -> tuple[int, int]:
    """Uses paid and held in the statement of the tablet's point."""
    query = f"/v1/statements?point={scene.tablet.point}&since=2026-10&until=2026-11&format=json"
    reader = scene.world.device(scene.tablet.point, STAFF, label="Reader")
    lines = reader.call("GET", query).json["lines"]
    return sum(line["paid"] for line in lines), sum(line["held"] for line in lines)


def anomalies(scene: Scene) -> set[AnomalyKind]:
    """What the auditors' list says of offline uses."""
    from ledger.values import Query

    page = scene.world.verifier.ledger.entries(Query(limit=200))
    leaves = [entry.data for entry in reversed(page.entries)]
    found = {one.kind for one in find_anomalies(leaves, scene.world.programme.zone)}
    return {kind for kind in found if kind.value.endswith("-offline")}


class OnRedis(World):
    """The same machine with its ledger on Redis."""

    def _ledger(self):
        return open_shared("redis", self.folder, self.clock)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.done.__name__)
def test_what_becomes_of_a_record(scene, row):
    """Counted, paid and told as the table says; held in the ledger, the statement, the wallet and the report."""
    becomes(scene, row)


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.done.__name__)
def test_the_same_becomes_of_it_on_redis(tmp_path, row):
    """No rule of what stands by itself hangs on the store."""
    world = OnRedis(tmp_path)
    becomes(scene_of(world), row)
    world.close()


def becomes(scene: Scene, row: Row) -> None:
    """Play a row, and hold every place that tells of it to the table."""
    world = scene.world
    row.done(scene)
    if world.clock.now() < at("2026-11-01 20:00"):
        world.go("2026-11-01 20:00")
    answers = scene.tablet.answers()
    assert [answer["why"] for answer in answers if answer["status"] == "held"] == [row.why] * (row.why is not None)
    units = 0 if scene.tablet.point != "gym" else row.counted
    assert counted(scene) == units
    assert statement(scene) == (row.paid, int(row.why is not None))
    auditor = {"Authorization": f"Bearer {world.auditor()}"}
    report = world.client.get("/v1/offline-check-ins/conflicts", headers=auditor).json["conflicts"]
    told = [one["kind"] for one in report if one["kind"] not in {"clock-doubt", "replayed"}]
    assert told == [] if row.conflict is None else told == [row.conflict]
    assert anomalies(scene) == ({row.anomaly} if row.anomaly is not None else set())
    assert [fault for fault in world.verifier.ledger.check() if isinstance(fault, Fault)] == []
    held = [leaf for leaf in world.log() if "held" in leaf.get("marks", ())]
    assert [leaf["reason"] for leaf in held] == [row.why] * (row.why is not None)
    assert all("operator" not in leaf for leaf in held if row.why == "operator-unproved")


def test_five_records_of_a_tablet_that_saw_a_card_once_spend_nothing(scene):
    """The attack as it was made: gym, airport twice, certificate, union check-up; then the holder's own booking."""
    for service in (
        "gym-visit", "airport-dom-departure", "airport-dom-departure", "steward-certificate", "union-checkup",
    ):  # fmt: skip
        scene.tablet.record(scene.card, service, when=THEN, presentation=scene.token())
    scene.world.go("2026-10-31 20:00")
    assert {answer["status"] for answer in scene.tablet.answers()} == {"held"}
    assert counted(scene) == 0
    assert statement(scene) == (0, 5)


def test_the_holder_sees_what_waits_and_that_it_counts_nothing(scene):
    """In the own history as held, until a supervisor decides; the units are all there."""
    scene.tablet.record(scene.card, when=THEN, presentation=scene.token())
    scene.world.go("2026-10-31 20:00")
    scene.tablet.answers()
    phone = Phone(scene.world, scene.card)
    [entry] = phone.call("POST", "/v1/wallet/history").json["entries"]
    assert (entry["held"], entry["reason"], entry.get("counted")) == (True, "proof-missing", None)
    usage = phone.call("POST", "/v1/wallet/usage").json["services"]
    [gym] = [one for one in usage if one["code"] == "gym-visit"]
    assert gym["quotas"][0]["remaining"] == 2
    supervisor = at_place(scene.world, "gym")
    [waiting] = supervisor.call("GET", "/v1/offline-check-ins/held").json["records"]
    decide(supervisor, waiting["id"], release=True)
    after = phone.call("POST", "/v1/wallet/history").json["entries"]
    assert [(one["outcome"], one.get("held", False)) for one in after] == [("granted", False), ("denied", False)]
    assert after[0]["linked"] == after[1]["id"]


def at_place(world: World, place: str):
    """A supervisor signed in at a place's own device."""
    code = f"chief-{place}"[:20]
    world.operator(code, {place: SUPERVISOR})
    device = world.device(place, SUPERVISOR, label="Office", needs_operator=True)
    device.sign_in(code)
    return device


def decide(device, record: str, *, release: bool, reason: str = "holder-confirmed", **more: str):
    """A supervisor's decision."""
    body = {"release": release, "reason": reason, **more}
    return device.call("POST", f"/v1/offline-check-ins/held/{record}/decision", body)


def test_what_another_point_made_up_goes_to_the_services_own_department(scene):
    """The gym neither sees nor releases what it recorded of the library; library and department do."""
    scene.tablet.record(scene.card, "library-facilities", when=THEN)
    scene.world.go("2026-10-31 20:00")
    scene.tablet.answers()
    gym, library = at_place(scene.world, "gym"), at_place(scene.world, "library")
    [department] = scene.world.programme.services["library-facilities"].departments[:1]
    office = at_place(scene.world, f"dept-{department}")
    assert gym.call("GET", "/v1/offline-check-ins/held").json["records"] == []
    for device in (library, office):
        [waiting] = device.call("GET", "/v1/offline-check-ins/held").json["records"]
    assert waiting["why"] == "not-offered-here"
    assert waiting["message"]["zh"]
    assert decide(gym, waiting["id"], release=True).status_code == 403
    released = decide(office, waiting["id"], release=True).json
    assert (released["status"], released["outcome"]) == ("applied", "granted")
    assert statement(scene) == (1, 0)
    voided = office.call("POST", f"/v1/check-ins/{released['id']}/void", {"reason": "wrong-person"})
    assert voided.status_code == 201, voided.get_data(as_text=True)
    assert statement(scene) == (0, 0)


def test_a_refusal_stands_in_the_log_with_its_reason_and_a_sealed_note(scene):
    """Nothing counted, nothing paid, nothing waits; sent again the record gets the same word."""
    scene.tablet.record(scene.card, when=THEN, presentation=scene.token())
    scene.world.go("2026-10-31 20:00")
    scene.tablet.answers()
    supervisor = at_place(scene.world, "gym")
    [waiting] = supervisor.call("GET", "/v1/offline-check-ins/held").json["records"]
    assert decide(supervisor, waiting["id"], release=False, reason="made-up").status_code == 422
    refused = decide(supervisor, waiting["id"], release=False, reason="not-used", note="持卡人当天在外地").json
    assert refused["status"] == "dismissed"
    entered, leaf = scene.world.log()
    assert (leaf["linked"], leaf["marks"][-2:]) == (entered["id"], ["dismissed", "decision:not-used"])
    assert "外地" not in str(leaf)
    assert scene.world.verifier.store.note(leaf["id"]).endswith("持卡人当天在外地")
    assert (counted(scene), statement(scene)) == (0, (0, 0))
    assert scene.tablet.answers()[0]["status"] == "dismissed"


def test_nobody_decides_at_the_device_that_recorded_it(scene):
    """Whoever is signed in there may be who granted: the own tablet's records are decided on elsewhere."""
    scene.tablet = Tablet.at(scene.world, "gym", rights=SUPERVISOR | STAFF)
    scene.tablet.record(scene.card, when=THEN, presentation=scene.token())
    scene.world.operator("chen", {"gym": SUPERVISOR})
    scene.world.go("2026-10-31 20:00")
    scene.tablet.answers()
    scene.tablet.device.sign_in("chen")
    [waiting] = scene.tablet.device.call("GET", "/v1/offline-check-ins/held").json["records"]
    assert decide(scene.tablet.device, waiting["id"], release=True).status_code == 403
    assert decide(at_place(scene.world, "gym"), waiting["id"], release=True).json["status"] == "applied"


def test_an_operator_who_was_not_there_is_not_named(scene):
    """A live code stands by itself; the entry says that the operator named is not proved, and names nobody."""
    scene.tablet.record(scene.card, when=THEN, operator=identifier())
    scene.world.go("2026-10-31 20:00")
    [answer] = scene.tablet.answers()
    assert (answer["status"], answer["marks"]) == ("applied", ["operator-unproved"])
    assert "operator" not in scene.world.log()[0]


def test_what_was_taken_back_leaves_room_under_the_offline_limit(scene):
    """As the device counts it: a voided use is none."""
    scene.tablet.record(scene.card, when=THEN)
    scene.world.go("2026-10-31 11:00")
    [answer] = scene.tablet.answers()
    staff = scene.world.device("gym", frozenset({Right.CHECK_IN, Right.VOID}))
    assert staff.call("POST", f"/v1/check-ins/{answer['id']}/void", {"reason": "double-scan"}).status_code == 201
    scene.tablet.hold_time()
    scene.tablet.record(scene.card, when="2026-10-31 12:10")
    scene.world.go("2026-10-31 20:00")
    assert [one["status"] for one in scene.tablet.answers()] == ["applied", "applied"]


def test_the_limit_is_each_devices_each_holders_and_each_months(scene):
    """Another device, another holder and another month have places of their own."""
    other, second = Tablet.at(scene.world, "gym", label="Desk 2"), scene.world.card("silver")
    scene.tablet.record(scene.card, when=THEN)
    scene.tablet.record(second, when="2026-10-31 09:20")
    other.record(scene.card, when="2026-10-31 14:10")
    scene.world.go("2026-11-01 08:00")
    scene.tablet.hold_time()
    scene.tablet.record(scene.card, when="2026-11-01 08:10")
    scene.world.go("2026-11-01 20:00")
    assert {one["status"] for one in scene.tablet.answers() + other.answers()} == {"applied"}


def test_a_refusal_of_the_device_waits_for_nobody(scene):
    """It counts nothing, whatever it shows."""
    scene.tablet.record(scene.card, when=THEN, presentation=scene.token(), granted=False, reason="proof-missing")
    scene.world.go("2026-11-20 20:00")
    [answer] = scene.tablet.answers()
    assert (answer["status"], answer["outcome"]) == ("applied", "denied")
