"""What auditors' calls take and give, as types; the calls are in `verifier.api.audit.review`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from audit.figures.usage import Figures
from ledger.filtering import EntryFilter
from verifier.api.audit.readings import DayText
from verifier.counter.answers import Code

AnomalyId = Annotated[str, Meta(min_length=3, max_length=160, pattern=r"^[a-z-]+:[!-~]+$(?!\n)")]


class SpanQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Local days, both included, and the subject of the question: a department's points, one point, one service, one
    tier.
    """

    since: DayText
    until: DayText
    department: Code | None = None
    point: Code | None = None
    service: Code | None = None
    tier: Code | None = None


class AnomalyQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Local days, both included."""

    since: DayText
    until: DayText


class ExportQuery(EntryFilter, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A form and filters. Days are local and both included."""

    format: Literal["jsonl", "csv", "xlsx"]
    since: DayText | None = None
    until: DayText | None = None


class ReportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A month, one department's points or all points, and the language of the report."""

    month: Annotated[str, Meta(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$(?!\n)")]
    department: Code | None = None
    lang: Literal["zh", "en"] = "zh"


class ReviewBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An anomaly that an auditor reviewed, with the auditor's remark."""

    anomaly: AnomalyId
    note: Annotated[str, Meta(min_length=1, max_length=1000)]


class NameBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The purpose for which a name is requested: at least four characters without surrounding spaces (核对投诉)."""

    LEAST: ClassVar[int] = 4

    purpose: Annotated[str, Meta(min_length=4, max_length=200)]


class ReviewSaid(msgspec.Struct, frozen=True):
    """One review."""

    at: str
    by: str
    note: str


class AnomalySaid(msgspec.Struct, frozen=True):
    """One anomaly. The pages explain `kind`; `about` holds the values for the explanation."""

    id: str
    kind: str
    grave: bool
    at: str
    about: dict[str, str]
    entries: tuple[str, ...]
    count: int
    reviews: tuple[ReviewSaid, ...]


class AnomalyPage(msgspec.Struct, frozen=True):
    """The anomalies of a span: the gravest of all `found`, in `searched` entries. `complete` is false if there were
    more entries.
    """

    anomalies: tuple[AnomalySaid, ...]
    found: int
    searched: int
    complete: bool
    server_time: str


class FiguresSaid(msgspec.Struct, frozen=True):
    """Figures, and the time of the question."""

    figures: Figures
    server_time: str


class SignedBy(msgspec.Struct, frozen=True):
    """Who signed a checkpoint: the log itself, or a witness at a time of its own."""

    name: str
    at: str | None
    witness: bool


class ProofSaid(msgspec.Struct, frozen=True, kw_only=True):
    """The state of an entry in the published log. `contradicted`: the log proves something else; see `message`."""

    state: Literal["proved", "pending", "contradicted"]
    message: str | None = None
    leaf_hash: str
    index: int | None = None
    size: int | None = None
    steps: int | None = None
    root: str | None = None
    signed: tuple[SignedBy, ...] = ()
    text: str | None = None


class EntrySaid(msgspec.Struct, frozen=True):
    """One entry as the ledger holds it, and its proof, which this server checked."""

    id: str
    voided: bool
    leaf: Mapping[str, Any]
    proof: ProofSaid
    server_time: str


class FindingSaid(msgspec.Struct, frozen=True):
    """Something wrong with the log: its kind, its place, and a sentence."""

    kind: str
    place: str
    message: str


class VerificationSaid(msgspec.Struct, frozen=True):
    """The result of a check of the whole log. `too-large` gives the `command` that checks such a log.

    `keys` are the log's keys, as the trust bundle names them and as the command takes them.
    """

    state: Literal["sound", "damaged", "too-large", "empty"]
    entries: int
    root: str | None
    findings: tuple[FindingSaid, ...]
    command: str
    server_time: str
    keys: tuple[str, ...] = ()


class ProgressSaid(msgspec.Struct, frozen=True):
    """How much of the log was read so far."""

    entries: int
    of: int


class NameSaid(msgspec.Struct, frozen=True):
    """The answer to a request for a name. The request is recorded in every case.

    `told`; `none`: the entry has no holder; `erased`: the holder was erased or was never in this register; `elsewhere`:
    the register is on another machine and gives no names to this one.
    """

    state: Literal["told", "none", "erased", "elsewhere"]
    holder: str | None
    name: str | None


class NoteSaid(msgspec.Struct, frozen=True):
    """The free text of an entry; the reading is logged.

    `told`; `none`: the entry has no text; `erased`: the text's time is over, or its holder was erased; `altered`: the
    kept text is not the text of the entry, and is not shown.
    """

    state: Literal["told", "none", "erased", "altered"]
    note: str | None


class Asked(msgspec.Struct, frozen=True):
    """One request for a name."""

    at: str
    by: str
    entry: str
    purpose: str


class AskedNames(msgspec.Struct, frozen=True):
    """The last requests for names, newest first."""

    asked: tuple[Asked, ...]
    server_time: str
