"""The shipped parts and their licences: Python packages of the lock, and page assets as in NOTICE."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parent.parent.parent
_LOCK: Final = _ROOT / "requirements" / "core.txt"
_PINNED: Final = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ShippedPackage:
    """A Python package of the lock: its name, its version, and its own statement of its licence."""

    name: str
    version: str
    licence: str


@cache
def shipped_packages() -> Sequence[ShippedPackage]:
    """Return the shipped packages by name, or none if the lock was not shipped with the code."""
    try:
        text = _LOCK.read_text(encoding="utf-8")
    except OSError:
        return ()
    return tuple(ShippedPackage(name, version, _licence(name)) for name, version in sorted(_PINNED.findall(text)))


@cache
def notice_text() -> str:
    """Return the NOTICE of the release, or an empty text if it was not shipped with the code."""
    try:
        return (_ROOT / "NOTICE").read_text(encoding="utf-8")
    except OSError:
        return ""


def _licence(name: str) -> str:
    try:
        told = metadata(name)
    except PackageNotFoundError:
        return ""
    fields = {name.lower(): text for name, text in told.items()}  # type: ignore[attr-defined]  # a Message in truth
    named = [each.split(" :: ")[-1] for each in told.get_all("Classifier", []) if each.startswith("License ::")]
    return str(fields.get("license-expression") or ", ".join(named) or fields.get("license", "")[:80])
