"""The golden files: what any implementation of docs/card-format.md must read, grant and refuse."""

import json
from pathlib import Path

import pytest

from cards.base45 import decode
from cards.marks import verify_marks
from cards.parts import Presentation, PresentationError
from cards.presentation import read
from cards.proof import PROOF, parse_proof
from cards.status import StatusLists, verify_status_list
from cards.verify import REASONS, RefusedCard, Trust, Verified, verify_presentation
from cards.wire import dictionary_for
from edge.encoding import unb64u
from edge.instants import parse_rfc3339
from keys.bundle import verify_bundle
from keys.tokens import parse_unverified
from tests.cards.builders import GivenChallenges

FOLDER = Path(__file__).parent / "golden"
GIVEN, GOOD, BROKEN = (json.loads((FOLDER / f"{name}.json").read_text("utf-8")) for name in ("trust", "good", "broken"))
AT = parse_rfc3339(GIVEN["at"])
NUMBER = GIVEN["dictionary"]["number"]
DICTIONARIES = {
    NUMBER: dictionary_for(GIVEN["issuer"], GIVEN["status_base"], NUMBER, audience=GIVEN["audience"]),
}
BUNDLE = verify_bundle(GIVEN["trust_bundle"], GIVEN["root_thumbprint"], AT)


def trust() -> Trust:
    """Return the trust that bundle and status list give."""
    listed = verify_status_list(
        GIVEN["status_list"], BUNDLE.key_set(), AT, uri=BUNDLE.status_lists[0], issuer=BUNDLE.issuer, bundle_version=5
    )
    return Trust(BUNDLE.key_set(), BUNDLE.issuer, GIVEN["audience"], StatusLists([listed]), BUNDLE.version)


def verify(p: Presentation, *, id_checked: bool) -> Verified | RefusedCard:
    """Verify at the golden instant, the golden challenge outstanding."""
    challenge = GIVEN["outstanding_challenge"]
    challenges = GivenChallenges(challenge["reader"], unb64u(challenge["nonce"]))
    return verify_presentation(p, trust(), AT, id_checked=id_checked, challenges=challenges)


def test_the_dictionary_is_made_byte_for_byte():
    """Its bytes are a function of issuer and status base, and never change."""
    assert DICTIONARIES[NUMBER].content == unb64u(GIVEN["dictionary"]["content_base64url"])


def test_holder_marks_verify():
    """The third signed document that issuer and verifier share."""
    assert verify_marks(GIVEN["holder_marks"], BUNDLE.key_set(), AT, issuer=GIVEN["issuer"]).serial == 1


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case["name"])
def test_good_presentations_read_alike_and_hold(case):
    """Plain, base45 and digits: the same tokens, and granted."""
    expected = Presentation(case["card"], case["proof"])
    assert all(read(case[form], DICTIONARIES) == expected for form in ("plain", "base45", "digits"))
    whole = Presentation(case["card"] or case["known_card"], case["proof"])
    answer = verify(whole, id_checked=case["id_checked"])
    assert isinstance(answer, Verified)
    assert answer.assurance.word == case["assurance"]


def test_a_golden_proof_alone_names_its_card():
    """`ath` is the digest of the known card's text."""
    case = next(case for case in GOOD if case["card"] is None)
    claims = parse_proof(parse_unverified(case["proof"], PROOF).claims)
    assert claims.card_digest == verify(Presentation(case["known_card"], case["proof"]), id_checked=False).token_digest


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case["name"])
def test_broken_presentations_are_refused_for_their_reason(case):
    """Malformed in step 1, all others in their own step."""
    texts = [case["text"]] + ([case["base45"]] if "base45" in case else [])
    for text in texts:
        assert _reason(text, id_checked=case.get("id_checked", False)) == case["reason"]


def test_every_reason_has_a_broken_example():
    """But the one that depends on what a service asks for."""
    assert {case["reason"] for case in BROKEN} == {*REASONS, "malformed"} - {"assurance-too-low"}


def test_the_worked_examples_of_the_document_are_the_golden_ones():
    """docs/card-format.md shows the printed card and the proof alone as they stand in the files."""
    document = (FOLDER.parents[2] / "docs" / "card-format.md").read_text("utf-8")
    lines = "".join(document.split("\n"))
    shown = {case["name"]: case for case in GOOD}
    printed, alone = shown["printed card, ID checked"], shown["proof alone"]
    for text in (printed["plain"], printed["base45"], printed["digits"], alone["base45"]):
        assert text in lines
    for text in (printed["base45"], alone["base45"]):
        assert decode(text[5:])[-16:].hex() in document


def test_the_skeleton_of_the_document_makes_the_dictionary():
    """Whoever copies the line of docs/card-format.md has the right bytes."""
    document = (FOLDER.parents[2] / "docs" / "card-format.md").read_text("utf-8")
    line = next(line for line in document.splitlines() if line.startswith('"chip"'))
    for mark in "012":
        line = line.replace(f"\\x0{mark}", chr(int(mark)))
    written = line.replace('"ISS"', f'"{GIVEN["issuer"]}"').replace("BASE", GIVEN["status_base"])
    assert written.encode() == DICTIONARIES[NUMBER].content


def _reason(text: str, *, id_checked: bool) -> str | None:
    try:
        p = read(text, DICTIONARIES)
    except PresentationError as refusal:
        return refusal.reason
    answer = verify(p, id_checked=id_checked)
    return answer.reason if isinstance(answer, RefusedCard) else None


EDGES = json.loads((FOLDER / "edges.json").read_text("utf-8"))


def edge_answer(text: str) -> str | None:
    """Return the reason for which an edge case is refused, its own bundle and lists trusted, None where it holds."""
    bundle = verify_bundle(EDGES["trust_bundle"], EDGES["root_thumbprint"], AT)
    listed = verify_status_list(
        EDGES["status_list"], bundle.key_set(), AT, uri=bundle.status_lists[0], issuer=bundle.issuer, bundle_version=5
    )
    given = Trust(bundle.key_set(), bundle.issuer, EDGES["audience"], StatusLists([listed]), bundle.version)
    challenge = EDGES["outstanding_challenge"]
    try:
        p = read(text, DICTIONARIES)
    except PresentationError as refusal:
        return refusal.reason
    challenges = GivenChallenges(challenge["reader"], unb64u(challenge["nonce"]))
    answer = verify_presentation(p, given, AT, id_checked=True, challenges=challenges)
    return answer.reason if isinstance(answer, RefusedCard) else None


@pytest.mark.parametrize("case", EDGES["cases"], ids=lambda case: case["name"])
def test_what_could_be_read_in_two_ways_has_one_answer(case):
    """Numbers' spelling, names' characters, order, addresses, keys, white space, raw slots: docs/card-format.md."""
    assert edge_answer(case["text"]) == case["reason"]
