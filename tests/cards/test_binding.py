"""Binding lists: the golden file, what a reader refuses, how large a list of a whole district is."""

import json
import os
import zlib
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from cards.binding import (
    BINDING_LIST,
    CONTENT_MOST,
    SIZE_MOST,
    BindingList,
    BindingListError,
    SignedBindingList,
    card_binding,
    content_of,
    digest_of,
    fits,
    pool_binding,
    sign_binding_list,
    verify_binding_list,
)
from cards.claims import parse
from cards.status import SignedStatusList, Status, StatusListError, StatusLists, build
from edge.encoding import b64u, unb64u
from edge.instants import parse_rfc3339, to_epoch
from keys.errors import BadClaims
from keys.jwk import key_from_jwk
from keys.keyset import KeySet, Purpose, VerificationKey
from keys.signer import FileSigner
from keys.tokens import sign_token
from tests.cards.builders import ISSUER, ISSUER_KEY, NOW, STATUS_BASE, STATUS_KEY, card_claims, key_set

GOLDEN = json.loads((Path(__file__).parent / "golden" / "bindings.json").read_text("utf-8"))
AT = parse_rfc3339(GOLDEN["at"])
URI = f"{STATUS_BASE}3"
DAY = timedelta(days=1)


def golden_keys() -> KeySet:
    """Return the golden file's status key."""
    public = key_from_jwk(GOLDEN["status_key"])
    return KeySet([VerificationKey.of(public, Purpose.STATUS, AT - DAY, AT + DAY)])


def signed(bindings=None, **changes) -> SignedBindingList:
    """Return a list to sign; one index bound."""
    listed = BindingList.of({4711: card_binding(card_claims())} if bindings is None else bindings, 131_072)
    return replace(SignedBindingList(URI, ISSUER, NOW, NOW + DAY, listed), **changes)


def text(signer=STATUS_KEY, **changes) -> str:
    """Return a signed list."""
    return sign_binding_list(signer, signed(**changes))


def verify(told, at=NOW, uri=URI, issuer=ISSUER):
    """Verify under the tests' keys."""
    return verify_binding_list(told, key_set(), at, uri=uri, issuer=issuer)


def test_the_golden_list_reads_as_it_was_written():
    """Statement, content, bitmap and bindings, byte for byte."""
    found = verify_binding_list(
        GOLDEN["binding_list"], golden_keys(), AT, uri=GOLDEN["uri"], issuer=GOLDEN["issuer"]
    ).listed
    assert b64u(found.bitmap) == GOLDEN["bitmap_base64url"]
    told = {index: found.at(index) for index in range(found.size)}
    bound = {int(index): bytes.fromhex(binding) for index, binding in GOLDEN["bindings"].items()}
    assert {index: binding for index, binding in told.items() if binding is not None} == bound
    assert (found.at(-1), found.at(found.size)) == (None, None)


@pytest.mark.parametrize("case", GOLDEN["cards"], ids=lambda case: case["name"])
def test_golden_cards_fit_or_do_not(case):
    """The hash over the card is the golden one, and the list says whether the index is the card's own."""
    card = parse(case["claims"])
    assert card_binding(card).hex() == case["card_binding"]
    found = verify_binding_list(GOLDEN["binding_list"], golden_keys(), AT, uri=GOLDEN["uri"], issuer=GOLDEN["issuer"])
    assert fits(card, found.at(card.status_index)) is case["fits"]


def test_the_bytes_are_those_of_the_document():
    """docs/card-format.md: the lines, joined by line feeds, of which the first ten bytes of SHA-256 count."""
    card = card_claims()
    lines = ["card", card.status_uri, "4711", card.issuer, card.subject, card.card_id, "silver", "phone", "张*明"]
    lines.append(card.key_thumbprint)
    assert card_binding(card) == sha256("\n".join(lines).encode()).digest()[:10]
    drawn = f"pool\n{card.status_uri}\n4711\n{card.card_id}"
    assert pool_binding(card.status_uri, 4711, card.card_id) == sha256(drawn.encode()).digest()[:10]


def test_the_document_shows_the_first_golden_card():
    """docs/card-format.md: its lines as they are hashed, and its binding."""
    document = (Path(__file__).parents[2] / "docs" / "card-format.md").read_text("utf-8")
    case = GOLDEN["cards"][0]
    shown = document.partition("Its first card gives the lines\n\n```\n")[2].partition("\n```")[0]
    assert sha256(shown.encode()).hexdigest()[:20] == case["card_binding"]
    assert f"the binding `{case['card_binding']}`" in document


def test_everything_but_the_times_is_bound():
    """A guess serves one index of one list; a refresh changes nothing."""
    card = card_claims()
    later = replace(card, issued_at=NOW + DAY, not_before=NOW + DAY, expires_at=NOW + 2 * DAY)
    assert card_binding(later) == card_binding(card)
    other = card_claims()
    for name in ("subject", "card_id"):
        assert card_binding(replace(card, **{name: getattr(other, name)})) != card_binding(card)
    for changed in ({"tier": "gold"}, {"name": "王*"}, {"status_index": 4712}, {"status_uri": f"{STATUS_BASE}4"}):
        assert not fits(replace(card, **changed), card_binding(card))


def test_a_hundred_thousand_cards_stay_under_a_megabyte_and_a_half():
    """Statement and content together, as they travel; and each is found."""
    bindings = {index: os.urandom(10) for index in range(131_072) if index % 131 < 100}
    assert len(bindings) >= 100_000
    told = sign_binding_list(STATUS_KEY, signed(bindings))
    assert len(told) < 1_500_000
    found = verify(told).listed
    assert all(found.at(index) == binding for index, binding in list(bindings.items())[::997])


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (text(signer=FileSigner.generate()), "unknown-key"),
        (text(signer=ISSUER_KEY), "unknown-key"),
        (text(issued_at=NOW + timedelta(seconds=6)), "not-yet-valid"),
        (text(issued_at=NOW - DAY, expires_at=NOW), "expired"),
        (text(uri=f"{STATUS_BASE}4"), "bad-claims"),
        (text(issuer="https://other.example"), "bad-claims"),
        (text().partition("~")[0], "bad-signature"),
        (text().partition("~")[0] + "~" + text().partition("~")[2], "bad-signature"),
        (text() + "=", "malformed"),
        ("hello~there", "malformed"),
        ("", "malformed"),
    ],
)
def test_a_list_that_does_not_hold_is_refused(told, reason):
    """By another key or purpose, of another time or name, without its content or with another."""
    with pytest.raises(BindingListError) as refused:
        verify(told)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    "content",
    [zlib.compress(b"\x01"), zlib.compress(bytes(2)) + b"x", zlib.compress(bytes(3 << 20)), b"no zlib", b""],
    ids=["too few bindings", "runs on", "a bomb", "no zlib", "empty"],
)
def test_a_content_that_was_signed_and_is_none_is_refused(content):
    """Bounded, exact, as many bindings as bits."""
    claims = {"sub": URI, "iss": ISSUER, "iat": to_epoch(NOW), "exp": to_epoch(NOW + DAY), "size": 8}
    token = sign_token(STATUS_KEY, BINDING_LIST, claims | {"content": b64u(sha256(content).digest())})
    with pytest.raises(BindingListError) as refused:
        verify(f"{token}~{b64u(content)}")
    assert refused.value.reason == "malformed"


def test_a_list_that_would_be_refused_is_not_signed():
    """A size that fills no bytes, an index outside, a binding of another length, a name too long."""
    for bindings, size in (({}, 12), ({8: bytes(10)}, 8), ({0: bytes(9)}, 8), ({-1: bytes(10)}, 8)):
        with pytest.raises(ValueError, match=r"bytes|outside"):
            BindingList.of(bindings, size)
    with pytest.raises(BadClaims):
        sign_binding_list(STATUS_KEY, signed(uri="https://x/" + "y" * 200))
    assert unb64u(text().partition("~")[2])


def test_a_status_list_is_held_with_bindings_as_new_as_itself_alone():
    """Older ones lack its newest cards; a list that had bindings is not taken without; what was held stays."""
    listed = SignedStatusList(URI, ISSUER, NOW, NOW + DAY, timedelta(seconds=300), 1, build({4711: Status.VALID}))
    lists = StatusLists()
    lists.put(listed, signed())
    assert lists.status(URI, 4711, NOW).bound
    newer = replace(listed, issued_at=NOW + timedelta(seconds=1))
    for bindings in (signed(), None):
        with pytest.raises(StatusListError) as refused:
            lists.put(newer, bindings)
        assert refused.value.reason == "not-bound"
    assert lists.get(URI) == listed
    lists.put(listed, signed(issued_at=NOW + timedelta(seconds=2)))
    assert lists.status(URI, 4711, NOW).binding == lists.bindings(URI).at(4711)
    assert not StatusLists([listed]).status(URI, 4711, NOW).bound


def test_bindings_of_another_list_are_not_held_with_a_status_list():
    """As new as the list, and of another address: they say nothing about its indexes."""
    listed = SignedStatusList(URI, ISSUER, NOW, NOW + DAY, timedelta(seconds=300), 1, build({4711: Status.VALID}))
    with pytest.raises(StatusListError) as refused:
        StatusLists().put(listed, signed(uri=f"{STATUS_BASE}4"))
    assert refused.value.reason == "not-bound"


def test_the_greatest_list_is_read_and_one_binding_more_is_not():
    """2^20 indexes and two mebibytes of content are the bounds, and the bounds are allowed."""
    most = (CONTENT_MOST - SIZE_MOST // 8) // 10
    assert (SIZE_MOST, most) == (1_048_576, 196_608)
    full = signed(listed=BindingList.of(dict.fromkeys(range(most), bytes(10)), SIZE_MOST))
    assert verify(sign_binding_list(STATUS_KEY, full)) == full
    over = signed(listed=BindingList.of(dict.fromkeys(range(most + 1), bytes(10)), SIZE_MOST))
    with pytest.raises(BindingListError) as refused:
        verify(sign_binding_list(STATUS_KEY, over))
    assert refused.value.reason == "malformed"


def test_a_list_without_indexes_or_beyond_the_bound_is_none():
    """However it is made: from bindings, from bytes, or from a signed statement."""
    with pytest.raises(ValueError, match="outside"):
        BindingList.of({}, 0)
    for bitmap in (b"", bytes(SIZE_MOST // 8 + 1)):
        with pytest.raises(BindingListError):
            BindingList(bitmap, b"")
    content = zlib.compress(bytes(1))
    claims = {"sub": URI, "iss": ISSUER, "iat": to_epoch(NOW), "exp": to_epoch(NOW + DAY)}
    claims["content"] = b64u(sha256(content).digest())
    for size, reason in ((0, "bad-claims"), (12, "bad-claims"), (SIZE_MOST + 8, "bad-claims"), (16, None), (8, None)):
        told = f"{sign_token(STATUS_KEY, BINDING_LIST, claims | {'size': size})}~{b64u(content)}"
        if reason is None:
            assert verify(told).listed.bitmap == bytes(1)
            continue
        with pytest.raises(BindingListError) as refused:
            verify(told)
        assert refused.value.reason == reason


def test_names_of_two_hundred_characters_are_the_longest():
    """The bound itself is signed and read; one more in either name is not signed."""
    longest = f"https://{'a' * 192}"
    good = signed(uri=longest, issuer=longest)
    assert verify(sign_binding_list(STATUS_KEY, good), uri=longest, issuer=longest) == good
    for bad in ({"uri": longest + "a"}, {"issuer": longest + "a"}):
        with pytest.raises(BadClaims):
            text(**bad)


def test_a_list_counts_from_five_seconds_before_its_instant_to_its_last_second():
    """The leeway is for clocks that are behind, and there is none at the end."""
    for at in (NOW - timedelta(seconds=5), NOW + DAY - timedelta(seconds=1)):
        assert verify(text(), at=at).expires_at == NOW + DAY


def test_a_statement_names_its_content_and_content_is_known_by_that_name():
    """A reader that holds the content does not fetch it again; what is no statement or no base64url has no name."""
    statement, _, content = text().partition("~")
    assert content_of(statement) == digest_of(content.encode()) == b64u(sha256(unb64u(content)).digest())
    assert content_of("hello") is None
    assert digest_of(content.encode() + b"=") is None
    assert digest_of(b"\xff") is None
