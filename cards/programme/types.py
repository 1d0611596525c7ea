"""A programme as typed objects: the checked content of a file in `cards/programmes/`. Values only: no file, no clock.

Everything that differs between districts is data here. No code is about one district.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import IntEnum, StrEnum
from zoneinfo import ZoneInfo

from cards.periods import PeriodUnit
from cards.programme.applications import ApplicationDocument, Applying, DocumentVariant, Ground, Limb, Threshold
from cards.programme.text import Text

# Parts in files of their own also belong to a programme, and are named from here.
__all__ = ["ApplicationDocument", "Applying", "DocumentVariant", "Ground", "Limb", "Text", "Threshold"]


class Mode(StrEnum):
    """How a service is used. Only scanned and booked services are checked in (docs/guide-coverage.md, Read right 3)."""

    SCANNED = "scanned"
    BOOKED = "booked"
    REQUESTED = "requested"
    KEPT = "kept"
    INFORMATION = "information"


AT_COUNTERS = frozenset({Mode.SCANNED, Mode.BOOKED})
"""The modes of services that are used at a counter."""


class Beneficiary(StrEnum):
    """The beneficiary of a use (docs/design.md §5, step 7)."""

    HOLDER = "holder"
    SPOUSE = "spouse"
    DEPENDENT_CHILD = "dependent-child"
    CHILD = "child"
    EMPLOYER = "employer"


class Assurance(IntEnum):
    """How well a presentation proves that the card itself is here (docs/design.md §4), weakest first."""

    word: str
    """The word used in the API, the programme file and the log."""

    def __init__(self, _value: int) -> None:
        self.word = self.name.lower()

    COPYABLE = 1
    COUNTED = 2
    PROVED = 3


class PeriodFrom(StrEnum):
    """The instant that fixes the period of a use."""

    USE = "use"
    BOOKING = "booking"
    NOTICE = "notice"


class QuotaScope(StrEnum):
    """Who shares the count of a quota: one count for each person, or for each person and tier (a certificate of each
    tier).
    """

    PERSON = "person"
    TIER = "tier"


class BookingBasis(StrEnum):
    """What fixes a booking's time: a carrier's schedule, a chosen slot, a day within a notice's dates, or an event's
    own time.
    """

    JOURNEY = "journey"
    SLOT = "slot"
    NOTICE = "notice"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier. A greater `rank` is higher. `code` is the code in card tokens. `clouds` are drawn beside the name."""

    code: str
    rank: int
    name: Text
    clouds: int = 1


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `maximum` uses in each period of `unit`."""

    code: str
    name: Text
    maximum: int
    unit: PeriodUnit
    period_from: PeriodFrom = PeriodFrom.USE
    scope: QuotaScope = QuotaScope.PERSON
    assumed: str | None = None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A choice per holder and period: the first use or hold fixes the member (docs/design.md §6). `members`: code to
    name.
    """

    code: str
    name: Text
    unit: PeriodUnit
    members: Mapping[str, Text]
    period_from: PeriodFrom = PeriodFrom.USE


@dataclass(frozen=True, slots=True)
class VisitRule:
    """A use lasts for `length`. A second scan within it is "already in". After a check-out, re-entry is free, at most
    `re_entries` times.
    """

    length: timedelta
    re_entries: int


@dataclass(frozen=True, slots=True)
class Reference:
    """The one free field of a check-in: a filing, notice or service number, never personal data. `pattern` is a
    full-match regex.

    If there are `choices` (code to name), they are the only values, and `pattern` matches exactly these.
    """

    label: Text
    pattern: str
    required: bool
    choices: Mapping[str, Text] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MatterRule:
    """A window's matter (台账): its kinds, and the working days from complete materials to its deadline.

    `departments` are the codes of the departments that may decide it. `limit_text` gives the limit in the guide's words
    if it is no number of days.
    """

    limit_working_days: float | None
    target_working_days: float | None = None
    kinds: Mapping[str, Text] = field(default_factory=dict)
    departments: tuple[str, ...] = ()
    limit_text: Text | None = None


@dataclass(frozen=True, slots=True)
class BookingField:
    """One field that a booking or a request asks for. `kind`: text, note (a longer one), names, phone, plates, number,
    yes-no, datetime, date.

    `group` is the number of the guide's group of fields (0: none). `services` limits the field to these services
    (empty: all services of the rule). A number with `counts` must equal the number of items in the named field.
    `pattern` is a full-match regex of a text. A number with `party` is the size of the party: "all", or those "besides"
    the holder. `labels`: the field's label for one service alone, such as the time of take-off.
    """

    code: str
    label: Text
    kind: str
    required: bool
    personal: bool
    group: int = 0
    services: frozenset[str] = frozenset()
    counts: str | None = None
    pattern: str | None = None
    party: str | None = None
    labels: Mapping[str, Text] = field(default_factory=dict)

    def label_for(self, service: str) -> Text:
        """Return the field's label for a service."""
        return self.labels.get(service, self.label)


@dataclass(frozen=True, slots=True)
class UseWindow:
    """The span in which a booking can be used, as times before and after its expected time."""

    opens_before: timedelta
    closes_after: timedelta


@dataclass(frozen=True, slots=True)
class BookingRule:
    """When a service must be booked, and what happens to a booking. `lead` counts back from the scheduled time,
    inclusive.

    The use window runs from `opens_before` to `closes_after` around the expected time, unless the service has its own.
    `missed` is "release" or "consume". A holder with `missed_listed_from` missed bookings in a year is listed for the
    office. `change_needs_lead` holds the changes that need the lead again: "earlier", "later", "stricter-rule".
    `cancel_until` is "start" or "day-before". The party includes the holder.
    """

    code: str
    name: Text
    lead: timedelta
    ahead: timedelta
    opens_before: timedelta
    closes_after: timedelta
    party_most: int
    missed: str
    slot_most: timedelta | None = None
    cancel_until: str = "start"
    fields: tuple[BookingField, ...] = ()
    assumed: str | None = None
    basis: BookingBasis = BookingBasis.SLOT
    change_needs_lead: frozenset[str] = frozenset({"earlier", "stricter-rule"})
    missed_listed_from: int | None = None


@dataclass(frozen=True, slots=True)
class RequestRule:
    """The fields of a request, as for a booking. Without `content`, nothing about its subject is kept: staff may write
    no notes.
    """

    fields: tuple[BookingField, ...] = ()
    content: bool = True


@dataclass(frozen=True, slots=True)
class Phone:
    """A telephone number as printed, and its owner."""

    number: str
    label: Text


@dataclass(frozen=True, slots=True)
class Department:
    """A department that is responsible for services. `phones` as in the guide."""

    code: str
    name: Text
    phones: tuple[Phone, ...] = ()
    address: Text | None = None


@dataclass(frozen=True, slots=True)
class OpenHours:
    """When a point is open, as local times `09:00`. `days` are weekdays; Monday is 0."""

    opens: str
    closes: str
    days: frozenset[int] = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Point:
    """A place with counters. `services` are the codes offered there. `desk` is False if nobody scans there.

    `digits_only`: its scanners type under keyboard layouts or input methods that change letters, so phones show digits.
    `hours` bound the slots that are booked here; without hours, slots are not bounded.
    """

    code: str
    name: Text
    department: str
    services: frozenset[str]
    address: Text | None = None
    phones: tuple[Phone, ...] = ()
    desk: bool = True
    digits_only: bool = False
    assumed: str | None = None
    hours: tuple[OpenHours, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """One thing that a holder can use (docs/design.md §2). `offline_limit` None: not limited; 0: online only.

    `tiers` are codes. `exclusion` is (group, member). `closed` gives the reason why a service is not open yet.
    `referral` names the kinds of benefit granted elsewhere that hold back this service until a ruling ("hold") or are
    only noted ("note"). `use_window` replaces the booking rule's. `assurance_reason` gives the reason for
    `least_assurance`. `declarations` are what the holder first declares. `schedule` says whose notice sets the dates.
    `links` are web addresses. `request`: the fields of a request without a counter. `capacity`: how many bookings a
    point takes at the same time, or None if this is not counted.
    """

    code: str
    item: int
    name: Text
    mode: Mode
    tiers: frozenset[str]
    beneficiaries: frozenset[Beneficiary]
    quota: str | None = None
    exclusion: tuple[str, str] | None = None
    visit: VisitRule | None = None
    booking: str | None = None
    points: tuple[str, ...] = ()
    least_assurance: Assurance = Assurance.COPYABLE
    offline_limit: int | None = 1
    reference: Reference | None = None
    matter: MatterRule | None = None
    closed: Text | None = None
    referral: Mapping[str, str] = field(default_factory=dict)
    departments: tuple[str, ...] = ()
    materials: tuple[Text, ...] = ()
    steps: tuple[Text, ...] = ()
    notes: tuple[Text, ...] = ()
    includes: tuple[Text, ...] = ()
    own_expense: tuple[Text, ...] = ()
    record: tuple[Text, ...] = ()
    companions_most: int = 0
    look_first: bool = False
    log_silent: bool = False
    assumed: str | None = None
    use_window: UseWindow | None = None
    assurance_reason: str | None = None
    declarations: tuple[Text, ...] = ()
    schedule: Text | None = None
    links: tuple[str, ...] = ()
    request: RequestRule | None = None
    capacity: int | None = None

    @property
    def checked_in(self) -> bool:
        """Return whether this service is used at a counter."""
        return self.mode in AT_COUNTERS


@dataclass(frozen=True, slots=True)
class ReferralKind:
    """A kind of benefit granted elsewhere. `department` explains it and rules on it (docs/guide-coverage.md, Read right
    8).
    """

    code: str
    name: Text
    department: str


@dataclass(frozen=True, slots=True)
class PhotoRule:
    """The photo of a card: pixels, and the greatest size of the file in bytes. Always JPEG."""

    width: int
    height: int
    most_bytes: int
    text: Text


@dataclass(frozen=True, slots=True)
class Assumption:
    """A point on which the guide is silent. `setting` is its place in the file, `reason` is why the value was
    chosen.
    """

    code: str
    setting: str
    text: Text
    reason: str


@dataclass(frozen=True, slots=True)
class Validity:
    """How long a card may live (`longest_years`), when renewal opens, how long a phone's token lives, and when it
    refreshes.
    """

    longest_years: int
    renewal_opens: timedelta
    phone_token: timedelta
    phone_refresh_after: timedelta
    grace: timedelta


@dataclass(frozen=True, slots=True)
class Programme:
    """A whole programme. `issuer` is the tokens' `iss`, `audience` is the proofs' `aud`. `wire_dictionary` names the
    preset dictionary.

    The trust bundle pins `version` and `sha256` (of the file's bytes). `approval` gives the deciding department by tier
    code, or by "by-decision" for grounds that fix no tier. `channels` are where applications come in, `employers` are
    the kinds of employer that count, and `delegation` is how long a delegation code lives.
    """

    code: str
    version: str
    sha256: str
    name: Text
    district: Text
    issuer: str
    audience: str
    status_base: str
    zone: ZoneInfo
    wire_dictionary: int
    card_prefix: str
    languages: tuple[str, ...]
    validity: Validity
    tiers: Mapping[str, Tier]
    grounds: Mapping[str, Ground]
    documents: Mapping[str, ApplicationDocument]
    quotas: Mapping[str, Quota]
    exclusions: Mapping[str, Exclusion]
    booking_rules: Mapping[str, BookingRule]
    departments: Mapping[str, Department]
    points: Mapping[str, Point]
    services: Mapping[str, Service]
    items: Mapping[int, Text]
    approval: Mapping[str, str]
    general_contact: Phone
    assumptions: tuple[Assumption, ...] = ()
    holidays: Mapping[int, frozenset[date]] = field(default_factory=dict)
    working_weekends: frozenset[date] = frozenset()
    fixed_holidays: frozenset[str] = frozenset()
    """Days of every year, such as `01-01`, that are holidays before the year's list is announced."""
    office_hours: tuple[tuple[str, str], ...] = ()
    retention_years: int = 5
    item_texts: Mapping[int, Text] = field(default_factory=dict)
    scope: Text | None = None
    intake: Text | None = None
    channels: Mapping[str, Text] = field(default_factory=dict)
    employers: Mapping[str, Text] = field(default_factory=dict)
    referrals: Mapping[str, ReferralKind] = field(default_factory=dict)
    photo: PhotoRule | None = None
    delegation: timedelta | None = None
    second_reviewer: str | None = None
    applying: Applying = field(default_factory=Applying)

    def points_of_departments(self) -> dict[str, frozenset[str]]:
        """Return each department's points: where a desk or a supervisor of the department has its rights."""
        return {
            code: frozenset(point.code for point in self.points.values() if point.department == code)
            for code in self.departments
        }
