"""Notices to applicants. They are queued in the transaction that causes them, and sent later.

A notice contains a receipt number and nothing else of the person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cards.programme.types import Text
from issuer.applications.records import Application
from issuer.register import office_log
from issuer.register.application_tables import APPLICATIONS, NOTICES
from issuer.register.database import open_tables
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer
from issuer.register.office_log import OfficeAction

MAIL, SMS = "mail", "sms"
RENEWAL: Final = "renewal"
LATE: Final = timedelta(hours=1)
"""A notice that waits longer than this is reported."""
RECENT: Final = timedelta(days=7)
"""For this time, a notice that was given up is reported on a line of its own."""
_DECIDED: Final = Text("a decision was made", "已有审核结果")
_KINDS: Final[Mapping[str, Text]] = {
    "received": Text("the application was received", "已收到申请"),
    "supplied": Text("the missing papers were received", "已收到补正材料"),
    "supplement": Text("papers or details are missing", "需要补正材料"),
    "approved": _DECIDED,  # The page alone shows the decision
    "refused": _DECIDED,
    RENEWAL: Text("the card ends soon, and you may apply for its renewal", "所发的卡即将到期，现在可以申请续期"),
}
_RENEW: Final = Text(
    "{programme}\n\n{about}{what}.\n\nApply here, with a new application:\n{page}\n\n"
    "A computer sent this message. Please do not reply.\n",
    "{programme}\n\n{about}{what}。\n\n请在此重新填报申请：\n{page}\n\n本邮件由系统发出，请勿回复。\n",
)
_RENEW_SHORT: Final = Text("{programme}: {about}{what}. {page}", "【{programme}】{about}{what}。{page}")
_ABOUT: Final = Text("receipt {receipt}: ", "回执号{receipt}：")
_TEXT: Final = Text(
    "{programme}\n\nReceipt {receipt}: {what}.\n\n"
    "To see the state of your application, use the receipt number and your code:\n{page}\n\n"
    "A computer sent this message. Please do not reply. Never tell anybody your code.\n",
    "{programme}\n\n回执号 {receipt}：{what}。\n\n请凭回执号和查询码查看办理情况：\n{page}\n\n"
    "本邮件由系统发出，请勿回复。请勿将查询码告诉他人。\n",
)
_SHORT: Final = Text("{programme}: receipt {receipt}, {what}. {page}", "【{programme}】回执号{receipt}：{what}。{page}")
_SUBJECT: Final = Text("{programme}: receipt {receipt}", "{programme}：回执号 {receipt}")


@dataclass(frozen=True, slots=True)
class NoticeTexts:
    """The text of a notice: a letter's subject and text, and the short form for a telephone."""

    subject: str
    text: str
    short: str


@dataclass(frozen=True, slots=True)
class ApplicantNotice:
    """A notice in the office's list, without its address. `next_at` None: it was sent or given up.

    A notice to a holder without an application has `holder_id` and no receipt.
    """

    id: int
    application_id: str | None
    holder_id: str | None
    receipt: str | None
    kind: str
    transport: str
    created_at: datetime
    next_at: datetime | None
    tries: int
    fault: str | None
    sent_at: datetime | None
    given_up_at: datetime | None
    reachable: bool


@dataclass(frozen=True, slots=True)
class NoticeQueue:
    """The state of the queue: waiting notices for each way, notices that wait for long, and notices given up
    recently.
    """

    waiting: Mapping[str, int]
    late: int
    given_up: int


def queue(issuer: Issuer, connection: Connection, application: Application, kind: str, *, at: datetime) -> None:
    """Queue a notice for every way that the applicant gave: e-mail, telephone. No other personal data is kept."""
    ways = ((MAIL, application.content.email), (SMS, application.content.phone))
    for transport, address in ways:
        if not address:
            continue
        values = {
            "application_id": application.id,
            "kind": kind,
            "transport": transport,
            "address": issuer.register.seal(address.encode(), f"notices.address:{application.id}"),
            "language": application.language,
            "created_at": at,
            "next_at": at,
            "tries": 0,
        }
        connection.execute(NOTICES.insert().values(values))


@dataclass(frozen=True, slots=True)
class Once:
    """A notice to a holder that is sent only once: a second one with the same `name` is never queued."""

    name: str
    kind: str
    transport: str
    address: str = field(repr=False)
    language: str
    application_id: str | None
    holder_id: str


def queue_once(issuer: Issuer, connection: Connection, once: Once, *, at: datetime) -> bool:
    """Queue a notice unless one with its name was queued before. Return whether it was queued now.

    This runs inside the register's single writing transaction, so two processes queue it once.
    """
    t = NOTICES
    if connection.execute(sa.select(t.c.id).where(t.c.once == once.name)).first() is not None:
        return False
    place = f"notices.address:{once.application_id or once.holder_id}"
    values = {
        "application_id": once.application_id,
        "holder_id": once.holder_id,
        "once": once.name,
        "kind": once.kind,
        "transport": once.transport,
        "address": issuer.register.seal(once.address.encode(), place),
        "language": once.language,
        "created_at": at,
        "next_at": at,
        "tries": 0,
    }
    connection.execute(t.insert().values(values))
    return True


def told_of(issuer: Issuer, kind: str, receipt: str | None, language: str) -> NoticeTexts:
    """Return the text of a notice in a language: the receipt number, and nothing else of the person."""
    renewal = kind == RENEWAL
    values = {
        "programme": issuer.programme.name.in_language(language),
        "receipt": receipt or "",
        "about": _ABOUT.in_language(language).format(receipt=receipt) if receipt else "",
        "what": _KINDS[kind].in_language(language),
        "page": f"{issuer.base_url}/apply" if renewal else f"{issuer.base_url}/apply/status",
    }
    subject = _SUBJECT if receipt else Text("{programme}", "{programme}")
    parts = (subject, *((_RENEW, _RENEW_SHORT) if renewal else (_TEXT, _SHORT)))
    return NoticeTexts(*(part.in_language(language).format(**values) for part in parts))


def state_of(issuer: Issuer, at: datetime) -> NoticeQueue:
    """Return the state of the queue at an instant."""
    with issuer.register.read() as connection:
        return _queue(connection, at)


def queue_at(url: str, at: datetime) -> NoticeQueue:
    """Return the state of the queue in the register at an address. No key of the register is needed."""
    database = open_tables(url)
    try:
        with database.read() as connection:
            return _queue(connection, at)
    finally:
        database.close()


def _queue(connection: Connection, at: datetime) -> NoticeQueue:
    t = NOTICES
    waits = t.c.next_at.is_not(None)
    by_way = sa.select(t.c.transport, sa.func.count()).where(waits).group_by(t.c.transport)
    waiting = {row[0]: row[1] for row in connection.execute(by_way)}
    late = connection.execute(sa.select(sa.func.count()).where(waits, t.c.created_at < at - LATE)).scalar_one()
    recent = sa.select(sa.func.count()).where(t.c.given_up_at >= at - RECENT)
    return NoticeQueue(waiting, late, connection.execute(recent).scalar_one())


def notices_complaint(issuer: Issuer, ways: frozenset[str], at: datetime) -> str | None:
    """Return what is wrong with the queue, in words that anyone may read, or None if nothing is.

    `ways`: the ways that the settings configure. Notices for a way that is not set are shown in the office alone.
    """
    if not ways:
        return None
    state = state_of(issuer, at)
    if state.given_up:
        return f"{state.given_up} notices to applicants were given up: /office/notices lists them"
    if state.late and any(state.waiting.get(way) for way in ways):
        return f"{state.late} notices to applicants wait for more than an hour: /office/notices tells why"
    return None


def list_notices(issuer: Issuer, *, limit: int, offset: int = 0, unsent: bool = False) -> list[ApplicantNotice]:
    """List notices, newest first. `unsent`: only notices that wait or were given up."""
    t = NOTICES
    asked = sa.select(t, APPLICATIONS.c.receipt).outerjoin(APPLICATIONS, APPLICATIONS.c.id == t.c.application_id)
    if unsent:
        asked = asked.where(t.c.sent_at.is_(None))
    names = [name for name in ApplicantNotice.__dataclass_fields__ if name != "reachable"]
    with issuer.register.read() as connection:
        rows = connection.execute(asked.order_by(t.c.id.desc()).limit(limit).offset(offset)).all()
    return [
        ApplicantNotice(**{name: getattr(row, name) for name in names}, reachable=row.address != b"") for row in rows
    ]


def again(issuer: Issuer, notice: int, *, by: str, at: datetime) -> None:
    """Send a given-up notice again.

    Raises RefusedError for any other notice, and after the address was deleted.
    """
    t = NOTICES
    with issuer.register.change() as connection:
        row = connection.execute(sa.select(t).where(t.c.id == notice)).one_or_none()
        if row is None or row.given_up_at is None:
            raise RefusedError("this notice was not given up", "the list shows which ones were")
        if row.address == b"":
            raise RefusedError("the address of this notice is forgotten by now", "call the applicant instead")
        values = {"next_at": at, "created_at": at, "tries": 0, "given_up_at": None, "fault": None}
        connection.execute(t.update().where(t.c.id == notice).values(values))
        told = {"application": row.application_id, "notice": notice} if row.application_id else {"notice": notice}
        office_log.append(connection, OfficeAction.NOTICE_AGAIN, by=by, at=at, holder=row.holder_id, **told)
