"""Status lists: bits, signed document, freshness, and the independent vectors where they are at hand."""

import json
import os
import random
import zlib
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.status import (
    INFLATED_MOST,
    LIST_SIZE,
    STATUS_GRACE,
    UNKNOWN,
    Freshness,
    SignedStatusList,
    Status,
    StatusAnswer,
    StatusList,
    StatusListError,
    StatusLists,
    build,
    sign_status_list,
    verify_status_list,
)
from edge.encoding import b64u
from keys.errors import BadClaims
from tests.cards.builders import ISSUER, ISSUER_KEY, NOW, STATUS_BASE, STATUS_KEY, key_set

URI = f"{STATUS_BASE}3"
SECOND = timedelta(seconds=1)


def signed(statuses=None, *, at=NOW, ttl=300, lives=timedelta(hours=24), bundle=5, uri=URI, issuer=ISSUER):
    """Return a list of 64 cards, card 1 valid and card 2 suspended unless told otherwise."""
    listed = build(statuses or {1: Status.VALID, 2: Status.SUSPENDED}, size=64)
    return SignedStatusList(uri, issuer, at, at + lives, ttl * SECOND, bundle, listed)


def verify(text, *, at=NOW, uri=URI, issuer=ISSUER, bundle_version=5, seen=None):
    """Verify with the tests' keys."""
    return verify_status_list(text, key_set(), at, uri=uri, issuer=issuer, bundle_version=bundle_version, seen=seen)


def refusal(text, **how) -> str:
    """Return the reason of a refusal."""
    with pytest.raises(StatusListError) as error:
        verify(text, **how)
    return error.value.reason


def test_bits_go_from_the_least_significant_up():
    """The layout of the Token Status List draft, section 4: eight one-bit or four two-bit statuses a byte."""
    assert [StatusList(1, b"\xb9\xa3").value(i) for i in range(16)] == [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]
    assert [StatusList(2, b"\xc9\x44\xf9").value(i) for i in range(12)] == [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]


def test_the_drafts_own_example_decodes():
    """The one-bit example of the draft, `lst` included."""
    assert StatusList.from_claim({"bits": 1, "lst": "eNrbuRgAAhcBXQ"}).octets == b"\xb9\xa3"


def test_unassigned_indexes_are_revoked():
    """A card minted unseen is dead: what nobody assigned reads as revoked."""
    listed = build({0: Status.VALID, LIST_SIZE - 1: Status.SUSPENDED})
    assert len(listed) == LIST_SIZE
    assert listed.lookup(0) is Status.VALID
    assert listed.lookup(LIST_SIZE - 1) is Status.SUSPENDED
    assert {listed.lookup(index) for index in range(1, 2000)} == {Status.REVOKED}


def test_outside_the_list_and_beyond_the_known_statuses_nothing_is_known():
    """Neither an index outside nor the unused value 3 is an answer; neither wraps round."""
    listed = StatusList(2, b"\xff")
    assert [listed.lookup(index) for index in (-1, 0, 4, 2**40)] == [None] * 4
    for index in (4, -1):
        with pytest.raises(IndexError):
            listed.value(index)


@given(st.sampled_from([2, 4, 8]), st.dictionaries(st.integers(0, 255), st.sampled_from(Status)))
def test_what_is_built_is_what_is_looked_up(bits, statuses):
    """Through building, deflating, and reading again."""
    listed = StatusList.from_claim(build(statuses, size=256, bits=bits).to_claim())
    assert [listed.lookup(index) for index in range(256)] == [statuses.get(i, Status.REVOKED) for i in range(256)]


def test_a_list_is_not_built_beyond_its_size():
    """The issuer's own mistakes are errors, not other cards' statuses."""
    for statuses, size in (({64: Status.VALID}, 64), ({-1: Status.VALID}, 64), ({}, 63), ({}, 0)):
        with pytest.raises(ValueError, match=r"whole bytes|no room"):
            build(statuses, size=size)


def test_a_list_of_one_bit_has_no_room_for_a_suspension():
    """Its statuses are valid and revoked: a suspended card is refused, and never published as another status."""
    listed = build({0: Status.VALID, 9: Status.REVOKED}, size=16, bits=1)
    assert [listed.lookup(index) for index in range(16)] == [Status.VALID] + [Status.REVOKED] * 15
    with pytest.raises(ValueError, match="no room"):
        build({0: Status.SUSPENDED}, size=16, bits=1)


def test_the_least_and_the_greatest_list_are_lists():
    """One status of a byte, and a mebibyte exactly: the bounds themselves are allowed, through a claim as well."""
    assert build({}, size=1, bits=8).lookup(0) is Status.REVOKED
    greatest = StatusList(1, bytes(1 << 20))
    assert StatusList.from_claim(greatest.to_claim()) == greatest
    assert len(greatest) == 8 << 20
    with pytest.raises(StatusListError):
        StatusList(1, bytes((1 << 20) + 1))


@pytest.mark.parametrize(
    "claim",
    [
        None, [], {}, {"bits": 2}, {"bits": 3, "lst": "eNrbuRgAAhcBXQ"}, {"bits": True, "lst": "eNrbuRgAAhcBXQ"},
        {"bits": 2, "lst": ""}, {"bits": 2, "lst": "eNrbuRgAAhcBXQ="}, {"bits": 2, "lst": "eNrbuRgAAhcBX"},
        {"bits": 2, "lst": b64u(zlib.compress(b"\x00") + b"x")}, {"bits": 2, "lst": b64u(zlib.compress(b"\x00")[:-1])},
        {"bits": 2, "lst": b64u(zlib.compress(b""))}, {"bits": 2, "lst": b64u(zlib.compress(bytes(INFLATED_MOST + 1)))},
        {"bits": 2, "lst": "eNrbuRgAAhcBXQ", "aggregation_uri": "https://a"}, {"bits": 2, "lst": b"eNrb"},
    ],
)  # fmt: skip
def test_a_list_that_is_none_is_malformed(claim):
    """Wrong shapes, trailing or missing bytes, and bombs."""
    with pytest.raises(StatusListError) as error:
        StatusList.from_claim(claim)
    assert error.value.reason == "malformed"


def test_a_signed_list_reads_back():
    """Everything around the list comes back too."""
    assert verify(sign_status_list(STATUS_KEY, signed())) == signed()


def test_a_full_list_of_random_statuses_fits_its_token():
    """The worst list: 131,072 cards without any pattern."""
    rng = random.Random(7)
    statuses = {index: rng.choice(list(Status)) for index in range(LIST_SIZE)}
    full = SignedStatusList(URI, ISSUER, NOW, NOW + timedelta(hours=24), 300 * SECOND, 5, build(statuses))
    assert verify(sign_status_list(STATUS_KEY, full)).statuses == full.statuses


def test_a_card_key_signs_no_status_list():
    """Keys serve one purpose: an issuer's card key cannot revive a card."""
    assert refusal(sign_status_list(ISSUER_KEY, signed())) == "unknown-key"


def test_a_list_is_refused_for_what_it_is():
    """Name, issuer, time, version of the bundle, and order, each with its reason."""
    text = sign_status_list(STATUS_KEY, signed())
    assert refusal(text, uri=f"{STATUS_BASE}4") == "bad-claims"
    assert refusal(text, issuer="https://other.example") == "bad-claims"
    assert refusal(text, at=NOW - 6 * SECOND) == "not-yet-valid"
    assert refusal(text, at=NOW + timedelta(hours=24)) == "expired"
    assert refusal(text, bundle_version=4) == "bundle-too-old"
    assert refusal(text, seen=NOW + SECOND) == "rolled-back"
    assert refusal(text + "A") == "malformed"
    assert refusal(text[:-4] + ("AAAA" if text[-4:] != "AAAA" else "BAAA")) == "bad-signature"
    assert verify(text, seen=NOW).issued_at == NOW


def test_an_issuer_publishes_no_list_that_would_be_refused():
    """`ttl`, `bundle` and lifetime are bounded where the list is made."""
    for bad in (signed(ttl=0), signed(ttl=86_401), signed(bundle=0), signed(lives=timedelta(days=8))):
        with pytest.raises(BadClaims):
            sign_status_list(STATUS_KEY, bad)


def test_what_lies_at_the_bounds_is_published_and_read():
    """A second and a day of `ttl`, the first bundle, and names of 200 characters."""
    longest = f"https://{'a' * 192}"
    for good in (signed(ttl=1), signed(ttl=86_400), signed(bundle=1), signed(uri=longest, issuer=longest)):
        text = sign_status_list(STATUS_KEY, good)
        assert verify(text, uri=good.uri, issuer=good.issuer) == good
    for bad in (signed(uri=longest + "a"), signed(issuer=longest + "a")):
        with pytest.raises(BadClaims):
            sign_status_list(STATUS_KEY, bad)


def test_a_list_counts_from_five_seconds_before_its_instant_to_its_last_second():
    """Clocks that differ by less than the leeway agree; nobody has leeway at the end."""
    text = sign_status_list(STATUS_KEY, signed())
    for at in (NOW - 5 * SECOND, NOW + timedelta(hours=24) - SECOND):
        assert verify(text, at=at) == signed()


def test_a_list_is_stale_a_minute_after_it_should_have_been_fetched():
    """The grace in seconds, as docs/design.md says it."""
    assert signed(ttl=300).freshness(NOW + 360 * SECOND) is Freshness.FRESH
    assert signed(ttl=300).freshness(NOW + 361 * SECOND) is Freshness.STALE


def test_freshness_follows_age():
    """Fresh for its ttl and a grace, then stale (amber), expired at `exp` to the second."""
    held = signed()
    at_edge = NOW + held.ttl + STATUS_GRACE
    assert held.freshness(at_edge) is Freshness.FRESH
    assert held.freshness(at_edge + SECOND) is Freshness.STALE
    assert held.freshness(held.expires_at - SECOND) is Freshness.STALE
    assert held.freshness(held.expires_at) is Freshness.EXPIRED


def test_lists_in_memory_answer_and_never_go_back():
    """A source answers for what it holds, says unknown otherwise, and keeps the newer of two lists."""
    lists = StatusLists([signed()])
    assert lists.status(URI, 1, NOW) == StatusAnswer(Status.VALID, Freshness.FRESH, issued_at=signed().issued_at)
    assert lists.status(f"{URI}0", 1, NOW) == UNKNOWN
    lists.put(signed({1: Status.REVOKED}, at=NOW + SECOND))
    assert lists.status(URI, 1, NOW + SECOND).status is Status.REVOKED
    with pytest.raises(StatusListError) as error:
        lists.put(signed())
    assert error.value.reason == "rolled-back"
    assert lists.get(URI).issued_at == NOW + SECOND
    assert lists.get("none") is None


def _vectors() -> list:
    folder = os.environ.get("VECTORS")
    path = Path(folder or "", "tsl", "tsl_vectors.json")
    return json.loads(path.read_text())["encodings"] if folder and path.is_file() else []


@pytest.mark.skipif(not _vectors(), reason="set VECTORS to the folder of independent vectors")
def test_independent_vectors_decode_without_a_mismatch():
    """Lists of 2^20 entries in 1, 2, 4 and 8 bits by the draft's own authors: every one of the entries."""
    vectors = _vectors()
    assert {vector["bits"] for vector in vectors} == {1, 2, 4, 8}
    for vector in vectors:
        listed = StatusList.from_claim({"bits": vector["bits"], "lst": vector["lst"]})
        assert len(listed) == vector["size"]
        expected = {int(index): value for index, value in vector["statuses"].items()}
        found = {index: value for index in range(len(listed)) if (value := listed.value(index))}
        assert found == {index: value for index, value in expected.items() if value}
