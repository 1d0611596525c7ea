"""Verdicts of the offline core beside those of `cards.verify`, the entitlement rules and the agent's desk."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from cards.claims import Form, sign_card
from cards.presentation import read
from cards.programme.types import Assurance, Beneficiary
from cards.proof import sign_proof
from cards.status import Status
from cards.verify import REASONS as STEPS_2_TO_6
from cards.verify import RefusedCard, verify_presentation
from devices.verdict import VerdictKind
from keys.signer import FileSigner
from tests.cards.builders import chip_proof
from tests.devices.builders import counter as built_counter
from tests.devices.builders import signed_in
from tests.verifier.world import Signers, World, identifier
from tests.web.offlinecore import millis, serve_world
from verifier.rules.entitlement import Wish, findings
from verifier.rules.reasons import ORDER, first_in_order

pytestmark = pytest.mark.browser

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
STRANGER = FileSigner.generate()


@pytest.fixture
def kept(core, world):
    """A device that knows the world's root."""
    return core.device("counter", Signers.root.kid)


def fetched(kept, world):
    """Fetch what the world publishes now; the device then has everything."""
    serve_world(kept, world)
    assert kept.refresh(world.clock.now())["ok"]
    return kept


@dataclass(frozen=True)
class Shown:
    """One case: what is shown, when, and what the operator said."""

    text: str
    after: timedelta = timedelta()
    checked: bool = False
    least: Assurance = Assurance.COPYABLE


def forged(card, **changes: object) -> str:
    """The card with other claims, signed by the issuer."""
    return sign_card(Signers.card, replace(card.claims, **changes))


def proved(world, token: str, signer, **changes: object) -> str:
    """A token with a proof of now by a signer."""
    at = changes.pop("at", world.clock.now())
    audience = changes.pop("audience", world.programme.audience)
    return f"{token}~{sign_proof(signer, card=token, audience=audience, proof_id=identifier(), issued_at=at)}"


def cases_of_steps_2_to_6(world: World) -> dict[str, Shown]:
    """Each reason at least once, and each kind of card that holds."""
    phone, tag, chip = world.card("gold"), world.card("gold", Form.TAG), world.card("gold", Form.CHIP)
    revoked, suspended = world.card("gold"), world.card("gold")
    now = world.clock.now()
    world.statuses[revoked.claims.status_index] = Status.REVOKED
    world.statuses[suspended.claims.status_index] = Status.SUSPENDED
    world.clock.advance(2 * SECOND)
    world.publish()
    by_stranger = sign_card(STRANGER, phone.claims)
    text = phone.token
    other_signature = f"{text.rpartition('.')[0]}.{by_stranger.rpartition('.')[2]}"
    later = now + HOUR
    key = phone.signer
    return {
        "phone": Shown(phone.shown()),
        "phone packed": Shown(phone.packed()),
        "phone in digits": Shown(phone.packed(digits=True)),
        "tag, ID checked": Shown(tag.token, checked=True),
        "tag": Shown(tag.token),
        "tag for a service that wants proof": Shown(tag.token, checked=True, least=Assurance.PROVED),
        "by a stranger": Shown(by_stranger),
        "another signature": Shown(other_signature),
        "another issuer": Shown(forged(phone, issuer="https://other.example")),
        "not yet": Shown(proved(world, forged(phone, not_before=later, issued_at=later), key)),
        "over": Shown(proved(world, forged(phone, expires_at=now + SECOND), key)),
        "revoked": Shown(revoked.shown()),
        "suspended": Shown(suspended.shown()),
        "index beyond the list": Shown(proved(world, forged(phone, status_index=200_000), key)),
        "unassigned index": Shown(proved(world, forged(phone, status_index=9_000), key)),
        "another list": Shown(proved(world, forged(phone, status_uri=f"{world.programme.status_base}7"), key)),
        "no proof": Shown(phone.token),
        "a stranger's proof": Shown(proved(world, phone.token, STRANGER)),
        "a proof for another audience": Shown(proved(world, phone.token, key, audience="another")),
        "a proof of another card": Shown(f"{phone.token}~{revoked.proof()}"),
        "a proof beside a tag": Shown(f"{tag.token}~{phone.proof()}"),
        "a chip's answer that nobody asked for": Shown(f"{chip.token}~{chip_proof(chip.token, chip.signer)}"),
        "45 s old": Shown(proved(world, phone.token, key, at=world.clock.now() - 45 * SECOND)),
        "46 s old": Shown(proved(world, phone.token, key, at=world.clock.now() - 46 * SECOND)),
        "5 s ahead": Shown(proved(world, phone.token, key, at=world.clock.now() + 5 * SECOND)),
        "6 s ahead": Shown(proved(world, phone.token, key, at=world.clock.now() + 6 * SECOND)),
        "tag, list stale": Shown(tag.token, after=2 * HOUR, checked=True),
        "tag, list expired": Shown(tag.token, after=DAY, checked=True),
    }


def by_python(world: World, shown: Shown, at: datetime) -> str | None:
    """The reason of cards.verify, with the documents that the device has."""
    presentation = read(shown.text, world.verifier.published.dictionaries)
    trust = world.verifier.published.current(at).trust
    found = verify_presentation(presentation, trust, at, id_checked=shown.checked, least=shown.least)
    return found.reason if isinstance(found, RefusedCard) else None


def with_a_strict_service(kept, world) -> None:
    """The shipped programme has no service at the gym that asks for a proof: fetch one that has."""
    programme = world.client.get("/v1/programme").json
    programme["services"]["wants-proof"] = programme["services"]["gym-visit"] | {
        "code": "wants-proof",
        "least_assurance": "proved",
    }
    programme["points"]["gym"]["services"].append("wants-proof")
    kept.serves(programme=json.dumps(programme))
    assert kept.refresh(world.clock.now())["ok"]


def test_steps_2_to_6_give_the_reasons_of_cards_verify(kept, world):
    """Every reason of verification, and every kind of card that holds."""
    cases = cases_of_steps_2_to_6(world)
    fetched(kept, world)
    with_a_strict_service(kept, world)
    found, expected = {}, {}
    for name, shown in cases.items():
        at = world.clock.now() + shown.after
        service = "gym-visit" if shown.least is Assurance.COPYABLE else "wants-proof"
        found[name] = kept.judge(at, text=shown.text, idChecked=shown.checked, service=service)["reason"]
        expected[name] = by_python(world, shown, at)
    assert found == expected
    assert set(expected.values()) == {None, *STEPS_2_TO_6}


def by_rules(world: World, asked: dict, tier: str) -> str | None:
    """The reason of verifier.rules, and what a device adds that cannot ask for bookings."""
    programme = world.programme
    service, point = programme.services[asked["service"]], programme.points[asked["point"]]
    wish = Wish(service, point, tier, Beneficiary(asked["beneficiary"]), not_holder=asked["notHolder"])
    known = first_in_order(code for code in findings(wish) if code != "booking-needed")
    online_only = service.offline_limit == 0 or service.booking is not None
    return known or ("online-only" if online_only else None)


def test_steps_7_and_8_give_the_reasons_of_the_rules(kept, world):
    """Every service, tier, beneficiary and who stands there, at a point that offers it and one that does not."""
    tiers = {tier: world.card(tier, Form.TAG).token for tier in world.programme.tiers}
    fetched(kept, world)
    cases = [
        {"service": code, "point": point, "beneficiary": who.value, "notHolder": not_holder, "tier": tier}
        for code, service in world.programme.services.items()
        for point in {"gym", *(place.code for place in world.programme.points.values() if code in place.services)}
        for tier in tiers
        for who in Beneficiary
        for not_holder in (False, True)
    ]
    asked = [case | {"text": tiers[case["tier"]], "idChecked": True} for case in cases]
    found = [judged["reason"] for judged in kept.judges(world.clock.now(), asked)]
    expected = [by_rules(world, case, case["tier"]) for case in cases]
    assert found == expected
    seen = {None, "online-only", "not-offered-here", "not-for-beneficiary", "not-holder", "service-not-open"}
    assert set(expected) == seen | {"not-entitled"}
    assert set(expected) - {None, "online-only"} < set(ORDER)


def test_of_several_reasons_the_servers_first_is_given(kept, world):
    """The order that the module keeps is that of docs/reasons.md."""
    card = world.card("silver", Form.TAG)
    fetched(kept, world)
    judged = kept.judge(
        world.clock.now(),
        text=card.token,
        idChecked=True,
        service="housing-apartment",
        point="hrss",
        beneficiary="spouse",
        notHolder=True,
    )
    wish = Wish(
        world.programme.services["housing-apartment"],
        world.programme.points["hrss"],
        "silver",
        Beneficiary.SPOUSE,
        not_holder=True,
    )
    assert len(findings(wish)) >= 3
    assert judged["reason"] == first_in_order(findings(wish))


def use_of(judged: dict, at: datetime, **more: object) -> dict:
    """What a page keeps of a use that it granted or refused."""
    kept = {
        "service": "gym-visit",
        "subject": judged["card"]["subject"],
        "point": "gym",
        "at": millis(at),
        "granted": judged["outcome"] == "granted",
        "offline": True,
        "reEntry": judged["reEntry"],
        **judged["used"],
    }
    return kept | more


def test_a_grant_says_all_that_a_counter_shows_and_keeps(kept, world):
    """Card, plain tokens for the record, the visit, what is left offline; a name that is masked."""
    card = world.card("gold")
    fetched(kept, world)
    now, shown = world.clock.now(), card.shown()
    judged = kept.judge(now, text=shown)
    token, proof = shown.split("~")
    assert (judged["outcome"], judged["reason"], judged["needs"], judged["assurance"]) == (
        "granted",
        None,
        [],
        "proved",
    )
    assert judged["presentation"] == {"card": token, "proof": proof}
    assert judged["card"]["name"] == "张*明"
    assert (judged["card"]["tier"], judged["card"]["subject"]) == ("gold", card.claims.subject)
    assert judged["visit"] == {"startedAt": millis(now), "endsAt": millis(now + 2 * HOUR)}
    assert judged["offline"] == {"limit": 1, "used": 1, "left": 0, "unit": "month", "period": "2026-10"}
    assert (judged["freshness"], judged["clock"]) == ("fresh", "believed")


def test_a_short_code_names_a_card_seen_before(kept, world):
    """Unknown until this device has seen the card; then as good as the full code."""
    card = world.card("gold")
    fetched(kept, world)
    now = world.clock.now()
    assert kept.judge(now, text=card.short()) == {"problem": "card-unknown"}
    kept.saw(card.token)
    judged = kept.judge(now, text=card.short())
    assert (judged["outcome"], judged["presentation"]["card"]) == ("granted", card.token)
    assert kept.judge(now, text=world.card("gold").short()) == {"problem": "card-unknown"}


def test_what_is_no_card_is_a_problem_and_no_entry(kept, world):
    """As is a service that no programme knows."""
    card = world.card("gold")
    fetched(kept, world)
    now = world.clock.now()
    link = "https://card.example/t?p=" + "0" * 32 + "&c=" + "0" * 16
    for text in ("hello", link + "0", "x" + link, card.packed()[:-1]):
        assert kept.judge(now, text=text) == {"problem": "malformed"}
    assert kept.judge(now, text=link) == {"problem": "needs-server"}, "a tag's counter lies with the server"
    for code in ("71488224412486513161", "7148 8224 4124 8651 3161"):
        assert kept.judge(now, text=code) == {"problem": "needs-server"}, "a clerk's code may have been used there"
    for service in ("nothing", "constructor", "__proto__"):
        assert kept.judge(now, text=card.shown(), service=service) == {"problem": "service-unknown"}


def test_without_documents_nothing_is_judged(core, world):
    """Before the first fetch, past the bundle's end, and with a clock behind the server's."""
    made = core.device("bare", Signers.root.kid)
    card, now = world.card("gold"), world.clock.now()
    assert made.judge(now, text=card.shown()) == {"problem": "no-documents"}
    fetched(made, world)
    assert made.judge(now + 91 * DAY, text=card.shown()) == {"problem": "no-documents"}
    world.clock.advance(HOUR)
    fetched(made, world)
    assert made.judge(now + HOUR - 6 * SECOND, text=card.shown()) == {"problem": "clock-back"}


def test_an_unsure_clock_judges_and_says_so(kept, world):
    """The last signed time is older than a day: the card is judged, the doubt stands beside it."""
    card = world.card("gold", Form.TAG)
    fetched(kept, world)
    later = world.clock.now() + DAY + HOUR
    world.clock.set(later)
    world.publish()
    serve_world(kept, world)
    kept.serves(time="")
    assert kept.refresh(later)["ok"]
    judged = kept.judge(later, text=card.token, idChecked=True)
    assert (judged["outcome"], judged["clock"]) == ("granted", "unsure")


def test_the_offline_limit_is_counted_by_calendar_period(kept, world):
    """One gym visit a month at this device; voided, refused, online and other holders' uses count nothing of it."""
    card, other = world.card("gold", Form.TAG), world.card("gold", Form.TAG)
    fetched(kept, world)
    now = world.clock.now()
    asked = {"text": card.token, "idChecked": True}
    judged = kept.judge(now, **asked)
    early = now - 3 * HOUR
    counted = use_of(judged, early)
    others = use_of(kept.judge(now, text=other.token, idChecked=True), early)

    def reason(*uses: dict, at: datetime = now) -> str | None:
        return kept.judge(at, **asked, uses=list(uses))["reason"]

    assert reason(counted) == "offline-limit"
    assert reason(counted | {"voided": True}) is None
    assert reason(counted | {"granted": False}) is None
    assert reason(counted | {"offline": False}) is None
    assert reason(counted | {"service": "library-facilities"}) is None
    assert reason(others) is None
    midnight = datetime.fromisoformat("2026-11-01T00:00:00+08:00")
    assert reason(counted, at=midnight - SECOND) == "offline-limit"
    assert reason(counted, at=midnight) is None
    left = kept.judge(now, **asked, uses=[counted])["offline"]
    assert left == {"limit": 1, "used": 1, "left": 0, "unit": "month", "period": "2026-10"}


def test_a_service_without_a_limit_is_granted_as_often_as_wished(kept, world):
    """The library's doors have no quota."""
    card = world.card("gold", Form.TAG)
    fetched(kept, world)
    now = world.clock.now()
    asked = {"text": card.token, "idChecked": True, "service": "library-facilities", "point": "library"}
    use = use_of(kept.judge(now, **asked), now - HOUR, service="library-facilities", point="library")
    judged = kept.judge(now, **asked, uses=[use] * 20)
    assert (judged["outcome"], judged["offline"]["left"]) == ("granted", None)


def test_a_visit_that_runs_is_not_begun_again(kept, world):
    """Already in until its end exactly; elsewhere, voided or of another service it is no visit of here."""
    card = world.card("gold", Form.TAG)
    fetched(kept, world)
    now = world.clock.now()
    asked = {"text": card.token, "idChecked": True}
    online = use_of(kept.judge(now, **asked), now, offline=False)
    within = kept.judge(now + HOUR, **asked, uses=[online])
    assert within["reason"] == "already-in"
    assert within["visit"] == {"startedAt": millis(now), "endsAt": millis(now + 2 * HOUR)}
    assert kept.judge(now + 2 * HOUR - SECOND, **asked, uses=[online])["reason"] == "already-in"
    assert kept.judge(now + 2 * HOUR, **asked, uses=[online])["reason"] is None
    for change in ({"voided": True}, {"point": "gym-2"}, {"granted": False}):
        assert kept.judge(now + HOUR, **asked, uses=[online | change])["reason"] is None


def test_who_was_checked_out_comes_back_in_for_nothing(kept, world):
    """As often as the programme allows, within the visit's time, and without costing a unit."""
    card = world.card("gold", Form.TAG)
    fetched(kept, world)
    now = world.clock.now()
    asked = {"text": card.token, "idChecked": True}
    uses = [use_of(kept.judge(now, **asked), now, checkedOut=True)]
    for count in range(1, 6):
        at = now + count * MINUTE
        judged = kept.judge(at, **asked, uses=uses)
        assert (judged["outcome"], judged["reEntry"], judged["offline"]["used"]) == ("granted", True, 1)
        assert judged["visit"]["endsAt"] == millis(now + 2 * HOUR)
        inside = [*uses, use_of(judged, at)]
        assert kept.judge(at + SECOND, **asked, uses=inside)["reason"] == "already-in"
        uses = [*uses, use_of(judged, at, checkedOut=True)]
    assert kept.judge(now + HOUR, **asked, uses=uses)["reason"] == "already-in"


def test_a_quota_known_to_be_spent_is_refused(kept, world):
    """By what the server told last of this holder, and what this device granted since; of this period alone."""
    card = world.card("gold", Form.TAG)
    fetched(kept, world)
    now = world.clock.now()
    asked = {"text": card.token, "idChecked": True}
    use = use_of(kept.judge(now, **asked), now - 3 * HOUR, offline=False)

    def reason(used: int, uses: tuple = (), **figure: object) -> str | None:
        told = {"limit": "gym", "period": "2026-10", "used": used, "at": millis(now - DAY)} | figure
        return kept.judge(now, **asked, uses=list(uses), figures=[told])["reason"]

    assert [reason(0), reason(1), reason(2)] == [None, None, "quota-spent"]
    assert reason(1, (use,)) == "quota-spent"
    assert reason(1, (use,), at=millis(now - HOUR)) is None
    assert [reason(2, period="2026-09"), reason(2, limit="airport")] == [None, None]
    assert kept.judge(now, **asked, uses=[use, use])["reason"] == "quota-spent"


def test_a_proof_is_used_once_here(kept, world):
    """Before every other reason; a refusal spends none, another proof of the same card is another."""
    card = world.card("gold")
    fetched(kept, world)
    now, shown = world.clock.now(), card.shown()
    use = use_of(kept.judge(now, text=shown), now)
    assert kept.judge(now, text=shown, uses=[use])["reason"] == "proof-used"
    assert kept.judge(now, text=shown, uses=[use], service="steward-certificate")["reason"] == "proof-used"
    assert kept.judge(now, text=shown, uses=[use | {"granted": False}])["reason"] is None
    assert kept.judge(now, text=card.shown(), uses=[use])["reason"] == "already-in"


@pytest.fixture
def agent_at(world, tmp_path, monkeypatch):
    """Make the agent's desk at a point, an operator signed in there."""

    def made(point: str):
        agent = built_counter(world, tmp_path / "agent", monkeypatch, point=point)
        signed_in(agent)
        return agent

    return made


ASKED = {
    "gold phone": ("gold", Form.PHONE, timedelta()),
    "silver phone, 46 s late": ("silver", Form.PHONE, -46 * SECOND),
    "phone ahead": ("silver", Form.PHONE, 6 * SECOND),
    "gold tag": ("gold", Form.TAG, timedelta()),
    "print": ("diamond", Form.PRINT, timedelta()),
}


SERVICES = ["gym-visit", "steward-certificate", "museum-visit", "hospital-registration", "housing-apartment"]
SERVICES += ["airport-dom-departure", "school-place"]


@pytest.mark.parametrize("service", SERVICES)
def test_page_and_agent_say_the_same(agent_at, kept, world, service):
    """Granted, refused or ask for the ID, with the same reason, for services with and without limits.

    An agent serves the holder alone: a service for children is refused by both.
    """
    cards = {name: world.card(tier, form) for name, (tier, form, _) in ASKED.items()}
    fetched(kept, world)
    point = next(place.code for place in world.programme.points.values() if service in place.services)
    agent = agent_at(point)
    assert agent.documents.refresh(agent.server, world.clock.now())
    agent.line.cut = True
    agent.desk.service = service
    now = world.clock.now()
    for name, card in cards.items():
        text = card.shown(now + ASKED[name][2])
        said = agent.desk.shown(text, name)
        judged = kept.judge(now, text=text, service=service, point=point, beneficiary="holder")
        if said.kind is VerdictKind.ASK:
            assert judged["needs"] == ["id_check"]
            said = agent.desk.confirm(name, id_checked=True)
            judged = kept.judge(now, text=text, service=service, point=point, beneficiary="holder", idChecked=True)
        assert (said.kind.value, said.reason) == (judged["outcome"], judged["reason"]), name
        if judged["outcome"] == "denied":
            continue
        again = [use_of(judged, now - 3 * HOUR, service=service, point=point, proof="another")]
        text, id_checked = card.shown(now), card.signer is None
        judged = kept.judge(
            now, text=text, service=service, point=point, beneficiary="holder", uses=again, idChecked=id_checked
        )
        said = agent.desk.shown(text, name)
        said = agent.desk.confirm(name, id_checked=True) if id_checked else said
        assert (said.kind.value, said.reason) == (judged["outcome"], judged["reason"]), name


def test_a_public_check_says_what_the_server_says(kept, world):
    """Valid or not and why, tier, until when; a phone's card without its proof is a copy; a short code is unknown."""
    card, tag, revoked = world.card("gold"), world.card("silver", Form.TAG), world.card("gold", Form.TAG)
    world.set_status(revoked, Status.REVOKED)
    fetched(kept, world)
    now = world.clock.now()
    for text in (
        card.shown(),
        card.packed(digits=True),
        card.token,
        tag.token,
        revoked.token,
        f"{card.token}~{card.proof(now - HOUR)}",
    ):
        told = world.client.post("/v1/public-checks", json={"presentation": text}).json
        found = kept.check(now, text)
        assert [found[name] for name in ("valid", "reason", "proved")] == [
            told.get(name, False) for name in ("valid", "reason", "proved")
        ]
        assert (found["tier"], found["validUntil"]) == (
            told.get("tier"),
            None if "valid_until" not in told else millis(datetime.fromisoformat(told["valid_until"])),
        )
    assert kept.check(now, card.short()) == {"problem": "card-unknown"}
    assert kept.check(now, "hello") == {"problem": "malformed"}
    link = "https://card.example/t?p=" + "0" * 32 + "&c=" + "0" * 16
    assert world.client.post("/v1/public-checks", json={"presentation": link}).json["code"] == "malformed"
    assert kept.check(now, link) == {"problem": "malformed"}
