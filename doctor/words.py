"""A finding's text and its remedy in both languages, for the page and for the command.

The words are in words.json. Placeholders are filled from the finding's values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from doctor.findings import Finding, Value
from edge.instants import rfc3339

Language = Literal["zh", "en"]
WhenText = Callable[[datetime], str]


class RemedyWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finding's text and its remedy. A good finding has no remedy."""

    zh: str
    en: str
    zh_remedy: str = ""
    en_remedy: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    parts: dict[str, RemedyWords]
    findings: dict[str, RemedyWords]


_READ: Final = msgspec.json.decode(Path(__file__).with_name("words.json").read_bytes(), type=_File)
PARTS: Final[Mapping[str, RemedyWords]] = _READ.parts
"""The name of each part."""
WORDS: Final[Mapping[str, RemedyWords]] = _READ.findings
"""Every code that `rules` or `reading` can give."""


def part_name(about: str, language: Language) -> str:
    """Return the name of a part."""
    return PARTS[about].zh if language == "zh" else PARTS[about].en


def told(finding: Finding, language: Language, when: WhenText = rfc3339) -> str:
    """Return the text of a finding. `when` writes an instant."""
    words = WORDS[finding.code]
    return _filled(words.zh if language == "zh" else words.en, finding.values, when)


def remedy(finding: Finding, language: Language, when: WhenText = rfc3339) -> str:
    """Return the remedy of a finding, or an empty text if nothing must be done."""
    words = WORDS[finding.code]
    return _filled(words.zh_remedy if language == "zh" else words.en_remedy, finding.values, when)


def _filled(text: str, values: Mapping[str, Value], when: WhenText) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", when(value) if isinstance(value, datetime) else str(value))
    return text
