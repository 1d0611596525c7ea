"""The verifier's erasable store (docs/design.md §7): cards, looks, challenges, tags, notes, access log. It never holds
a check-in.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from cards.claims import CardClaims
from cards.parts import Presentation
from cards.proof import card_digest
from edge.database import Database
from edge.encoding import b64u
from edge.instants import from_epoch, to_epoch
from edge.sealing import Sealer, Unsealable
from verifier.records.bookings import BookingStore
from verifier.records.challenges import ChallengeStore
from verifier.records.delegations import DelegationStore
from verifier.records.due_mails import DueMailStore
from verifier.records.events import EventStore
from verifier.records.matters import MatterStore
from verifier.records.notices import NoticeStore
from verifier.records.offline import OfflineStore
from verifier.records.offline_grants import OfflineGrants
from verifier.records.places import PlaceStore
from verifier.records.statements import StatementStore
from verifier.records.sweeping import erase_expired
from verifier.records.tables import ACCESSES, KNOWN_CARDS, LOOKS, MIGRATIONS, NOTES
from verifier.records.tags import TagRead, TagStore

LOOK_LIFE: Final = timedelta(seconds=120)
NOTE_LIFE: Final = timedelta(days=30)
WHAT_MOST: Final = 400
"""How many characters the access log keeps of the name of what was read. The rest is cut off."""


@dataclass(frozen=True, slots=True)
class Look:
    """A look that its device may confirm until `expires_at`, with the presentation as it was at `looked_at`."""

    id: str
    device: str
    presentation: Presentation
    looked_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class KeptLook:
    """The presentation and the time of a look; the reading if a counting tag was tapped; the delegation if its code was
    used.
    """

    presentation: Presentation
    looked_at: datetime
    tag: TagRead | None
    delegation: str | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """One reading of non-public data: who, from where, and what. `holder` is the name in the log."""

    kind: str
    caller: str
    what: str
    operator: str | None = None
    point: str | None = None
    holder: str | None = None


class VerifierStore:
    """Cards seen, looks, notes and accesses. All of them except the access log are erased when their time is over."""

    def __init__(self, database: Database, secret: bytes) -> None:
        """Keep the database. Tokens, presentations and notes are sealed under the server's secret."""
        self._database = database
        self._sealer = Sealer(secret, "verifier-store")
        self.challenges = ChallengeStore(database)
        self.tags = TagStore(database, secret)
        self.bookings = BookingStore(database, secret)
        self.statements = StatementStore(database)
        self.due_mails = DueMailStore(database)
        self.matters = MatterStore(database)
        self.delegations = DelegationStore(database, secret)
        self.places = PlaceStore(database, secret)
        self.events = EventStore(database)
        self.notices = NoticeStore(database)
        self.offline = OfflineStore(database, secret)
        self.offline_grants = OfflineGrants(database, secret)

    @classmethod
    def open(cls, url: str, secret: bytes) -> VerifierStore:
        """Open the store at a database address and bring its tables up to date."""
        return cls(Database.open(url, room="verifier", migrations=MIGRATIONS), secret)

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def remember_cards(self, cards: Iterable[tuple[str, CardClaims]]) -> None:
        """Keep verified cards, so that a proof alone can name them. The same token twice makes one row."""
        named = {card_digest(token): (token, card) for token, card in cards}
        with self._database.write() as connection:
            held = sa.select(KNOWN_CARDS.c.digest).where(KNOWN_CARDS.c.digest.in_(named))
            for name in connection.execute(held).scalars():
                named.pop(name)
            rows = [self._card_row(name, token, card) for name, (token, card) in named.items()]
            if rows:
                connection.execute(KNOWN_CARDS.insert(), rows)

    def _card_row(self, name: bytes, token: str, card: CardClaims) -> dict[str, object]:
        sealed = self._sealer.seal(token.encode(), b64u(name))
        return {
            "digest": name,
            "subject": card.subject,
            "token": sealed,
            "expires_at": to_epoch(card.expires_at),
        }

    def known_card(self, name: bytes) -> str | None:
        """Return the card token whose SHA-256 is `name`, or None if it was never seen here or is erased."""
        with self._database.read() as connection:
            sealed = connection.execute(sa.select(KNOWN_CARDS.c.token).where(KNOWN_CARDS.c.digest == name)).scalar()
        return None if sealed is None else self._opened(sealed, b64u(name))

    def cards_of(self, subject: str, at: datetime) -> list[str]:
        """Return the tokens of a holder's cards that were seen here and expire after `at`. Each token was verified when
        it was seen.
        """
        mine = KNOWN_CARDS.c.subject == subject, KNOWN_CARDS.c.expires_at > to_epoch(at)
        wanted = sa.select(KNOWN_CARDS.c.digest, KNOWN_CARDS.c.token).where(*mine)
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
        tokens = [self._opened(row.token, b64u(row.digest)) for row in rows]
        return [token for token in tokens if token is not None]

    def keep_look(
        self,
        device: str,
        presentation: Presentation,
        at: datetime,
        tag: TagRead | None = None,
        delegation: str | None = None,
    ) -> Look:
        """Keep a look for its device alone, with the tag's reading or the delegation. Return it with its id."""
        look = Look(b64u(secrets.token_bytes(16)), device, presentation, at, at + LOOK_LIFE)
        with self._database.write() as connection:
            connection.execute(LOOKS.delete().where(LOOKS.c.expires_at < to_epoch(at)))
            connection.execute(
                LOOKS.insert().values(
                    id=look.id,
                    device=device,
                    presentation=self._sealer.seal(_written(presentation), look.id),
                    looked_at=to_epoch(at),
                    expires_at=to_epoch(look.expires_at),
                    tag=None if tag is None else tag.name,
                    # A count whose MAC is wrong is not kept: a look cannot make it valid.
                    counter=None if tag is None else tag.counter if tag.authentic else -1,
                    delegation=delegation,
                )
            )
        return look

    def look(self, look_id: str, device: str, at: datetime) -> KeptLook | None:
        """Return the look of a device, or None if it is unknown, expired or another device's."""
        found = LOOKS.c.id == look_id, LOOKS.c.device == device, LOOKS.c.expires_at > to_epoch(at)
        with self._database.read() as connection:
            row = connection.execute(sa.select(LOOKS).where(*found)).first()
        if row is None:
            return None
        text = self._opened(row.presentation, look_id)
        tag = None if row.tag is None else TagRead(row.tag, row.counter, authentic=row.counter >= 0)
        return None if text is None else KeptLook(_read(text), from_epoch(row.looked_at), tag, row.delegation)

    def keep_note(self, entry: str, note: str, at: datetime) -> None:
        """Keep the free text of a void, sealed, for 30 days."""
        sealed = self._sealer.seal(note.encode(), entry)
        with self._database.write() as connection:
            if connection.execute(sa.select(sa.literal(1)).where(NOTES.c.entry == entry)).first() is None:
                connection.execute(NOTES.insert().values(entry=entry, note=sealed, erase_at=to_epoch(at + NOTE_LIFE)))

    def note(self, entry: str) -> str | None:
        """Return the free text of an entry, or None if the entry has no text or the text is erased."""
        with self._database.read() as connection:
            sealed = connection.execute(sa.select(NOTES.c.note).where(NOTES.c.entry == entry)).scalar()
        return None if sealed is None else self._opened(sealed, entry)

    def erase_notes(self, entries: Iterable[str]) -> int:
        """Erase the free text of these entries now. Return the number of erased notes."""
        with self._database.write() as connection:
            return connection.execute(NOTES.delete().where(NOTES.c.entry.in_(list(entries)))).rowcount

    def record(self, access: Access, at: datetime) -> None:
        """Append one line to the access log."""
        with self._database.write() as connection:
            connection.execute(
                ACCESSES.insert().values(
                    at=to_epoch(at),
                    kind=access.kind,
                    caller=access.caller,
                    operator=access.operator,
                    point=access.point,
                    holder=access.holder,
                    what=access.what[:WHAT_MOST],
                )
            )

    def accesses(self, most: int = 100, kind: str | None = None) -> list[dict[str, object]]:
        """Return the newest lines of the access log, only those of `kind` if it is given."""
        query = sa.select(ACCESSES).order_by(ACCESSES.c.id.desc()).limit(most)
        with self._database.read() as connection:
            rows = connection.execute(query if kind is None else query.where(ACCESSES.c.kind == kind))
            return [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's documented name

    def sweep(self, at: datetime) -> int:
        """Erase the expired rows of every table with an expiry. Return their number."""
        return erase_expired(self._database, at)

    def is_recorded(self, kind: str, what: str) -> bool:
        """Return whether the access log has such a line."""
        wanted = sa.select(sa.literal(1)).where(ACCESSES.c.kind == kind, ACCESSES.c.what == what)
        with self._database.read() as connection:
            return connection.execute(wanted).first() is not None

    def erase_subject(self, subject: str) -> None:
        """Erase the cards, the tags and the delegations of a holder whose erasure was ordered."""
        with self._database.write() as connection:
            connection.execute(KNOWN_CARDS.delete().where(KNOWN_CARDS.c.subject == subject))
        self.delegations.erase(subject)
        self.tags.erase(subject)

    def _opened(self, sealed: bytes, context: str) -> str | None:
        # After the secret was replaced, old rows are unreadable: they count as unknown, and the phone shows the full
        # form.
        try:
            return self._sealer.open(sealed, context).decode()
        except Unsealable:
            return None


def _written(presentation: Presentation) -> bytes:
    return presentation.text.encode()


def _read(text: str) -> Presentation:
    card, _, proof = text.partition("~")
    return Presentation(card, proof or None)
