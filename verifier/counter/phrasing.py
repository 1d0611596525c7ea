"""The words for a judged check-in: figures with reset dates, sentences, telephone, place. No store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from cards.claims import CardClaims, Form
from cards.periods import period_named
from cards.programme.types import Beneficiary, Programme, Service, Text
from edge.instants import rfc3339, rfc3339_or_none
from ledger.values import Figure, Outcome, Taken, VisitState
from verifier.counter.answers import Contact, ExcludedBy, PlaceView, QuotaLeft, VisitTimes, Words
from verifier.rules.entitlement import places_of, quota_of_limit
from verifier.rules.reasons import Call, Reason, Values
from verifier.rules.variants import reason_of
from verifier.rules.wording import BENEFICIARIES, UNITS, join_texts, say_date, say_last_day, say_moment
from verifier.trust.published import Documents

GRANTED: Final = Text(zh="可以使用：{service}", en="Granted: {service}")
GRANTED_UNTIL: Final = Text(zh="可以使用：{service}，至 {ends}", en="Granted: {service}, until {ends}")
RE_ENTRY: Final = Text(zh="再次进入，不计次数，至 {ends}", en="Re-entry, nothing counted, until {ends}")
WELCOME: Final = Text(zh="请为持卡人办理。", en="Please serve the holder.")


def quotas_left(programme: Programme, figures: tuple[Figure, ...]) -> tuple[QuotaLeft, ...]:
    """Return the rest of each limit, and when the limit starts again."""
    return tuple(_quota_left(programme, figure) for figure in figures)


def _quota_left(programme: Programme, figure: Figure) -> QuotaLeft:
    quota = quota_of_limit(programme, figure.limit)
    ends_at = period_named(quota.unit, figure.period, programme.zone).ends_at
    return QuotaLeft(
        limit=figure.limit,
        name=Words.of(quota.name),
        unit=quota.unit.value,
        period=figure.period,
        used=figure.used,
        maximum=figure.maximum,
        remaining=figure.remaining,
        resets_at=rfc3339_or_none(ends_at),
    )


def visit_times(visit: VisitState, *, re_entry: bool) -> VisitTimes:
    """Return an open visit in words."""
    return VisitTimes(rfc3339(visit.started_at), rfc3339(visit.ends_at), visit.entry, re_entry)


def excluded_by(programme: Programme, taken: Taken) -> ExcludedBy:
    """Return which use or hold fixed the other choice, and when."""
    service = programme.services.get(taken.service)
    name = service.name if service else programme.exclusions[taken.group].members[taken.member]
    return ExcludedBy(taken.service, Words.of(name), rfc3339(taken.at), taken.entry)


def place_view(programme: Programme, service: Service) -> PlaceView | None:
    """Return the first place of a service, or None if no place offers it."""
    for point in places_of(programme, service):
        return PlaceView(point.code, Words.of(point.name), point.phones[0].number if point.phones else None)
    return None


_ABOUT_BOOKINGS: Final = frozenset(
    {"booking-needed", "booking-too-early", "booking-too-late", "booking-missed", "notice-awaited"}
)
"""Reasons that another booking mends. The first number of the place, in the order of the guide, takes the call."""


def contact_of(programme: Programme, service: Service, reason: Reason) -> Contact | None:
    """Return the number to call for a reason: the number that takes bookings of the service, its department, or the
    general number. None if there is none.
    """
    if reason.code in _ABOUT_BOOKINGS:
        taking = (place.phones[0].number for place in places_of(programme, service) if place.phones)
        number = next(taking, None)
        if number is not None:
            return Contact(Words.of(programme.departments[service.departments[0]].name), number)
    if reason.call is Call.NOBODY or reason.call is Call.OPERATOR:
        return None
    if reason.call is Call.DEPARTMENT:
        for code in service.departments:
            department = programme.departments[code]
            if department.phones:
                return Contact(Words.of(department.name), department.phones[0].number)
    return Contact(Words.of(programme.general_contact.label), programme.general_contact.number)


def granted_words(programme: Programme, service: Service, outcome: Outcome) -> tuple[Words, Words]:
    """Return the sentence and the hint of a grant."""
    values: dict[str, Text] = {"service": service.name}
    sentence = GRANTED
    if outcome.visit is not None:
        values["ends"] = say_moment(outcome.visit.ends_at, programme.zone, outcome.at)
        sentence = RE_ENTRY if outcome.re_entry else GRANTED_UNTIL
    return filled(sentence, values), Words.of(service.notes[0] if service.notes else WELCOME)


def refused_words(programme: Programme, service: Service, code: str, values: Mapping[str, Text]) -> tuple[Words, Words]:
    """Return the sentence and the hint of a refusal, with the known values filled in."""
    reason = reason_of(code, values)
    known = {**_service_values(programme, service), **values}
    return filled(reason.sentence, known), filled(reason.hint, known)


def card_refused_words(programme: Programme, code: str, card: CardClaims | None, at: datetime) -> Words:
    """Return the sentence of a refusal without a service."""
    values = {} if card is None else card_values(programme, card, at)
    return filled(reason_of(code, values).sentence, values)


def filled(text: Text, values: Mapping[str, Text]) -> Words:
    """Return a sentence with its values filled in, in both languages. A missing value is shown as a dash."""
    words = {name: Words.of(value) for name, value in values.items()}
    zh = text.zh.format_map(Values({name: said.zh for name, said in words.items()}))
    en = text.en.format_map(Values({name: said.en for name, said in words.items()}))
    return Words(zh=zh or en, en=en or zh)


def _service_values(programme: Programme, service: Service) -> dict[str, Text]:
    places = places_of(programme, service)
    ranked = sorted((programme.tiers[code] for code in service.tiers), key=lambda tier: -tier.rank)
    return {
        "service": service.name,
        "tiers": join_texts(tier.name for tier in ranked),
        "go_to": places[0].name if places else Text(zh="指定服务点", en="the right point"),
        "beneficiaries": join_texts(BENEFICIARIES[who] for who in Beneficiary if who in service.beneficiaries),
    }


def card_values(programme: Programme, card: CardClaims, at: datetime) -> dict[str, Text]:
    """Return the values for a sentence about a card."""
    tier = programme.tiers.get(card.tier)
    chip = Text(zh="芯片", en="chip")
    tapped = {"chip": chip, "tapped": chip} if card.form in {Form.CHIP, Form.TAG} else {}
    return tapped | {
        "tier": tier.name if tier else Text(zh=card.tier, en=card.tier),
        "expired": say_last_day(card.expires_at, programme.zone, at),
        "starts": say_date(card.not_before, programme.zone, at),
    }


def ruling_values(documents: Documents, service: Service, subject: str, code: str) -> dict[str, Text]:
    """Return the values for the sentence of a referral whose ruling was refused, or no values for any other reason."""
    if code != "refer-to-department":
        return {}
    refused = {kind for kind in documents.ruled_against(subject) if service.referral.get(kind) == "hold"}
    return {"ruled": Text(zh="不再享受", en="refused")} if refused else {}


def outcome_values(programme: Programme, outcome: Outcome) -> dict[str, Text]:
    """Return the values for a sentence about the figures, the visit and the choice of an outcome."""
    return standing_values(programme, outcome.figures, outcome.visit, outcome.taken, outcome.at)


def standing_values(
    programme: Programme, figures: tuple[Figure, ...], visit: VisitState | None, taken: Taken | None, at: datetime
) -> dict[str, Text]:
    """Return the values for a sentence about the ledger's figures, an open visit and a choice at an instant."""
    values: dict[str, Text] = {}
    for figure in figures:
        if figure.remaining == 0:
            values |= _figure_values(programme, figure, at)
    if visit is not None:
        values["started"] = say_moment(visit.started_at, programme.zone, at)
        values["ends"] = say_moment(visit.ends_at, programme.zone, at)
        if visit.left_at is not None:
            values["left"] = say_moment(visit.left_at, programme.zone, at)
    if taken is not None:
        exclusion = programme.exclusions[taken.group]
        values["unit"] = UNITS[exclusion.unit]
        values["taken"] = exclusion.members[taken.member]
        values["taken_at"] = say_date(taken.at, programme.zone, at)
    return values


def _figure_values(programme: Programme, figure: Figure, at: datetime) -> dict[str, Text]:
    quota = quota_of_limit(programme, figure.limit)
    ends_at = period_named(quota.unit, figure.period, programme.zone).ends_at
    values = {"maximum": Text(zh=str(figure.maximum), en=str(figure.maximum)), "unit": UNITS[quota.unit]}
    return values | (
        {"ever": UNITS[quota.unit]} if ends_at is None else {"resets": say_date(ends_at, programme.zone, at)}
    )


def tier_words(programme: Programme, card: CardClaims) -> Words:
    """Return a tier's name, or its code if this programme does not know the tier."""
    tier = programme.tiers.get(card.tier)
    return Words.of(tier.name if tier else Text(zh=card.tier, en=card.tier))
