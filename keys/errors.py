"""The errors of keys and tokens: a small closed family. No message quotes a token, a key or a name."""

from typing import ClassVar


class BadKey(ValueError):
    """A key, its JWK or its validity is not of the kind that this project uses."""


class TokenError(Exception):
    """A token is refused. `reason` is one of the four codes of its subclasses; the text gives details to an
    operator.
    """

    reason: ClassVar[str] = "malformed"


class MalformedToken(TokenError):
    """The text is no token of the expected form: length, characters, header (docs/design.md §5 step 1)."""

    reason: ClassVar[str] = "malformed"


class UnknownKey(TokenError):
    """No key of this id, purpose and validity is trusted (docs/design.md §5 step 2)."""

    reason: ClassVar[str] = "unknown-key"


class BadSignature(TokenError):
    """The signature is not that key's over this text (docs/design.md §5 step 3)."""

    reason: ClassVar[str] = "bad-signature"


class BadClaims(TokenError):
    """A claim is missing, unknown, mistyped or out of bounds (docs/design.md §5 step 4)."""

    reason: ClassVar[str] = "bad-claims"
