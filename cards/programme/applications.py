"""Who may apply and with what, as values: grounds, limbs, thresholds, documents, terms. No file, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cards.programme.text import Text


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number that a limb requires: `measure` `operator` `amount` `unit`. 「（含）」 is ">=" , 「超过」 is ">"."""

    measure: str
    operator: str
    amount: int
    unit: str


@dataclass(frozen=True, slots=True)
class Limb:
    """One alternative of a ground, with its proofs and its exclusions (「不含…」).

    `proofs` are codes of documents, or of variants of documents.
    """

    code: str
    text: Text
    thresholds: tuple[Threshold, ...] = ()
    proofs: tuple[str, ...] = ()
    excludes: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class Ground:
    """Why a holder has a tier (申领条件). `tier` None: the decision itself fixes the tier (`special`).

    `reviewer` is the department of the first review. `raises` names benefits granted elsewhere that come with this
    ground. `basis_ends` says that the ground itself can end and must be checked again. `list_from` are the departments
    whose lists alone can bring a ground with `by_list_only`.
    """

    code: str
    tier: str | None
    text: Text
    limbs: tuple[Limb, ...]
    documents: tuple[str, ...] = ()
    reviewer: str | None = None
    raises: tuple[str, ...] = ()
    basis_ends: bool = False
    by_list_only: bool = False
    assumed: str | None = None
    list_from: tuple[str, ...] = ()
    group: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentVariant:
    """One form of a document (resident ID, passport, travel permit), or an exception to it. `number`: the guide's
    number.

    If given, `checks` and `least_months` replace the document's own.
    """

    code: str
    text: Text
    id_type: str | None = None
    number: int = 0
    checks: tuple[Text, ...] = ()
    least_months: int | None = None


@dataclass(frozen=True, slots=True)
class ApplicationDocument:
    """A document of an application. `needed` is "always", "by-ground" or "if-held". `checks` are what an officer ticks.

    `part` is "basic" or "special", and `number` is the guide's number in this part. A document that is "if-held" is
    needed for `grounds`. It must cover at least `least_months`. `confirmed`: the applicant also ticks its checks
    (document 1: signature and stamp). `short` is the name for lists.
    """

    code: str
    name: Text
    needed: str
    variants: tuple[DocumentVariant, ...] = ()
    checks: tuple[Text, ...] = ()
    grounds: tuple[str, ...] = ()
    assumed: str | None = None
    part: str = "basic"
    number: int = 0
    least_months: int | None = None
    confirmed: bool = False
    short: Text | None = None


@dataclass(frozen=True, slots=True)
class Applying:
    """How applications are taken: terms in working days, limits of a file, and the words of the pages.

    `groups`: kinds of grounds in an applicant's words. `measures`: the name of each measure of a threshold. `refusals`:
    the closed set of reasons for refusing an application, each with its wording.
    """

    review_days: int = 5
    decision_days: int = 5
    supplement_days: int = 10
    file_most_bytes: int = 10_000_000
    pages_most: int = 30
    groups: Mapping[str, Text] = field(default_factory=dict)
    measures: Mapping[str, Text] = field(default_factory=dict)
    refusals: Mapping[str, Text] = field(default_factory=dict)
