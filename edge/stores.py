"""The stores that each room works with: what each is called, the setting that places it, and what makes a new one.

Opening a store makes its file. What works on a store that should be there asks here first: a slip in a name makes no
empty store beside the real one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge.cli import Refusal
from edge.database import absent_file
from edge.settings import Settings


@dataclass(frozen=True, slots=True)
class Store:
    """A store: its name in messages, its setting, and the command that makes a new one."""

    name: str
    setting: str
    made_by: str


REGISTER: Final = Store("register", "YUNJU_REGISTER_URL", "python -m issuer init")
ACCOUNTS: Final = Store("store of accounts", "YUNJU_ACCOUNTS_URL", "python -m accounts init")
LEDGER: Final = Store("ledger", "YUNJU_LEDGER_URL", "python -m verifier init")
DETAILS: Final = Store("store of the verifier", "YUNJU_VERIFIER_URL", "python -m verifier init")


def refuse_absent_store(store: Store, url: str) -> None:
    """Raise Refusal where `url` names an SQLite file that is not there; a server of its own answers for itself."""
    if not url.startswith("sqlite"):
        return
    if (absent := absent_file(url)) is not None:
        hint = f"YUNJU_VAR or {store.setting} may be mistyped; `{store.made_by}` makes a new one"
        raise Refusal(f"there is no {store.name} at {absent}", hint)


def refuse_absent_stores(settings: Settings) -> None:
    """Raise Refusal where a store of the surfaces that are switched on is not there."""
    if not settings.var.is_dir():
        raise Refusal(f"there is no folder {settings.var}: YUNJU_VAR may be mistyped", "the README lists the settings")
    if settings.serves("issuer"):
        refuse_absent_store(REGISTER, settings.register_url)
    if settings.serves("verifier"):
        refuse_absent_store(LEDGER, settings.ledger_url)
        refuse_absent_store(DETAILS, settings.verifier_url)
    refuse_absent_store(ACCOUNTS, settings.accounts_url)
