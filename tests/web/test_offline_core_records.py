"""Records that the page signs are those that cards/offline_record.py reads, and the server takes them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from accounts.rights import Right
from cards.claims import Form
from cards.offline_record import FIRST_PREV, OfflineRecord, parse_record, record_digest, verify_record
from cards.parts import Presentation
from cards.programme.types import Beneficiary
from edge.encoding import b64u, unb64u
from edge.strictjson import dumps
from keys.errors import BadClaims
from keys.jwk import public_jwk
from keys.signer import FileSigner
from tests.cards.builders import NOW, card, chip_proof, proof
from tests.verifier.world import Signers, identifier
from tests.web.offlinecore import millis, serve_world

pytestmark = pytest.mark.browser

SIGNER = FileSigner.generate()
CARD = card()
PROVED = Presentation(CARD, proof(CARD))
SIGNED = """const kind = { name: "ECDSA", namedCurve: "P-256" };
const key = await crypto.subtle.importKey("jwk", given.jwk, kind, false, ["sign"]);
const text = await core.signRecord(core.makeRecord(given.fields), key);
return { text, digest: await core.recordDigest(text) };"""


def private_jwk(signer: FileSigner) -> dict[str, str]:
    """A key of Python's for the page to sign with; a page's own cannot be taken out of it."""
    number = signer._key.private_numbers().private_value
    return public_jwk(signer.public_key) | {"d": b64u(number.to_bytes(32, "big"))}


def record(**changes: object) -> OfflineRecord:
    """A first record with nothing left in."""
    made = OfflineRecord(
        seq=1,
        prev=FIRST_PREV,
        prev_at=None,
        device="device-1",
        made_at=NOW,
        server_time=None,
        operation="operation-000001",
        service="gym-visit",
        point="gym",
        beneficiary=Beneficiary.HOLDER,
        presentation=PROVED,
        granted=True,
    )
    return replace(made, **changes)


FULL = {
    "server_time": "a.b.c",
    "operator": "op-1",
    "reference": "号码 7/2026",
    "booking": "0a-000001",
    "companions": 2,
    "id_checked": True,
    "not_holder": True,
}
RECORDS = {
    "first": record(),
    "refused": record(granted=False, reason="offline-limit"),
    "full": record(**FULL),
    "later": record(seq=7, prev=b64u(bytes(range(32))), prev_at=NOW - timedelta(hours=1)),
    "tag": record(presentation=Presentation(card(Form.TAG), None), id_checked=True, beneficiary=Beneficiary.EMPLOYER),
    "chip": record(presentation=Presentation(CARD, chip_proof(CARD))),
}


def fields(made: OfflineRecord) -> dict[str, object]:
    """The same record in the page's words."""
    last = None
    if made.prev_at is not None:
        last = {"seq": made.seq - 1, "digest": made.prev, "at": millis(made.prev_at) + 400}
    return {
        "last": last,
        "device": made.device,
        "at": millis(made.made_at) + 999,
        "operation": made.operation,
        "service": made.service,
        "point": made.point,
        "beneficiary": made.beneficiary.value,
        "presentation": {"card": made.presentation.card, "proof": made.presentation.proof},
        "reason": made.reason,
        "serverTime": made.server_time,
        "operator": made.operator,
        "reference": made.reference,
        "booking": made.booking,
        "companions": made.companions,
        "idChecked": made.id_checked,
        "notHolder": made.not_holder,
    }


def test_records_are_written_byte_for_byte_as_python_writes_them(core):
    """Header, claims, their order, what is left out; the signature holds and the digest is that of the chain."""
    asked = [{"fields": fields(made), "jwk": private_jwk(SIGNER)} for made in RECORDS.values()]
    found = core.each(SIGNED, asked)
    for made, one in zip(RECORDS.values(), found, strict=True):
        header, claims, _signature = one["text"].split(".")
        assert unb64u(header) == b'{"alg":"ES256","typ":"offline-check-in+jwt"}'
        assert unb64u(claims) == dumps(made.to_claims())
        kept = verify_record(one["text"], SIGNER.public_key)
        assert (kept.record, kept.digest) == (made, one["digest"])
        assert one["digest"] == record_digest(one["text"])


WRONG = {
    "operation": ["short", "x" * 65, "operation 00001", None],
    "device": ["", "x" * 65, "a b", None],
    "service": ["", "名", None],
    "point": ["", "a/b"],
    "beneficiary": ["", "nobody"],
    "reason": ["Not A Code", "x" * 41],
    "operator": ["a b", "x" * 65],
    "reference": ["a\nb", "x" * 201],
    "booking": ["a b"],
    "companions": [501, -1, 1.5],
    "serverTime": ["x" * 513],
    "at": [-1, 253402300800000],
    "last": [{"seq": 0, "digest": FIRST_PREV, "at": 0}, {"seq": 2, "digest": "A" * 42 + "B", "at": 0}],
    "presentation": [
        {"card": CARD, "proof": CARD},
        {"card": PROVED.proof, "proof": None},
        {"card": None, "proof": PROVED.proof},
        {"card": "x", "proof": None},
    ],
}


def test_what_no_server_would_take_is_not_written(core):
    """Each value out of its bounds; a record is refused before it is signed, never after it was told."""
    asked = [fields(RECORDS["full"]) | {name: value} for name, values in WRONG.items() for value in values]
    found = core.each("core.makeRecord(given); return null;", asked)
    assert found == [{"error": "bad-claims"}] * len(asked)


def test_values_refused_here_are_those_that_python_refuses(core):
    """The same changes, as claims, do not pass `parse_record`; at the bounds both take them."""
    good = RECORDS["full"].to_claims()
    names = {"serverTime": "server_time"}
    for name, values in WRONG.items():
        for value in values:
            if name in ("at", "last", "presentation") or value is None or value == "":
                continue
            with pytest.raises(BadClaims):
                parse_record(good | {names.get(name, name): value})
    edge = {"operation": "x" * 16, "reference": "名" * 200, "companions": 500, "operator": "x" * 64}
    assert parse_record(good | edge)
    assert core.each("core.makeRecord(given); return null;", [fields(RECORDS["full"]) | edge]) == [None]


def test_the_server_takes_a_chain_judged_and_signed_here(core, world):
    """Fetched, judged, recorded with the signed time, uploaded: applied as told, no gap, no doubt about the clock."""
    device = world.device("gym")
    operator = world.operator("wang", {"gym": frozenset({Right.CHECK_IN})}).id
    device.sign_in("wang")
    kept = core.device("recorder", Signers.root.kid)
    cards = [world.card("gold"), world.card("silver", Form.TAG), world.card("gold")]
    serve_world(kept, world)
    assert kept.refresh(world.clock.now())["ok"]
    last, texts, outcomes = None, [], []
    for shown, checked, service in ((0, False, "gym-visit"), (1, True, "gym-visit"), (2, False, "steward-certificate")):
        world.clock.advance(timedelta(minutes=5))
        now = world.clock.now()
        judged = kept.judge(now, text=cards[shown].packed(), idChecked=checked, service=service)
        outcomes.append(judged["outcome"])
        fields = {
            "last": last,
            "device": device.id,
            "at": millis(now),
            "operation": identifier(),
            "service": service,
            "point": "gym",
            "presentation": judged["presentation"],
            "reason": judged["reason"],
            "serverTime": kept.state(now)["serverTime"],
            "idChecked": checked,
            "operator": operator,
        }
        (made,) = core.each(SIGNED, [{"fields": fields, "jwk": private_jwk(device.signer)}])
        texts.append(made["text"])
        last = {"seq": 1 if last is None else last["seq"] + 1, "digest": made["digest"], "at": millis(now)}
    world.clock.advance(timedelta(minutes=30))
    world.publish()
    response = device.call("POST", "/v1/offline-check-ins", {"records": texts})
    assert response.status_code == 200, response.get_data(as_text=True)
    answers = response.json["answers"]
    assert [answer["status"] for answer in answers] == ["applied"] * 3
    assert [answer["outcome"] for answer in answers] == outcomes == ["granted", "granted", "denied"]
    assert not any(answer.get("marks") for answer in answers[:1])
    assert response.json["progress"] == {"highest": 3, "missing": [], "held": 0}
    assert not any("clock-doubt" in entry.get("marks", ()) for entry in world.log())
    kept.keep_time(response.json["time"], world.clock.now())
    assert kept.state(world.clock.now())["ages"]["time"] == 0
