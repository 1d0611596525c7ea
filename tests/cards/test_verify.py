"""Steps 2 to 6 of docs/design.md §5: each reason where it belongs, and no mutation ever granted."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cards.binding import MISFIT, card_binding
from cards.claims import CARD as CARD_FORM
from cards.claims import Form, sign_card
from cards.presentation import Presentation, PresentationError, read
from cards.programme.types import Assurance
from cards.proof import PROOF, card_digest
from cards.status import Freshness, Status, StatusAnswer
from cards.verify import REASONS, CardCache, RefusedCard, Verified, VerifiedCard, verify_presentation
from cards.wire import pack
from edge.encoding import b64u, unb64u
from keys.keyset import KeySet
from keys.signer import FileSigner
from keys.tokens import sign_token
from tests.cards.builders import (
    DICTIONARIES,
    DICTIONARY,
    ISSUER_KEY,
    NONCE,
    NOW,
    PHONE,
    READER,
    STATUS_KEY,
    FixedStatus,
    GivenChallenges,
    card,
    card_claims,
    chip_proof,
    key_set,
    phone_presentation,
    proof,
    trust,
)

SECOND = timedelta(seconds=1)
STRANGER = FileSigner.generate()
CARD = card()
PROVED = Presentation(CARD, proof(CARD))
PRINTED = Presentation(card(Form.PRINT), None)


def verify(p=PROVED, given_trust=None, at=NOW, *, id_checked=False, **how):
    """Verify with defaults that hold."""
    return verify_presentation(p, given_trust or trust(), at, id_checked=id_checked, **how)


def reason(*args, **how) -> str:
    """Return the reason of a refusal."""
    answer = verify(*args, **how)
    assert isinstance(answer, RefusedCard), "granted"
    assert answer.reason in REASONS
    return answer.reason


def test_a_phone_with_a_fresh_proof_holds():
    """Card, status and proof in order: proved, and nothing more is needed."""
    answer = verify()
    assert isinstance(answer, Verified)
    assert (answer.assurance, answer.freshness, answer.needs_id_check) == (Assurance.PROVED, Freshness.FRESH, False)
    assert answer.card.name == "张*明"
    assert answer.token_digest == card_digest(CARD)
    assert answer.proof.card_digest == answer.token_digest


def test_the_caller_looks_up_the_card_of_a_proof_alone():
    """Verifying a proof without its card is a fault of the caller."""
    with pytest.raises(ValueError, match="look up"):
        verify(Presentation(None, PROVED.proof))


def test_step_2_an_unknown_key():
    """A stranger's key, a key for another purpose, a key before or after its validity."""
    assert reason(Presentation(card(signer=STRANGER), None)) == "unknown-key"
    assert reason(Presentation(card(signer=STATUS_KEY), None)) == "unknown-key"
    assert reason(given_trust=trust(keys=key_set(until=NOW))) == "unknown-key"
    assert reason(given_trust=trust(keys=KeySet([]))) == "unknown-key"


def test_step_3_a_bad_signature():
    """The payload of one card under the signature of another."""
    header, _, signature = CARD.split(".")
    payload = card().split(".")[1]
    assert reason(Presentation(f"{header}.{payload}.{signature}", None)) == "bad-signature"


def test_step_3_text_that_is_no_token_has_no_good_signature():
    """A presentation that did not come through `read` is refused all the same."""
    assert reason(Presentation("a.b.c", None)) == "bad-signature"


def test_step_4_bad_claims():
    """Another issuer's name; and claims that an issuer of ours should never have signed."""
    assert reason(Presentation(card(issuer="https://other.example"), None)) == "bad-claims"
    claims = card_claims().to_claims()
    for form, changes in (("print", {}), ("phone", {"exp": claims["iat"] + 40 * 86400})):
        forged = _signed_raw(claims | {"form": form} | changes)
        assert reason(Presentation(forged, None)) == "bad-claims"


def test_step_4_time_is_exact_at_the_end_and_lenient_at_the_start():
    """`exp` to the second; `nbf` and `iat` with the leeway of two clocks."""
    expires = NOW + timedelta(days=30)
    token = card(Form.PRINT, not_before=NOW + timedelta(days=1))
    starts = NOW + timedelta(days=1)
    p = Presentation(token, None)
    assert reason(p, at=starts - 5.001 * SECOND, id_checked=True) == "not-yet-valid"
    assert isinstance(verify(p, at=starts - 5 * SECOND, id_checked=True), Verified)
    assert isinstance(verify(p, at=expires - SECOND, id_checked=True), Verified)
    assert reason(p, at=expires, id_checked=True) == "expired"
    assert reason(Presentation(card(Form.PRINT), None), at=NOW - 6 * SECOND) == "not-yet-valid"


def test_step_5_status():
    """Revoked, suspended, unknown, and a list too old to rely on, whatever it says."""
    assert reason(given_trust=trust(Status.REVOKED)) == "revoked"
    assert reason(given_trust=trust(Status.SUSPENDED)) == "suspended"
    assert reason(given_trust=trust(None)) == "status-unknown"
    assert reason(given_trust=trust(Status.VALID, Freshness.EXPIRED)) == "status-unknown"
    assert verify(given_trust=trust(freshness=Freshness.STALE)).freshness is Freshness.STALE


@pytest.mark.parametrize(
    ("says", "younger", "told"),
    [
        (Status.REVOKED, 1, "status-unknown"),
        (Status.REVOKED, 0, "revoked"),
        (Status.SUSPENDED, 1, "suspended"),
        (Status.VALID, 1, None),
    ],
)
def test_step_5_a_list_from_before_the_card_does_not_call_it_revoked(says, younger, told):
    """An index that nobody had yet is listed as revoked; suspended and valid are only ever said of a card."""
    made = card_claims(Form.PRINT).issued_at - timedelta(seconds=younger)
    given = trust(status=FixedStatus(StatusAnswer(says, Freshness.FRESH, issued_at=made)))
    verdict = verify(PRINTED, given, id_checked=True)
    assert getattr(verdict, "reason", None) == told


def test_step_5_asks_for_the_cards_own_index():
    """The list and the index asked for are those of the token."""
    source = FixedStatus()
    verify(given_trust=trust(status=source))
    assert source.asked == [(card_claims().status_uri, 4711)]


def test_step_6_a_phones_card_alone_is_a_screenshot():
    """A card that names a key, without a proof."""
    assert reason(Presentation(CARD, None), id_checked=True) == "proof-missing"


def test_step_6_a_proof_is_the_cards_own():
    """Another key, another programme, another card, another kind of token, or bad claims."""
    assert reason(Presentation(CARD, proof(CARD, STRANGER))) == "bad-proof"
    assert reason(Presentation(CARD, proof(CARD, audience="other"))) == "bad-proof"
    assert reason(Presentation(CARD, proof(card()))) == "bad-proof"
    assert reason(Presentation(CARD, chip_proof(CARD)), challenges=GivenChallenges()) == "bad-proof"
    assert reason(Presentation(CARD, CARD)) == "bad-proof"
    odd = {"iat": 1, "aud": "a", "jti": "short", "ath": "short"}
    assert reason(Presentation(CARD, sign_token(PHONE, PROOF, odd))) == "bad-proof"


def test_step_6_a_proof_is_fresh_from_45_s_old_to_5_s_ahead():
    """Both bounds are inclusive; beyond them a screenshot says stale and a fast phone says clock."""
    early = card(issued_at=NOW - 60 * SECOND, not_before=NOW - 60 * SECOND)
    issued = proof(early, at=NOW)
    for at, expected in (
        (45, None),
        (45.001, "stale-proof"),
        (-5, None),
        (-5.001, "clock-ahead"),
        (3600, "stale-proof"),
    ):
        answer = verify(Presentation(early, issued), trust(), NOW + at * SECOND)
        assert (answer.reason if isinstance(answer, RefusedCard) else None) == expected


def test_step_6_a_look_confirmed_later_is_judged_by_the_looks_instant():
    """`proof_at` moves the proof's age alone: the card's own time and status are those of now."""
    later = NOW + 120 * SECOND
    assert reason(at=later) == "stale-proof"
    assert isinstance(verify(at=later, proof_at=NOW), Verified)
    assert reason(at=NOW, proof_at=later) == "stale-proof"
    assert reason(at=NOW + timedelta(days=30), proof_at=NOW) == "expired"


def test_step_6_a_proof_for_a_card_without_a_key_is_refused():
    """A print proves nothing; somebody put the two together."""
    assert reason(Presentation(PRINTED.card, proof(PRINTED.card)), id_checked=True) == "bad-proof"


def test_step_6_a_copyable_card_needs_the_operators_word():
    """Refused without it, granted with it, and a look goes on and says what is needed."""
    assert reason(PRINTED) == "id-check-needed"
    assert verify(PRINTED, id_checked=True).needs_id_check is False
    look = verify(PRINTED, provisional=True)
    assert isinstance(look, Verified)
    assert look.needs_id_check
    assert look.assurance is Assurance.COPYABLE


def test_step_6_assurance_of_each_form():
    """Proof and challenge prove, a counter counts, all else can be copied; counting helps a tag alone."""
    chip = card(Form.CHIP)
    tag = Presentation(card(Form.TAG), None)
    answered = Presentation(chip, chip_proof(chip))
    assert verify(answered, challenges=GivenChallenges()).assurance is Assurance.PROVED
    assert verify(tag, id_checked=True, counted=True).assurance is Assurance.COUNTED
    assert verify(tag, id_checked=True).assurance is Assurance.COPYABLE
    assert verify(PRINTED, id_checked=True, counted=True).assurance is Assurance.COPYABLE


def test_step_6_a_service_may_ask_for_more():
    """`least` is held against the assurance after the ID check, in a look too."""
    assert reason(PRINTED, id_checked=True, least=Assurance.PROVED) == "assurance-too-low"
    assert reason(PRINTED, provisional=True, least=Assurance.COUNTED) == "assurance-too-low"
    assert isinstance(verify(least=Assurance.PROVED), Verified)


def test_step_6_a_chip_answers_a_challenge_that_is_outstanding():
    """Without challenges every answer is refused; another nonce or reader is; so are an old one and one ahead."""
    token = card(Form.CHIP)
    p = Presentation(token, chip_proof(token))
    given_challenges = GivenChallenges()
    answer = verify(p, challenges=given_challenges)
    assert (answer.proof.nonce, answer.proof.reader) == (NONCE, READER)
    assert reason(p) == "bad-proof"
    assert reason(p, challenges=GivenChallenges(reader="reader-2")) == "bad-proof"
    assert reason(p, challenges=GivenChallenges(nonce=bytes(32))) == "bad-proof"
    assert reason(p, at=NOW + 31 * SECOND, challenges=given_challenges) == "stale-proof"
    assert reason(p, at=NOW - 5.001 * SECOND, challenges=given_challenges) == "not-yet-valid"
    early = card(Form.CHIP, issued_at=NOW - SECOND * 60, not_before=NOW - SECOND * 60)
    ahead = Presentation(early, chip_proof(early))
    assert reason(ahead, at=NOW - 6 * SECOND, challenges=given_challenges) == "clock-ahead"
    assert reason(Presentation(token, chip_proof(token, STRANGER)), challenges=given_challenges) == "bad-proof"
    assert reason(Presentation(token, proof(token)), challenges=given_challenges) == "bad-proof"


def test_the_first_failing_step_gives_the_reason():
    """An expired, revoked card with a stale proof is expired."""
    late = NOW + timedelta(days=30)
    assert reason(given_trust=trust(Status.REVOKED), at=late) == "expired"
    assert reason(given_trust=trust(Status.REVOKED), at=NOW + timedelta(hours=1)) == "revoked"


def test_claims_are_told_only_from_step_4_on():
    """Before the signature has held, nothing of a token is believed; afterwards the card is known."""
    assert verify(Presentation(card(signer=STRANGER), None)).card is None
    refused = verify(given_trust=trust(Status.REVOKED))
    assert refused.card.tier == "silver"
    assert refused.token_digest == card_digest(CARD)


# The cache ---------------------------------------------------------------------------------------------------------


def test_a_cached_card_is_judged_anew():
    """Time, key, status and proof are looked at every time; only the signature is spared."""
    cache = CardCache()
    assert isinstance(verify(cache=cache), Verified)
    assert len(cache) == 1
    assert isinstance(verify(cache=cache), Verified)
    assert reason(at=NOW + timedelta(days=31), cache=cache) == "expired"
    assert reason(given_trust=trust(Status.REVOKED), cache=cache) == "revoked"
    assert reason(given_trust=trust(keys=key_set(until=NOW)), cache=cache) == "unknown-key"
    assert reason(given_trust=trust(issuer="https://other.example"), cache=cache) == "bad-claims"
    assert reason(Presentation(CARD, proof(CARD, STRANGER)), cache=cache) == "bad-proof"


def test_a_new_trust_version_misses_the_cache():
    """A key that a new bundle left out takes its cards with it at once."""
    cache = CardCache()
    verify(cache=cache)
    assert reason(given_trust=trust(keys=KeySet([]), version=6), cache=cache) == "unknown-key"


def test_a_refused_card_is_never_cached():
    """Only what held is kept."""
    cache = CardCache()
    verify(Presentation(card(signer=STRANGER), None), cache=cache)
    assert len(cache) == 0


def test_the_cache_is_bounded_and_drops_the_least_recently_used():
    """Memory stays flat however many cards come by."""
    cache = CardCache(2)
    held = VerifiedCard("kid", card_claims(), None, ())
    for digest in (b"a", b"b"):
        cache.put(digest, 1, held)
    assert cache.get(b"a", 1) is held
    cache.put(b"c", 1, held)
    assert [cache.get(digest, 1) is not None for digest in (b"a", b"b", b"c")] == [True, False, True]
    with pytest.raises(ValueError, match="at least one"):
        CardCache(0)


def test_a_card_that_is_put_in_again_counts_as_used_and_one_place_is_enough():
    """Verified again, a card is the newest; a cache of one card holds the last."""
    held = VerifiedCard("kid", card_claims(), None, ())
    cache, single = CardCache(2), CardCache(1)
    for digest in (b"a", b"b", b"a", b"c"):
        cache.put(digest, 1, held)
        single.put(digest, 1, held)
    assert [cache.get(digest, 1) is not None for digest in (b"a", b"b", b"c")] == [True, False, True]
    assert [single.get(digest, 1) is not None for digest in (b"a", b"b", b"c")] == [False, False, True]


@pytest.mark.parametrize(
    ("binding", "reason", "mark"), [("own", None, None), (bytes(10), "revoked", MISFIT), (None, "revoked", None)]
)
def test_an_index_that_is_bound_to_another_card_is_told_to_auditors(binding, reason, mark):
    """A minted card stands on another's index; an index that was taken back is no sign of one."""
    claims = card_claims()
    text = sign_card(ISSUER_KEY, claims)
    bound = card_binding(claims) if binding == "own" else binding
    given = trust(status=FixedStatus(StatusAnswer(Status.VALID, Freshness.FRESH, bound=True, binding=bound)))
    verdict = verify(Presentation(text, proof(text)), given_trust=given)
    told = (None, None) if isinstance(verdict, Verified) else (verdict.reason, verdict.mark)
    assert told == (reason, mark)


def test_the_cache_stands_many_threads():
    """Concurrent gets and puts neither fail nor outgrow the bound."""
    cache = CardCache(8)
    held = VerifiedCard("kid", card_claims(), None, ())

    def work(seed: int) -> None:
        for step in range(300):
            digest = bytes([(seed * 31 + step * 7) % 40])
            if cache.get(digest, 1) is None:
                cache.put(digest, 1, held)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(cache) <= 8


# Mutations ---------------------------------------------------------------------------------------------------------


@settings(max_examples=250)
@given(st.sampled_from(["plain", "base45", "digits"]), st.data())
def test_a_changed_character_is_never_granted_as_another_card(form, data):
    """One changed character anywhere: malformed, refused, or the very same tokens."""
    text = {
        "plain": PROVED.text,
        "base45": pack(PROVED, DICTIONARY),
        "digits": pack(PROVED, DICTIONARY, digits=True),
    }[form]
    at = data.draw(st.integers(0, len(text) - 1))
    alphabet = st.characters(min_codepoint=32, max_codepoint=126) if form != "digits" else st.sampled_from("0123456789")
    changed = text[:at] + data.draw(alphabet) + text[at + 1 :]
    try:
        p = read(changed, DICTIONARIES)
    except PresentationError:
        return
    whole = Presentation(p.card or CARD, p.proof)
    assert whole == PROVED or isinstance(verify(whole), RefusedCard)


@settings(max_examples=200)
@given(st.sampled_from(["card", "proof"]), st.integers(0, 2), st.data())
def test_a_changed_byte_of_any_segment_is_refused(part, which, data):
    """Header, payload or signature, of card or proof, one byte changed and everything written canonically again."""
    tokens = {"card": PROVED.card, "proof": PROVED.proof}
    segments = tokens[part].split(".")
    octets = bytearray(unb64u(segments[which]))
    octets[data.draw(st.integers(0, len(octets) - 1))] ^= data.draw(st.integers(1, 255))
    segments[which] = b64u(bytes(octets))
    tokens[part] = ".".join(segments)
    assert isinstance(verify(Presentation(tokens["card"], tokens["proof"])), RefusedCard)


def test_the_other_signature_of_the_same_card_is_another_text():
    """(r, n - s) verifies too, but its digest differs: the proof, bound to the exact text, no longer fits."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    head, _, signature = CARD.rpartition(".")
    octets = unb64u(signature)
    other = octets[:32] + (order - int.from_bytes(octets[32:], "big")).to_bytes(32, "big")
    twin = f"{head}.{b64u(other)}"
    assert reason(Presentation(twin, PROVED.proof)) == "bad-proof"
    assert isinstance(verify(Presentation(twin, proof(twin))), Verified)


def test_fresh_presentations_hold_in_every_text():
    """The control for the mutations: unchanged, all three texts are granted."""
    p = phone_presentation()
    for text in (p.text, pack(p, DICTIONARY), pack(p, DICTIONARY, digits=True)):
        assert isinstance(verify(read(text, DICTIONARIES)), Verified)


def _signed_raw(claims: dict) -> str:
    """Sign claims that `sign_card` would refuse, with the form's own checks alone."""
    return sign_token(ISSUER_KEY, CARD_FORM, claims)


def test_a_revoked_card_on_its_own_index_is_no_minted_one():
    """The mark is for another's index alone."""
    claims = card_claims()
    text = sign_card(ISSUER_KEY, claims)
    answer = StatusAnswer(Status.REVOKED, Freshness.FRESH, bound=True, binding=card_binding(claims))
    verdict = verify(Presentation(text, proof(text)), given_trust=trust(status=FixedStatus(answer)))
    assert isinstance(verdict, RefusedCard)
    assert (verdict.reason, verdict.mark) == ("revoked", None)
