"""Targets: two implementations of one reader, the server's Python and the pages' JavaScript (by Node), must agree."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from cards import typed
from cards.parts import Presentation, PresentationError
from cards.presentation import read
from cards.status import (
    SignedStatusList,
    Status,
    StatusListError,
    StatusLists,
    build,
    sign_status_list,
    verify_status_list,
)
from cards.transport import undone
from cards.verify import RefusedCard, Trust, verify_presentation
from edge import strictjson
from edge.encoding import b64u
from keys.bundle import BundleError, ProgrammePin, TrustBundle, sign_bundle, verify_bundle
from keys.keyset import Purpose, VerificationKey
from keys.signer import FileSigner
from tests.cards.builders import (
    AUDIENCE,
    DICTIONARIES,
    DICTIONARY,
    ISSUER,
    ISSUER_KEY,
    NOW,
    PHONE,
    STATUS_KEY,
    Form,
    card,
    proof,
)
from tests.fuzz.documents import URI
from tests.fuzz.target import mangled_text, resigned, target
from tests.fuzz.texts import TEXTS, WRITTEN, _json_texts

NODE = Path(sys.executable).with_name("node")
SCRIPT = Path(__file__).with_name("core.mjs")
ROOT = FileSigner.generate()
BEFORE, LATER = NOW - timedelta(days=30), NOW + timedelta(hours=20)
KEYS = tuple(
    VerificationKey.of(signer.public_key, purpose, BEFORE, NOW + timedelta(days=60))
    for signer, purpose in ((ISSUER_KEY, Purpose.CARD), (STATUS_KEY, Purpose.STATUS))
)
BUNDLE = TrustBundle(7, ISSUER, NOW, NOW + timedelta(days=60), KEYS, (URI,), ProgrammePin("2026.1", "ab" * 32, NOW))
BUNDLE_TEXT = sign_bundle(BUNDLE, ROOT)
VALID = dict.fromkeys(range(0, 4800, 2), Status.VALID) | {4711: Status.VALID}
LIST = SignedStatusList(URI, ISSUER, NOW, LATER, timedelta(seconds=300), 2, build(VALID, size=4800))
LIST_TEXT = sign_status_list(STATUS_KEY, LIST)
TRUST = Trust(BUNDLE.key_set(), ISSUER, AUDIENCE, StatusLists([LIST]), 7)
AT = round((NOW - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))


class Pages:
    """The pages' modules in a Node process."""

    def __init__(self) -> None:
        self._node = subprocess.Popen(
            [NODE, SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", bufsize=1
        )
        dictionary = {"number": 7, "content": b64u(DICTIONARY.content), "audience": AUDIENCE}
        assert self.ask("learn", dictionary=dictionary, root=ROOT.kid) is True

    def ask(self, kind: str, **given: object) -> object:
        """What a module answers: its value, or ("refused", why); an error that has no name of its own is a fault."""
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self._node.stdin.write(json.dumps({"kind": kind, **given}) + "\n")
        self._node.stdin.flush()
        told = json.loads(self._node.stdout.readline())
        assert "threw" not in told, told
        return told["value"] if "value" in told else ("refused", told["error"])

    def close(self) -> None:
        """End the process."""
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self._node.stdin.close()
        self._node.wait(10)
        self._node.stdout.close()


@cache
def pages() -> Pages:
    """One process for all."""
    return Pages()


def _plain_text(text: str) -> bool:
    """Whether a text can travel as JSON between the two: no lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


@target(lambda: mangled_text(TEXTS).filter(_plain_text))
def presentation_in_both(text: str) -> None:
    """A counter's page reads exactly what its server reads, and the same from it."""
    try:
        shown = read(text, DICTIONARIES)
        found: object = [shown.card, shown.proof]
    except PresentationError as refused:
        found = ("refused", refused.reason)
    assert pages().ask("read", text=text) == found
    assert pages().ask("undone", text=text) == undone(text)


@target(lambda: st.one_of(st.text(max_size=40), mangled_text(WRITTEN)).filter(_plain_text))
def typed_in_both(text: str) -> None:
    """What people type is spelled alike by a page and by its server."""
    kinds = (typed.plain, typed.code, typed.digits, typed.phone, typed.plate, typed.name)
    assert pages().ask("typed", text=text) == [kind(text) for kind in kinds]


@target(_json_texts)
def json_in_both(data: bytes) -> None:
    """A page takes and refuses the same JSON as the server."""
    try:
        strictjson.loads(data)
        found: object = True
    except strictjson.JsonError:
        found = ("refused", "JsonError")
    assert pages().ask("json", data=b64u(data)) == found


@target(lambda: st.one_of(resigned([(BUNDLE_TEXT, ROOT)]), mangled_text([BUNDLE_TEXT]).filter(_plain_text)))
def bundle_in_both(text: str) -> None:
    """A page trusts the bundles that its server trusts, and refuses the others for the same reason."""
    try:
        found: object = verify_bundle(text, ROOT.kid, NOW, seen_version=3).version
    except BundleError as refused:
        found = ("refused", refused.reason)
    assert pages().ask("bundle", text=text, at=AT, seen=3) == found


@target(lambda: resigned([(LIST_TEXT, STATUS_KEY)]))
def list_in_both(text: str) -> None:
    """A page relies on the lists that its server relies on, and reads the same from them."""
    try:
        held = verify_status_list(text, BUNDLE.key_set(), NOW, uri=URI, issuer=ISSUER, bundle_version=7).statuses
        found: object = [None if (one := held.lookup(at)) is None else one.name.lower() for at in (0, 5, 63, 64)]
    except StatusListError as refused:
        found = ("refused", refused.reason)
    assert pages().ask("list", text=text, bundle=BUNDLE_TEXT, uri=URI, at=AT) == found


CARDS = [card(), card(Form.TAG)]


@st.composite
def _shown(draw) -> Presentation:
    spoilt = draw(resigned([(one, ISSUER_KEY) for one in CARDS]))
    proved = draw(resigned([(proof(CARDS[0]), PHONE)]))
    return Presentation(*draw(st.sampled_from([(spoilt, None), (spoilt, proof(spoilt)), (CARDS[0], proved)])))


@target(_shown)
def verdict_in_both(shown: Presentation) -> None:
    """A page judges a card and its proof as the server does, for the same reason."""
    verdict = verify_presentation(shown, TRUST, NOW, id_checked=True)
    found = [verdict.reason, None] if isinstance(verdict, RefusedCard) else [None, verdict.assurance_word]
    given = {"card": shown.card, "proof": shown.proof, "bundle": BUNDLE_TEXT, "list": LIST_TEXT}
    told = pages().ask("card", **given, uri=URI, at=AT, audience=AUDIENCE)
    assert told == found
