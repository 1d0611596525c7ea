"""The shared part of the operator's pages: places and their names, rights as choices, codes as pictures."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any, Final

from flask import Response
from wtforms import SelectMultipleField
from wtforms.widgets import CheckboxInput, ListWidget

from accounts.rights import DEPARTMENT, EVERYWHERE, PEOPLE_ONLY, Caller, Right, Rights
from accounts.store import AccountStore
from cards.programme.types import Programme
from web.pages import page_language
from web.staff.forms import option
from web.staff.frame import StaffFrame

HANDED_OUT: Final = tuple(right for right in Right if right not in PEOPLE_ONLY)
"""The rights that devices, operators and integrators can have."""

HeldByDevice = Callable[[], Mapping[str, int]]


def none_held() -> Mapping[str, int]:
    """Return no waiting records: a server without a verifier has none."""
    return {}


def by(who: Caller) -> str:
    """Return the acting person in the form of the account log."""
    return f"person:{who.id}"


class TicksField(SelectMultipleField):
    """A group of ticks."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


@dataclass(frozen=True, slots=True)
class OperatorPages:
    """The frame, and how many offline records of each device wait for a supervisor."""

    staff: StaffFrame
    held: HeldByDevice = none_held

    @property
    def store(self) -> AccountStore:
        """The accounts store."""
        return self.staff.authenticate.store

    @property
    def programme(self) -> Programme:
        """The programme with the points of devices."""
        return self.staff.programme

    def page(self, template: str, status: int = 200, **values: object) -> Response:
        """Return one of the operator's pages."""
        told: dict[str, object] = {"place_name": self.place_name, "rights_text": self.rights_text, "ago": self.ago}
        return self.staff.page(f"operator/{template}", status, **told, **values)

    def place_name(self, code: str) -> str:
        """Return the name of a point, of a department's own place or of a point's service, or the code if it is
        unknown.
        """
        place, _, service = code.partition("/")
        named = self._place(place)
        found = self.programme.services.get(service)
        return named if not service else f"{named} · {service if found is None else self._say(found.name)}"

    def _place(self, code: str) -> str:
        if code == EVERYWHERE:
            return self.staff.word("system.everywhere")
        point = self.programme.points.get(code)
        if point is not None:
            return self._say(point.name)
        department = self.programme.departments.get(code.removeprefix(DEPARTMENT))
        return code if department is None else self._say(department.name)

    def _say(self, text: Any) -> str:  # noqa: ANN401 - a text of the programme
        return str(text.in_language(page_language()))

    def places(self) -> list[tuple[str, str]]:
        """Return every point and every department's own place, with its name."""
        departments = (f"{DEPARTMENT}{code}" for code in self.programme.departments)
        return [(code, self.place_name(code)) for code in (*self.programme.points, *departments)]

    def place_choices(self, *, everywhere: bool = False) -> list[Any]:
        """Return the places as choices of a select, in the page's language."""
        first = [option("", self.staff.word("system.choose"))]
        everywhere_ = [option(EVERYWHERE, self.place_name(EVERYWHERE))] if everywhere else []
        return first + everywhere_ + [option(code, name) for code, name in self.places()]

    def right_choices(self) -> list[Any]:
        """Return the rights that can be handed out as choices, in the page's language."""
        return [option(right.value, self.staff.word(f"system.right.{right}")) for right in HANDED_OUT]

    def rights_text(self, rights: Rights) -> list[str]:
        """Return rights in words, one text for each place."""
        told, colon, comma = [], self.staff.word("mark.colon"), self.staff.word("mark.comma")
        for place, held in sorted(rights.items()):
            names = [self.staff.word(f"system.right.{right}") for right in HANDED_OUT if right in held]
            told.append(f"{self.place_name(place)}{colon}{comma.join(names)}")
        return told

    def ago(self, at: datetime | None, now: datetime) -> str:
        """Return how long ago an instant was, in the largest whole unit."""
        if at is None:
            return self.staff.word("system.never")
        seconds = max(0, int((now - at).total_seconds()))
        for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
            if seconds >= size:
                return self.staff.word(f"system.ago.{unit}", count=seconds // size)
        return self.staff.word("system.ago.now")


def chosen_rights(names: Iterable[str] | None) -> frozenset[Right]:
    """Return the rights with the ticked names."""
    return frozenset(right for right in HANDED_OUT if right.value in set(names or ()))


def qr(text: str) -> str:
    """Return a QR code as the address of an image."""
    import qrcode  # noqa: PLC0415 - drawn once for a person; a counter's server would carry the picture library
    from qrcode.image.svg import SvgPathImage  # noqa: PLC0415 - as above

    picture = BytesIO()
    qrcode.make(text, image_factory=SvgPathImage, border=4).save(picture)
    return f"data:image/svg+xml;base64,{b64encode(picture.getvalue()).decode('ascii')}"
