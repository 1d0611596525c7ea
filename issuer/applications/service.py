"""An applicant's acts: begin, fill in, attach, hand in, supply, withdraw. Pages, API, imports and CLI all use this
module.

Each change is one transaction. The application's history has a line for it, and the office log too if the office acted.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cards.names import mask
from edge.ids import new_id
from issuer.applications import notices, records
from issuer.applications.attachments import Attachments
from issuer.applications.content import Applicant as TypedPerson
from issuer.applications.content import Content, checked_person
from issuer.applications.files import PlainFile, plain_file
from issuer.applications.papers import PHOTO, Lack, Paper, ground_of, lacks
from issuer.applications.records import Application
from issuer.applications.states import Act, State, due_on, next_state, resumed_due
from issuer.register import office_log
from issuer.register.application_tables import APPLICATION_FILES, APPLICATIONS
from issuer.register.codes import new_code
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer
from issuer.register.office_log import OfficeAction
from issuer.register.photo import BadPhoto, background_is_white, check_photo

APPLICANT: Final = "applicant"
"""The actor of an applicant's acts. The application itself says who the applicant is."""
OWN_CHANNEL: Final = "own"
"""The channel of this office's own pages. The programme lists every other channel."""
FILES_MOST: Final = 12
CODE: Final = "application"
Changeable = Callable[[Issuer, Connection, str], Application]
"""Returns an application that may be changed now. Raises RefusedError for any other."""
_DRAWS: Final = 20
_CHANGED_BY_APPLICANT: Final = frozenset({State.DRAFT, State.SUPPLEMENT})


@dataclass(frozen=True, slots=True)
class Begun:
    """A new application's receipt number and secret code. The code is shown only this once."""

    id: str
    receipt: str
    code: str = field(repr=False)


def begin(
    issuer: Issuer, person: TypedPerson, *, language: str, at: datetime, by: str = APPLICANT, channel: str = OWN_CHANNEL
) -> Begun:
    """Begin an application, which is not handed in yet. Raises BadField for personal data that cannot be used."""
    typed = checked_person(person, local_day(issuer, at))
    with issuer.register.change() as connection:
        return begin_in(issuer, connection, typed, language=language, at=at, by=by, channel=channel)


def begin_in(
    issuer: Issuer,
    connection: Connection,
    content: Content,
    *,
    language: str,
    at: datetime,
    by: str,
    channel: str,
    channel_receipt: str | None = None,
    content_hash: str | None = None,
) -> Begun:
    """Begin an application inside a transaction, with a checked content."""
    begun = Begun(new_id(), new_receipts(issuer, connection, at, 1)[0], new_code())
    values: dict[str, object] = {
        "id": begun.id,
        "receipt": begun.receipt,
        "channel": channel,
        "channel_receipt": channel_receipt,
        "code_hash": issuer.register.code_hash(CODE, begun.code),
        "content_hash": content_hash,
        "state": State.DRAFT.value,
        "masked_name": mask(content.name),
        "language": language,
        "created_at": at,
        "lacking": [],
        "recorded_by": by,
    }
    sealed = records.seal_content(issuer, begun.id, content)
    connection.execute(APPLICATIONS.insert().values(values | sealed))
    records.add_event(issuer, connection, begun.id, "begin", by=by, at=at, channel=channel)
    return begun


def opened(issuer: Issuer, receipt: str, code: str) -> str | None:
    """Return the application that a receipt number and its code together open, or None for any other pair."""
    with issuer.register.read() as connection:
        return records.id_of_receipt(issuer, connection, receipt, code)


def fill_in(issuer: Issuer, application_id: str, changes: Mapping[str, object], *, at: datetime, by: str) -> None:
    """Change the content of the application: checked fields of `Content`. Raises RefusedError once it is handed in."""
    with issuer.register.change() as connection:
        found = changeable(issuer, connection, application_id)
        content = msgspec.structs.replace(found.content, **changes)
        sealed = records.seal_content(issuer, application_id, content)
        records.update(connection, application_id, masked_name=mask(content.name), **sealed)
        records.add_event(issuer, connection, application_id, "fill-in", by=by, at=at, fields=sorted(changes))


def choose_ground(issuer: Issuer, application_id: str, ground: str, limb: str, *, at: datetime, by: str) -> None:
    """Choose ground and limb. Raises RefusedError if the programme has no such pair, or once it is handed in."""
    named = ground_of(issuer.programme, ground, limb)
    if named is None:
        raise RefusedError("the programme has no such ground", "choose one of the list")
    with issuer.register.change() as connection:
        found = changeable(issuer, connection, application_id)
        if found.state is not State.DRAFT and found.ground != ground:
            raise RefusedError("the ground of an application stays", "withdraw it and apply on the other ground")
        department = named[0].reviewer or issuer.programme.second_reviewer
        values = {"ground": ground, "limb": limb, "tier": named[0].tier, "department": department}
        records.update(connection, application_id, **values)
        records.add_event(issuer, connection, application_id, "ground", by=by, at=at, ground=ground, limb=limb)


def tell_paper(
    issuer: Issuer, application_id: str, paper: Paper, *, at: datetime, by: str, may: Changeable | None = None
) -> None:
    """Keep the kind of a paper, the time that it covers, and the applicant's confirmations.

    `may` finds the application and refuses a caller who may not change it. Without `may`, an applicant's own rule
    holds.
    """
    with issuer.register.change() as connection:
        found = (may or changeable)(issuer, connection, application_id)
        known = next((one for one in found.papers if one.key == paper.key), None)
        # An officer saw the earlier paper: a changed paper must be checked again.
        same = known is not None and _paper_row(known) == _paper_row(paper)
        anew: dict[str, object] = {"seen": [], "seen_by": None, "seen_at": None}
        kept = {"seen": sorted(known.seen)} if same and known is not None else anew
        records.write_paper(connection, application_id, paper, **kept)
        records.add_event(issuer, connection, application_id, "paper", by=by, at=at, paper=paper.key)


def _paper_row(paper: Paper) -> tuple[object, ...]:
    return paper.variant, paper.begins, paper.ends


def attach(
    issuer: Issuer,
    application_id: str,
    key: str,
    data: bytes,
    *,
    at: datetime,
    by: str,
    may: Changeable | None = None,
) -> PlainFile:
    """Keep a file of a paper. Raises BadFile or BadPhoto, which say why the file is not accepted.

    Raises RefusedError if no file is accepted now.

    The content decides the kind of the file. A new copy is kept, never the file itself. `may` as in `tell_paper`.
    """
    asked = may or changeable
    plain = _plain(issuer, key, data)
    store = Attachments(issuer.attachments, issuer.register)
    with issuer.register.read() as connection:
        asked(issuer, connection, application_id)
    name = store.keep(plain.data)
    try:
        with issuer.register.change() as connection:
            found = asked(issuer, connection, application_id)
            _make_room(connection, found, key, at)
            values = {"media": plain.media, "size": len(plain.data), "pages": plain.pages, "added_at": at}
            connection.execute(APPLICATION_FILES.insert().values(id=name, application_id=found.id, key=key, **values))
            known = next((one for one in found.papers if one.key == key), Paper(key, 1))
            unseen = Paper(key, 1, known.variant, known.begins, known.ends, known.confirmed)
            records.write_paper(connection, found.id, unseen, seen_by=None, seen_at=None)
            records.add_event(issuer, connection, found.id, "attach", by=by, at=at, paper=key, size=len(plain.data))
    except BaseException:
        store.remove(name)
        raise
    return plain


def _plain(issuer: Issuer, key: str, data: bytes) -> PlainFile:
    applying = issuer.programme.applying
    plain = plain_file(data, most_bytes=applying.file_most_bytes, pages_most=applying.pages_most)
    if key != PHOTO or issuer.programme.photo is None:
        return plain
    photo = check_photo(plain.data, issuer.programme.photo)
    if not background_is_white(photo):
        raise BadPhoto("the background is not white: take the photo before a white wall")
    return PlainFile(plain.media, 1, photo)


def _make_room(connection: Connection, found: Application, key: str, at: datetime) -> None:
    """Make room: a new photo replaces the earlier photo. Every other paper has a greatest number of files."""
    if key == PHOTO:
        f = APPLICATION_FILES
        this = (f.c.application_id == found.id, f.c.key == key, f.c.removed_at.is_(None))
        connection.execute(f.update().where(*this).values(removed_at=at))
    elif len([one for one in found.files if one.key == key]) >= FILES_MOST:
        raise RefusedError(f"a paper has {FILES_MOST} files at most", "remove one, or put several pages into one PDF")


def detach(
    issuer: Issuer, application_id: str, file_id: str, *, at: datetime, by: str, may: Changeable | None = None
) -> None:
    """Remove a file while the application may still be changed. `may` as in `tell_paper`."""
    with issuer.register.change() as connection:
        found = (may or changeable)(issuer, connection, application_id)
        known = next((one for one in found.files if one.id == file_id), None)
        if known is None:
            raise RefusedError("the application has no such file", "open the page anew")
        f = APPLICATION_FILES
        connection.execute(f.update().where(f.c.id == file_id).values(removed_at=at))
        records.add_event(issuer, connection, application_id, "detach", by=by, at=at, paper=known.key, file=file_id)
    Attachments(issuer.attachments, issuer.register).remove(file_id)


def missing(issuer: Issuer, application: Application, at: datetime, *, reviewed: bool = False) -> tuple[Lack, ...]:
    """Return what an application lacks at an instant, all at once."""
    return lacks(issuer.programme, application.claim, local_day(issuer, at), reviewed=reviewed)


def hand_in(issuer: Issuer, application_id: str, *, at: datetime, by: str) -> Application:
    """Hand in a complete application, or the missing papers. Raises RefusedError while something is missing.

    A supplement goes back to the reviewer, and the term of the review goes on.
    """
    with issuer.register.change() as connection:
        found = records.read(issuer, connection, application_id)
        act = Act.SUPPLY if found.state is State.SUPPLEMENT else Act.SUBMIT
        if next_state(found.state, act) is None:
            raise RefusedError("the application was handed in already", "its page says where it stands")
        lacking = missing(issuer, found, at)
        if lacking:
            raise RefusedError(f"{len(lacking)} things are still missing", "the page names each of them")
        step_in(issuer, connection, found, act, at=at, by=by)
        notices.queue(issuer, connection, found, "received" if act is Act.SUBMIT else "supplied", at=at)
        action = OfficeAction.APPLICATION_RECEIVED if act is Act.SUBMIT else OfficeAction.APPLICATION_SUPPLIED
        office_log.append(connection, action, by=by, at=at, application=found.id, ground=found.ground)
        return records.read(issuer, connection, application_id)


def step_in(
    issuer: Issuer, connection: Connection, found: Application, act: Act, *, at: datetime, by: str, **values: object
) -> State:
    """Take one step inside a transaction: state, terms, and the line of history. Raises RefusedError from another
    state.
    """
    state = next_state(found.state, act)
    if state is None:
        raise RefusedError(f"an application that is {found.state} takes no such step", "open its page anew")
    day = local_day(issuer, at)
    terms = _terms(issuer, found, act, state, day)
    if act is Act.SUBMIT:
        terms["submitted_at"] = at
    records.update(connection, found.id, state=state.value, **(terms | values))
    records.add_event(issuer, connection, found.id, act.value, by=by, at=at)
    return state


def _terms(issuer: Issuer, found: Application, act: Act, state: State, day: date) -> dict[str, object]:
    """Return the days of a state. Claiming and releasing do not start a term again."""
    if act in (Act.CLAIM, Act.RELEASE):
        return {}
    if act is Act.ASK:
        return {"due_on": due_on(issuer.programme, state, day), "office_due_on": found.due_on, "asked_on": day}
    if act is Act.SUPPLY and found.office_due_on is not None and found.asked_on is not None:
        resumed = resumed_due(issuer.programme, found.office_due_on, found.asked_on, day)
        return {"due_on": resumed, "office_due_on": None, "asked_on": None, "supplement": None, "lacking": []}
    return {"due_on": due_on(issuer.programme, state, day)}


def withdraw(issuer: Issuer, application_id: str, *, at: datetime, by: str) -> None:
    """Withdraw an application that is not decided. The office can still see it."""
    with issuer.register.change() as connection:
        found = records.read(issuer, connection, application_id)
        step_in(issuer, connection, found, Act.WITHDRAW, at=at, by=by, claimed_by=None)
        office_log.append(connection, OfficeAction.APPLICATION_WITHDRAWN, by=by, at=at, application=found.id)


def new_secret(issuer: Issuer, application_id: str, *, at: datetime, by: str) -> str:
    """Give an application another secret code, for an applicant who lost it and was identified at the office."""
    code = new_code()
    with issuer.register.change() as connection:
        found = records.read(issuer, connection, application_id)
        records.update(connection, found.id, code_hash=issuer.register.code_hash(CODE, code))
        records.add_event(issuer, connection, found.id, "new-code", by=by, at=at)
    return code


def local_day(issuer: Issuer, at: datetime) -> date:
    """Return the day of an instant in the programme's zone."""
    return at.astimezone(issuer.programme.zone).date()


def changeable(issuer: Issuer, connection: Connection, application_id: str) -> Application:
    """Return an application that its applicant may change now; RefusedError for any other."""
    found = records.read(issuer, connection, application_id)
    if found.state not in _CHANGED_BY_APPLICANT:
        raise RefusedError("the application was handed in and is not changed any more", "its page says where it stands")
    return found


def new_receipts(issuer: Issuer, connection: Connection, at: datetime, count: int) -> list[str]:
    """Return so many receipt numbers that no application has, all different: one question to the register for all."""
    day, found = local_day(issuer, at).strftime("%Y%m%d"), set[str]()
    for _ in range(_DRAWS):
        numbers = (secrets.randbelow(1_000_000) for _ in range(count - len(found)))
        drawn = {f"{issuer.programme.card_prefix}{day}-{number:06d}" for number in numbers}
        asked = sa.select(APPLICATIONS.c.receipt).where(APPLICATIONS.c.receipt.in_(drawn))
        found |= drawn - set(connection.execute(asked).scalars())
        if len(found) == count:
            return list(found)
    raise RefusedError("no free receipt number was found", "try again")
