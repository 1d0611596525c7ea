"""Status indexes: drawn at random, and published as valid one publication before a card gets one. Two cards never share
an index.

Every function works inside the caller's transaction.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cards.binding import card_binding, pool_binding
from cards.claims import CardClaims
from cards.status import LIST_SIZE, Status
from edge.ids import new_id
from issuer.register.errors import PoolEmpty
from issuer.register.tables import CARDS, STATUS_INDEXES, STATUS_LISTS, CardState, IndexState

POOL_SIZE: Final = 64
"""How many indexes are kept ready. Each is bound to a card id that nobody outside has seen."""
_FULL_AT: Final = LIST_SIZE * 3 // 4  # Beyond this, random draws meet too many taken indexes

T = STATUS_INDEXES


@dataclass(frozen=True, slots=True)
class Drawn:
    """An index given to a card, and the card's id, which was drawn when the index entered the pool."""

    list: int
    index: int
    card_id: str


def draw(connection: Connection, reusable_at: datetime) -> Drawn:
    """Give a ready index to a card, at least until `reusable_at`. Raises PoolEmpty if no index is ready."""
    ready = connection.execute(
        sa.select(T.c.list, T.c.index.label("place"), T.c.card_id).where(T.c.state == IndexState.READY)
    ).all()
    if not ready:
        raise PoolEmpty
    row = secrets.choice(ready)
    connection.execute(_at(row.list, row.place).values(state=IndexState.ASSIGNED.value, reusable_at=reusable_at))
    return Drawn(row.list, row.place, row.card_id)


def bind(connection: Connection, card: CardClaims) -> None:
    """Keep the binding of a card's index for the next publication."""
    connection.execute(T.update().where(T.c.card_id == card.card_id).values(binding=card_binding(card)))


def unbound_cards(connection: Connection) -> list[str]:
    """Return the ids of the live cards without a binding: cards from before bindings were kept."""
    live = CARDS.c.state.in_([CardState.VALID, CardState.SUSPENDED])
    asked = sa.select(CARDS.c.id).select_from(T.join(CARDS, CARDS.c.id == T.c.card_id))
    return list(connection.execute(asked.where(live, T.c.binding.is_(None))).scalars())


def retire(connection: Connection, card_id: str, reusable_at: datetime) -> None:
    """Set when the index of an ended card may serve another card: after its last token's `exp` and the grace period."""
    connection.execute(T.update().where(T.c.card_id == card_id).values(reusable_at=reusable_at))


def top_up(connection: Connection, at: datetime, size: int) -> None:
    """Fill the pool to `size` with random unused indexes. They become ready after they are published."""
    numbers = _with_room(connection, at)
    waiting = sa.select(sa.func.count()).where(T.c.state.in_([IndexState.POOLED, IndexState.READY]))
    for _ in range(size - connection.execute(waiting).scalar_one()):
        _pool(connection, numbers[0], at)


def pooled(connection: Connection) -> list[tuple[int, int]]:
    """Return the indexes that the next publication shows as valid for the first time."""
    rows = connection.execute(sa.select(T.c.list, T.c.index.label("place")).where(T.c.state == IndexState.POOLED))
    return [(row.list, row.place) for row in rows]


def make_ready(connection: Connection, published: list[tuple[int, int]]) -> None:
    """Make the indexes that were published as valid ready for cards."""
    for number, index in published:
        connection.execute(_at(number, index).where(T.c.state == IndexState.POOLED).values(state=IndexState.READY))


def list_numbers(connection: Connection) -> list[int]:
    """Return the numbers of all status lists."""
    return list(connection.execute(sa.select(STATUS_LISTS.c.number).order_by(STATUS_LISTS.c.number)).scalars())


def entries(connection: Connection, number: int, at: datetime) -> dict[int, Status]:
    """Return the content of list `number` at `at`, for every index that is not revoked. Missing indexes are published
    as revoked.
    """
    live = sa.and_(T.c.reusable_at > at, CARDS.c.state.in_([CardState.VALID, CardState.SUSPENDED]))
    suspended = sa.case((CARDS.c.state == CardState.SUSPENDED, Status.SUSPENDED.value), else_=Status.VALID.value)
    rows = connection.execute(
        sa.select(T.c.index, suspended)
        .select_from(T.outerjoin(CARDS, CARDS.c.id == T.c.card_id))
        .where(T.c.list == number, sa.or_(T.c.state != IndexState.ASSIGNED, live))
    )
    said = (Status.VALID, Status.REVOKED, Status.SUSPENDED)
    return {index: said[status] for index, status in rows}


def bindings(connection: Connection, number: int, at: datetime, uri: str) -> dict[int, bytes]:
    """Return the bindings in list `number`, with the address `uri`, of the indexes that `entries` does not call
    revoked.
    """
    live = sa.and_(T.c.reusable_at > at, CARDS.c.state.in_([CardState.VALID, CardState.SUSPENDED]))
    waiting = T.c.state != IndexState.ASSIGNED
    rows = connection.execute(
        sa.select(T.c.index.label("place"), waiting.label("waits"), T.c.card_id, T.c.binding)
        .select_from(T.outerjoin(CARDS, CARDS.c.id == T.c.card_id))
        .where(T.c.list == number, sa.or_(waiting, live))
    )
    return {row.place: pool_binding(uri, row.place, row.card_id) if row.waits else row.binding for row in rows}


def _with_room(connection: Connection, at: datetime) -> list[int]:
    """Return the lists with room, oldest first, at least two. Make missing lists.

    There is always one list more than in use: the trust bundle, and so the offline root, names a list before it is
    needed.
    """
    counted = sa.select(T.c.list, sa.func.count().label("n")).where(sa.not_(_free(at))).group_by(T.c.list)
    taken: dict[int, int] = {row.list: row.n for row in connection.execute(counted)}
    numbers = list_numbers(connection)
    with_room = [number for number in numbers if taken.get(number, 0) < _FULL_AT]
    new = list(range(len(numbers), len(numbers) + 2 - len(with_room)))
    for number in new:
        connection.execute(STATUS_LISTS.insert().values(number=number, size=LIST_SIZE, created_at=at))
    return with_room + new


def _pool(connection: Connection, number: int, at: datetime) -> None:
    """Put one random index of a list into the pool. It was never used, or its last card is long over."""
    while True:
        index = secrets.randbelow(LIST_SIZE)
        row = sa.select(_free(at).label("free")).where(T.c.list == number, T.c.index == index)
        free = connection.execute(row).scalar_one_or_none()
        if free is None:
            connection.execute(T.insert().values(list=number, index=index, **_fresh()))
            return
        if free:
            connection.execute(_at(number, index).values(_fresh()))
            return


def _fresh() -> dict[str, object]:
    return {"state": IndexState.POOLED.value, "card_id": new_id(), "reusable_at": None, "binding": None}


def _free(at: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(T.c.state == IndexState.ASSIGNED, T.c.reusable_at <= at)


def _at(number: int, index: int) -> sa.Update:
    return T.update().where(T.c.list == number, T.c.index == index)
