"""The Lua scripts, each after the common part, and their names in Redis (EVALSHA)."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """A script's text and the digest under which a server keeps it."""

    text: str
    sha: str


def _script(name: str, *, common: bool = True) -> Script:
    folder = files(__package__)
    parts = ("lib", name) if common else (name,)
    text = "\n".join((folder / f"{part}.lua").read_text(encoding="utf-8") for part in parts)
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


CHECK_IN = _script("check_in")
COMMIT = _script("commit")
CLAIM = _script("claim")
LOOK_UP = _script("look_up")
BIND = _script("bind", common=False)
