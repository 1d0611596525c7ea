"""The stores of each room: the name of each, the setting of its address, and the command that makes it.

Opening a store makes its file. So code that needs an existing store asks here first, and a mistyped name makes no empty
store beside the real one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge.cli import Refusal
from edge.database import absent_file
from edge.settings import Settings


@dataclass(frozen=True, slots=True)
class Store:
    """A store: its name in messages, its setting, and the command that makes it."""

    name: str
    setting: str
    made_by: str


REGISTER: Final = Store("register", "YUNJU_REGISTER_URL", "python -m issuer init")
ACCOUNTS: Final = Store("store of accounts", "YUNJU_ACCOUNTS_URL", "python -m accounts init")
LEDGER: Final = Store("ledger", "YUNJU_LEDGER_URL", "python -m verifier init")
DETAILS: Final = Store("store of the verifier", "YUNJU_VERIFIER_URL", "python -m verifier init")


def refuse_absent_store(store: Store, url: str) -> None:
    """Raise Refusal if `url` names an SQLite file that is missing. A store on a server is not checked here."""
    if not url.startswith("sqlite"):
        return
    if (absent := absent_file(url)) is not None:
        hint = f"YUNJU_VAR or {store.setting} may be mistyped; `{store.made_by}` makes a new one"
        raise Refusal(f"there is no {store.name} at {absent}", hint)


def refuse_absent_stores(settings: Settings) -> None:
    """Raise Refusal if a store of the enabled surfaces is missing."""
    if not settings.var.is_dir():
        raise Refusal(f"there is no folder {settings.var}: YUNJU_VAR may be mistyped", "the README lists the settings")
    if settings.serves("issuer"):
        refuse_absent_store(REGISTER, settings.register_url)
    if settings.serves("verifier"):
        refuse_absent_store(LEDGER, settings.ledger_url)
        refuse_absent_store(DETAILS, settings.verifier_url)
    refuse_absent_store(ACCOUNTS, settings.accounts_url)
