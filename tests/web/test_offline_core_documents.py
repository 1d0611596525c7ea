"""What the offline core keeps: bundle, status lists, programme, signed time; nothing older, nothing forged, ever."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from cards.offline_record import sign_time
from cards.programme.export import programme_json
from cards.programme.load import load_programme
from cards.status import SignedStatusList, Status, StatusListError, build, sign_status_list, verify_status_list
from edge.encoding import b64u
from keys.bundle import BundleError, ProgrammePin, TrustBundle, sign_bundle, verify_bundle
from keys.keyset import Purpose, VerificationKey
from keys.signer import FileSigner
from tests.cards.builders import NOW
from tests.verifier.world import PROGRAMMES
from tests.web.offlinecore import Kept, millis

pytestmark = pytest.mark.browser

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
PROGRAMME = load_programme(PROGRAMMES / "baiyun.toml")
PROGRAMME_TEXT = json.dumps(programme_json(PROGRAMME))
ROOT, NEW_ROOT, OTHER_ROOT = (FileSigner.generate() for _ in range(3))
CARD, STATUS, RECEIPT, STRANGER = (FileSigner.generate() for _ in range(4))
URI = f"{PROGRAMME.status_base}0"


def keys() -> tuple[VerificationKey, ...]:
    """The keys that a bundle lists."""
    purposes = ((CARD, Purpose.CARD), (STATUS, Purpose.STATUS), (RECEIPT, Purpose.RECEIPT))
    return tuple(VerificationKey.of(one.public_key, what, NOW - 90 * DAY, NOW + 400 * DAY) for one, what in purposes)


def bundle(version: int = 1, root: FileSigner = ROOT, old: FileSigner | None = None, **changes: object) -> str:
    """Sign a bundle; issued at NOW."""
    pin = ProgrammePin(PROGRAMME.version, PROGRAMME.sha256, NOW - DAY)
    made = TrustBundle(version, PROGRAMME.issuer, NOW, NOW + 90 * DAY, keys(), (URI,), pin)
    return sign_bundle(replace(made, **changes), root, old_root=old)


def listed(by: FileSigner = STATUS, **changes: object) -> str:
    """Sign a status list; issued at NOW, for a day."""
    made = SignedStatusList(
        URI, PROGRAMME.issuer, NOW, NOW + DAY, timedelta(seconds=300), 1, build({1: Status.VALID, 2: Status.SUSPENDED})
    )
    return sign_status_list(by, replace(made, **changes))


def told(at=NOW, by: FileSigner = RECEIPT, issuer: str = PROGRAMME.issuer) -> str:
    """Sign the server's time."""
    return sign_time(by, issuer, at)


TIME = told()


@pytest.fixture
def kept(core) -> Kept:
    """A device that was told the root and fetched everything once, at NOW."""
    made = core.device("documents", ROOT.kid)
    made.serves(bundle=bundle(), list_0=listed(), programme=PROGRAMME_TEXT, time=json.dumps({"time": TIME}))
    assert made.refresh(NOW) == {"ok": True, "away": False, "problem": None}
    return made


def test_what_was_fetched_is_relied_on(kept):
    """Ages in seconds, ends as instants, a clock that is believed; a page opened again has it all."""
    for _ in range(2):
        state = kept.state(NOW + 100 * SECOND)
        assert (state["usable"], state["problem"], state["freshness"], state["clock"]) == (
            True,
            None,
            "fresh",
            "believed",
        )
        assert state["ages"] == {"bundle": 100, "lists": 100, "time": 100, "refresh": 100}
        assert state["ends"] == {"bundle": millis(NOW + 90 * DAY), "lists": millis(NOW + DAY)}
        assert state["trust"] == {"version": 1, "lists": [URI]}
        assert (state["dictionaries"], state["programme"]) == ([PROGRAMME.wire_dictionary], PROGRAMME.version)
        assert state["serverTime"] == TIME
        kept.restart(ROOT.kid)


def test_a_list_grows_stale_and_then_expires(kept):
    """Fresh until its ttl and a minute, stale until its end, and then nothing is known of its cards."""
    ages = {NOW + 360 * SECOND: "fresh", NOW + 361 * SECOND: "stale", NOW + DAY - SECOND: "stale", NOW + DAY: "expired"}
    assert {at: kept.state(at)["freshness"] for at in ages} == ages
    assert kept.state(NOW + DAY)["trust"]["lists"] == []
    assert kept.state(NOW + DAY)["usable"]


def test_an_expired_bundle_is_relied_on_no_more(kept):
    """At its end exactly."""
    assert kept.state(NOW + 90 * DAY - SECOND)["usable"]
    state = kept.state(NOW + 90 * DAY)
    assert (state["usable"], state["problem"]) == (False, "bundle-expired")


def test_a_server_that_is_away_changes_nothing(kept):
    """Neither does one that answers a part of it."""
    kept.away()
    assert kept.refresh(NOW + HOUR) == {"ok": False, "away": True, "problem": None}
    assert kept.state(NOW + HOUR)["ages"]["refresh"] == 3600
    assert kept.state(NOW + HOUR)["usable"]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (bundle(root=OTHER_ROOT), NOW),
        (bundle(2, root=OTHER_ROOT, old=NEW_ROOT), NOW),
        (bundle(0 + 1, issued_at=NOW + HOUR, expires_at=NOW + DAY), NOW),
        (bundle(issued_at=NOW - DAY, expires_at=NOW), NOW),
        (bundle()[:-3] + "AAA", NOW),
        (bundle().replace(".", "~", 1), NOW),
        (f"{bundle()}~{bundle()}", NOW),
        (f"{bundle(2, NEW_ROOT, ROOT).split('~')[0]}", NOW),
        ("~".join(reversed(bundle(2, NEW_ROOT, ROOT).split("~"))), NOW),
        (f"{bundle(2, NEW_ROOT, ROOT).split('~')[0]}~{bundle(3, NEW_ROOT, ROOT).split('~')[1]}", NOW),
        ("", NOW),
        (listed(), NOW),
    ],
)
def test_a_bundle_that_does_not_hold_is_refused_for_the_servers_reason(kept, text, at):
    """Wrong root, from the future, over, altered, half a roll-over: what was held stays in force."""
    with pytest.raises(BundleError) as refusal:
        verify_bundle(text, ROOT.kid, at, seen_version=1)
    kept.serves(bundle=text)
    assert kept.refresh(at) == {"ok": False, "away": False, "problem": refusal.value.reason}
    assert kept.state(at)["trust"]["version"] == 1


def test_a_bundle_never_goes_back(kept):
    """Not over a restart either; the same version may be read again."""
    kept.serves(bundle=bundle(5))
    assert kept.refresh(NOW)["ok"]
    kept.restart(ROOT.kid)
    kept.serves(bundle=bundle(4))
    assert kept.refresh(NOW)["problem"] == "rolled-back"
    kept.serves(bundle=bundle(5))
    assert kept.refresh(NOW)["ok"]


def test_a_new_root_comes_by_both_roots_and_the_old_one_is_done(kept):
    """The roll-over moves the pin; from then on the old root alone signs nothing."""
    kept.serves(bundle=bundle(2, NEW_ROOT, ROOT))
    assert kept.refresh(NOW)["ok"]
    kept.restart(ROOT.kid)
    assert kept.state(NOW)["trust"]["version"] == 2
    kept.serves(bundle=bundle(3, ROOT))
    assert kept.refresh(NOW)["problem"] == "unknown-root"
    kept.serves(bundle=bundle(3, NEW_ROOT))
    assert kept.refresh(NOW)["ok"]


def test_a_device_enrolled_at_another_root_begins_anew(kept):
    """Enrolment is the one way to another root; nothing of the old one is relied on."""
    kept.restart(OTHER_ROOT.kid)
    assert kept.state(NOW)["problem"] == "no-bundle"
    kept.serves(bundle=bundle(1, OTHER_ROOT))
    assert kept.refresh(NOW)["ok"]
    kept.restart(None)
    assert (kept.refresh(NOW)["problem"], kept.state(NOW)["problem"]) == ("unknown-root", "no-root")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (listed(issued_at=NOW - HOUR), "rolled-back"),
        (listed(by=STRANGER), "unknown-key"),
        (listed(by=CARD), "unknown-key"),
        (listed(uri=f"{PROGRAMME.status_base}1"), "bad-claims"),
        (listed(issuer="https://other.example"), "bad-claims"),
        (listed(issued_at=NOW + HOUR), "not-yet-valid"),
        (listed(issued_at=NOW - 2 * DAY, expires_at=NOW), "expired"),
        (listed(bundle=2), "bundle-too-old"),
        (listed()[:-3] + "AAA", "bad-signature"),
        ("x", "malformed"),
    ],
)
def test_a_list_that_does_not_hold_is_refused_for_the_servers_reason(kept, text, reason):
    """And nothing else of that fetch is taken."""
    held = verify_bundle(bundle(), ROOT.kid, NOW).key_set()
    with pytest.raises(StatusListError) as refusal:
        verify_status_list(text, held, NOW, uri=URI, issuer=PROGRAMME.issuer, bundle_version=1, seen=NOW)
    assert refusal.value.reason == reason
    kept.serves(bundle=bundle(1), list_0=text)
    assert kept.refresh(NOW) == {"ok": False, "away": False, "problem": reason}
    assert kept.state(NOW)["freshness"] == "fresh"


def test_a_list_says_of_each_index_what_python_reads(core):
    """In 1, 2, 4 and 8 bits, and null outside."""
    cases = [
        (bits, bytes(range(256)), index) for bits in (1, 2, 4, 8) for index in (0, 1, 7, 100, 255, 1023, 2047, 2048)
    ]
    cases += [(2, b"\x24", -1)]

    def expected(bits: int, octets: bytes, index: int) -> str | None:
        from cards.status import StatusList

        found = StatusList(bits, octets).lookup(index)
        return None if found is None else found.name.lower()

    script = "return core.statusAt({ bits: given[0], octets: core.unb64u(given[1]) }, given[2]);"
    found = core.each(script, [[bits, b64u(octets), index] for bits, octets, index in cases])
    assert found == [expected(*case) for case in cases]


def test_a_replaced_programme_is_not_gone_by(kept):
    """From the instant on at which the bundle names another: fetched, it is refused; held, nothing is judged by it."""
    pin = ProgrammePin("2027.1", "0" * 64, NOW + HOUR)
    kept.serves(bundle=bundle(2, programme=pin))
    assert kept.refresh(NOW)["ok"]
    assert kept.state(NOW + HOUR - SECOND)["usable"]
    assert kept.state(NOW + HOUR)["problem"] == "programme-changed"
    assert kept.refresh(NOW + HOUR)["problem"] == "programme-changed"


def changed(*path: str, to: object) -> str:
    """The programme with one value changed."""
    programme = json.loads(PROGRAMME_TEXT)
    table = programme
    for name in path[:-1]:
        table = table[name]
    table[path[-1]] = to
    return json.dumps(programme)


GYM = ("services", "gym-visit")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        changed("issuer", to="https://other.example"),
        changed("audience", to=None),
        changed("wire_dictionary", to=100),
        changed("zone", to="Nowhere/Atlantis"),
        changed("quotas", "gym", "unit", to="week"),
        changed("quotas", "gym", "maximum", to="2"),
        changed("points", "gym", "services", to=None),
        changed(*GYM, to=None),
        changed(*GYM, "code", to="another"),
        changed(*GYM, "tiers", to="gold"),
        changed(*GYM, "quota", to="nothing"),
        changed(*GYM, "visit", to={"length_seconds": "7200", "re_entries": 5}),
        changed(*GYM, "offline_limit", to=-1),
        changed(*GYM, "least_assurance", to="perfect"),
        changed(*GYM, "beneficiaries", to=None),
    ],
)
def test_a_programme_that_is_not_understood_is_refused(kept, text):
    """As is another issuer's; what was held stays in force."""
    kept.serves(programme=text)
    assert kept.refresh(NOW)["problem"] in {"malformed", "bad-claims"}
    assert kept.state(NOW)["usable"]


def test_a_page_that_was_told_how_codes_are_made_fetches_no_programme(core):
    """The public check judges no service: 200 KB less to fetch."""
    made = core.device("public", ROOT.kid)
    made.serves(bundle=bundle(), list_0=listed(), time=json.dumps({"time": TIME}))
    assert made.refresh(NOW)["away"], "a counter needs it"
    told = {name: json.loads(PROGRAMME_TEXT)[name] for name in ("issuer", "audience", "status_base", "sha256")}
    told["wire_dictionary"] = PROGRAMME.wire_dictionary
    made.restart(ROOT.kid, programme=told)
    assert made.refresh(NOW)["ok"]
    assert made.state(NOW)["usable"]


def test_the_signed_time_only_goes_forward(kept):
    """Forged, another issuer's and older ones change nothing; a newer one does, over a restart too."""
    for text in (
        told(NOW + HOUR, STRANGER),
        told(NOW + HOUR, CARD),
        told(NOW + HOUR, issuer="https://x.example"),
        "x",
        "",
    ):
        kept.keep_time(text, NOW)
        assert kept.state(NOW)["ages"]["time"] == 0
    newer = told(NOW + HOUR)
    kept.keep_time(newer, NOW + HOUR)
    kept.keep_time(told(NOW), NOW + HOUR)
    kept.restart(ROOT.kid)
    assert kept.state(NOW + HOUR)["serverTime"] == newer


def test_a_clock_is_believed_for_a_day_and_never_behind_the_server(kept):
    """More than 24 hours after the last signed time it is unsure; behind it, nothing is judged."""
    kept.keep_time(told(NOW + HOUR), NOW + HOUR)
    assert kept.state(NOW + HOUR - 5 * SECOND)["clock"] == "believed"
    state = kept.state(NOW + HOUR - 6 * SECOND)
    assert (state["clock"], state["problem"], state["usable"]) == ("back", "clock-back", False)
    ends = NOW + HOUR + DAY
    assert [kept.state(ends)["clock"], kept.state(ends + SECOND)["clock"]] == ["believed", "unsure"]


def test_a_server_without_the_signed_time_gives_the_rest(core):
    """The clock is then unsure, and said to be."""
    made = core.device("timeless", ROOT.kid)
    made.serves(bundle=bundle(), list_0=listed(), programme=PROGRAMME_TEXT)
    assert made.refresh(NOW)["ok"]
    state = made.state(NOW)
    assert (state["usable"], state["clock"], state["serverTime"]) == (True, "unsure", None)


def test_before_the_first_fetch_nothing_is_usable(core):
    """And it says what is missing."""
    made = core.device("new", ROOT.kid)
    state = made.state(NOW)
    assert (state["usable"], state["problem"], state["freshness"]) == (False, "no-bundle", "expired")
    assert state["ages"] == {"bundle": None, "lists": None, "time": None, "refresh": None}


def test_a_list_older_than_one_seen_is_refused_where_it_is_read(core):
    """Each reader of a list holds it to the instant that was seen, whatever another check would still find."""
    texts = [listed(issued_at=NOW - SECOND), listed(), listed(issued_at=NOW + SECOND)]
    script = """
      const trust = await core.verifyBundle(given[0], given[1], given[2], 0);
      return (await core.verifyStatusList(given[3], trust, given[4], given[2], given[5])).issuedAt;
    """
    at = NOW + HOUR
    found = core.each(script, [[bundle(), ROOT.kid, millis(at), text, URI, millis(NOW)] for text in texts])
    assert found == [{"error": "rolled-back"}, millis(NOW), millis(NOW + SECOND)]


def test_an_older_list_put_beside_the_marks_is_not_relied_on(kept):
    """A disk that was set back, or another tab that wrote an older list: its cards are unknown, and none is valid."""
    older = listed(issued_at=NOW - HOUR)
    kept._run(
        """for (const [key, value] of device.held) {
             if (value?.lists) device.held.set(key, { ...value, lists: { [given.uri]: given.text } });
           }""",
        uri=URI,
        text=older,
    )
    kept.restart(ROOT.kid)
    state = kept.state(NOW + SECOND)
    assert (state["trust"]["lists"], state["freshness"]) == ([], "expired")
