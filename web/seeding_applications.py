"""Demonstration data: an application in every state, by invented people, reviewed and decided by the office's two
persons.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from accounts.store import AccountStore
from cards.programme.types import Ground, Limb
from edge.paper import pages, paragraph, styles_of
from issuer.applications import office, records, service
from issuer.applications.content import Applicant
from issuer.applications.deciding import approve, refuse
from issuer.applications.papers import PHOTO, Paper, after_months, ground_of, requirements
from issuer.applications.records import Filter
from issuer.applications.states import ALL, OfficePerson
from issuer.register.identity import IdType
from issuer.register.issuer import Issuer
from web.seeding import demo_identity
from web.seeding_photos import drawn_photo

_OFFICER, _APPROVER = "officer.chen", "approver.lin"
_FIRST: Final = 50
_AGO: Final = timedelta(days=3)

SeedStep = Callable[[Issuer, str, OfficePerson, OfficePerson, datetime], None]


def seed_applications(issuer: Issuer, accounts: AccountStore, at: datetime) -> int:
    """Make an application in every state if there is none. Return how many were made."""
    if records.counted(issuer, Filter()):
        return 0
    ids = {person.name: person.id for person in accounts.people.list()}
    officer = OfficePerson(f"person:{ids[_OFFICER]}", reviews=frozenset({ALL}))
    approver = OfficePerson(f"person:{ids[_APPROVER]}", decides=frozenset({ALL}))
    grounds = [one for one in issuer.programme.grounds.values() if _is_plain(one)]
    for number, (name, step) in enumerate(_STEPS):
        ground = grounds[number * 3 % len(grounds)]
        made = _filled(issuer, name, ground, _FIRST + number, at - _AGO)
        if step is not None:
            service.hand_in(issuer, made, at=at - _AGO, by=service.APPLICANT)
            step(issuer, made, officer, approver, at)
    return len(_STEPS)


def _is_plain(ground: Ground) -> bool:
    """Return whether a ground needs only papers, so that a demonstration can show it without a company's figures."""
    asks = ground.basis_ends or ground.by_list_only or ground.tier is None
    return not asks and not ground.limbs[0].thresholds and not ground.limbs[0].excludes


def _filled(issuer: Issuer, name: str, ground: Ground, number: int, at: datetime) -> str:
    person = Applicant(name, IdType.RESIDENT_ID.value, demo_identity(number), phone="13800000100")
    begun = service.begin(issuer, person, language="zh", at=at)
    by, limb = service.APPLICANT, ground.limbs[0]
    service.choose_ground(issuer, begun.id, ground.code, limb.code, at=at, by=by)
    kind = next(iter(issuer.programme.employers), "")
    service.fill_in(issuer, begun.id, {"employer": "白云区某公司", "employer_kind": kind}, at=at, by=by)
    _give_papers(issuer, begun.id, ground, limb, at)
    return begun.id


def _give_papers(issuer: Issuer, application_id: str, ground: Ground, limb: Limb, at: datetime) -> None:
    today, by = service.local_day(issuer, at), service.APPLICANT
    for asked in requirements(issuer.programme, ground, limb, IdType.RESIDENT_ID):
        if not asked.needed:
            continue
        variant = asked.variants[0].code if asked.variants else None
        months = asked.months_for(variant)
        ends = after_months(today, months * 4) if months else None
        ticks = frozenset(range(len(asked.checks))) if asked.confirmed else frozenset()
        told = Paper(asked.key, 0, variant, today if months else None, ends, ticks)
        service.tell_paper(issuer, application_id, told, at=at, by=by)
        data = (
            drawn_photo(issuer.programme.photo, sum(application_id.encode()))
            if asked.key == PHOTO
            else _document(asked.name.in_language("zh"))
        )
        service.attach(issuer, application_id, asked.key, data, at=at, by=by)


def _document(text: str) -> bytes:
    return pages([paragraph(text, styles_of("zh").text)], title="demonstration", author="demonstration")


def _wait(_issuer: Issuer, _id: str, _officer: OfficePerson, _approver: OfficePerson, _at: datetime) -> None:
    """Leave the application to be taken up."""


def _take_up(issuer: Issuer, made: str, officer: OfficePerson, _approver: OfficePerson, at: datetime) -> None:
    office.claim(issuer, made, officer, at=at)


def _ask(issuer: Issuer, made: str, officer: OfficePerson, _approver: OfficePerson, at: datetime) -> None:
    office.claim(issuer, made, officer, at=at)
    office.check_paper(issuer, made, "application-form", frozenset({0}), officer, at=at)
    text = office.suggested_supplement(issuer, records.find(issuer, made), at)
    office.ask(issuer, made, text, officer, at=at)


def _review(issuer: Issuer, made: str, officer: OfficePerson, _approver: OfficePerson, at: datetime) -> None:
    office.claim(issuer, made, officer, at=at)
    found = records.find(issuer, made)
    named = ground_of(issuer.programme, found.ground or "", found.limb or "")
    for asked in requirements(issuer.programme, *named, IdType.RESIDENT_ID) if named else ():
        paper = next((one for one in found.papers if one.key == asked.key and one.files), None)
        if paper is not None:
            seen = frozenset(range(len(asked.checks_for(paper.variant))))
            office.check_paper(issuer, made, asked.key, seen, officer, at=at)
    office.forward(issuer, made, officer, advice="approve", at=at)


def _approve(issuer: Issuer, made: str, officer: OfficePerson, approver: OfficePerson, at: datetime) -> None:
    _review(issuer, made, officer, approver, at)
    approve(issuer, made, approver, at=at)


def _refuse(issuer: Issuer, made: str, officer: OfficePerson, approver: OfficePerson, at: datetime) -> None:
    _review(issuer, made, officer, approver, at)
    refuse(issuer, made, approver, reason="ground-not-met", at=at)


def _withdraw(issuer: Issuer, made: str, _officer: OfficePerson, _approver: OfficePerson, at: datetime) -> None:
    service.withdraw(issuer, made, at=at, by=service.APPLICANT)


_STEPS: Final[tuple[tuple[str, SeedStep | None], ...]] = (
    ("梁思远", None),
    ("欧阳文博", _wait),
    ("陈伟杰", _take_up),
    ("何嘉欣", _ask),
    ("黄丽珊", _review),
    ("罗婉仪", _approve),
    ("谭永康", _refuse),
    ("邓国安", _withdraw),
)
