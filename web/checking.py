"""What the public check uses while the server is away: the trusted root, and the parameters of codes."""

from __future__ import annotations

from cards.programme.types import Programme
from edge.settings import Settings
from verifier.trust.published import Untrusted, pinned_root, root_file


def for_check(settings: Settings, programme: Programme) -> dict[str, object]:
    """Return the page's data besides the shared configuration. Without a root, there is no check without the server."""
    rules = {
        "issuer": programme.issuer,
        "audience": programme.audience,
        "status_base": programme.status_base,
        "wire_dictionary": programme.wire_dictionary,
        "sha256": programme.sha256,
    }
    return {"offline": {"root": _root(settings), "rules": rules}}


def _root(settings: Settings) -> str | None:
    try:
        return pinned_root(root_file(settings))
    except Untrusted:
        return None
