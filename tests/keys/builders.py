"""Keys, forms and tokens with sensible defaults; `forge` signs what no honest issuer would."""

import functools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from edge.encoding import b64u
from edge.instants import to_epoch
from edge.strictjson import dumps
from keys.bundle import LIFETIME, ProgrammePin, TrustBundle
from keys.jwk import public_jwk
from keys.keyset import KeySet, Purpose, VerificationKey
from keys.signer import FileSigner, Signer
from keys.tokens import TokenForm

AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
IAT = to_epoch(AT)
DAY = timedelta(days=1)

FORM = TokenForm(
    typ="example+jwt",
    headers=frozenset({"alg", "kid", "typ"}),
    required={"iss": str, "iat": int, "exp": int},
    optional={"nbf": int, "name": str, "cnf": dict, "flag": bool, "items": list, "count": int},
    max_length=2048,
    max_lifetime=30 * DAY,
)
KIDLESS = TokenForm("proof+jwt", frozenset({"alg", "typ"}), {"iat": int}, {}, 1024, None)


def signer(name: str = "card") -> FileSigner:
    """Return one signer for each name, the same all through a run."""
    return _signer(name)


@functools.cache
def _signer(name: str) -> FileSigner:
    return FileSigner.generate()


def key(purpose: Purpose = Purpose.CARD, name: str | None = None, **validity: datetime) -> VerificationKey:
    """Return a verification key of the named signer (named after the purpose by default), valid around AT."""
    begins, ends = validity.get("not_before", AT - DAY), validity.get("not_after", AT + 100 * DAY)
    return VerificationKey.of(signer(name or purpose.value).public_key, purpose, begins, ends)


def key_set() -> KeySet:
    """Return a set of one card key and one status key."""
    return KeySet([key(), key(Purpose.STATUS)])


def claims(**changes: object) -> dict[str, object]:
    """Return claims of FORM; a change of None leaves the claim out."""
    made = {"iss": "https://issuer.example", "iat": IAT, "exp": IAT + 3600} | changes
    return {name: value for name, value in made.items() if value is not None}


def header(**changes: object) -> dict[str, object]:
    """Return a header of FORM by the card key; a change of None leaves the member out."""
    made: dict[str, object] = {"alg": "ES256", "kid": signer().kid, "typ": FORM.typ} | changes
    return {name: value for name, value in made.items() if value is not None}


def forge(
    head: Mapping[str, object] | bytes | None = None,
    body: Mapping[str, object] | bytes | None = None,
    by: Signer | None = None,
) -> str:
    """Return a token with a true signature over whatever header and payload bytes are given."""
    segments = [part if isinstance(part, bytes) else dumps(part) for part in (head or header(), body or claims())]
    signing_input = ".".join(b64u(segment) for segment in segments)
    return f"{signing_input}.{b64u((by or signer()).sign(signing_input.encode('ascii')))}"


def bundle(**changes: object) -> TrustBundle:
    """Return a trust bundle of version 7, fresh at AT."""
    made = {
        "version": 7,
        "issuer": "https://issuer.example",
        "issued_at": AT,
        "expires_at": AT + LIFETIME,
        "keys": (key(), key(Purpose.STATUS)),
        "status_lists": ("https://issuer.example/v1/status-lists/1",),
        "programme": ProgrammePin("2026.1", "ab" * 32, AT),
    }
    return TrustBundle(**(made | changes))


def root_jwk(name: str = "root") -> dict[str, str]:
    """Return the named root's public JWK."""
    return public_jwk(signer(name).public_key)
