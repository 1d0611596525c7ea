"""Codes for people: enrolment and recovery. They are shown once and kept as keyed hashes. Similar letters and
separators are accepted.
"""

from __future__ import annotations

import secrets
from typing import Final

from cards import typed

# Crockford's alphabet: no I, L, O or U, so that a code can be read aloud and typed safely.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_CHARS: Final = 16


def new_code() -> str:
    """Return a random code of 80 bits, in four groups of four characters."""
    text = "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_CHARS))
    return "-".join(text[start : start + 4] for start in range(0, _CODE_CHARS, 4))


def normal_code(code: str) -> str:
    """Return a typed code in the form for hashing: full width converted, upper case, no separators, similar letters
    corrected.
    """
    return typed.code(code)
