"""How old the issuer's own published documents are and when each ends, for its monitor.

The signatures are not looked at: the folder is the issuer's own, and a verifier looks at every one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from prometheus_client.core import Metric

from cards.marks import HOLDER_MARKS
from cards.status import STATUS_LIST
from edge.documentfigures import document_families
from edge.instants import from_epoch
from issuer.publishing import folder as files
from keys.bundle import BUNDLE, SEPARATOR
from keys.errors import BadKey, TokenError
from keys.keyset import VerificationKey
from keys.tokens import TokenForm, parse_unverified


def published_figures(folder: Path) -> Iterable[Metric]:
    """Return when each published document was issued and ends, and when each purpose's last key ends.

    A document that is missing or cannot be read has no figures, which an alert on its absence finds.
    """
    found = {name: claims for name, claims in _claims(folder) if claims is not None}
    bundle = found.get("trust-bundle", {})
    ages = [(name, from_epoch(claims["iat"]), from_epoch(claims["exp"])) for name, claims in found.items()]
    return document_families(ages, sorted(_key_ends(bundle).items()))


def _claims(folder: Path) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    yield "trust-bundle", _read(folder, files.BUNDLE_FILE, BUNDLE)
    for path in sorted((folder / files.LISTS_FOLDER).glob("*.jwt")):
        yield f"status-list-{path.stem}", _read(folder, f"{files.LISTS_FOLDER}/{path.name}", STATUS_LIST)
    yield "holder-marks", _read(folder, files.MARKS_FILE, HOLDER_MARKS)


def _read(folder: Path, name: str, form: TokenForm) -> Mapping[str, Any] | None:
    text = (files.read_file(folder, name) or b"").decode("ascii", "replace").split(SEPARATOR)[0]
    try:
        return parse_unverified(text, form).claims
    except TokenError:
        return None


def _key_ends(bundle: Mapping[str, Any]) -> dict[str, datetime]:
    ends: dict[str, datetime] = {}
    for told in bundle.get("keys", ()):
        try:
            key = VerificationKey.from_json(told)
        except BadKey:
            return {}
        purpose = key.purpose.value
        ends[purpose] = max(ends.get(purpose, key.not_after), key.not_after)
    return ends
