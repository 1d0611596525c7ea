"""Names as a card token carries them: enough to compare with an ID, too little to identify a person (docs/design.md
§5).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import groupby

_STAR = "*"
# The separators of words in a Latin name, which stay visible. In a Han name, a middle dot is a character like any
# other.
_JOINTS = frozenset("-‐‑·•.")
# Zero-width joiners belong to one written character. Like combining marks, they belong to the character before.
_JOINERS = frozenset("\u200c\u200d")


def mask(name: str) -> str:
    """Return a name masked: 王明 → 王*, 张小明 → 张*明, 欧阳明华 → 欧**华, Anna Lee → A*** L**.

    The first and the last character stay, and all characters between become `*`. Of two characters the first stays, and
    a single character stays, because there must be something to compare. Each word of a Latin name (any script with
    capitals) keeps its first letter. In a mixed name, each script follows its own rule. A character is what a reader
    sees as one: a letter with its accents, a Han character with its variation selector, within or beyond the basic
    plane. Raises ValueError for a name without any character.
    """
    words = unicodedata.normalize("NFC", name).split()
    if not words:
        raise ValueError("a name has at least one character")
    masked: list[str] = []
    for lettered, run in groupby(words, key=_is_lettered):
        group = list(run)
        # Spaces inside a Han name separate nothing: 张 小明 is 张小明.
        masked += [_mask_letters(word) for word in group] if lettered else [_mask_characters("".join(group))]
    return " ".join(masked)


def is_noncharacter(character: str) -> bool:
    """Return whether Unicode says that a code point will never be a character (The Unicode Standard, §23.7)."""
    point = ord(character)
    return 0xFDD0 <= point <= 0xFDEF or point & 0xFFFE == 0xFFFE


def _is_lettered(word: str) -> bool:
    """Return whether a word is written in letters that have capitals, or without letters, like a masked word."""
    return not any(unicodedata.category(character) == "Lo" for character in word) and any(
        character.isupper() or character.islower() or character.istitle() for character in word
    )


def _mask_characters(word: str) -> str:
    first, *rest = _characters(word)
    if not rest:
        return first
    return first + _STAR if len(rest) == 1 else first + _STAR * (len(rest) - 1) + rest[-1]


def _mask_letters(word: str) -> str:
    masked: list[str] = []
    begins = True
    for character in _characters(word):
        joint = character in _JOINTS
        masked.append(character if begins or joint else _STAR)
        begins = joint
    return "".join(masked)


def _characters(word: str) -> Iterator[str]:
    """Yield the units that a reader sees as single characters."""
    character = ""
    for point in word:
        if character and not (unicodedata.category(point).startswith("M") or point in _JOINERS):
            yield character
            character = ""
        character += point
    yield character
