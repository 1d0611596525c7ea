"""The parts of a leaf that the request decides, as text that the script joins (docs/log-format.md, Bytes).

The script's own fields stand between them as `@name`, in the order of the leaf's fields.
"""

from __future__ import annotations

import msgspec

from ledger import leaf

JOINED = frozenset({"at", "charges", "choice", "id", "outcome", "reason", "seq", "visit", "window"})
"""The fields that a script fills in."""

_FIELDS = leaf.Leaf.__struct_encode_fields__
_RAW = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODE = msgspec.json.Encoder().encode


def cut(line: leaf.Leaf) -> list[str]:
    """Return a leaf's pieces: the text of fixed fields, and `@name` for each field that a script fills in.

    Raises LeafError if the fields make no leaf.
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
