"""The trust bundle: who may say whom to trust, and how one root hands over to the next."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.encoding import b64u
from edge.strictjson import dumps
from keys.bundle import BUNDLE, LIFETIME, RENEWAL_DUE, BundleError, ProgrammePin, read_pin, sign_bundle, verify_bundle
from keys.errors import BadKey
from keys.keyset import Purpose
from keys.tokens import LEEWAY, parse_unverified
from tests.keys.builders import AT, DAY, bundle, forge, key, root_jwk, signer

OLD, NEW = signer("root"), signer("new-root")
DOCUMENT = sign_bundle(bundle(), OLD)
ROLL_OVER = sign_bundle(bundle(version=8), NEW, old_root=OLD)


def reason(text, pin=OLD.kid, at=AT, **seen):
    """Return why a document is refused."""
    with pytest.raises(BundleError) as refusal:
        verify_bundle(text, pin, at, **seen)
    return refusal.value.reason


def forged(by="root", **changes):
    """Return a document truly signed by a root over altered claims; a change of None leaves the claim out."""
    made = {**dict(parse_unverified(DOCUMENT, BUNDLE).claims), **changes}
    head = {"alg": "ES256", "kid": signer(by).kid, "typ": BUNDLE.typ}
    return forge(head, {name: value for name, value in made.items() if value is not None}, signer(by))


@pytest.mark.parametrize("pin", [OLD.kid, root_jwk()], ids=["thumbprint", "JWK"])
def test_what_the_root_signed_is_read_back(pin):
    """All of it, under a pin of either kind, which stays."""
    trusted = verify_bundle(DOCUMENT, pin, AT)
    assert trusted == bundle()
    assert trusted.pin_after(pin) == OLD.kid
    assert trusted.key_set().find(signer().kid, Purpose.CARD, AT)


def test_another_roots_bundle_is_refused():
    """An honest bundle of another issuer, and an attacker's that names itself root."""
    assert reason(sign_bundle(bundle(), NEW)) == "unknown-root"
    assert reason(forged(by="new-root")) == "unknown-root"
    assert reason(forged(by="new-root", root=root_jwk("new-root"))) == "unknown-root"


def test_the_pinned_roots_id_over_anothers_signature_is_refused():
    """The pin chooses the key, and the key must have signed."""
    head = {"alg": "ES256", "kid": OLD.kid, "typ": BUNDLE.typ}
    assert reason(forge(head, dict(parse_unverified(DOCUMENT, BUNDLE).claims), NEW)) == "bad-signature"


def test_a_version_never_goes_back():
    """The version seen may be read again, an older one not."""
    assert verify_bundle(DOCUMENT, OLD.kid, AT, seen_version=7)
    assert reason(DOCUMENT, seen_version=8) == "rolled-back"


def test_a_bundle_is_valid_from_its_issue_until_before_its_end():
    """Honest clocks differ by the leeway at the start; at the end nothing is given."""
    assert verify_bundle(DOCUMENT, OLD.kid, AT - LEEWAY)
    assert reason(DOCUMENT, at=AT - LEEWAY - timedelta(seconds=1)) == "not-yet-valid"
    assert verify_bundle(DOCUMENT, OLD.kid, AT + LIFETIME - timedelta(seconds=1))
    assert reason(DOCUMENT, at=AT + LIFETIME) == "expired"


def test_renewal_is_due_at_sixty_days():
    """Thirty days remain for whoever was away."""
    assert not bundle().renewal_due(AT + RENEWAL_DUE - timedelta(seconds=1))
    assert bundle().renewal_due(AT + RENEWAL_DUE)
    assert LIFETIME - RENEWAL_DUE == 30 * DAY


def test_a_client_of_the_old_root_is_handed_to_the_new():
    """Both signed: the old pin accepts the document, and pins the new root from then on."""
    trusted = verify_bundle(ROLL_OVER, OLD.kid, AT)
    assert trusted.next_root == root_jwk("new-root")
    pin = trusted.pin_after(OLD.kid)
    assert pin == NEW.kid
    assert verify_bundle(ROLL_OVER, pin, AT, seen_version=8) == trusted
    after = sign_bundle(bundle(version=9), NEW)
    assert verify_bundle(after, pin, AT, seen_version=8).pin_after(pin) == NEW.kid
    assert reason(after, OLD.kid) == "unknown-root"


def test_a_new_root_that_did_not_sign_is_not_introduced():
    """The old root alone may not name a successor that does not answer for itself."""
    old_part, new_part = ROLL_OVER.split("~")
    assert reason(old_part) == "unknown-root"
    assert reason(new_part, NEW.kid) == "unknown-root"
    spoilt = new_part.rpartition(".")[0] + "." + b64u(signer("attacker").sign(b"anything"))
    for pin in (OLD.kid, NEW.kid):
        assert reason(f"{old_part}~{spoilt}", pin) == "bad-signature"
        assert reason(f"{spoilt}~{old_part}", pin) in {"unknown-root", "bad-signature"}


def test_an_attacker_cannot_append_a_root():
    """A second signature beside an honest document, or one's own claims beside the old root's."""
    own = forged(by="attacker", root=root_jwk(), next_root=root_jwk("attacker"), ver=99)
    assert reason(f"{DOCUMENT}~{own}") == "malformed"
    head = {"alg": "ES256", "kid": OLD.kid, "typ": BUNDLE.typ}
    as_old = forge(head, dict(parse_unverified(own, BUNDLE).claims), signer("attacker"))
    assert reason(f"{as_old}~{own}") == "bad-signature"


@pytest.mark.parametrize(
    "document",
    [
        f"{ROLL_OVER}~{DOCUMENT}",
        f"{DOCUMENT}~{DOCUMENT}",
        f"{DOCUMENT}~",
        f"~{DOCUMENT}",
        "~".join(reversed(ROLL_OVER.split("~"))),
        "",
        "~",
        "~~",
        "x" * 200_000,
    ],
)
def test_any_other_arrangement_is_refused(document):
    """One signature, or the old root's and the new one's, in this order."""
    assert reason(document) in {"malformed", "unknown-root"}


def test_a_root_that_introduces_itself_is_refused():
    """Old and new are two keys."""
    with pytest.raises(BundleError):
        sign_bundle(bundle(), OLD, old_root=OLD)


@pytest.mark.parametrize(
    "changes",
    [
        {"ver": 0},
        {"ver": True},
        {"ver": None},
        {"iss": ""},
        {"exp": None},
        {"exp": 2**40},
        {"keys": [{}]},
        {"keys": [key().to_json(), key().to_json()]},
        {"keys": [key(Purpose.ROOT, "card").to_json()]},
        {"keys": [key(Purpose.CARD, "root").to_json()]},
        {"keys": [key().to_json()] * 65},
        {"keys": "none"},
        {"status_lists": [7]},
        {"status_lists": [["https://x"]]},
        {"status_lists": ["ftp://x/1"]},
        {"status_lists": ["https://x/1\n"]},
        {"status_lists": ["https://x/1", "https://x/1"]},
        {"programme": {}},
        {"programme": {"version": "1", "sha256": "AB" * 32, "effective_at": 1}},
        {"programme": {"version": "1", "sha256": "ab" * 32, "effective_at": True}},
        {"programme": {"version": "1", "sha256": "ab" * 32, "effective_at": 2**60}},
        {"programme": {"version": "", "sha256": "ab" * 32, "effective_at": 1}},
        {"programme": {"version": "1", "sha256": "ab" * 32, "effective_at": 1, "more": 1}},
        {"unknown": 1},
        {"root": {}},
        {"root": {**root_jwk(), "d": "A" * 43}},
    ],
)
def test_claims_out_of_bounds_are_refused_even_from_the_root(changes):
    """Every claim is accounted for; a root's mistake trusts nobody by accident."""
    assert reason(forged(**changes)) == "bad-claims"


@pytest.mark.parametrize("changes", [{"next_root": root_jwk("new-root")}, {"next_root": root_jwk()},
                                     {"root": root_jwk("new-root")}])  # fmt: skip
def test_roots_named_and_signatures_made_must_agree(changes):
    """A name without a signature is no introduction."""
    assert reason(forged(**changes)) == "unknown-root"


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 0},
        {"expires_at": AT},
        {"expires_at": AT + LIFETIME + timedelta(seconds=1)},
        {"keys": (key(Purpose.ROOT, "card"),)},
        {"keys": (key(), key())},
        {"status_lists": ("not an address",)},
    ],
)
def test_a_bundle_out_of_bounds_cannot_be_made(changes):
    """The issuer hears of it before it signs."""
    with pytest.raises(BundleError):
        bundle(**changes)


def test_a_root_that_is_also_another_key_cannot_sign():
    """A root serves no other purpose."""
    with pytest.raises(BundleError):
        sign_bundle(bundle(), signer("card"))


def test_a_bundle_that_would_not_verify_is_not_signed():
    """An issuer without a name, or too many keys' worth of text."""
    for spoilt in (bundle(issuer=""), bundle(status_lists=tuple(f"https://x/{'y' * 400}{n}" for n in range(200)))):
        with pytest.raises(BundleError):
            sign_bundle(spoilt, OLD)


def test_a_next_root_without_a_roll_over_cannot_be_signed():
    """It is written from the signatures, not beside them."""
    with pytest.raises(BundleError):
        sign_bundle(bundle(next_root=root_jwk("new-root")), OLD)
    again = verify_bundle(ROLL_OVER, OLD.kid, AT)
    assert verify_bundle(sign_bundle(again, NEW, old_root=OLD), NEW.kid, AT) == again


def test_a_programme_is_pinned_by_lower_case_hex():
    """One spelling of a digest."""
    with pytest.raises(BundleError):
        ProgrammePin("1", "AB" * 32, AT)


@pytest.mark.parametrize("pin", ["", "A" * 44, {}, {"kty": "EC"}])
def test_a_pin_that_is_none_is_the_callers_fault(pin):
    """An empty pin never means any root."""
    with pytest.raises(BadKey):
        verify_bundle(DOCUMENT, pin, AT)


def test_a_pin_is_read_from_a_file_of_either_kind():
    """A thumbprint or a JWK, with the line feed that editors leave."""
    assert read_pin(dumps(root_jwk()) + b"\n") == read_pin(OLD.kid.encode() + b"\n") == OLD.kid
    for content in (b"", b"\xff", b"[]", b"{}", b"A" * 42, dumps(root_jwk() | {"d": "A" * 43})):
        with pytest.raises(BadKey):
            read_pin(content)


@given(st.integers(0, len(ROLL_OVER)), st.integers(0, len(ROLL_OVER)), st.text(max_size=3))
def test_any_changed_document_is_refused(start, end, inserted):
    """Any piece replaced by any text: a BundleError, or it was the same document."""
    changed = ROLL_OVER[:start] + inserted + ROLL_OVER[end:]
    if changed != ROLL_OVER:
        for pin in (OLD.kid, NEW.kid):
            with pytest.raises(BundleError):
                verify_bundle(changed, pin, AT)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
claim_names = st.sampled_from([*BUNDLE.required, "next_root", "other"])


@given(st.dictionaries(claim_names, json_values, max_size=3))
def test_any_signed_claims_give_a_bundle_or_a_bundle_error(changes):
    """Even truly signed nonsense raises nothing else."""
    try:
        dumps(changes)
        text = forged(**changes)
    except ValueError:
        return
    try:
        assert verify_bundle(text, OLD.kid, AT).issuer
    except BundleError:
        return
