"""The parts of a leaf that the request decides, as text for the script to join (docs/log-format.md, Bytes).

What the script adds stands between them as `@name`, in the order of the leaf's fields.
"""

from __future__ import annotations

from typing import Any

import msgspec

from edge.encoding import b64u
from ledger import leaf
from ledger.bookings import Window
from ledger.millis import to_millis
from ledger.values import Charge, Choice, Draft, LedgerError

JOINED = frozenset({"at", "charges", "choice", "id", "outcome", "reason", "seq", "visit", "window"})
"""The fields that a script joins in."""

_FIELDS = leaf.Leaf.__struct_encode_fields__
_RAW = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODE = msgspec.json.Encoder().encode


def trial(draft: Draft, place: tuple[int, int, bytes], at: int, kind: str, operation: str, **added: Any) -> leaf.Leaf:  # noqa: ANN401 - the leaf's own checks refuse what is not of its types
    """Return the leaf as it would stand at (partition, seq) after `prev`; `added` are the fields not in the draft.

    LedgerError when the draft has extra fields that no leaf has.
    """
    if not leaf.EXTRA_FIELDS.issuperset(draft.extra):
        raise LedgerError("the draft's extra fields are none that a leaf has")
    partition, seq, prev = place
    extra = {name: tuple(value) if isinstance(value, list) else value for name, value in draft.extra.items()}
    said = {
        name: getattr(draft, name)
        for name in ("assurance", "beneficiary", "bundle", "caller", "client_time", "department", "device", "form",
                     "marks", "operator", "point", "programme", "reference", "service", "tier")
    }  # fmt: skip
    return leaf.Leaf(
        **{**extra, **said, **added},
        v=1,
        kind=kind,  # type: ignore[arg-type] # one of the leaf's own
        id=leaf.entry_id(partition, seq),
        partition=partition,
        seq=seq,
        prev=b64u(prev),
        at=at,
        operation=operation,
        token=None if draft.token is None else b64u(draft.token),
    )


def cut(line: leaf.Leaf) -> list[str]:
    """Return a leaf's pieces: text of fields that stand, and `@name` for those that a script joins in.

    LeafError when the leaf could not be written.
    """
    fields = _RAW.decode(leaf.encode(line))
    pieces: list[str] = []
    run: list[bytes] = []
    for name in _FIELDS:
        if name in JOINED:
            if run:
                pieces.append(b",".join(run).decode())
                run = []
            pieces.append(f"@{name}")
        elif name in fields:
            run.append(b'"%b":%b' % (name.encode(), bytes(fields[name])))
    if run:
        pieces.append(b",".join(run).decode())
    return pieces


def text(name: str, value: object) -> str:
    """Return one field as text."""
    return f'"{name}":{_ENCODE(value).decode()}'


def charge_line(charge: Charge) -> leaf.ChargeLine:
    """Return a charge as a leaf tells it."""
    return leaf.ChargeLine(limit=charge.limit, maximum=charge.maximum, period=charge.period, units=charge.units)


def choice_line(choice: Choice | None) -> leaf.ChoiceLine | None:
    """Return a choice as a leaf tells it."""
    if choice is None:
        return None
    return leaf.ChoiceLine(group=choice.group, member=choice.member, period=choice.period)


def window_line(window: Window | None) -> leaf.WindowLine | None:
    """Return a booking's window as a leaf tells it."""
    if window is None:
        return None
    return leaf.WindowLine(
        scheduled_at=to_millis(window.scheduled_at),
        expected_at=to_millis(window.expected_at),
        opens_at=to_millis(window.opens_at),
        closes_at=to_millis(window.closes_at),
    )
