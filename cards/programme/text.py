"""A text of a programme in its languages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence or a name in the programme's own language (`zh`) and in English. `zh` is empty in an English
    programme.
    """

    en: str
    zh: str = ""

    def in_language(self, language: str) -> str:
        """Return the text in `language` ("zh" or "en"), or in the other language if it is missing."""
        return (self.zh or self.en) if language.startswith("zh") else (self.en or self.zh)
