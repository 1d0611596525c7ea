"""The personal part of an application, sealed as one value. No table holds any of it in clear text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import msgspec

from cards import typed
from issuer.applications.papers import Claim, Paper
from issuer.applications.thresholds import Fact
from issuer.register.errors import RefusedError
from issuer.register.holders import checked_name, checked_phone
from issuer.register.identity import BadIdentity, Identity, IdType, check_identity

TEXT_MOST: Final = 200
_EMAIL_MOST: Final = 254
_ADDRESS_PARTS: Final = 2


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sealed part of an application. `facts`: for each measure an amount, or a day in ISO 8601."""

    name: str
    id_type: str
    id_number: str
    id_country: str = ""
    phone: str = ""
    email: str = ""
    employer: str = ""
    employer_kind: str = ""
    post: str = ""
    facts: dict[str, int | str] = {}
    basis_ends: date | None = None
    permit_ends: date | None = None
    exclusions_seen: bool = False
    listed_by: str = ""
    tier: str = ""
    reference: str = ""
    body: str = ""

    def __repr__(self) -> str:
        return "Content(…)"

    @property
    def identity(self) -> Identity:
        """The identity, which was checked before the content was made."""
        return Identity(IdType(self.id_type), self.id_number, self.id_country)

    def known_facts(self) -> dict[str, Fact]:
        """Return the figures as values: amounts, and days."""
        return {
            measure: told if isinstance(told, int) else date.fromisoformat(told) for measure, told in self.facts.items()
        }


@dataclass(frozen=True, slots=True)
class Applicant:
    """The typed data of a person, not checked yet."""

    name: str = field(repr=False)
    id_type: str
    id_number: str = field(repr=False)
    id_country: str = ""
    phone: str = field(default="", repr=False)
    email: str = field(default="", repr=False)


class BadField(ValueError):
    """One field cannot be used. `field` names it, and the message gives the remedy without quoting the typed text."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.field = name


def checked_person(person: Applicant, today: date) -> Content:
    """Return the typed data of a person in normal form. Raises BadField with the first field that cannot be used."""
    try:
        name, _ = checked_name(person.name)
    except RefusedError as error:
        raise BadField("name", f"{error}; {error.hint}") from None
    try:
        phone = checked_phone(person.phone) or ""
    except RefusedError as error:
        raise BadField("phone", f"{error}; {error.hint}") from None
    try:
        kind = IdType(person.id_type)
        identity = check_identity(kind, person.id_number, today=today, country=person.id_country or None)
    except BadIdentity as error:
        raise BadField("id_number", str(error)) from None
    except ValueError:
        raise BadField("id_type", "choose one of the identity documents") from None
    email = checked_email(person.email)
    return Content(name, kind.value, identity.number, identity.country, phone, email)


def checked_email(text: str) -> str:
    """Return an e-mail address as it is kept, or an empty text for an empty text. Raises BadField for a malformed
    address.
    """
    plain = text.strip()
    if not plain:
        return ""
    parts = plain.split("@")
    named = len(parts) == _ADDRESS_PARTS and all(parts) and "." in parts[1].strip(".")
    if (
        not named
        or len(plain) > _EMAIL_MOST
        or not plain.isascii()
        or not plain.isprintable()
        or set(plain) & set(' <>,;:"\\')
    ):
        raise BadField("email", "an e-mail address has the form name@host.example")
    return plain


def ground_claim(content: Content, ground: str, limb: str, papers: tuple[Paper, ...]) -> Claim:
    """Return the values for the rules: the content without its person."""
    return Claim(
        ground=ground,
        limb=limb,
        id_type=IdType(content.id_type),
        employer=content.employer_kind or None,
        facts=content.known_facts(),
        papers=papers,
        exclusions_seen=content.exclusions_seen,
        listed_by=content.listed_by or None,
        tier=content.tier or None,
        reference=content.reference or None,
        body=content.body or None,
        basis_ends=content.basis_ends,
    )


def checked_facts(told: Mapping[str, str], units: Mapping[str, str]) -> dict[str, int | str]:
    """Return typed figures as they are kept. `units`: the unit of each measure. Raises BadField with the measure."""
    facts: dict[str, int | str] = {}
    for measure, text in told.items():
        plain = typed.plain(text).replace(",", "")
        if not plain:
            continue
        try:
            facts[measure] = date.fromisoformat(plain).isoformat() if units[measure] == "years" else _whole(plain)
        except ValueError:
            remedy = "a day as YYYY-MM-DD" if units[measure] == "years" else "a whole number"
            raise BadField(measure, f"write {remedy}") from None
    return facts


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise ValueError(text)
    return int(text)
