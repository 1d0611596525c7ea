"""The bytes of a leaf: each leaf has one spelling, every other spelling is refused, and docs/log-format.md agrees."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge import strictjson
from edge.encoding import b64u
from ledger import leaf
from ledger.leaf import LeafError
from ledger.offline import CLOCK_DOUBT, DISMISSED, GRANTED_OFFLINE, GRANTED_ONLINE, HELD, OVERDRAWN, REPLAYED

DOCUMENT = (Path(__file__).parents[2] / "docs" / "log-format.md").read_text(encoding="utf-8")
HASH = b64u(bytes(range(32)))


def a_check_in(**changes) -> dict[str, object]:
    """The fields of a granted check-in, the first of partition 7f; None takes a field out."""
    fields: dict[str, object] = {
        "at": 1793408400000,
        "bundle": 1,
        "caller": "device",
        "department": "culture-bureau",
        "device": "tablet-1",
        "holder": HASH,
        "id": "7f-000001",
        "kind": "check-in",
        "operation": "operation-1",
        "outcome": "granted",
        "partition": 0x7F,
        "point": "gym",
        "prev": "A" * 43,
        "programme": "2026.1",
        "seq": 1,
        "service": "gym-visit",
        "v": 1,
    } | changes
    return {name: value for name, value in fields.items() if value is not None}


def a_void(**changes) -> dict[str, object]:
    """The fields of a void of that check-in."""
    about = {"kind": "void", "outcome": None, "target": "7f-000001", "reason": "mistake"}
    return a_check_in(**(about | {"id": "7f-000002", "seq": 2, "prev": HASH} | changes))


def a_check_out(**changes) -> dict[str, object]:
    """The fields of a departure from that check-in's visit."""
    visit = {"started_at": 1, "ends_at": 3, "left_at": 2, "entry": "7f-000001"}
    return a_void(**({"kind": "check-out", "reason": None, "visit": visit} | changes))


def a_booking(**changes) -> dict[str, object]:
    """The fields of a granted booking."""
    return a_check_in(**({"kind": "booking", "window": WINDOW, "charges": CHARGES, "choice": CHOICE} | changes))


def a_booking_change(**changes) -> dict[str, object]:
    """The fields of a change of that booking."""
    about = {"kind": "booking-change", "outcome": "granted", "reason": None, "change": "rebooked", "window": WINDOW}
    return a_void(**(about | changes))


WINDOW = {"scheduled_at": 2, "expected_at": 3, "opens_at": 1, "closes_at": 4}
VISIT = {"started_at": 1, "ends_at": 2}
CHARGES = [{"limit": "gym", "period": "2026-10", "units": 1, "maximum": 2}]
CHOICE = {"group": "annual-health", "member": "union", "period": "2026"}


@pytest.mark.parametrize(
    "fields",
    [
        a_check_in(),
        a_check_in(charges=CHARGES, choice=CHOICE, visit=VISIT, marks=["a", "b"], reference='云"A\\B"'),
        a_check_in(outcome="denied", reason="expired", holder=None, token=HASH),
        a_check_in(visit=VISIT | {"entry": "7f-000009", "left_at": 1, "re_entry": 1}, client_time=0, id_checked=False),
        a_void(operator="op-1"),
        a_check_out(delivered=["lounge"]),
        a_check_in(booking="7f-000001", companions=2),
        a_booking(details=HASH, marks=["declared"]),
        a_booking(outcome="denied", reason="quota-spent", window=None, charges=None, choice=None),
        a_booking_change(charges=CHARGES),
        a_booking_change(change="delayed"),
        a_booking_change(outcome="denied", reason="quota-spent", window=None),
        a_void(kind="booking-cancel", reason="by-holder"),
        a_void(kind="booking-missed", reason="released"),
    ],
)
def test_a_leaf_survives_reading_and_writing_unchanged(fields):
    """decode(x) is written as x, and the fields come back as they were."""
    data = strictjson.canonical(fields)
    line = leaf.decode(data)
    assert leaf.encode(line) == data
    assert leaf.fields_of(line) == fields


@pytest.mark.parametrize(
    "fields",
    [
        *({**a_check_in(), "colour": "red"}, a_check_in(v=2), a_check_in(v="1"), a_check_in(kind="booking")),
        *(a_check_in(id="7f-000002"), a_check_in(id="7e-000001"), a_check_in(id="7f-1"), a_check_in(partition=256)),
        *(a_check_in(seq=0, id="7f-000000"), a_check_in(prev=HASH), a_check_in(prev="A" * 42), a_check_in(at=-1)),
        *(a_check_in(at=True), a_check_in(at="1"), a_check_in(bundle=-1)),
        *(a_check_in(point=""), a_check_in(point="x" * 201), a_check_in(point="a\nb"), a_check_in(point="a\x7f")),
        *(a_check_in(holder="A" * 42 + "B"), a_check_in(holder="A" * 42 + "="), a_check_in(holder=HASH + "\n")),
        *(a_check_in(marks=[]), a_check_in(charges=[]), a_check_in(charges=[{**CHARGES[0], "units": 0}])),
        *(a_check_in(charges=[{"limit": "gym"}]), a_check_in(visit={**VISIT, "x": 1}), a_check_in(choice={})),
        *(a_check_in(outcome=None), a_check_in(outcome="maybe"), a_check_in(reason="expired"), a_check_in(holder=None)),
        *(a_check_in(outcome="denied"), a_check_in(target="7f-000001"), a_check_in(point=None)),
        *(a_check_in(outcome="denied", reason="expired", **{name: value}) for name, value in
          (("charges", CHARGES), ("choice", CHOICE), ("visit", VISIT))),
        a_check_in(outcome="denied", reason="expired", holder=None, card=HASH),
        *(a_void(target=None), a_void(reason=None), a_void(outcome="granted"), a_void(holder=None)),
        a_void(visit=VISIT),
        *(a_void(charges=CHARGES), a_void(choice=CHOICE), a_check_out(visit=None), a_check_out(visit=VISIT)),
        *(a_check_out(visit=VISIT | {"left_at": 2}), a_check_out(visit=VISIT | {"entry": "7f-000001"})),
        *(a_check_in(window=WINDOW), a_check_in(change="delayed"), a_check_in(booking="7f-000001", charges=CHARGES)),
        *(a_check_in(booking="7f-000001", visit=VISIT), a_booking(window=None), a_booking(target="7f-000001")),
        *(a_booking(visit=VISIT), a_booking(outcome=None), a_booking(outcome="denied", reason="excluded")),
        *(a_booking_change(change=None), a_booking_change(change="moved"), a_booking_change(target=None)),
        *(a_booking_change(change="delayed", charges=CHARGES), a_booking_change(window=None)),
        *(a_void(kind="booking-cancel", reason=None), a_void(kind="booking-missed", charges=CHARGES)),
    ],
)  # fmt: skip
def test_fields_that_make_no_leaf_are_refused(fields):
    """Types, bounds, unknown and missing fields, and fields that contradict one another."""
    with pytest.raises(LeafError):
        leaf.decode(strictjson.canonical(fields))


GOOD = strictjson.canonical(a_check_in(reference="云/A"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xef\xbb\xbf" + GOOD,
        GOOD + b" ",
        GOOD + GOOD,
        GOOD[:-1],
        b" " + GOOD,
        GOOD.replace(b":", b": ", 1),
        GOOD.replace(b'"v":1', b'"v":1.0'),
        GOOD.replace(b'"v":1', b'"v":1,"v":1'),
        GOOD.replace(b'"v":1', b'"tier":null,"v":1'),
        GOOD.replace(b'"at":1793408400000', b'"at":1.7934084e12'),
        GOOD.replace("云".encode(), b"\\u4e91"),
        GOOD.replace("云".encode(), b"\\ud800"),
        GOOD.replace("云".encode(), b"\xff"),
        GOOD.replace(b"/A", b"\\/A"),
        GOOD.replace(b"gym-visit", b"\\u0067ym-visit"),
        b'{"v":1,' + GOOD[1:].replace(b',"v":1', b""),
        json.dumps(a_check_in()).encode(),
        b"[" * 100_000,
        b'{"at":' * 1300,
        GOOD.replace(b"1793408400000", b"9007199254740992"),
        GOOD.replace(b"1793408400000", b"1" * 400),
        GOOD.replace("云/A".encode(), b"A" * 9000),
        GOOD.decode().encode("utf-16"),
    ],
)
def test_another_spelling_of_the_same_leaf_is_refused(data):
    """One text per leaf: order, spaces, escapes, numbers, doubles, null for absent, size, encoding."""
    with pytest.raises(LeafError):
        leaf.decode(data)


@settings(deadline=None)
@given(st.binary(max_size=400) | st.integers(0, len(GOOD) - 1).map(lambda at: GOOD[:at] + b"\x00" + GOOD[at + 1 :]))
def test_any_bytes_are_a_leaf_or_a_leaf_error(data):
    """Total: no other exception, and what is accepted is written the same."""
    try:
        line = leaf.decode(data)
    except LeafError:
        return
    assert leaf.encode(line) == data


@settings(deadline=None, max_examples=400)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_another_leaf_with_another_hash(place, flip):
    """Nothing is forgiven: a leaf read from changed bytes is spelled by just those bytes."""
    changed = bytearray(GOOD)
    changed[place] ^= flip
    try:
        line = leaf.decode(bytes(changed))
    except LeafError:
        return
    assert leaf.encode(line) == bytes(changed)
    assert leaf.leaf_hash(bytes(changed)) != leaf.leaf_hash(GOOD)


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)


@settings(deadline=None)
@given(reference=TEXTS, point=TEXTS, marks=st.lists(TEXTS, max_size=3), at=st.integers(0, 2**53 - 1))
def test_writing_is_canonical_and_can_be_done_by_joining_pieces(reference, point, marks, at):
    """The writer, RFC 8785 and text joined in the table's order agree on every byte."""
    fields = a_check_in(reference=reference, point=point, marks=marks or None, at=at)
    data = leaf.encode(leaf.decode(strictjson.canonical(fields)))
    pieces = [f'"{name}":{strictjson.canonical(fields[name]).decode()}' for name in FIELD_NAMES if name in fields]
    assert data == ("{" + ",".join(pieces) + "}").encode() == strictjson.canonical(fields)


FIELD_NAMES = leaf.Leaf.__struct_fields__


@pytest.mark.parametrize("table", [leaf.Leaf, leaf.ChargeLine, leaf.ChoiceLine, leaf.VisitLine])
def test_fields_stand_in_the_order_of_their_names(table):
    """Writing them in turn is then writing them canonically."""
    assert list(table.__struct_fields__) == sorted(table.__struct_fields__)


def test_a_value_that_is_no_text_cannot_be_written():
    """Lone surrogates and values of other types."""
    line = leaf.decode(strictjson.canonical(a_check_in()))
    for value in ("\ud800", b"bytes", 1.5, object(), "a\x00"):
        changed = leaf.Leaf(**{**{name: getattr(line, name) for name in FIELD_NAMES}, "reference": value})
        with pytest.raises(LeafError):
            leaf.encode(changed)


ODD_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=210) | st.sampled_from(
    ["\x7f", "a\n", '"', "\\"]
)
ODD_NUMBERS = st.integers(-1, 2) | st.sampled_from([2**53 - 1, 2**53])


@pytest.mark.slow
@settings(deadline=None, max_examples=400)
@given(
    texts=st.tuples(ODD_TEXTS, ODD_TEXTS, ODD_TEXTS),
    marks=st.lists(ODD_TEXTS, max_size=2),
    numbers=st.tuples(ODD_NUMBERS, ODD_NUMBERS, ODD_NUMBERS),
)
def test_writing_refuses_whatever_reading_refuses(texts, marks, numbers):
    """The writer does not read back what it wrote, yet nothing is written that the strict reader would not take."""
    line = leaf.decode(strictjson.canonical(a_check_in(charges=CHARGES)))
    charge = leaf.ChargeLine(limit=texts[0], period=texts[1], units=numbers[0], maximum=numbers[1])
    values = {"charges": (charge,), "reference": texts[2], "client_time": numbers[2], "marks": tuple(marks)}
    changed = msgspec.structs.replace(line, **values)
    plain = msgspec.json.encode(changed)
    try:
        data = leaf.encode(changed)
    except LeafError:
        with pytest.raises(LeafError):
            leaf.decode(plain)
    else:
        assert leaf.decode(data) == changed


MADE_BY_THE_STORE = frozenset(
    {"holder", "prev", "card", "id", "partition", "seq", "v", "linked", "target", "moved", "visit", "window"}
)
IN_LISTS = frozenset({"charges", "delivered", "marks"})


@pytest.mark.parametrize("field", sorted({*FIELD_NAMES} - MADE_BY_THE_STORE))
@pytest.mark.parametrize("value", ["", "x" * 201, "a\nb", "a\x7f", b"bytes", 1.5, object(), -1, 2**53])
def test_no_field_that_a_caller_hands_in_takes_an_odd_value(field, value):
    """Refused when it is written, as the strict reader would refuse it."""
    line = leaf.decode(strictjson.canonical(a_check_in()))
    with pytest.raises((LeafError, TypeError)):
        leaf.encode(msgspec.structs.replace(line, **{field: (value,) if field in IN_LISTS else value}))


@pytest.mark.parametrize(
    ("partition", "seq", "text"), [(0x7F, 412, "7f-000412"), (0, 1, "00-000001"), (255, 10**7, "ff-10000000")]
)
def test_an_id_has_one_spelling(partition, seq, text):
    """Two hexadecimal digits, six decimal ones or more."""
    assert leaf.entry_id(partition, seq) == text
    assert leaf.split_id(text) == (partition, seq)


@pytest.mark.parametrize(
    "text",
    [
        *("", "7f", "7f-", "7F-000001", "7f-1", "7f-0000001", "7f-000000", "7f-٠٠٠٠٠١", "7f-000001\n", "g0-000001"),
        "7f-1" + "0" * 15,
    ],
)
def test_other_spellings_are_no_id(text):
    """Capitals, missing or surplus noughts, other digits, nought itself."""
    with pytest.raises(LeafError):
        leaf.split_id(text)


def test_reserved_kinds_are_named_and_refused():
    """They are in the document, and no leaf of them can be written yet."""
    assert not set(leaf.KINDS) & set(leaf.RESERVED_KINDS)
    for kind in leaf.RESERVED_KINDS:
        assert f"`{kind}`" in DOCUMENT
        with pytest.raises(LeafError):
            leaf.decode(strictjson.canonical(a_check_in(kind=kind)))


def test_extra_fields_are_fields():
    """What a draft may add by name is in the table."""
    assert set(FIELD_NAMES) >= leaf.EXTRA_FIELDS


def test_the_documents_table_is_the_codes():
    """The same fields in the same order; bold are those that every leaf has."""
    rows = re.findall(r"^\| (\**)`(\w+)`\** \|", DOCUMENT.partition("\n## Marks")[0], re.MULTILINE)
    assert [name for _, name in rows] == list(FIELD_NAMES)
    required = [name for bold, name in rows if bold]
    assert required == [field.name for field in msgspec.structs.fields(leaf.Leaf) if field.required]


def test_the_worked_example_can_be_recomputed():
    """Pseudonyms, bytes, hashes and the chain, from nothing but the document and the standard library."""
    salt = bytes(range(32))
    sub, jti = "Zm9vYmFyYmF6cXV4MTIzNA", "Y2FyZC1vZi10aGUtaG9sZA"
    leaves = re.findall(r"```json\n(.*)\n```", DOCUMENT)
    hashes = re.findall(r"^([A-Za-z0-9_-]{43})$", DOCUMENT, re.MULTILINE)
    first, void = (json.loads(text) for text in leaves)
    assert first["holder"] == b64u(hmac.new(salt, sub.encode(), hashlib.sha256).digest())
    assert first["card"] == b64u(hmac.new(salt, jti.encode(), hashlib.sha256).digest())
    assert first["partition"] == hashlib.sha256(sub.encode()).digest()[0]
    assert (first["prev"], void["prev"], void["target"]) == ("A" * 43, hashes[0], first["id"])
    for text, said in zip(leaves, hashes, strict=True):
        assert b64u(hashlib.sha256(b"\x00" + text.encode()).digest()) == said
        assert leaf.encode(leaf.decode(text.encode())) == text.encode()


def test_every_mark_that_the_auditors_page_names_stands_in_the_document():
    """The table of marks, held to the words of the page and to the marks of the code."""
    section = DOCUMENT.partition("## Marks")[2].partition("\n## ")[0]
    words = json.loads((Path(__file__).parents[2] / "web/translations/en.json").read_text(encoding="utf-8"))
    named = {key.removeprefix("audit.mark-") for key in words if key.startswith("audit.mark-")}
    for mark in named | {HELD, DISMISSED, REPLAYED, OVERDRAWN, CLOCK_DOUBT, GRANTED_OFFLINE, GRANTED_ONLINE}:
        kind, _, rest = mark.partition("-")
        told = (mark,) if kind not in {"channel", "decision"} else (f"{kind}:…", rest)
        assert all(f"`{one}`" in section for one in told), mark
