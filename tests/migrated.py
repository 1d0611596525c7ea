"""Databases as their migrations leave them, made once a process and copied: running a history for each test is slow."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from accounts.store import AccountStore
from cards.programme.load import load_programme
from cards.programme.types import Programme
from hooks.tables import open_tables
from verifier.records.store import VerifierStore


@cache
def programme_of(file: Path) -> Programme:
    """Return a programme, read once; programmes do not change."""
    return load_programme(file)


@cache
def _templates() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="yunju-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    AccountStore.open(f"sqlite:///{folder}/accounts.db").close()
    open_tables(f"sqlite:///{folder}/accounts.db").close()
    VerifierStore.open(f"sqlite:///{folder}/verifier.db", b"the secret of no store in particular").close()
    return folder


def lay_out(folder: Path, *names: str) -> None:
    """Put empty, migrated databases into a folder, unless they are there already: both, or those that are named."""
    for name in names or ("accounts.db", "verifier.db"):
        if not (folder / name).exists():
            shutil.copy(_templates() / name, folder / name)


def store_with(change: Callable[[VerifierStore], None]) -> Path:
    """Make a verifier's store that `change` has written to, for callers that keep its file and copy it."""
    file = Path(tempfile.mkstemp(dir=_templates(), suffix=".db")[1])
    shutil.copy(_templates() / "verifier.db", file)
    store = VerifierStore.open(f"sqlite:///{file}", b"the secret of no store in particular")
    change(store)
    store.close()
    return file
