"""Makes and checks secrets: tokens, one-time codes, passwords, PINs. A clear secret leaves here once and is never
kept.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from accounts.weak import is_weak
from cards import typed
from edge.encoding import b64u, digest_text

DEVICE_TOKEN: Final = "yd_"  # noqa: S105 - a prefix, so that a leaked token is recognised for what it is
INTEGRATOR_TOKEN: Final = "yj_"  # noqa: S105 - likewise
PERSON_TOKEN: Final = "yp_"  # noqa: S105 - likewise
OPERATOR_TOKEN: Final = "yo_"  # noqa: S105 - likewise
TOKEN_PATTERN: Final = re.compile(r"y[djpo]_[A-Za-z0-9_-]{43}", re.ASCII)

_CODE_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U
_CODE_LENGTH: Final = 12  # 60 bits: too many to guess, also offline with a stolen hash, within a code's 24 hours

PASSWORD_LEAST: Final = 12
PASSWORD_MOST: Final = 256
PIN_PATTERN: Final = re.compile(r"[0-9]{4,12}", re.ASCII)

# OWASP's first choice for argon2id: 19 MiB, two passes, one lane. Memory, not lanes, because sign-ins share few cores.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
_DUMMY: Final = _HASHER.hash(secrets.token_bytes(16))


class WeakSecret(ValueError):
    """A password or PIN is not accepted. The message says what would be, and quotes nothing."""


def new_token(prefix: str) -> str:
    """Return a token of 256 random bits after `prefix`."""
    return prefix + b64u(secrets.token_bytes(32))


def hash_token(token: str) -> str:
    """Return the kept form of a token. A plain SHA-256 is enough, because nobody can guess 256 random bits."""
    return digest_text(token.encode())


def folded(text: str) -> str:
    """Return one spelling of typed text. Case, width and composition of the letters do not matter."""
    return unicodedata.normalize("NFKC", text).casefold().strip().encode("utf-8", "replace").decode()


def hash_name(*parts: str) -> str:
    """Return one key for typed texts, by their `folded` spelling."""
    return digest_text("\0".join(map(folded, parts)).encode())


def new_code() -> str:
    """Return a one-time enrolment code such as 7K2M-9QXA-40RT."""
    letters = "".join(secrets.choice(_CODE_ALPHABET) for _ in range(_CODE_LENGTH))
    return "-".join(letters[at : at + 4] for at in range(0, _CODE_LENGTH, 4))


def hash_code(code: str) -> str:
    """Return the kept form of a code. Dashes, spaces, width, case and the letters I, L, O are read as they are
    meant.
    """
    return hash_token(typed.code(code))


def hash_password(password: str, name: str = "") -> str:
    """Return the argon2id hash of a password of 12 to 256 characters. Raises WeakSecret for another.

    Also raised for a password that attackers try first: common words, rows of keys, repeats, `name` (its owner's
    sign-in name).
    """
    if not PASSWORD_LEAST <= len(password) <= PASSWORD_MOST:
        raise WeakSecret(f"a password has {PASSWORD_LEAST} to {PASSWORD_MOST} characters")
    if is_weak(password, name):
        raise WeakSecret("a password is not made of common words, dates, rows of keys, repeats or the own name")
    return _HASHER.hash(_prepared(password))


def new_pin() -> str:
    """Return a random PIN of six digits."""
    return f"{secrets.randbelow(10**6):06d}"


def hash_pin(pin: str) -> str:
    """Return the argon2id hash of a PIN of 4 to 12 digits. Raises WeakSecret for another."""
    if PIN_PATTERN.fullmatch(pin) is None:
        raise WeakSecret("a PIN has 4 to 12 digits")
    return _HASHER.hash(pin)


def matches(secret: str, kept: str | None) -> bool:
    """Return whether a password or PIN is the kept one.

    With `kept` None, the same work is done and the answer is False, so that the time does not show which names exist.
    """
    try:
        _HASHER.verify(_DUMMY if kept is None else kept, _prepared(secret))
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def _prepared(password: str) -> bytes:
    # The same password from two keyboards may be composed or decomposed (RFC 8265 §4.2).
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
