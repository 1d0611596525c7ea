"""What holds for every shipped programme, whatever its tiers or zone: nothing of one district hides in code."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cards.periods import period_of
from cards.programme.export import programme_json
from cards.programme.load import load_programme
from cards.programme.types import Assurance, Beneficiary, Mode, PeriodFrom, Text
from tests.cards.programme.builders import NAMES, ROOT, SHIPPED, shipped


@pytest.fixture(params=NAMES)
def programme(request):
    """Each shipped programme in turn."""
    return shipped(request.param)


def texts(value: object) -> list[Text]:
    """Return every text in a programme, wherever it stands."""
    if isinstance(value, Text):
        return [value]
    if isinstance(value, dict):
        return [text for one in value.values() for text in texts(one)]
    if isinstance(value, tuple | list):
        return [text for one in value for text in texts(one)]
    slots = getattr(type(value), "__slots__", ())
    return [text for name in slots for text in texts(getattr(value, name, None))]


def test_every_text_is_there_in_every_language(programme):
    """A Chinese programme says everything in Chinese and English, an English one in English alone."""
    found = texts(programme)
    assert len(found) > 50
    for text in found:
        assert text.en.strip()
        assert bool(text.zh) == ("zh" in programme.languages)
        assert text.in_language("zh-CN") == (text.zh or text.en)
        assert text.in_language("en") == text.en


def test_chinese_texts_are_chinese_and_english_ones_are_not(programme):
    """No sentence stands in the wrong column."""
    for text in texts(programme):
        assert not text.zh or re.search(r"[一-鿿]", text.zh), text
        assert not re.search(r"[一-鿿]", text.en.replace("云聚英才卡", "")), text


def test_tiers_are_ordered_without_ties(programme):
    """Ranks tell tiers apart."""
    assert len({tier.rank for tier in programme.tiers.values()}) == len(programme.tiers) >= 1


def test_every_service_names_what_exists(programme):
    """Quotas, exclusions, booking rules, points, departments and tiers of each service are in the file."""
    for service in programme.services.values():
        assert service.item in programme.items
        assert service.tiers
        assert service.tiers <= set(programme.tiers)
        assert service.beneficiaries
        assert service.quota is None or service.quota in programme.quotas
        assert (service.booking is not None) == (service.mode is Mode.BOOKED)
        assert service.booking is None or service.booking in programme.booking_rules
        assert set(service.points) <= set(programme.points)
        assert service.departments
        assert set(service.departments) <= set(programme.departments)
        if service.exclusion is not None:
            group, member = service.exclusion
            assert member in programme.exclusions[group].members


def test_points_offer_what_names_them_and_is_checked_in(programme):
    """A point offers the counter services that name it, and no others."""
    for point in programme.points.values():
        naming = {code for code, one in programme.services.items() if point.code in one.points and one.checked_in}
        assert point.services == naming
        assert point.department in programme.departments


def test_every_counter_service_says_how_sure_it_must_be_and_how_often_offline(programme):
    """Least assurance with its reason and an offline limit stand with every service of a counter, and with no other."""
    for service in programme.services.values():
        assert isinstance(service.least_assurance, Assurance)
        assert bool(service.assurance_reason) == service.checked_in
        if not service.checked_in:
            assert service.offline_limit == 0
            assert service.visit is None


def test_offline_overspend_is_bounded(programme):
    """A service with a quota is never unlimited offline."""
    for service in programme.services.values():
        if service.quota is not None and service.checked_in:
            quota = programme.quotas[service.quota]
            assert service.offline_limit is not None
            assert service.offline_limit <= quota.maximum


def test_references_match_whole_values_alone(programme):
    """A reference's pattern refuses a line break, a blank and a name; its choices match."""
    for service in programme.services.values():
        if service.reference is None:
            continue
        pattern = re.compile(service.reference.pattern)
        for bad in ("", "王小明", "a b", "ABCD-1\n", "x" * 65):
            assert not pattern.fullmatch(bad), (service.code, bad)
        assert all(pattern.fullmatch(choice) for choice in service.reference.choices)


def test_every_ground_can_be_proved_and_decided(programme):
    """Each limb has proofs that the documents know, each ground somebody who decides."""
    known = set(programme.documents)
    known |= {variant.code for document in programme.documents.values() for variant in document.variants}
    for ground in programme.grounds.values():
        assert ground.limbs
        assert all(limb.proofs and set(limb.proofs) <= known for limb in ground.limbs)
        assert (ground.tier or "by-decision") in programme.approval
        assert set(ground.documents) <= set(programme.documents)


def test_quotas_have_periods_in_the_programmes_zone(programme):
    """Each quota's unit gives a period that holds the instant, by the programme's own calendar."""
    at = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
    for quota in programme.quotas.values():
        assert at in period_of(quota.unit, at, programme.zone)
        assert quota.maximum >= 1
        assert isinstance(quota.period_from, PeriodFrom)


def test_booking_rules_open_a_window(programme):
    """A booking can be made and used."""
    for rule in programme.booking_rules.values():
        assert timedelta(0) <= rule.lead <= rule.ahead
        assert rule.opens_before + rule.closes_after > timedelta(0)
        assert rule.missed in ("release", "consume")
        assert rule.party_most >= 1
        by_code = {field.code: field for field in rule.fields}
        assert len(by_code) == len(rule.fields)
        assert all(by_code[field.counts].kind in ("names", "plates") for field in rule.fields if field.counts)


def test_assumptions_give_reasons_and_marks_repeat_them(programme):
    """What is assumed says why, in the list and on the entry itself."""
    reasons = {assumption.reason for assumption in programme.assumptions}
    sections = ("quotas", "booking_rules", "points", "services", "grounds", "documents")
    marked = [entry for section in sections for entry in getattr(programme, section).values() if entry.assumed]
    assert marked
    assert {entry.assumed for entry in marked} <= reasons


def test_names_that_the_tokens_carry_are_addresses(programme):
    """Issuer and status base are https; the base lies under the issuer and ends in a slash."""
    assert programme.issuer.startswith("https://")
    assert not programme.issuer.endswith("/")
    assert programme.status_base.startswith(programme.issuer + "/")
    assert programme.status_base.endswith("/")


def test_wire_dictionaries_differ():
    """Two programmes never share a number: it names the preset dictionary of the wire form."""
    assert len({shipped(name).wire_dictionary for name in NAMES}) == len(NAMES)


def test_json_holds_everything_and_never_changes(programme):
    """The JSON form has every field, survives JSON, and is the same for the same bytes."""
    plain = programme_json(programme)
    again = programme_json(load_programme(SHIPPED / f"{'baiyun' if programme.code == 'baiyun' else 'example'}.toml"))
    assert json.dumps(plain) == json.dumps(again)
    assert json.loads(json.dumps(plain)) == plain
    assert {key.removesuffix("_seconds") for key in plain} == set(programme.__slots__)
    assert list(plain["services"]) == list(programme.services)
    assert plain["zone"] == programme.zone.key
    for code, service in programme.services.items():
        shown = plain["services"][code]
        assert shown["mode"] == service.mode.value
        assert shown["least_assurance"] == service.least_assurance.word
        assert shown["tiers"] == sorted(service.tiers)
        assert (shown["visit"] or {}).get("length_seconds") == (service.visit and service.visit.length.total_seconds())


def test_the_two_programmes_differ_where_a_district_may():
    """Tiers, zone, language and services of the two have nothing in common, so that no test passes by Baiyun's luck."""
    one, two = (shipped(name) for name in NAMES)
    assert not set(one.tiers) & set(two.tiers)
    assert not set(one.services) & set(two.services)
    assert not set(one.points) & set(two.points)
    assert one.zone != two.zone
    assert two.zone.utcoffset(datetime(2026, 7, 1)) != two.zone.utcoffset(datetime(2026, 1, 1))  # noqa: DTZ001


def test_no_code_knows_a_district():
    """No module of the programme's room names a tier, a service, a point or a place of a shipped file."""
    words = {word for name in NAMES for word in (*shipped(name).tiers, *shipped(name).services, shipped(name).code)}
    words -= {"plus", "basic"}  # plain English
    for module in sorted(Path(ROOT / "cards" / "programme").glob("*.py")):
        code = re.sub(r'""".*?"""|#[^\n]*', "", module.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not [word for word in words if re.search(rf"\b{re.escape(word)}\b", code)], module.name


def test_beneficiaries_and_modes_are_all_used_somewhere():
    """Between them the shipped programmes use every mode and beneficiary that there is."""
    services = [service for name in NAMES for service in shipped(name).services.values()]
    assert {service.mode for service in services} == set(Mode)
    assert frozenset().union(*(service.beneficiaries for service in services)) == set(Beneficiary)
    assert {service.least_assurance for service in services} == set(Assurance)
