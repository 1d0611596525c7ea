"""What callers can ask of an entry's fields: one definition for searches, exports, HTTP calls and command lines.
Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

_CODE = r"^[a-z0-9][a-z0-9-]{0,63}$(?!\n)"
Code = Annotated[str, Meta(pattern=_CODE, description="A code of the programme.")]
Pseudonym = Annotated[
    str, Meta(pattern=r"^(holder:)?[A-Za-z0-9_-]{43}$(?!\n)", description="Of this holder's name in the log.")
]
MarkName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9:_-]{0,99}$(?!\n)",
        description="With this mark: id-checked, overdrawn, replayed, clock-doubt, …",
    ),
]
Beneficiaries = Literal["holder", "spouse", "dependent-child", "child", "employer"]
_Device = Annotated[str, Meta(min_length=1, max_length=64, description="By this device or integrator.")]
_Operator = Annotated[str, Meta(min_length=1, max_length=64, description="By this operator.")]

NAMED_CELLS: Final = {
    "id": "entry:", "target": "entry:", "holder": "holder:", "device": "device:", "operator": "operator:",
    "programme": "programme:",
}  # fmt: skip
"""The prefix of a name in a table for spreadsheets. Alone, `1e-000001` would be read as a number and `-x` as a formula.

A caller may write the name with or without this prefix to ask for an entry or to filter by holder, device or operator.
"""


def cell_of(field: str, name: str) -> str:
    """Return a name as it stands in a table, so that no spreadsheet takes the name for a number, a date or a
    formula.
    """
    return f"{NAMED_CELLS[field]}{name}"


def name_in(field: str, text: str) -> str:
    """Return the name in a cell of a table. A name without the prefix is returned unchanged."""
    return text.removeprefix(NAMED_CELLS[field])


class EntryFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which entries are wanted, by their fields. A field that is absent here accepts every entry. `mark` is one of an
    entry's marks.
    """

    point: Annotated[str, Meta(pattern=_CODE, description="At this point.")] | None = None
    service: Annotated[str, Meta(pattern=_CODE, description="Of this service.")] | None = None
    department: Annotated[str, Meta(pattern=_CODE, description="Of this department's points.")] | None = None
    outcome: Annotated[Literal["granted", "denied"], Meta(description="Granted or denied.")] | None = None
    reason: Annotated[str, Meta(pattern=_CODE, description="Refused, or voided, for this reason.")] | None = None
    kind: Annotated[str, Meta(pattern=_CODE, description="check-in, void, booking, offline, …")] | None = None
    tier: Annotated[str, Meta(pattern=_CODE, description="With a card of this tier.")] | None = None
    assurance: (
        Annotated[
            Literal["proved", "counted", "copyable", "delegated"],
            Meta(description="Proved by the phone or chip, counted by a tag, copyable, or delegated by a code."),
        ]
        | None
    ) = None
    beneficiary: Annotated[Beneficiaries, Meta(description="Used for the holder, spouse, child, …")] | None = None
    mark: MarkName | None = None
    holder: Pseudonym | None = None
    device: _Device | None = None
    operator: _Operator | None = None

    def named(self) -> dict[str, Any]:
        """Return every condition by name, `mark` included."""
        asked = ((name, getattr(self, name)) for name in NAMES)
        return {name: name_in(name, want) if name in NAMED_CELLS else want for name, want in asked if want is not None}

    def fields(self) -> dict[str, Any]:
        """Return the conditions on an entry's fields by field name, without `mark`."""
        return {name: want for name, want in self.named().items() if name != "mark"}

    def matcher(self) -> Callable[[Callable[[str], object]], bool]:
        """Return a test of one entry. The test takes a function that gives a field's value by name, or None, and says
        whether the entry is wanted.
        """
        asked, mark = list(self.fields().items()), self.mark

        def wants(told: Callable[[str], object]) -> bool:
            if mark is not None:
                marks = told("marks")
                if not isinstance(marks, list | tuple) or mark not in marks:
                    return False
            return all(told(name) == want for name, want in asked)

        return wants


NAMES = EntryFilter.__struct_fields__
"""The names of the conditions. Each name except `mark` is a field of the leaf."""
