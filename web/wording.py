"""The pages' words, one flat JSON file for each language: `key` to text, with `{name}` for a value. A test compares the
keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from flask import current_app

from edge.strictjson import loads

LANGUAGES: Final = ("zh", "en")
"""Chinese first: a browser that names no language gets Chinese, unless the programme begins with another language."""
FIRST_LANGUAGE: Final = "YUNJU_FIRST_LANGUAGE"
"""The application's own note of the programme's first language."""

FOLDER: Final = Path(__file__).parent / "translations"
PAGES: Final = FOLDER / "pages"
"""The words of pages that the server makes: `<area>.<language>.json` each. No script gets them."""

Wording = Mapping[str, Mapping[str, str]]

_WALLET: Final = ("shared", "wallet", "reason", "void", "problem", "outcome")
_AUDIT: Final = ("shared", "home", "audit", "anomaly", "reason", "void", "door")
_CHECK: Final = ("shared", "check", "scan")
_NOT_COUNTER: Final = ("audit", "anomaly", "home", "check", "wallet", "door")


def first_language() -> str:
    """Return the language for a browser that names none: the programme's first language that the pages have."""
    return str(current_app.config.get(FIRST_LANGUAGE, LANGUAGES[0]))


def _for_wallet(key: str) -> bool:
    return key.partition(".")[0] in _WALLET


def _for_counter(key: str) -> bool:
    return key == "wallet.no-crypto" or key.partition(".")[0].partition("-")[0] not in _NOT_COUNTER


def _for_audit(key: str) -> bool:
    return key.partition(".")[0].partition("-")[0] in _AUDIT


def _for_check(key: str) -> bool:
    return key == "busy.checking" or key.partition(".")[0] in _CHECK


_PARTS: Final[Mapping[str, Callable[[str], bool]]] = {
    "wallet": _for_wallet,
    "counter": _for_counter,
    "check": _for_check,
    "audit": _for_audit,
}
"""Pages that get only the words that they use: a phone loads no auditor's words."""


def words_named(wording: Wording, name: str) -> Mapping[str, str] | None:
    """Return the words of a language (`zh`) or of a page in a language (`wallet-zh`), or None for any other name."""
    page, _, language = name.rpartition("-")
    if language not in wording or (page and page not in _PARTS):
        return None
    words = wording[language]
    return {key: text for key, text in words.items() if _PARTS[page](key)} if page else words


def word_files(wording: Wording) -> tuple[str, ...]:
    """Return the names under which words are served, without their file ending."""
    return tuple(f"{page}{language}" for page in ("", *(f"{name}-" for name in _PARTS)) for language in wording)


class WordingError(ValueError):
    """A file of translations is not a flat object of texts. The text names the file."""


def load_wording(folder: Path = FOLDER) -> Wording:
    """Return every language's words. Raises WordingError for a file that cannot be used."""
    return {language: _read(folder / f"{language}.json") for language in LANGUAGES}


def load_page_wording(folder: Path = PAGES) -> Wording:
    """Return the words of pages that the server makes, including those of scripts. Raises WordingError also for a
    repeated key.
    """
    found = {language: dict(words) for language, words in load_wording(folder.parent).items()}
    for language, words in found.items():
        for path in sorted(folder.glob(f"*.{language}.json")):
            own = _read(path)
            if twice := own.keys() & words.keys():
                raise WordingError(f"{path.name}: {min(twice)} stands elsewhere too")
            words.update(own)
    return found


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
