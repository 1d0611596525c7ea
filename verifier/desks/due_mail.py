"""The daily mail of due matters: one for each department on every working day, with counts, deadlines and numbers
alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from accounts.rights import DEPARTMENT
from cards.programme.types import Programme, Text
from cards.working_days import is_working_day
from edge.clock import Clock
from edge.mail import Letter, MailAway, MailRefused, MailServer
from edge.repeating import Job
from edge.settings import SettingsError
from verifier.records.matters import MatterFilter, MatterTab
from verifier.records.store import VerifierStore
from verifier.rules.bookings import span_of_day
from verifier.rules.matters import Matter
from verifier.rules.supervising import answering_places

EVERY: Final = 60.0
RETRY: Final = timedelta(minutes=5)
LISTED_MOST: Final = 30
"""How many matters of each part a mail lists. The page lists all."""
TABS: Final = (MatterTab.OVERDUE, MatterTab.TODAY, MatterTab.NEW)
"""The parts of the list in a mail, the most urgent first."""
_SUBJECT: Final = Text(
    "{programme}: due at {department} on {day}: {overdue} overdue, {today} today, {new} new",
    "{programme}：{department}{day}待办，超期{overdue}项，今天到期{today}项，新{new}项",
)
_HEAD: Final = Text("{programme} · {department} · {day}", "{programme} · {department} · {day}")
_COUNTS: Final = Text(
    "Requests and matters: {overdue} overdue, {today} due today, {new} new. "
    "Offline records that wait for a supervisor: {held}.",
    "申请和事项：超期{overdue}项，今天到期{today}项，新{new}项。待核定的离线记录：{held}条。",
)
_HEADS: Final[Mapping[MatterTab, Text]] = {
    MatterTab.OVERDUE: Text("Overdue", "超期"),
    MatterTab.TODAY: Text("Due today", "今天到期"),
    MatterTab.NEW: Text("New", "新"),
}
_NO_DEADLINE: Final = Text("no deadline", "无期限")
_MORE: Final = Text("{number} more on the page", "另有{number}项，见网页")
_PAGE: Final = Text("The whole list: {page}", "全部事项：{page}")
_END: Final = Text("A computer sent this message. Please do not reply.", "本邮件由系统发出，请勿回复。")


class DueMailsAway(Exception):
    """Some mails of today were not accepted. The text names departments and never an address."""


@dataclass(frozen=True, slots=True)
class Due:
    """The due matters of a department: the number in each part, the first ones, and the waiting records."""

    counts: Mapping[MatterTab, int]
    listed: Mapping[MatterTab, tuple[Matter, ...]]
    held: int


@dataclass(frozen=True, slots=True)
class DueMails:
    """Who gets the mail, and from when on: pairs of department and address. `page` is the address of the whole list."""

    recipients: tuple[tuple[str, str], ...]
    since: time
    server: MailServer
    page: str


def due_day(programme: Programme, at: datetime, since: time) -> date | None:
    """Return the local day whose mail is to be sent at an instant, or None on a day without work and before the
    hour.
    """
    local = at.astimezone(programme.zone)
    return local.date() if is_working_day(programme, local.date()) and local.time() >= since else None


def due_at(programme: Programme, store: VerifierStore, department: str, at: datetime) -> Due:
    """Return what is due at a department, at its points, and of the matters handed to it."""
    places = [f"{DEPARTMENT}{department}"]
    places += [code for code, point in programme.points.items() if point.department == department]
    _, tonight = span_of_day(at.astimezone(programme.zone).date(), programme.zone)
    wanted = MatterFilter(dict.fromkeys(places), at, tonight, frozenset({department}))
    counts = store.matters.count(wanted)
    listed = {tab: tuple(store.matters.select(wanted, tab, LISTED_MOST)) for tab in TABS if counts[tab]}
    return Due(counts, listed, store.offline.count_held(_answered_by(programme, department)))


def _answered_by(programme: Programme, department: str) -> dict[str, list[str]]:
    """Return, for each service, the points whose waiting records a department decides."""
    own = f"{DEPARTMENT}{department}"
    return {
        service: [point for point in programme.points if own in answering_places(programme, point, service)]
        for service in programme.services
    }


@dataclass(frozen=True, slots=True)
class _Told:
    """The content of one mail, in any language."""

    programme: Programme
    department: str
    due: Due
    page: str
    day: date

    def filled(self, text: Text, language: str) -> str:
        """Return a sentence with the figures of the day."""
        return text.in_language(language).format(
            programme=self.programme.name.in_language(language),
            department=self.programme.departments[self.department].name.in_language(language),
            day=self.day.isoformat(),
            held=self.due.held,
            page=self.page,
            **{tab.value: self.due.counts[tab] for tab in TABS},
        )

    def text(self, language: str) -> str:
        """Return the whole mail in one language."""
        parts = [self._part(tab, language) for tab in TABS if self.due.listed.get(tab)]
        first, last = (_HEAD, _COUNTS), (_PAGE, _END)
        before, after = ([self.filled(text, language) for text in texts] for texts in (first, last))
        return "\n\n".join([*before, *parts, *after])

    def _part(self, tab: MatterTab, language: str) -> str:
        lines = [_HEADS[tab].in_language(language), *(self._line(one, language) for one in self.due.listed[tab])]
        more = self.due.counts[tab] - len(self.due.listed[tab])
        return "\n".join([*lines, *([_MORE.in_language(language).format(number=more)] if more else [])])

    def _line(self, matter: Matter, language: str) -> str:
        service = self.programme.services.get(matter.service)
        name = matter.service if service is None else service.name.in_language(language)
        if matter.deadline is None:
            return f"{matter.id}  {_NO_DEADLINE.in_language(language)}  {name}"
        return f"{matter.id}  {matter.deadline.astimezone(self.programme.zone):%Y-%m-%d %H:%M}  {name}"


def letter_of(programme: Programme, department: str, address: str, due: Due, *, page: str, at: datetime) -> Letter:
    """Return the mail of a department, in Chinese and then in English: no holder, no content, no name of a person."""
    told = _Told(programme, department, due, page, at.astimezone(programme.zone).date())
    text = "\n\n".join(told.text(language) for language in ("zh", "en"))
    return Letter(address, told.filled(_SUBJECT, "zh"), text + "\n", f"due-{department}-{told.day.isoformat()}", at)


def send_due_mails(programme: Programme, store: VerifierStore, mails: DueMails, at: datetime) -> None:
    """Send today's mails that are not sent yet. Raises DueMailsAway while a mail of today was not accepted."""
    day = due_day(programme, at, mails.since)
    if day is None:
        return
    for department, address in mails.recipients:
        if not store.due_mails.begin(department, address, day, at):
            continue
        due = due_at(programme, store, department, at)
        try:
            mails.server.send(letter_of(programme, department, address, due, page=mails.page, at=at))
        except MailRefused as error:
            store.due_mails.failed(department, address, day, str(error), None)
        except MailAway as error:
            store.due_mails.failed(department, address, day, str(error), at + RETRY)
        else:
            store.due_mails.sent(department, address, day, at)
    if faults := store.due_mails.faults(day):
        raise DueMailsAway("; ".join(f"{department}: {fault}" for department, fault in faults))


def due_mailing(programme: Programme, store: VerifierStore, mails: DueMails, clock: Clock) -> Job:
    """Return the job that sends the mails. Raises SettingsError for a department that the programme does not know."""
    unknown = sorted({department for department, _ in mails.recipients} - programme.departments.keys())
    if unknown:
        raise SettingsError([f"YUNJU_DUE_MAIL: no department {', '.join(unknown)} in the programme"])
    return Job("due-mail", EVERY, lambda: send_due_mails(programme, store, mails, clock.now()), plain=(DueMailsAway,))
