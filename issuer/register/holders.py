"""Holders: adding and finding them, their photos and their approved grounds. Only `Holder` carries full names."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from cards import typed
from cards.names import is_noncharacter, mask
from edge.ids import new_id
from issuer.register import office_log
from issuer.register.entitlement import HeldGround
from issuer.register.errors import RefusedError
from issuer.register.identity import Identity, IdType
from issuer.register.issuer import Issuer
from issuer.register.marks import raise_benefit
from issuer.register.office_log import OfficeAction
from issuer.register.photo import BadPhoto, check_photo
from issuer.register.searching import name_hash, search_hashes
from issuer.register.tables import ERASED_IDENTITIES, GROUNDS, HOLDERS, PHOTOS

NAME_MOST = 60
_NOTE_MOST = 500
_REFUSED_IN_NAMES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""This does not include characters that this Python's tables lack: today's ID cards have newer characters (GB
18030-2022).
"""


@dataclass(frozen=True, slots=True)
class NewHolder:
    """A holder to add: full name as on the ID, checked identity, telephone for call-backs."""

    name: str = field(repr=False)
    identity: Identity = field(repr=False)
    phone: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Holder:
    """A holder as the office sees it. `id` is the cards' `sub`. `repr` shows no personal data."""

    id: str
    name: str = field(repr=False)
    masked_name: str
    identity: Identity = field(repr=False)
    phone: str | None = field(repr=False)
    has_photo: bool
    added_at: datetime
    erased_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewGround:
    """An approved ground. `tier`, `reference` and `body` are for `special` alone. The dates are last days."""

    code: str
    limb: str | None = None
    tier: str | None = None
    reference: str | None = None
    body: str | None = None
    note: str | None = field(default=None, repr=False)
    contract_ends: date | None = None
    permit_ends: date | None = None
    basis_ends: date | None = None


def add_holder(issuer: Issuer, new: NewHolder, *, by: str, at: datetime) -> Holder:
    """Register a person and return the holder. Raises RefusedError for a bad name or an identity that is already
    registered.
    """
    with issuer.register.change() as connection:
        return add_holder_in(issuer, connection, new, by=by, at=at)


def add_holder_in(issuer: Issuer, connection: Connection, new: NewHolder, *, by: str, at: datetime) -> Holder:
    """Register a person inside a transaction, as `add_holder` does."""
    name, masked = checked_name(new.name)
    phone = checked_phone(new.phone)
    holder_id = new_id()
    register = issuer.register
    values = {
        "id": holder_id,
        "name": register.seal(name.encode(), f"holders.name:{holder_id}"),
        "masked_name": masked,
        "id_type": new.identity.kind.value,
        "id_country": new.identity.country,
        "id_number": register.seal(new.identity.number.encode(), f"holders.id_number:{holder_id}"),
        "id_hash": register.hash("identity", new.identity.unique_text),
        "phone": None if phone is None else register.seal(phone.encode(), f"holders.phone:{holder_id}"),
        "added_at": at,
        **search_hashes(register, name, new.identity),
    }
    known = sa.select(HOLDERS.c.id).where(HOLDERS.c.id_hash == values["id_hash"])
    found = connection.execute(known).scalar_one_or_none()
    if found is not None:
        raise RefusedError("this identity is registered already", f"python -m issuer holder show {found}")
    _refuse_erased(issuer, connection, values["id_hash"], at)
    connection.execute(HOLDERS.insert().values(values))
    office_log.append(connection, OfficeAction.HOLDER_ADDED, by=by, at=at, holder=holder_id)
    return read_holder(issuer, connection, holder_id)


def _refuse_erased(issuer: Issuer, connection: Connection, hashed: object, at: datetime) -> None:
    """Refuse a person who was erased this year. The person may return with next year's quotas, because nobody knows
    this year's uses.
    """
    t = ERASED_IDENTITIES
    until = connection.execute(sa.select(t.c.until).where(t.c.id_hash == hashed, t.c.until > at)).scalar_one_or_none()
    if until is not None:
        day = until.astimezone(issuer.programme.zone).date()
        raise RefusedError("this person was erased on request", f"a new card is possible from {day} on")


def correct_holder(
    issuer: Issuer, holder_id: str, *, name: str | None = None, phone: str | None = None, by: str, at: datetime
) -> Holder:
    """Correct a holder's name or telephone (None: unchanged). A card shows the new name after it is reissued."""
    changed: dict[str, object] = {}
    if name is not None:
        plain, masked = checked_name(name)
        changed |= {"name": issuer.register.seal(plain.encode(), f"holders.name:{holder_id}"), "masked_name": masked}
        changed["name_hash"] = name_hash(issuer.register, plain)
    if phone is not None:
        digits = checked_phone(phone)
        sealed = None if digits is None else issuer.register.seal(digits.encode(), f"holders.phone:{holder_id}")
        changed |= {"phone": sealed}
    if not changed:
        raise RefusedError("nothing to correct was given", "give a name or a telephone number")
    with issuer.register.change() as connection:
        read_holder(issuer, connection, holder_id)
        connection.execute(HOLDERS.update().where(HOLDERS.c.id == holder_id).values(changed))
        fields = [field for field in ("name", "phone") if field in changed]
        office_log.append(connection, OfficeAction.HOLDER_CORRECTED, by=by, at=at, holder=holder_id, fields=fields)
        return read_holder(issuer, connection, holder_id)


def find_holder(issuer: Issuer, holder_id: str) -> Holder:
    """Return the holder with an id. Raises RefusedError for an unknown id."""
    with issuer.register.read() as connection:
        return read_holder(issuer, connection, holder_id)


def find_holders(issuer: Issuer, holder_ids: Collection[str]) -> list[Holder]:
    """Return the holders with these ids, in the order of the ids, with one query. Unknown ids are left out."""
    with issuer.register.read() as connection:
        asked = _rows().where(HOLDERS.c.id.in_(holder_ids)).order_by(HOLDERS.c.id)
        return [_holder(issuer, row) for row in connection.execute(asked)]


def find_by_identity(issuer: Issuer, identity: Identity) -> Holder | None:
    """Return the holder with a checked identity, in whatever spelling it was given, or None."""
    hashed = issuer.register.hash("identity", identity.unique_text)
    with issuer.register.read() as connection:
        found = connection.execute(sa.select(HOLDERS.c.id).where(HOLDERS.c.id_hash == hashed)).scalar_one_or_none()
        return None if found is None else read_holder(issuer, connection, found)


def list_holders(issuer: Issuer, *, after: str = "", limit: int = 100) -> list[Holder]:
    """Return at most `limit` holders in the order of their ids, beginning after the id `after`."""
    with issuer.register.read() as connection:
        asked = _rows().where(HOLDERS.c.id > after).order_by(HOLDERS.c.id).limit(limit)
        return [_holder(issuer, row) for row in connection.execute(asked)]


def masked_names(issuer: Issuer, holder_ids: Collection[str]) -> dict[str, str]:
    """Return the masked names of holders by their ids."""
    with issuer.register.read() as connection:
        asked = sa.select(HOLDERS.c.id, HOLDERS.c.masked_name).where(HOLDERS.c.id.in_(holder_ids))
        return {row.id: row.masked_name for row in connection.execute(asked)}


def read_holder(issuer: Issuer, connection: Connection, holder_id: str) -> Holder:
    """Return the holder with an id inside a transaction. Raises RefusedError for an unknown id."""
    row = connection.execute(_rows().where(HOLDERS.c.id == holder_id)).one_or_none()
    if row is None:
        raise RefusedError("there is no such holder", "python -m issuer holder list")
    return _holder(issuer, row)


def set_photo(issuer: Issuer, holder_id: str, photo: bytes, *, by: str, at: datetime) -> None:
    """Check a photo and keep it, sealed, in place of an earlier one. Raises RefusedError for a photo that the guide
    does not allow.
    """
    rule = issuer.programme.photo
    if rule is None:
        raise RefusedError("this programme keeps no photos", "add [photo] to the programme file")
    try:
        plain = check_photo(photo, rule)
    except BadPhoto as error:
        raise RefusedError(str(error), rule.text.en) from None
    with issuer.register.change() as connection:
        read_holder(issuer, connection, holder_id)
        set_photo_in(issuer, connection, holder_id, plain, by=by, at=at)


def set_photo_in(
    issuer: Issuer, connection: Connection, holder_id: str, checked: bytes, *, by: str, at: datetime
) -> None:
    """Keep a checked photo, sealed, in place of an earlier one, inside a transaction."""
    sealed = issuer.register.seal(checked, f"holder_photos.photo:{holder_id}")
    connection.execute(PHOTOS.delete().where(PHOTOS.c.holder_id == holder_id))
    connection.execute(PHOTOS.insert().values(holder_id=holder_id, photo=sealed, added_at=at))
    office_log.append(connection, OfficeAction.PHOTO_SET, by=by, at=at, holder=holder_id)


def photo_of(issuer: Issuer, holder_id: str) -> bytes | None:
    """Return a holder's photo (JPEG), or None. A caller who shows it to a person writes an office-log line."""
    with issuer.register.read() as connection:
        asked = sa.select(PHOTOS.c.photo).where(PHOTOS.c.holder_id == holder_id)
        sealed = connection.execute(asked).scalar_one_or_none()
    return None if sealed is None else issuer.register.unseal(sealed, f"holder_photos.photo:{holder_id}")


def add_ground(issuer: Issuer, holder_id: str, new: NewGround, *, by: str, at: datetime) -> HeldGround:
    """Record an approved ground and return it. Raises RefusedError unless it is one of the programme's, with all its
    details.

    This changes no card: a higher tier comes with the next card that is issued or reissued.
    """
    with issuer.register.change() as connection:
        return add_ground_in(issuer, connection, holder_id, new, by=by, at=at)


def add_ground_in(
    issuer: Issuer, connection: Connection, holder_id: str, new: NewGround, *, by: str, at: datetime
) -> HeldGround:
    """Record an approved ground inside a transaction, as `add_ground` does."""
    tier = _checked_ground(issuer, new)
    values = {
        "holder_id": holder_id,
        "code": new.code,
        "limb": new.limb,
        "tier": tier,
        "reference": new.reference,
        "body": new.body,
        "note": _sealed_note(issuer, holder_id, new.note),
        "contract_ends": new.contract_ends,
        "permit_ends": new.permit_ends,
        "basis_ends": new.basis_ends,
        "added_at": at,
    }
    read_holder(issuer, connection, holder_id)
    ground_id = connection.execute(GROUNDS.insert().values(values).returning(GROUNDS.c.id)).scalar_one()
    told = {"ground": new.code, "tier": tier, "id": ground_id}
    office_log.append(connection, OfficeAction.GROUND_ADDED, by=by, at=at, holder=holder_id, **told)
    for benefit in issuer.programme.grounds[new.code].raises:
        raise_benefit(connection, holder_id, benefit, by=by, at=at)
    return next(ground for ground in held_grounds(connection, holder_id) if ground.id == ground_id)


def withdraw_ground(issuer: Issuer, holder_id: str, ground_id: int, *, by: str, at: datetime) -> None:
    """Withdraw a ground: no card is issued or refreshed on it any more. `revoke` ends the present cards."""
    with issuer.register.change() as connection:
        withdraw_ground_in(connection, holder_id, ground_id, by=by, at=at)


def withdraw_ground_in(connection: Connection, holder_id: str, ground_id: int, *, by: str, at: datetime) -> None:
    """Withdraw a ground inside a transaction. Raises RefusedError if the holder has no such ground."""
    held = next((ground for ground in held_grounds(connection, holder_id) if ground.id == ground_id), None)
    if held is None or held.withdrawn_at is not None:
        raise RefusedError("the holder has no such ground", f"python -m issuer holder show {holder_id}")
    connection.execute(GROUNDS.update().where(GROUNDS.c.id == ground_id).values(withdrawn_at=at))
    office_log.append(connection, OfficeAction.GROUND_WITHDRAWN, by=by, at=at, holder=holder_id, id=ground_id)


def grounds_of(issuer: Issuer, holder_id: str) -> list[HeldGround]:
    """Return all grounds of a holder, also withdrawn ones, oldest first."""
    with issuer.register.read() as connection:
        return held_grounds(connection, holder_id)


def held_grounds(connection: Connection, holder_id: str) -> list[HeldGround]:
    """Return all grounds of a holder inside a transaction, oldest first."""
    asked = sa.select(GROUNDS).where(GROUNDS.c.holder_id == holder_id).order_by(GROUNDS.c.id)
    return [
        HeldGround(
            id=row.id,
            code=row.code,
            limb=row.limb,
            tier=row.tier,
            reference=row.reference,
            body=row.body,
            contract_ends=row.contract_ends,
            permit_ends=row.permit_ends,
            basis_ends=row.basis_ends,
            added_at=row.added_at,
            withdrawn_at=row.withdrawn_at,
        )
        for row in connection.execute(asked)
    ]


def _rows() -> sa.Select[tuple[object, ...]]:
    return sa.select(HOLDERS, PHOTOS.c.added_at.label("photo_at")).select_from(HOLDERS.outerjoin(PHOTOS))


def _holder(issuer: Issuer, row: Row[tuple[object, ...]]) -> Holder:
    def opened(column: str, sealed: bytes) -> str:
        if row.erased_at is not None:
            return ""
        return issuer.register.unseal(sealed, f"holders.{column}:{row.id}").decode()

    return Holder(
        id=row.id,
        name=opened("name", row.name),
        masked_name=row.masked_name,
        identity=Identity(IdType(row.id_type), opened("id_number", row.id_number), row.id_country),
        phone=None if row.phone is None else opened("phone", row.phone),
        has_photo=row.photo_at is not None,
        added_at=row.added_at,
        erased_at=row.erased_at,
    )


def checked_name(name: str) -> tuple[str, str]:
    """Return a name as it is kept (NFC, single spaces, radicals as characters), and as a card carries it."""
    plain = " ".join(typed.characters(unicodedata.normalize("NFC", name)).split())
    if not plain or len(plain) > NAME_MOST:
        raise RefusedError(f"a name has 1 to {NAME_MOST} characters", "write it as on the ID")
    if any(unicodedata.category(char) in _REFUSED_IN_NAMES or is_noncharacter(char) or char in "*~" for char in plain):
        raise RefusedError("the name holds a character that does not belong in a name", "type it anew as on the ID")
    return plain, mask(plain)


def checked_phone(phone: str | None) -> str | None:
    """Return a telephone number as it is kept, or None for an empty text. Raises RefusedError for a malformed
    number.
    """
    if phone is None or not phone.strip():
        return None
    number = typed.phone(phone)
    if number is None:
        raise RefusedError(
            "the telephone number is none",
            "write digits, 转 before an extension, + and the country before a foreign one",
        )
    return typed.dialled(number)


def _checked_ground(issuer: Issuer, new: NewGround) -> str:
    """Return the tier of a ground with complete details."""
    ground = issuer.programme.grounds.get(new.code)
    if ground is None:
        raise RefusedError("the programme has no such ground", "python -m verifier programme show --json")
    if new.limb is not None and new.limb not in {limb.code for limb in ground.limbs}:
        raise RefusedError(f"ground {new.code} has no such limb", "python -m verifier programme show --json")
    if ground.basis_ends and new.basis_ends is None:
        raise RefusedError(f"ground {new.code} ends by itself", "give its last day with --basis-ends YYYY-MM-DD")
    if ground.tier is not None:
        if new.tier not in (None, ground.tier) or new.body is not None:
            raise RefusedError(f"ground {new.code} fixes its tier itself", "leave --tier and --body out")
        return ground.tier
    if new.tier is None or not new.reference or not new.body:
        raise RefusedError(
            f"ground {new.code} takes its tier from a decision", "give --tier, --reference and --body of the decision"
        )
    if new.tier not in issuer.programme.tiers:
        raise RefusedError("the programme has no such tier", f"one of {', '.join(issuer.programme.tiers)}")
    return new.tier


def _sealed_note(issuer: Issuer, holder_id: str, note: str | None) -> bytes | None:
    if note is None:
        return None
    if len(note) > _NOTE_MOST:
        raise RefusedError(f"a note has at most {_NOTE_MOST} characters", "say it shorter")
    return issuer.register.seal(note.encode(), f"holder_grounds.note:{holder_id}")
