"""What every act of the office works with: the register, the programme, the keys, and the published folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from cards.programme.load import load_programme
from cards.programme.types import Programme
from edge.settings import Settings
from issuer.register.database import Register
from issuer.register.indexes import POOL_SIZE
from issuer.register.searching import fill_search_hashes
from keys.store import KeyStore, key_store


@dataclass(frozen=True, slots=True)
class Upcoming:
    """The programme's next version, already checked, and the instant from which it is in force."""

    programme: Programme
    holds_from: datetime


@dataclass(frozen=True)
class Issuer:
    """One issuer's office, as values. `open_issuer` makes one for each process, and every function of this room
    receives it.

    `keys` holds card, status, log and receipt keys. `roots` holds the root key, which is needed only when the trust
    bundle changes and is kept elsewhere in real use. `publishes` False leaves publishing to the caller, for batches.
    """

    register: Register
    programme: Programme
    programme_file: Path
    keys: KeyStore
    published: Path
    status_ttl: timedelta
    base_url: str
    attachments: Path
    roots: KeyStore | None = None
    pool_size: int = POOL_SIZE
    publishes: bool = True
    upcoming: Upcoming | None = None

    def quiet(self) -> Issuer:
        """Return the same office without publishing after each change."""
        return replace(self, publishes=False)

    def close(self) -> None:
        """Close the register."""
        self.register.close()


def open_issuer(settings: Settings, *, roots: Path | None = None) -> Issuer:
    """Open the office that the settings describe.

    `roots` is the folder of the root key. Without it, the key folder is used, where development keeps the root key.
    Raises RefusedError, StoreError, ProgrammeError or SettingsError, each with its remedy.
    """
    programme = load_programme(settings.programme)
    keys = key_store(settings)
    register = Register.open(settings.register_url, settings.secret())
    fill_search_hashes(register)
    return Issuer(
        register=register,
        programme=programme,
        programme_file=settings.programme,
        keys=keys,
        published=settings.published,
        status_ttl=timedelta(seconds=settings.status_ttl),
        base_url=settings.base_url,
        attachments=settings.attachments,
        upcoming=_upcoming(settings),
        roots=keys if roots is None else key_store(settings, roots),
    )


def _upcoming(settings: Settings) -> Upcoming | None:
    """Read the next version when the service starts, so that a fault in it is reported long before its instant."""
    if settings.programme_next is None or settings.programme_from is None:
        return None
    return Upcoming(load_programme(settings.programme_next), settings.programme_from)
