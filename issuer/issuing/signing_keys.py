"""The issuer's signing keys as the office sees them: the role of each and its end; rotate a key, drop a compromised
key.

Rotation overlaps: the successor is published before its first use, and the old key is trusted until everything that it
signed has expired. A compromised key leaves with the next trust bundle at once, and every card that it signed must be
made again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cards.claims import CARD
from cards.promise import origin_of
from issuer.issuing.issuing import IssuedCard, list_cards
from issuer.publishing import office_checkpoint
from issuer.publishing.publish import after_change
from issuer.register import office_log
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer
from issuer.register.office_log import OfficeAction
from keys.files import StoreError
from keys.keyset import Purpose
from keys.notes import Ed25519NoteSigner, NoteKey
from keys.store import KeyStore
from keys.stored import KeyState, StoredKey
from keys.tokens import parse_unverified

DUE: Final = timedelta(days=30)
"""How long before a key's last day of signing its successor is due."""
USAGE_LOG: Final = "log"
"""The name of the note key that signs the usage log's checkpoints, where this machine sequences that log."""
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A key in the list. `doing`: signs, waits, verifies, over, disabled or compromised. `due`: it needs a
    successor.
    """

    key: StoredKey
    doing: str
    due: bool

    @property
    def kid(self) -> str:
        """The key's RFC 7638 thumbprint."""
        return self.key.kid

    @property
    def purpose(self) -> Purpose:
        """What the key signs."""
        return self.key.purpose


@dataclass(frozen=True, slots=True)
class NoteLine:
    """A key that signs checkpoints of a log. `key` is None where it is not here, or cannot be opened (`fault`).

    Such a key has no end and no rotation: whoever checks the log pins its public half (`vkey`).
    """

    log: str
    origin: str
    key: NoteKey | None
    in_module: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """The result of dropping a key: the successor, if the key was in use, and how many live cards must be made
    again.
    """

    successor: StoredKey | None
    cards: int


def key_lines(issuer: Issuer, at: datetime) -> list[KeyLine]:
    """Return every key in the issuer's folder, with keys in use first."""
    signing = {purpose: kid for purpose in Purpose if (kid := _signing(issuer.keys, purpose, at)) is not None}
    waiting = {key.purpose for key in issuer.keys.list() if key.waits(at)}
    found = [_line(key, signing, waiting, at) for key in issuer.keys.list()]
    order = ("signs", "waits", "verifies", "disabled", "over", "compromised")
    return sorted(found, key=lambda line: (line.purpose, order.index(line.doing)))


def note_lines(issuer: Issuer) -> list[NoteLine]:
    """Return the keys that sign checkpoints: the usage log's and the office log's. Makes none."""
    issued = issuer.programme.issuer
    here = issuer.keys.note_names()
    origins = {USAGE_LOG: origin_of(issued), office_checkpoint.KEY: office_checkpoint.origin(issuer)}
    return [_note_line(issuer.keys, name, origin, in_module=here.get(name)) for name, origin in origins.items()]


def _note_line(store: KeyStore, name: str, origin: str, *, in_module: bool | None) -> NoteLine:
    if in_module is None:
        return NoteLine(name, origin, None)
    try:
        key = Ed25519NoteSigner(origin, store.note_signer(name)).key
    except StoreError as error:
        return NoteLine(name, origin, None, in_module, str(error))
    return NoteLine(name, origin, key, in_module)


def _line(key: StoredKey, signing: dict[Purpose, str], waiting: set[Purpose], at: datetime) -> KeyLine:
    if key.state in (KeyState.COMPROMISED, KeyState.DISABLED):
        return KeyLine(key, key.state.value, due=False)
    if signing.get(key.purpose) == key.kid:
        return KeyLine(key, "signs", due=key.purpose not in waiting and key.signs_until - at < DUE)
    if key.waits(at):
        return KeyLine(key, "waits", due=False)
    return KeyLine(key, "verifies" if at < key.public.not_after else "over", due=False)


def _signing(store: KeyStore, purpose: Purpose, at: datetime) -> str | None:
    able = [key for key in store.list() if key.purpose is purpose and key.may_sign(at)]
    return able[-1].kid if able else None


def rotate(issuer: Issuer, purpose: Purpose, *, by: str, at: datetime) -> StoredKey:
    """Make the successor of a purpose's key: it is published now and signs some days later. Raises RefusedError if a
    successor already waits.
    """
    successor = _kept(issuer, purpose, at, at_once=False)
    _log(issuer, OfficeAction.KEY_ROTATED, successor, by=by, at=at)
    after_change(issuer, at)
    return successor


def drop(issuer: Issuer, kid: str, *, by: str, at: datetime) -> Dropped:
    """Drop a compromised key for ever. If it was in use, its successor signs at once. The cards are then made again by
    hand.
    """
    known = _known(issuer, kid)
    if known.state is KeyState.COMPROMISED:
        raise RefusedError("this key was dropped already", "make the cards anew that it signed")
    in_use = _signing(issuer.keys, known.purpose, at) == kid
    successor = _kept(issuer, known.purpose, at, at_once=True) if in_use else None
    issuer.keys.compromise(kid)
    _log(issuer, OfficeAction.KEY_COMPROMISED, known, by=by, at=at)
    after_change(issuer, at)
    return Dropped(successor, sum(1 for _ in cards_of_key(issuer, kid)))


def _known(issuer: Issuer, kid: str) -> StoredKey:
    try:
        return issuer.keys.find(kid)
    except StoreError as error:
        raise RefusedError(str(error), error.hint) from None


def _kept(issuer: Issuer, purpose: Purpose, at: datetime, *, at_once: bool) -> StoredKey:
    try:
        return issuer.keys.rotate(purpose, at, at_once=at_once)
    except StoreError as error:
        raise RefusedError(str(error), error.hint) from None


def _log(issuer: Issuer, action: OfficeAction, key: StoredKey, *, by: str, at: datetime) -> None:
    told = {"purpose": key.purpose.value, "kid": key.kid}
    with issuer.register.change() as connection:
        office_log.append(connection, action, by=by, at=at, holder=None, card=None, **told)


def cards_of_key(issuer: Issuer, kid: str) -> Iterator[IssuedCard]:
    """Yield the live cards whose present token was signed by a key, in the order of their ids."""
    after = ""
    while part := list_cards(issuer, after=after, limit=_AT_ONCE):
        yield from (card for card in part if card.state.live and signing_key_id(card) == kid)
        after = part[-1].id


def signing_key_id(card: IssuedCard) -> str:
    """Return the id of the key that signed a card's present token, or an empty text if the token was erased."""
    return str(parse_unverified(card.token, CARD).header["kid"]) if card.token else ""


def counts_by_form(cards: Iterator[IssuedCard]) -> dict[str, int]:
    """Return the number of cards of each form. Phones fetch new tokens themselves; the others are made again by
    hand.
    """
    found: dict[str, int] = {}
    for card in cards:
        found[card.form.value] = found.get(card.form.value, 0) + 1
    return found
