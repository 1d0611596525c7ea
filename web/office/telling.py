"""The subject of a line of the office log in words: codes become the names that people use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from cards.programme.types import Programme, Text
from issuer.applications.importing import LINE_COUNTS
from issuer.applications.intake import list_department
from issuer.applications.letters import ground_label
from issuer.applications.papers import Requirement
from issuer.applications.wording import short_name

Say = Callable[..., str]
_SHOWN_ID: Final = 12
_HIDDEN: Final = frozenset({"application", "id", "limb"})
"""Shown elsewhere on the page: a link, the row of a ground, the alternative in a ground."""


class AboutLine:
    """Gives the details of log lines in one language."""

    def __init__(self, programme: Programme, language: str, say: Say) -> None:
        """Keep the programme whose codes the log uses, and the words of the page."""
        self._programme, self._language, self._say = programme, language, say
        self._ways: Mapping[str, Callable[[object], str]] = {
            "ground": self._ground,
            "tier": lambda told: self._of(self._programme.tiers, told),
            "reason": lambda told: self._text(self._programme.applying.refusals, told),
            "because": lambda told: say(f"office.because.{told}"),
            "mark": self._mark,
            "fields": self._fields,
            "paper": self._paper,
            "kind": lambda told: say(f"office.told-kind.{told}"),
            "form": lambda told: say(f"office.form.{told}"),
            "purpose": lambda told: say(f"office.key.{told}"),
            "advice": lambda told: say(f"office.told-advice.{told}"),
            "channel": self._channel,
            "department": lambda told: self._of(self._programme.departments, told),
            "version": lambda told: say("office.told-version", number=told),
            "notice": lambda told: say("office.told-notice", number=told),
            "reference": str,
            "kid": lambda told: say("office.told-key", id=str(told)[:_SHOWN_ID]),
            "sha256": lambda told: say("office.told-file", id=str(told)[:_SHOWN_ID]),
            "rows": lambda told: say("office.told-rows", count=told),
        }

    def words(self, detail: Mapping[str, object]) -> list[str]:
        """Return the details of one line. A value without a known word stays as in the log."""
        found = []
        for name, told in detail.items():
            if name in _HIDDEN or told in (None, "", []):
                continue
            if name in LINE_COUNTS:
                found += [self._say(f"office.told-count.{name}", count=told)] if told else []
            else:
                found.append(self._ways[name](told) if name in self._ways else f"{name} {told}")
        return [text for text in found if text]

    def _text(self, texts: Mapping[str, Text], told: object) -> str:
        known = texts.get(str(told))
        return str(told) if known is None else known.in_language(self._language)

    def _of(self, known: Mapping[str, object], told: object) -> str:
        """Return the name of a tier or department."""
        name = getattr(known.get(str(told)), "name", None)
        return name.in_language(self._language) if isinstance(name, Text) else str(told)

    def _ground(self, told: object) -> str:
        ground = self._programme.grounds.get(str(told))
        if ground is None:
            return str(told)
        tier = self._of(self._programme.tiers, ground.tier) if ground.tier else self._say("office.case-by-case")
        return f"{tier}{'' if self._language == 'zh' else ' '}{ground_label(ground.code, self._language)}".rstrip(": ")

    def _mark(self, told: object) -> str:
        kind, _, value = str(told).partition(":")
        benefit, _, ruling = value.partition(":")
        parts = [self._say(f"office.mark.{kind}"), self._of(self._programme.referrals, benefit)]
        return " ".join([*parts, self._say(f"office.ruling.{ruling}")] if ruling else parts)

    def _fields(self, told: object) -> str:
        named = told if isinstance(told, list) else [told]
        return self._say("mark.comma").join(self._say(f"office.told-field.{one}") for one in named)

    def _paper(self, told: object) -> str:
        key = str(told)
        if key == "identity-number":
            return self._say("office.told-number")
        document = self._programme.documents.get(key)
        if document is not None:
            asked = Requirement(key, document.number, document.name, needed=True, short=document.short)
            return short_name(asked).in_language(self._language)
        variants = (one for known in self._programme.documents.values() for one in known.variants)
        text = next((one.text for one in variants if one.code == key), None)
        if text is None:
            return key
        return short_name(Requirement(key, 0, text, needed=True)).in_language(self._language)

    def _channel(self, told: object) -> str:
        channel = str(told)
        department = list_department(channel)
        if department is not None:
            return self._of(self._programme.departments, department)
        return self._text(self._programme.channels, channel)
