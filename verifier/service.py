"""The whole verifier: trusted documents, ledger, store and their services, made from one set of settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flask import Request

from accounts.rights import Caller
from audit.tables import open_figures
from audit.tree.entryindex import EntryIndex
from audit.tree.holding import HELD, Held, held_back
from audit.tree.older import older_leaves
from audit.tree.place import CheckpointPlace, PlaceError
from audit.tree.proofs import LogReader
from audit.tree.sequencing import log_reader
from cards.programme.types import Programme
from cards.verify import CardCache
from edge.clock import Clock
from edge.settings import Settings
from keys.keyset import Purpose
from keys.store import key_store
from ledger.interface import Ledger
from ledger.opening import open_ledger
from ledger.values import LedgerUnavailable
from verifier.counter.answering import Answering
from verifier.counter.changes import Changes
from verifier.counter.checking_in import CheckInService
from verifier.counter.known_cards import KnownCards
from verifier.counter.looks import Looks
from verifier.counter.misfits import NOBODY_TOLD, Misfits
from verifier.records.store import VerifierStore
from verifier.services.bookings.service import BookingService
from verifier.services.bookings.upkeep import BookingUpkeep
from verifier.services.matters.service import MatterService
from verifier.services.requests.service import RequestService
from verifier.services.statements.service import StatementService
from verifier.trust.photos import PhotoOf, no_photo
from verifier.trust.published import PublishedFolder, pinned_root, read_programme, root_file


def no_register(_number: str) -> str | None:
    """Find no card by its number, because a verifier has no register of its own."""
    return None


def not_known(_card_id: str, _at: datetime) -> datetime | None:
    """Return no end of entitlement, because only a register knows it."""
    return None


def no_phone(_card_id: str, _at: datetime) -> str | None:
    """Know no telephone number: only a register has them."""
    return None


@dataclass(frozen=True)
class Verifier:
    """Everything that the verifier's calls work with. Each process has one, made after the fork.

    Each of these asks a register on the same host, if there is one: `card_by_number` for the card token of a number,
    `entitled_until` for the end of a holder's entitlement by the id of a card, `photo_of` for the holder's photo, and
    `phone_of` for the holder's telephone number (empty if none is registered).
    """

    programme: Programme
    published: PublishedFolder
    ledger: Ledger
    store: VerifierStore
    known: KnownCards
    desk: CheckInService
    looks: Looks
    changes: Changes
    answering: Answering
    bookings: BookingService
    upkeep: BookingUpkeep
    matters: MatterService
    requests: RequestService
    statements: StatementService
    misfits: Misfits = NOBODY_TOLD
    log: LogReader | None = None
    card_by_number: Callable[[str], str | None] = no_register
    entitled_until: Callable[[str, datetime], datetime | None] = not_known
    photo_of: PhotoOf = no_photo
    phone_of: Callable[[str, datetime], str | None] = no_phone

    def close(self) -> None:
        """Finish the accepted changes and close the stores."""
        self.ledger.close()
        self.known.close()
        self.store.close()


Authenticate = Callable[[Request], Caller]


def published_folder(settings: Settings, programme: Programme) -> PublishedFolder:
    """Return the documents that the settings name, checked against the pinned root and the versions that this host has
    seen.
    """
    root = pinned_root(root_file(settings))
    return PublishedFolder(settings.published, programme, root, settings.var / "verifier-seen.json")


def open_verifier(settings: Settings, clock: Clock) -> Verifier:
    """Open the verifier that the settings describe. The caller adds the functions that ask a register.

    Raises Untrusted if the root or the programme cannot be read, LedgerError if the ledger cannot be opened.
    """
    programme = read_programme(settings.programme)
    published = published_folder(settings, programme)
    receipt = key_store(settings).signer(Purpose.RECEIPT, clock.now())
    refuse_lost_ledger(settings)
    ledger = ledger_at(settings, clock, settings.ledger_url)
    store = VerifierStore.open(settings.verifier_url, settings.secret())
    answering = Answering(settings.secret(), programme.issuer, receipt)
    log = log_reader(settings, programme.issuer)
    guarded = held_back(ledger, hold_lost(settings, ledger))
    return assemble(programme, published, guarded, store, answering, log=log)


def ledger_at(settings: Settings, clock: Clock, url: str, *, remembering: bool = True) -> Ledger:
    """Open the ledger at an address with the options of the settings. Raises LedgerError.

    `remembering`: whether this host remembers what a Redis ledger acknowledges, and compares it when the ledger is
    opened.
    """
    return open_ledger(
        url,
        clock,
        allow_redis_loss=settings.allow_redis_loss,
        seen=settings.var / "ledger-seen" if remembering else None,
        older=older_leaves(settings),
    )


def make_stores(settings: Settings, clock: Clock) -> None:
    """Make the ledger, the store of details and the tables of figures if they are missing. Existing stores stay as they
    are.

    Raises LedgerError if the ledger was lost or cannot be reached, UnusableDatabase for an address that names no
    database.
    """
    refuse_lost_ledger(settings)
    ledger = ledger_at(settings, clock, settings.ledger_url)
    try:
        ledger.heads()
    finally:
        ledger.close()
    VerifierStore.open(settings.verifier_url, settings.secret()).close()
    open_figures(settings.verifier_url).close()


def hold_lost(settings: Settings, ledger: Ledger) -> Held:
    """Return the partitions in which nothing is recorded. At the start, these are the partitions that end before their
    end in the log.

    If the ledger is away, the sequencer compares it when it is back.
    """
    held = Held(settings.log / HELD)
    try:
        published = CheckpointPlace(settings.log_checkpoint).read()
        heads = ledger.heads()
    except PlaceError as error:
        raise LedgerUnavailable(str(error)) from None
    except LedgerUnavailable:
        return held
    if published is not None:
        ends = EntryIndex(settings.log / "index").ends(published.size)
        behind = {partition for partition, seq in ends.items() if heads.get(partition, 0) < seq}
        if behind - held.get():
            held.put(held.get() | behind)
    return held


def refuse_lost_ledger(settings: Settings) -> None:
    """Raise LedgerUnavailable if there was a log and the ledger is gone: an empty ledger would renew all quotas."""
    if not settings.ledger_url.startswith("sqlite:///") or Path(settings.ledger_url[10:]).exists():
        return
    try:
        kept = CheckpointPlace(settings.log_checkpoint).read()
    except PlaceError as error:
        raise LedgerUnavailable(str(error)) from None
    if kept is not None and kept.size > 0:
        raise LedgerUnavailable(
            f"the log holds {kept.size} entries and the ledger's file is gone: restore it from a backup and run "
            "`python -m verifier audit repair` "
            f"(or, to begin anew knowing that every quota does, move {settings.log_checkpoint} and the log away)"
        )


def assemble(
    programme: Programme,
    published: PublishedFolder,
    ledger: Ledger,
    store: VerifierStore,
    answering: Answering,
    *,
    log: LogReader | None = None,
) -> Verifier:
    """Put the parts together. Without `log`, no proofs are given."""
    known = KnownCards(store)
    misfits = Misfits(log)
    desk = CheckInService(published, ledger, known, CardCache(), store, misfits=misfits)
    looks = Looks(desk, ledger, store)
    bookings = BookingService(published, ledger, store)
    matters = MatterService(published, ledger, store)
    return Verifier(
        programme=programme,
        published=published,
        ledger=ledger,
        store=store,
        known=known,
        desk=desk,
        looks=looks,
        changes=Changes(ledger, store),
        answering=answering,
        bookings=bookings,
        upkeep=BookingUpkeep(published, ledger, store, bookings),
        matters=matters,
        requests=RequestService(published, ledger, store, matters),
        statements=StatementService(programme, ledger, store.statements),
        misfits=misfits,
        log=log,
    )


__all__ = ["Authenticate", "Verifier", "assemble", "open_verifier", "published_folder", "root_file"]
