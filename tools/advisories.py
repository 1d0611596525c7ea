"""Asks whether a locked package has a known advisory: `make advisories`. The service is at ADVISORIES_URL.

Exit 0: every package was asked for, and there is no advisory. Exit 1: there are advisories, and each is named. Exit 3:
the service cannot be asked; then nothing was checked, and the line says so. Only the names and versions of the locks
are sent.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import requests

ROOT = Path(__file__).resolve().parent.parent
SERVICE = "https://api.osv.dev"
"""Speaks the query format of OSV (https://google.github.io/osv.dev/post-v1-querybatch/)."""
FOUND, NOT_ASKED = 1, 3
SECONDS, AT_ONCE = 20, 500
PIN = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


class Locked(NamedTuple):
    """One package of a lock."""

    ecosystem: str
    name: str
    version: str


def locked(root: Path = ROOT) -> list[Locked]:
    """Return every package of every lock, each once."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((root / "requirements").glob("*.txt"))]
    found = {Locked("PyPI", name, version) for text in texts for name, version in PIN.findall(text)}
    packages = json.loads((root / "package-lock.json").read_bytes())["packages"]
    npm = ((path.rpartition("node_modules/")[2], told) for path, told in packages.items() if path)
    return sorted(found | {Locked("npm", name, told["version"]) for name, told in npm})


class NotAsked(Exception):
    """The service could not be asked, or gave an answer in another form than described."""


def standing(packages: Sequence[Locked], service: str) -> Iterator[tuple[Locked, list[str]]]:
    """Yield each package against which advisories stand, with their ids. Raises NotAsked."""
    for start in range(0, len(packages), AT_ONCE):
        part = packages[start : start + AT_ONCE]
        queries = [{"package": {"ecosystem": one.ecosystem, "name": one.name}, "version": one.version} for one in part]
        results = _asked(f"{service}/v1/querybatch", {"queries": queries})
        if len(results) != len(part):
            raise NotAsked("it answered for another number of packages than were asked")
        for one, told in zip(part, results, strict=True):
            if ids := [str(found["id"]) for found in (told or {}).get("vulns", [])]:
                yield one, ids


def _asked(url: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        answer = requests.post(url, json=body, timeout=SECONDS, allow_redirects=False)
        answer.raise_for_status()
        results = answer.json()["results"]
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        raise NotAsked(type(error).__name__) from None
    if not isinstance(results, list):
        raise NotAsked("it answered no list")
    return results


def main() -> int:
    """Ask, and tell."""
    service = os.environ.get("ADVISORIES_URL", SERVICE).rstrip("/")
    packages = locked()
    try:
        found = list(standing(packages, service))
    except NotAsked as error:
        print(f"NOT CHECKED: {service} cannot be asked ({error}); nothing is known of {len(packages)} locked packages")
        return NOT_ASKED
    for one, ids in found:
        print(f"{one.ecosystem} {one.name} {one.version}: {', '.join(ids)}")
    print(f"{len(packages)} locked packages asked for at {service}, advisories stand against {len(found)}")
    return FOUND if found else 0


if __name__ == "__main__":
    sys.exit(main())
