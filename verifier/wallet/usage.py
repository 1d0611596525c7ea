"""What a phone shows about its card: the rest of each service, when it starts again, and how to use it (docs/design.md
§9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from cards.claims import CardClaims
from cards.programme.types import BookingBasis, Programme, Service, Text
from edge.instants import rfc3339, rfc3339_or_none
from ledger.values import Figure, Usage
from verifier.counter.answers import PlaceView, QuotaLeft, Words
from verifier.counter.phrasing import quotas_left, tier_words
from verifier.rules.bookings import span_of_day
from verifier.rules.delegations import delegable
from verifier.rules.entitlement import cost_of, numbers_of, places_of
from verifier.rules.notices import Notice, expected_about, receipts_of
from verifier.wallet.forms import RequestAsked, RuleAsked, request_for, rules_for


class ChoiceTaken(msgspec.Struct, frozen=True):
    """The use or booking that fixed the other choice of this period."""

    name: Words
    at: str


class Telephone(msgspec.Struct, frozen=True):
    """A telephone number and its owner."""

    label: Words
    number: str


class NoticeTold(msgspec.Struct, frozen=True):
    """A yearly notice with the span for its receipts, from `opens_at` until before `closes_at`."""

    year: int
    opens_at: str
    closes_at: str
    held_from: str
    held_until: str


class NoticeAwaited(msgspec.Struct, frozen=True, omit_defaults=True):
    """The next year's notice, which does not exist yet. `about`: the day on which it is expected, by the notice
    before.
    """

    year: int
    about: str | None = None


class ServiceUsage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One service for this card: whether the card includes it, what is left, what to bring, what to do, and whom to
    call.

    `closed` says why the service is not open yet. `one_of` are the other choices of its group, and `taken` is the one
    that was chosen instead. No `quotas`: no limit. `booking` is the rule by which it is booked. `request` is what a
    request needs. `delegable`: a code can send an employer's clerk.
    """

    code: str
    item: int
    name: Words
    mode: str
    entitled: bool
    closed: Words | None = None
    quotas: tuple[QuotaLeft, ...] = ()
    one_of: tuple[Words, ...] = ()
    taken: ChoiceTaken | None = None
    materials: tuple[Words, ...] = ()
    steps: tuple[Words, ...] = ()
    places: tuple[PlaceView, ...] = ()
    phones: tuple[Telephone, ...] = ()
    booking: str | None = None
    request: RequestAsked | None = None
    delegable: bool = False
    notices: tuple[NoticeTold, ...] = ()
    awaited: NoticeAwaited | None = None


class WalletUsage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The whole usage. An invalid card gets the reason and nothing else, because the person with the phone may be a
    finder.

    `items` are the programme's benefits by number. `card_until` is when this phone's token ends. `entitled_until` is
    how long the holder is entitled, if the register is on this host. `booking_rules` are the fields for its bookings.
    """

    valid: bool
    server_time: str
    reason: str | None = None
    message: Words | None = None
    tier: str | None = None
    tier_name: Words | None = None
    card_until: str | None = None
    entitled_until: str | None = None
    items: dict[int, Words] = msgspec.field(default_factory=dict)
    services: tuple[ServiceUsage, ...] = ()
    booking_rules: dict[str, RuleAsked] = msgspec.field(default_factory=dict)


def usage_of(
    programme: Programme,
    card: CardClaims,
    used: Usage,
    at: datetime,
    *,
    entitled_until: datetime | None = None,
    notices: Callable[[str], Iterable[Notice]],
) -> WalletUsage:
    """Return what a valid card gives at the instant `at`. `used` is what its holder has used; `notices` are the notices
    of a service.
    """
    services = (_service(programme, service, card.tier, used, at) for service in programme.services.values())
    return WalletUsage(
        valid=True,
        server_time=rfc3339(at),
        tier=card.tier,
        tier_name=tier_words(programme, card),
        card_until=rfc3339(card.expires_at),
        entitled_until=rfc3339_or_none(entitled_until),
        items={number: Words.of(name) for number, name in programme.items.items()},
        services=tuple(_noticed(programme, one, notices, at) for one in services),
        booking_rules=rules_for(programme, card.tier),
    )


def _service(programme: Programme, service: Service, tier: str, used: Usage, at: datetime) -> ServiceUsage:
    entitled = tier in service.tiers
    return ServiceUsage(
        code=service.code,
        item=service.item,
        name=Words.of(service.name),
        mode=service.mode.value,
        entitled=entitled,
        closed=None if service.closed is None else Words.of(service.closed),
        quotas=quotas_left(programme, _figures(programme, service, tier, used, at)) if entitled else (),
        one_of=_others(programme, service, tier) if entitled else (),
        taken=_taken(programme, service, tier, used, at) if entitled else None,
        materials=_words_of(service.materials),
        steps=_words_of(service.steps),
        places=tuple(
            PlaceView(place.code, Words.of(place.name), place.phones[0].number if place.phones else None)
            for place in places_of(programme, service)
        ),
        phones=_phones(programme, service),
        booking=service.booking if entitled and service.closed is None else None,
        request=request_for(programme, service) if entitled else None,
        delegable=entitled and service.closed is None and programme.delegation is not None and delegable(service),
    )


def _noticed(
    programme: Programme, service: ServiceUsage, notices: Callable[[str], Iterable[Notice]], at: datetime
) -> ServiceUsage:
    """Return a service with the values of its yearly notices, if it is booked by them."""
    rule = programme.booking_rules.get(service.booking or "")
    if rule is None or rule.basis is not BookingBasis.NOTICE:
        return service
    kept, zone = list(notices(service.code)), programme.zone
    this_year = at.astimezone(zone).year
    standing = [one for one in kept if at < receipts_of(one, zone)[1]]
    year = this_year + any(one.year == this_year for one in kept)
    awaited = None if any(one.year == year for one in kept) else _awaited(kept, year, zone)
    return msgspec.structs.replace(service, notices=tuple(_told(one, zone) for one in standing), awaited=awaited)


def _told(notice: Notice, zone: ZoneInfo) -> NoticeTold:
    opens, closes = receipts_of(notice, zone)
    held = notice.held_from.isoformat(), notice.held_until.isoformat()
    return NoticeTold(notice.year, rfc3339(opens), rfc3339(closes), *held)


def _awaited(kept: Iterable[Notice], year: int, zone: ZoneInfo) -> NoticeAwaited:
    about = expected_about(kept, year)
    return NoticeAwaited(year, None if about is None else rfc3339(span_of_day(about, zone)[0]))


def _figures(programme: Programme, service: Service, tier: str, used: Usage, at: datetime) -> tuple[Figure, ...]:
    charges = cost_of(programme, service, tier, at).charges
    return tuple(
        Figure(charge.limit, charge.period, used.counters.get((charge.limit, charge.period), 0), charge.maximum)
        for charge in charges
    )


def _others(programme: Programme, service: Service, tier: str) -> tuple[Words, ...]:
    """Return the other members of the service's exclusion that cards of this tier include."""
    if service.exclusion is None:
        return ()
    group, own = service.exclusion
    carried = {other.exclusion for other in programme.services.values() if tier in other.tiers}
    members = programme.exclusions[group].members.items()
    return tuple(Words.of(name) for member, name in members if member != own and (group, member) in carried)


def _taken(programme: Programme, service: Service, tier: str, used: Usage, at: datetime) -> ChoiceTaken | None:
    choice = cost_of(programme, service, tier, at).choice
    taken = None if choice is None else used.choices.get((choice.group, choice.period))
    if choice is None or taken is None or taken.member == choice.member:
        return None
    other = programme.services.get(taken.service)
    name = other.name if other else programme.exclusions[taken.group].members[taken.member]
    return ChoiceTaken(Words.of(name), rfc3339(taken.at))


def _phones(programme: Programme, service: Service) -> tuple[Telephone, ...]:
    return tuple(Telephone(Words.of(label), number) for label, number in numbers_of(programme, service))


def _words_of(texts: tuple[Text, ...]) -> tuple[Words, ...]:
    return tuple(Words.of(text) for text in texts)
