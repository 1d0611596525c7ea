"""The state of each store: present, undamaged, of this release. It looks at files and servers, and changes neither."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from doctor.facts import StoreFact
from doctor.tables import ROOMS, newer_tables, older_tables
from edge.clock import SystemClock
from edge.database import UnusableDatabase, absent_file, database_file, sqlite_fault, table_versions, versions_on_server
from edge.settings import Settings
from edge.settingvalues import masked_text

STORES: Final = {"issuer": ("register", "accounts"), "verifier": ("ledger", "verifier", "accounts")}
"""The stores of each surface, each named like its setting."""


def store_fact(settings: Settings, name: str, *, deep: bool) -> StoreFact:
    """Return the state of one store. `deep` searches an SQLite file for damage."""
    url = getattr(settings, f"{name}_url")
    file = database_file(url)
    if file is None:
        return _on_server(settings, name, url)
    if absent_file(url) is not None:
        return StoreFact(name, str(file), "absent")
    if not os.access(file, os.R_OK):
        return StoreFact(name, str(file), "closed", "permission denied")
    fault = _fault(file, deep=deep)
    if fault is not None:
        return StoreFact(name, str(file), "damaged", fault)
    return _of_release(name, str(file), table_versions(file))


def _fault(file: Path, *, deep: bool) -> str | None:
    if file.stat().st_size == 0:
        return "it is empty"
    return sqlite_fault(file, used=True, whole=deep)


def _of_release(name: str, place: str, versions: dict[str, str]) -> StoreFact:
    if (newer := newer_tables(versions)) is not None:
        return StoreFact(name, place, "newer", newer)
    if (older := older_tables(versions)) is not None:
        return StoreFact(name, place, "older", older)
    if name in ROOMS and name not in versions:
        return StoreFact(name, place, "older", f"{name}: none yet")
    return StoreFact(name, place, "well")


def _on_server(settings: Settings, name: str, url: str) -> StoreFact:
    place = masked_text(url)
    if name == "ledger":
        why = _ledger_fault(settings, url)
        return StoreFact(name, place, "well") if why is None else StoreFact(name, place, "away", why)
    try:
        return _of_release(name, place, versions_on_server(url) or {})
    except UnusableDatabase as error:
        return StoreFact(name, place, "away", str(error))


def _ledger_fault(settings: Settings, url: str) -> str | None:
    from ledger.opening import open_ledger  # noqa: PLC0415 - an issuer's server has no ledger
    from ledger.values import LedgerError  # noqa: PLC0415 - as above

    try:
        ledger = open_ledger(url, SystemClock(), allow_redis_loss=settings.allow_redis_loss)
        try:
            ledger.ready()
        finally:
            ledger.close()
    except LedgerError as error:
        return str(error)
    return None
