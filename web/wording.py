"""The pages' words, one flat JSON file a language: `key` to text, `{name}` where a value goes. A test compares keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from edge.strictjson import loads

LANGUAGES: Final = ("zh", "en")
"""Chinese first: it is what a browser gets that asks for nothing."""

FOLDER: Final = Path(__file__).parent / "translations"

Wording = Mapping[str, Mapping[str, str]]


class WordingError(ValueError):
    """A file of translations is not a flat object of texts; the text names the file."""


def load_wording(folder: Path = FOLDER) -> Wording:
    """Return every language's words; WordingError for a file that cannot be used."""
    return {language: _read(folder / f"{language}.json") for language in LANGUAGES}


def _read(path: Path) -> Mapping[str, str]:
    found = loads(path.read_bytes(), max_bytes=262144)
    if not isinstance(found, dict):
        raise WordingError(f"{path.name}: not an object")
    words: dict[str, str] = {}
    for key, text in found.items():
        if not isinstance(text, str) or not text.strip():
            raise WordingError(f"{path.name}: `{key}` is not a text")
        words[key] = text
    return words
