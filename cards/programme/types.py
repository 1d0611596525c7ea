"""A programme as typed objects: what a file of `cards/programmes/` says, checked. Values only: no file, no clock.

Everything that differs from district to district stands here as data; nothing of a district stands in code.
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

# What stands in files of its own is a programme's all the same, and is named from here.
__all__ = ["ApplicationDocument", "Applying", "DocumentVariant", "Ground", "Limb", "Text", "Threshold"]


class Mode(StrEnum):
    """How a service is used. Only scanned and booked services are checked in (docs/guide-coverage.md, Read right 3)."""

    SCANNED = "scanned"
    BOOKED = "booked"
    REQUESTED = "requested"
    KEPT = "kept"
    INFORMATION = "information"


AT_COUNTERS = frozenset({Mode.SCANNED, Mode.BOOKED})
"""The modes of services that are used at a counter at all."""


class Beneficiary(StrEnum):
    """The beneficiary of a use (docs/design.md §5, step 7)."""

    HOLDER = "holder"
    SPOUSE = "spouse"
    DEPENDENT_CHILD = "dependent-child"
    CHILD = "child"
    EMPLOYER = "employer"


class Assurance(IntEnum):
    """How far a presentation proves that the card itself is here (docs/design.md §4), least first."""

    word: str
    """The word used in the API, the programme file and the log."""

    def __init__(self, _value: int) -> None:
        self.word = self.name.lower()

    COPYABLE = 1
    COUNTED = 2
    PROVED = 3


class PeriodFrom(StrEnum):
    """Which instant fixes the period of a use."""

    USE = "use"
    BOOKING = "booking"
    NOTICE = "notice"


class QuotaScope(StrEnum):
    """Whose count a quota is: one count a person, or one a person and tier (a certificate of each tier)."""

    PERSON = "person"
    TIER = "tier"


class BookingBasis(StrEnum):
    """What a booking's time is: a carrier's schedule, a slot somebody chooses, a day within a notice's dates, an
    event's own.
    """

    JOURNEY = "journey"
    SLOT = "slot"
    NOTICE = "notice"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier; the greater `rank` is the higher. `code` stands in card tokens; `clouds` are drawn beside the name."""

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
    """A use lasts `length`; inside it a second scan is "already in"; after a check-out re-entry is free, `re_entries`
    times at most.
    """

    length: timedelta
    re_entries: int


@dataclass(frozen=True, slots=True)
class Reference:
    """The one free field of a check-in: a filing, notice or service number, never personal data. `pattern` is a
    full-match regex.

    `choices`, where there are any, are the only values (code to name), and `pattern` matches exactly them.
    """

    label: Text
    pattern: str
    required: bool
    choices: Mapping[str, Text] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MatterRule:
    """A window's matter (台账): its kinds, and the working days from complete materials within which it closes.

    `departments` are the codes of those who may have to decide it; `limit_text` says the limit in the guide's words
    where it is no number of days.
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

    `group` numbers the guide's group of fields (0: none). `services` limits the field to those services (empty: all of
    the rule). A number with `counts` must equal how many the named field lists. `pattern` is a full-match regex of a
    text. A number with `party` says how large the party is: "all", or those "besides" the holder. `labels`: how the
    field is called for one service alone, such as the time of take-off.
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
        """Return how the field is called where it is asked for a service."""
        return self.labels.get(service, self.label)


@dataclass(frozen=True, slots=True)
class UseWindow:
    """From how long before the expected time of a booking until how long after it the booking can be used."""

    opens_before: timedelta
    closes_after: timedelta


@dataclass(frozen=True, slots=True)
class BookingRule:
    """When a service must be booked, and what becomes of a booking. `lead` counts back from the scheduled time,
    inclusive.

    The use window runs from `opens_before` to `closes_after` around the expected time, unless the service has its own;
    `missed` is "release" or "consume"; after `missed_listed_from` missed ones a year the holder is listed for the
    office. `change_needs_lead` holds the changes that need the lead again: "earlier", "later", "stricter-rule".
    `cancel_until` is "start" or "day-before". The party counts the holder.
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
    """What a request asks for, as a booking's fields do. Without `content` nothing is kept of what it is about: staff
    write no notes to it.
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
    """A department that answers for services; `phones` as in the guide."""

    code: str
    name: Text
    phones: tuple[Phone, ...] = ()
    address: Text | None = None


@dataclass(frozen=True, slots=True)
class OpenHours:
    """From when until when a point is open, as local times `09:00`; `days` are weekdays, Monday is 0."""

    opens: str
    closes: str
    days: frozenset[int] = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Point:
    """A place with counters. `services` are the codes offered there; `desk` False where nobody scans.

    `digits_only`: its scanners type under layouts or input methods that letters do not survive; phones show digits.
    `hours` bound the slots that are booked here; without hours no slot is bounded.
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
    """One thing a holder can use (docs/design.md §2). `offline_limit` None: not limited; 0: online only.

    `tiers` are codes; `exclusion` is (group, member); `closed` gives the reason a service is not open yet; `referral`
    names the kinds of benefit granted elsewhere that hold this service until a ruling ("hold") or are only noted
    ("note"). `use_window` replaces the booking rule's; `assurance_reason` says why `least_assurance` is what it is;
    `declarations` is what the holder declares first; `schedule` says whose notice sets the dates; `links` are web
    addresses. `request`: what is asked of whoever asks for it without a counter; `capacity`: how many bookings a point
    takes at the same time, or None if that is not counted.
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
        """Whether this service is used at a counter at all."""
        return self.mode in AT_COUNTERS


@dataclass(frozen=True, slots=True)
class ReferralKind:
    """A kind of benefit granted elsewhere; `department` explains it and rules (docs/guide-coverage.md, Read right
    8).
    """

    code: str
    name: Text
    department: str


@dataclass(frozen=True, slots=True)
class PhotoRule:
    """The photo of a card: pixels, and the size of the file at most, in bytes. Always JPEG."""

    width: int
    height: int
    most_bytes: int
    text: Text


@dataclass(frozen=True, slots=True)
class Assumption:
    """Something the guide does not say; `setting` is where it stands, `reason` why it was chosen."""

    code: str
    setting: str
    text: Text
    reason: str


@dataclass(frozen=True, slots=True)
class Validity:
    """How long a card may live (`longest_years`), when renewal opens, how long a phone's token lives and when it
    refreshes.
    """

    longest_years: int
    renewal_opens: timedelta
    phone_token: timedelta
    phone_refresh_after: timedelta
    grace: timedelta


@dataclass(frozen=True, slots=True)
class Programme:
    """A whole programme. `issuer` is the tokens' `iss`, `audience` the proofs' `aud`; `wire_dictionary` names the
    preset dictionary.

    `version` and `sha256` (of the file's bytes) are what the trust bundle pins. `approval` names who decides: tier
    code, or "by-decision" for grounds that fix no tier, to department. `channels` are where an application comes in,
    `employers` the kinds of employer that count, `delegation` how long a delegation code for an employer's matter
    lives.
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
    """Days of every year, as `01-01`, that are holidays although the year's list is not announced yet."""
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
        """Return each department's points: where a desk or a supervisor narrowed to the department has its rights."""
        return {
            code: frozenset(point.code for point in self.points.values() if point.department == code)
            for code in self.departments
        }
