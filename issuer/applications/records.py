"""Applications as the register keeps them: reading, finding, and changing inside a transaction. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from cards import numbers
from cards.programme.types import Ground, Limb
from edge.instants import to_epoch
from issuer.applications.content import Content, ground_claim
from issuer.applications.papers import Claim, Paper, ground_of
from issuer.applications.states import State
from issuer.register.application_tables import (
    APPLICATION_EVENTS,
    APPLICATION_FILES,
    APPLICATION_PAPERS,
    APPLICATIONS,
)
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer
from issuer.register.searching import masked_id_hash, name_hash
from issuer.register.tables import CARDS, HOLDERS

T = APPLICATIONS
_PLACE: Final = "applications.content"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a paper. `id` is its name in the folder of attachments."""

    id: str
    key: str
    media: str
    size: int
    pages: int
    added_at: datetime


@dataclass(frozen=True, slots=True)
class ApplicationEvent:
    """One line of an application's history. `note` is free text, shown only to the office."""

    at: datetime
    actor: str
    act: str
    detail: Mapping[str, object]
    note: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Application:
    """An application as the office sees it. `receipt` is its number for people. `repr` shows nothing of the person."""

    id: str
    receipt: str
    channel: str
    channel_receipt: str | None
    state: State
    ground: str | None
    limb: str | None
    tier: str | None
    department: str | None
    masked_name: str
    content: Content = field(repr=False)
    papers: tuple[Paper, ...]
    files: tuple[StoredFile, ...]
    language: str
    created_at: datetime
    submitted_at: datetime | None
    due_on: date | None
    office_due_on: date | None
    asked_on: date | None
    supplement: str | None = field(repr=False)
    lacking: tuple[str, ...]
    recorded_by: str
    claimed_by: str | None
    reviewed_by: str | None
    advice: str | None
    decided_by: str | None
    decided_at: datetime | None
    refusal: str | None
    holder_id: str | None
    card_id: str | None

    @property
    def claim(self) -> Claim:
        """Return the values for the rules. Raises RefusedError before a ground was chosen."""
        if self.ground is None or self.limb is None:
            raise RefusedError("no ground was chosen yet", "choose the ground and its alternative first")
        return ground_claim(self.content, self.ground, self.limb, self.papers)

    def named_ground(self, issuer: Issuer) -> tuple[Ground, Limb]:
        """Return the ground and limb. Raises RefusedError before a choice, and if the programme no longer has the
        ground.
        """
        named = ground_of(issuer.programme, self.ground or "", self.limb or "")
        if named is None:
            raise RefusedError("no ground was chosen yet", "choose the ground and its alternative first")
        return named


@dataclass(frozen=True, slots=True)
class ListedApplication:
    """An application in a list, made without opening sealed content."""

    id: str
    receipt: str
    channel: str
    channel_receipt: str | None
    state: State
    ground: str | None
    limb: str | None
    tier: str | None
    department: str | None
    masked_name: str
    due_on: date | None
    lacking: tuple[str, ...]
    claimed_by: str | None
    reviewed_by: str | None
    submitted_at: datetime | None


_LINE: Final = tuple(T.c[name] for name in ListedApplication.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Filter:
    """The filter of a worklist. None does not filter. `claimed_by` "" means: claimed by nobody."""

    states: frozenset[State] | None = None
    tier: str | None = None
    ground: str | None = None
    department: str | None = None
    claimed_by: str | None = None
    overdue_on: date | None = None
    lacking: bool | None = None
    text: str | None = None
    departments: frozenset[str] | None = None


def seal_content(issuer: Issuer, application_id: str, content: Content) -> dict[str, object]:
    """Return the columns that hold and index a content."""
    return {
        "content": issuer.register.seal(msgspec.json.encode(content), f"{_PLACE}:{application_id}"),
        "name_hash": name_hash(issuer.register, content.name),
        "id_hash": issuer.register.hash("identity", content.identity.unique_text),
        "masked_id_hash": masked_id_hash(issuer.register, content.identity.masked),
    }


def find(issuer: Issuer, application_id: str) -> Application:
    """Return the application with an id. Raises RefusedError for an unknown id."""
    with issuer.register.read() as connection:
        return read(issuer, connection, application_id)


def read(issuer: Issuer, connection: Connection, application_id: str) -> Application:
    """Return the application with an id inside a transaction. Raises RefusedError for an unknown id."""
    row = connection.execute(sa.select(T).where(T.c.id == application_id)).one_or_none()
    if row is None:
        raise RefusedError("there is no such application", "python -m issuer application list")
    return _application(issuer, connection, row)


def id_of_receipt(issuer: Issuer, connection: Connection, receipt: str, code: str) -> str | None:
    """Return the application that a receipt number and its secret code together name, or None for any other pair."""
    hashed = issuer.register.code_hash("application", code)
    asked = sa.select(T.c.id).where(T.c.receipt == receipt.strip().upper(), T.c.code_hash == hashed)
    return connection.execute(asked).scalar_one_or_none()


def listed(issuer: Issuer, asked: Filter, *, limit: int, offset: int = 0) -> list[ListedApplication]:
    """Return a part of the worklist: applications due first come first, applications without a due day come last.

    In states without due days, the newest application comes first: an index has this order, however many there are.
    """
    where = _where(issuer, asked)
    ended = bool(asked.states) and all(state.final for state in asked.states or ())
    newest = (T.c.submitted_at.desc(), T.c.id.desc())
    order = newest if ended else (T.c.due_on.is_(None), T.c.due_on, T.c.submitted_at.desc(), T.c.id)
    with issuer.register.read() as connection:
        rows = connection.execute(sa.select(*_LINE).where(*where).order_by(*order).limit(limit).offset(offset))
        return [_line(row) for row in rows]


def counted(issuer: Issuer, asked: Filter) -> dict[State, int]:
    """Return the number of applications in each state, within a filter."""
    where = _where(issuer, asked)
    with issuer.register.read() as connection:
        rows = connection.execute(sa.select(T.c.state, sa.func.count()).where(*where).group_by(T.c.state))
        return {State(state): count for state, count in rows}


def _where(issuer: Issuer, asked: Filter) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    # A search must use the index of its search term: with a list of nearly all states, it would go through them all.
    found.append(T.c.state != State.DRAFT if asked.states is None else T.c.state.in_(sorted(asked.states)))
    for name in ("tier", "ground", "department"):
        wanted = getattr(asked, name)
        if wanted is not None:
            found.append(T.c[name] == wanted)
    if asked.departments is not None:
        found.append(T.c.department.in_(sorted(asked.departments)))
    if asked.claimed_by is not None:
        found.append(T.c.claimed_by == asked.claimed_by if asked.claimed_by else T.c.claimed_by.is_(None))
    if asked.overdue_on is not None:
        found.append(T.c.due_on < asked.overdue_on)
    if asked.lacking is not None:
        found.append(sa.cast(T.c.lacking, sa.Text) != "[]" if asked.lacking else sa.cast(T.c.lacking, sa.Text) == "[]")
    if asked.text:
        found.append(_named(issuer, asked.text))
    return found


def _named(issuer: Issuer, text: str) -> sa.ColumnElement[bool]:
    """Match a full name, a receipt (this office's or a platform's), a masked identity number, or a card's number."""
    plain = text.strip()
    ways: list[sa.ColumnElement[bool]] = [
        T.c.name_hash == name_hash(issuer.register, plain),
        T.c.receipt == plain.upper(),
        T.c.channel_receipt == plain,
    ]
    if "*" in plain:
        ways.append(T.c.masked_id_hash == masked_id_hash(issuer.register, plain))
    try:
        number = numbers.check(plain, issuer.programme.card_prefix)
    except numbers.CardNumberError:
        return sa.or_(*ways)
    return sa.or_(*ways, T.c.holder_id == _holder_of(number))


def holders_named(issuer: Issuer, text: str, limit: int = 20) -> list[str]:
    """Return the ids of holders with a full name, a masked identity number or a card's number."""
    plain = text.strip()
    ways: list[sa.ColumnElement[bool]] = [HOLDERS.c.name_hash == name_hash(issuer.register, plain)]
    if "*" in plain:
        ways.append(HOLDERS.c.masked_id_hash == masked_id_hash(issuer.register, plain))
    with suppress(numbers.CardNumberError):
        ways.append(HOLDERS.c.id == _holder_of(numbers.check(plain, issuer.programme.card_prefix)))
    with issuer.register.read() as connection:
        return list(connection.execute(sa.select(HOLDERS.c.id).where(sa.or_(*ways)).limit(limit)).scalars())


def _holder_of(number: str) -> sa.ScalarSelect[str]:
    """Return the holder of a card's number as one value: beside `OR`, PostgreSQL reads a whole table for `IN`."""
    return sa.select(CARDS.c.holder_id).where(CARDS.c.number == number).scalar_subquery()


def update(connection: Connection, application_id: str, **values: object) -> None:
    """Change columns of an application inside a transaction."""
    connection.execute(T.update().where(T.c.id == application_id).values(values))


def write_paper(connection: Connection, application_id: str, paper: Paper, **values: object) -> None:
    """Keep the details of a paper in place of the earlier details."""
    told: dict[str, object] = {
        "variant": paper.variant,
        "begins": paper.begins,
        "ends": paper.ends,
        "confirmed": sorted(paper.confirmed),
        "seen": sorted(paper.seen),
        **values,
    }
    this = (APPLICATION_PAPERS.c.application_id == application_id, APPLICATION_PAPERS.c.key == paper.key)
    if not connection.execute(APPLICATION_PAPERS.update().where(*this).values(told)).rowcount:
        named = {"application_id": application_id, "key": paper.key}
        connection.execute(APPLICATION_PAPERS.insert().values(named | told))


def add_event(
    issuer: Issuer,
    connection: Connection,
    application_id: str,
    act: str,
    *,
    by: str,
    at: datetime,
    note: str | None = None,
    **detail: object,
) -> None:
    """Write one line of an application's history. A note is sealed."""
    sealed = None
    if note:
        place = _note_place(application_id, at)
        sealed = issuer.register.seal(note.encode(), place)
    line = {"application_id": application_id, "at": at, "actor": by, "act": act, "detail": detail, "note": sealed}
    connection.execute(APPLICATION_EVENTS.insert().values(line))


def history(issuer: Issuer, application_id: str) -> list[ApplicationEvent]:
    """Return an application's history, newest first."""
    asked = sa.select(APPLICATION_EVENTS).where(APPLICATION_EVENTS.c.application_id == application_id)
    with issuer.register.read() as connection:
        rows = connection.execute(asked.order_by(APPLICATION_EVENTS.c.seq.desc())).all()
    return [ApplicationEvent(row.at, row.actor, row.act, row.detail, _note(issuer, row)) for row in rows]


def _note_place(application_id: str, at: datetime) -> str:
    return f"application_events.note:{application_id}:{to_epoch(at)}"


def _note(issuer: Issuer, row: Row[tuple[object, ...]]) -> str | None:
    if row.note is None:
        return None
    return issuer.register.unseal(row.note, _note_place(row.application_id, row.at)).decode()


def _application(issuer: Issuer, connection: Connection, row: Row[tuple[object, ...]]) -> Application:
    files = _files(connection, row.id)
    supplement = row.supplement
    if supplement is not None:
        supplement = issuer.register.unseal(supplement, f"applications.supplement:{row.id}").decode()
    opened = issuer.register.unseal(row.content, f"{_PLACE}:{row.id}")
    plain = (
        "id receipt channel channel_receipt ground limb tier department masked_name language created_at submitted_at "
        "due_on office_due_on asked_on recorded_by claimed_by reviewed_by advice decided_by decided_at refusal "
        "holder_id card_id"
    )
    return Application(
        state=State(row.state),
        content=msgspec.json.decode(opened, type=Content),
        papers=_papers(connection, row.id, files),
        files=files,
        supplement=supplement,
        lacking=tuple(row.lacking),
        **{name: getattr(row, name) for name in plain.split()},
    )


def _files(connection: Connection, application_id: str) -> tuple[StoredFile, ...]:
    f = APPLICATION_FILES
    asked = sa.select(f).where(f.c.application_id == application_id, f.c.removed_at.is_(None))
    rows = connection.execute(asked.order_by(f.c.added_at, f.c.id))
    return tuple(StoredFile(row.id, row.key, row.media, row.size, row.pages, row.added_at) for row in rows)


def _papers(connection: Connection, application_id: str, files: Iterable[StoredFile]) -> tuple[Paper, ...]:
    counts: dict[str, int] = {}
    for one in files:
        counts[one.key] = counts.get(one.key, 0) + 1
    p = APPLICATION_PAPERS
    rows = connection.execute(sa.select(p).where(p.c.application_id == application_id).order_by(p.c.key)).all()
    told = {
        row.key: Paper(
            row.key,
            counts.get(row.key, 0),
            row.variant,
            row.begins,
            row.ends,
            frozenset(row.confirmed),
            frozenset(row.seen),
            row.seen_by is not None,
        )
        for row in rows
    }
    return tuple(told.get(key) or Paper(key, counts[key]) for key in sorted({*told, *counts}))


def _line(row: Row[tuple[object, ...]]) -> ListedApplication:
    values = {name: getattr(row, name) for name in ListedApplication.__dataclass_fields__}
    return ListedApplication(**(values | {"state": State(row.state), "lacking": tuple(row.lacking)}))


def of_holder(issuer: Issuer, holder_id: str) -> list[ListedApplication]:
    """Return the applications on which a holder's registration rests, newest first."""
    asked = sa.select(*_LINE).where(T.c.holder_id == holder_id).order_by(T.c.submitted_at.desc())
    with issuer.register.read() as connection:
        return [_line(row) for row in connection.execute(asked)]
