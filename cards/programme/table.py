"""Reads one table of a programme file key by key: types, forms and bounds are checked, and unknown keys are refused.

Nothing raises here: a bad value is recorded as a fault and replaced by a harmless value, so that one reading finds
every fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from cards.programme.faults import ProgrammeFault, nearest, shown
from cards.programme.types import Text

CODE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
LONGEST_CODE = 40
LONGEST_TEXT = 2000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_Choice = TypeVar("_Choice", bound=StrEnum)


class FaultSheet:
    """What the tables of one file share: the faults found so far, and the languages that every text needs."""

    def __init__(self) -> None:
        self.faults: list[ProgrammeFault] = []
        self.languages: tuple[str, ...] = ("en",)

    def fault(self, place: str, problem: str, remedy: str) -> None:
        """Record a fault, once. A place that cannot be printed (a key may be anything) is quoted."""
        found = ProgrammeFault(
            place if place.isprintable() and len(place) <= 200 else ascii(place)[:200], problem, remedy
        )
        if found not in self.faults:
            self.faults.append(found)


class Table:
    """One table of the file at `place`. Read each key once, then call `close()`: keys that were not read are
    unknown.
    """

    def __init__(self, content: Mapping[str, object], place: str, sheet: FaultSheet) -> None:
        self._content = content
        self.place = place
        self.sheet = sheet
        self._asked: set[str] = set()

    def at(self, key: str) -> str:
        """Return the place of `key` in the file."""
        return f"{self.place}.{key}" if self.place else key

    def has(self, key: str) -> bool:
        """Return whether the file gives `key` here."""
        return key in self._content

    def is_string(self, key: str) -> bool:
        """Return whether the file gives a string as `key`."""
        return isinstance(self._content.get(key), str)

    def ignore(self, key: str) -> None:
        """Treat `key` as read: its fault is already recorded."""
        self._asked.add(key)

    def names(self) -> tuple[str, ...]:
        """Return every key that the file gives here."""
        return tuple(self._content)

    def fault(self, key: str, problem: str, remedy: str) -> None:
        """Record a fault of `key`."""
        self.sheet.fault(self.at(key), problem, remedy)

    def close(self) -> None:
        """Record every key that was not read."""
        for key in self._content:
            if key not in self._asked:
                self.fault(key, "unknown key", nearest(key, self._asked))

    def _take(self, key: str, *, needed: bool) -> object:
        self._asked.add(key)
        value = self._content.get(key)
        if value is None and needed:
            self.fault(key, "missing", "add it")
        return value

    # Words and numbers

    def string(self, key: str, shape: re.Pattern[str] | None = None, remedy: str = "") -> str:
        """Return the required one-line string `key`. With `shape`, the whole string must match it."""
        return self._string(key, shape, remedy, needed=True) or ""

    def optional_string(self, key: str, shape: re.Pattern[str] | None = None, remedy: str = "") -> str | None:
        """Return the string `key`, or None if the file has none."""
        return self._string(key, shape, remedy, needed=False)

    def _string(self, key: str, shape: re.Pattern[str] | None, remedy: str, *, needed: bool) -> str | None:
        value = self._take(key, needed=needed)
        if value is None:
            return None
        line = self._line(self.at(key), value)
        if line is not None and shape is not None and not shape.fullmatch(line):
            self.fault(key, f"{shown(line)} has the wrong shape", remedy)
            return None
        return line

    def _line(self, place: str, value: object) -> str | None:
        if not isinstance(value, str):
            self.sheet.fault(place, f"{shown(value)} is not a string", 'write it in quotes, as in "…"')
        elif not value.strip() or value != value.strip():
            self.sheet.fault(place, "empty, or with blanks at an end", "write the text without them")
        elif len(value) > LONGEST_TEXT or _CONTROL.search(value):
            self.sheet.fault(
                place, "too long, or with control characters", f"write one line, {LONGEST_TEXT} characters at most"
            )
        else:
            return value
        return None

    def integer(self, key: str, least: int, most: int) -> int:
        """Return the required whole number `key`, from `least` to `most`."""
        value = self._number(key, least, most, needed=True)
        return least if value is None else int(value)

    def optional_integer(self, key: str, least: int, most: int) -> int | None:
        """Return the whole number `key`, or None if the file has none."""
        value = self._number(key, least, most, needed=False)
        return None if value is None else int(value)

    def optional_number(self, key: str, least: float, most: float) -> float | None:
        """Return the number `key` (whole or not), or None if the file has none."""
        return self._number(key, least, most, needed=False, whole=False)

    def _number(self, key: str, least: float, most: float, *, needed: bool, whole: bool = True) -> float | None:
        value = self._take(key, needed=needed)
        if value is None:
            return None
        kinds = (int,) if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
            self.fault(
                key, f"{shown(value)} does not do", f"write a {'whole ' if whole else ''}number from {least} to {most}"
            )
            return None
        return value

    def minutes(self, key: str, most: int = 527_040) -> timedelta:
        """Return the required span `key`, written in minutes."""
        return timedelta(minutes=self.integer(key, 0, most))

    def days(self, key: str, most: int = 36_600) -> timedelta:
        """Return the required span `key`, written in days."""
        return timedelta(days=self.integer(key, 0, most))

    def flag(self, key: str) -> bool:
        """Return the truth value `key`, or False if the file has none."""
        value = self._take(key, needed=False)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.fault(key, f"{shown(value)} is not a truth value", "write true or false")
        return False

    def needed_flag(self, key: str) -> bool:
        """Return the truth value `key`, which the file must give."""
        if not self.has(key):
            self.fault(key, "missing", "write true or false")
        return self.flag(key)

    def choice(self, key: str, kinds: type[_Choice], default: _Choice | None = None) -> _Choice:
        """Return the member of `kinds` that `key` names, or `default` if the file has none."""
        first = next(iter(kinds))
        word = self.word(key, [kind.value for kind in kinds], None if default is None else default.value)
        return kinds(word) if word else first

    def word(self, key: str, words: list[str], default: str | None = None) -> str:
        """Return the required word `key`, one of `words`, or `default` if the file has none."""
        value = self._take(key, needed=default is None)
        if value is None:
            return default or ""
        if isinstance(value, str) and value in words:
            return value
        self.fault(key, f"{shown(value)} is not known here", nearest(value if isinstance(value, str) else "", words))
        return ""

    def codes(self, key: str, *, needed: bool = False) -> tuple[str, ...]:
        """Return the list of codes `key`: strings without duplicates. `needed` refuses an empty list."""
        value = self._take(key, needed=needed)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(code, str) for code in value):
            self.fault(key, f"{shown(value)} is not a list of codes", 'write ["one", "two"]')
            return ()
        if "" in value or (needed and not value):
            self.fault(key, "empty", "name at least one, and none without letters")
        if len(set(value)) != len(value):
            self.fault(key, "names one code twice", "name each once")
        return tuple(dict.fromkeys(value))

    def day(self, key: str) -> date | None:
        """Return the required date `key`."""
        return self._day(key, self._take(key, needed=True))

    def _day(self, key: str, value: object) -> date | None:
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if value is not None:
            self.fault(key, f"{shown(value)} is not a date", "write 2026-10-01, without quotes")
        return None

    def day_list(self, key: str) -> tuple[date, ...]:
        """Return the list of dates `key`, or an empty list."""
        value = self._take(key, needed=False)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.fault(key, f"{shown(value)} is not a list of dates", "write [2026-10-01, 2026-10-02]")
            return ()
        return tuple(day for day in (self._day(key, one) for one in value) if day is not None)

    # Texts in the programme's languages

    def text(self, key: str) -> Text:
        """Return the required text `key`."""
        return self._text(self.at(key), self._take(key, needed=True))

    def optional_text(self, key: str) -> Text | None:
        """Return the text `key`, or None where the file has none."""
        value = self._take(key, needed=False)
        return None if value is None else self._text(self.at(key), value)

    def texts(self, key: str) -> tuple[Text, ...]:
        """Return the list of texts `key`, or an empty list."""
        value = self._take(key, needed=False)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.fault(key, f"{shown(value)} is not a list of texts", 'write [{ zh = "…", en = "…" }]')
            return ()
        return tuple(self._text(f"{self.at(key)}[{number}]", one) for number, one in enumerate(value))

    def named_texts(self, key: str) -> dict[str, Text]:
        """Return the table `key` of codes to texts, or an empty table."""
        content = self._inner(key, needed=False)
        for code in content:
            self._check_code(f"{self.at(key)}.{code}", code)
        return {code: self._text(f"{self.at(key)}.{code}", value) for code, value in content.items()}

    def _text(self, place: str, value: object) -> Text:
        if value is None:
            return Text("")
        if isinstance(value, str) and self.sheet.languages == ("en",):
            return Text(self._line(place, value) or "")
        if not isinstance(value, Mapping):
            wanted = ", ".join(f'{language} = "…"' for language in self.sheet.languages)
            self.sheet.fault(place, f"{shown(value)} is not a text in every language", f"write {{ {wanted} }}")
            return Text("")
        table = Table(value, place, self.sheet)
        words = {language: table.string(language) for language in self.sheet.languages}
        table.close()
        return Text(en=words.get("en", ""), zh=words.get("zh", ""))

    # Tables in tables

    def table(self, key: str) -> Table:
        """Return the required table `key`."""
        return Table(self._inner(key, needed=True), self.at(key), self.sheet)

    def optional_table(self, key: str) -> Table | None:
        """Return the table `key`, or None where the file has none."""
        content = self._inner(key, needed=False)
        return Table(content, self.at(key), self.sheet) if self.has(key) else None

    def _inner(self, key: str, *, needed: bool) -> Mapping[str, object]:
        value = self._take(key, needed=needed)
        if isinstance(value, Mapping):
            return value
        if value is not None:
            self.fault(key, f"{shown(value)} is not a table", f"write [{self.at(key)}]")
        return {}

    def entries(self, key: str, *, needed: bool = False) -> Iterator[tuple[str, Table]]:
        """Yield the code and the table of each entry of the table `key`. Each entry is closed after it was read."""
        content = self._inner(key, needed=needed)
        if needed and not content and self.has(key):
            self.fault(key, "empty", "add at least one entry")
        for code, value in content.items():
            place = f"{self.at(key)}.{code}"
            self._check_code(place, code)
            if isinstance(value, Mapping):
                yield from self._closing(code, Table(value, place, self.sheet))
            else:
                self.sheet.fault(place, f"{shown(value)} is not a table", f"write [{place}]")

    def rows(self, key: str) -> Iterator[Table]:
        """Yield each table of the list `key`. Each table is closed after it was read."""
        value = self._take(key, needed=False)
        if value is not None and not isinstance(value, list):
            self.fault(key, f"{shown(value)} is not a list of tables", f"write [[{self.at(key)}]]")
            return
        for number, row in enumerate(value if isinstance(value, list) else ()):
            place = f"{self.at(key)}[{number}]"
            if isinstance(row, Mapping):
                for _, table in self._closing("", Table(row, place, self.sheet)):
                    yield table
            else:
                self.sheet.fault(place, f"{shown(row)} is not a table", "write { … }")

    def _closing(self, code: str, table: Table) -> Iterator[tuple[str, Table]]:
        yield code, table
        table.close()

    def _check_code(self, place: str, code: str) -> None:
        if len(code) > LONGEST_CODE or not CODE.fullmatch(code):
            remedy = f"use lower-case letters, digits and single hyphens, {LONGEST_CODE} at most"
            self.sheet.fault(place, f"{shown(code)} is not a code", remedy)
