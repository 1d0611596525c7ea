"""Targets: signed documents, before and behind their signatures: lists, bundle, marks, records, proofs, notes."""

from __future__ import annotations

import contextlib
import json
import tempfile
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from audit.evidence.chains import LogFinding
from audit.evidence.checkexport import NotAnExport, check_export, open_head, read_head
from audit.evidence.exporting import Exported, LogFilter, json_lines
from audit.evidence.witness import NotCosignedError, WitnessBook
from cards.binding import BindingList, BindingListError, SignedBindingList, sign_binding_list, verify_binding_list
from cards.marks import HolderMarks, Mark, MarkKind, MarksError, sign_marks, verify_marks
from cards.offline_record import FIRST_PREV, OfflineRecord, sign_record, sign_time, verify_record, verify_time
from cards.parts import Presentation
from cards.programme.types import Beneficiary
from cards.promise import Promise, sign_promise, unverified_promise, verify_promise
from cards.status import SignedStatusList, Status, StatusListError, build, sign_status_list, verify_status_list
from cards.verify import REASONS, RefusedCard, verify_presentation
from edge.encoding import b64u
from edge.instants import to_epoch
from keys.bundle import BundleError, sign_bundle, verify_bundle
from keys.dpop import ClockOff, HttpCall, ProofKey, build_proof, verify_dpop
from keys.ed25519 import Ed25519Signer
from keys.entry_proof import EntryProof, Unproved
from keys.errors import TokenError
from keys.jwk import public_jwk
from keys.keyset import KeySet, Purpose, VerificationKey
from keys.notes import (
    Checkpoint,
    Cosigner,
    EcdsaNoteSigner,
    Ed25519NoteSigner,
    Note,
    NoteError,
    NoteKey,
    open_checkpoint,
    parse_note,
)
from keys.signer import FileSigner
from keys.wallet_proof import SignedCall, sign_wallet_proof, verify_wallet_proof
from ledger import leaf as leaves
from tests.audit.builders import ORIGIN, START_MS, a_leaf, a_published_log
from tests.cards.builders import (
    ISSUER,
    ISSUER_KEY,
    NOW,
    PHONE,
    STATUS_BASE,
    STATUS_KEY,
    Form,
    GivenChallenges,
    card,
    chip_proof,
    identifier,
    key_set,
    proof,
    trust,
)
from tests.fuzz.target import mangled, mangled_text, resigned, spelled, target
from tests.keys import builders as of_keys

URI = f"{STATUS_BASE}3"
LATER = NOW + timedelta(hours=24)
KEYS, TRUST, CHALLENGES = key_set(), trust(), GivenChallenges()
RECEIPT, DEVICE = FileSigner.generate(), FileSigner.generate()
RECEIPTS = KeySet([VerificationKey.of(RECEIPT.public_key, Purpose.RECEIPT, NOW - timedelta(days=1), LATER)])

CARDS = [card(), card(Form.CHIP), card(Form.TAG), card(Form.PRINT)]


@st.composite
def _shown(draw) -> Presentation:
    card_text = draw(resigned([(one, ISSUER_KEY) for one in CARDS]))
    sound = draw(st.sampled_from(CARDS[:2]))
    made = proof(sound) if sound == CARDS[0] else chip_proof(sound)
    spoilt = draw(resigned([(made, PHONE)]))
    return Presentation(*draw(st.sampled_from([(card_text, None), (sound, spoilt), (card_text, made)])))


@target(_shown)
def signed_claims(shown: Presentation) -> None:
    """Whatever an issuer's or a phone's own key signed is judged for a reason, and never fails to be judged."""
    verdict = verify_presentation(shown, TRUST, NOW, id_checked=True, challenges=CHALLENGES)
    if isinstance(verdict, RefusedCard):
        assert verdict.reason in REASONS
    else:
        assert verdict.card.issuer == ISSUER
        assert verdict.card.not_before - timedelta(seconds=5) <= NOW < verdict.card.expires_at


LIST = SignedStatusList(URI, ISSUER, NOW, LATER, timedelta(seconds=300), 2, build({5: Status.VALID}, size=64))


@target(lambda: resigned([(sign_status_list(STATUS_KEY, LIST), STATUS_KEY)]))
def status_list(text: str) -> None:
    """A list behind a true signature is a list, in bounds and in its time, or refused by name."""
    try:
        found = verify_status_list(text, KEYS, NOW, uri=URI, issuer=ISSUER, bundle_version=5)
    except StatusListError:
        return
    for index in (-1, 0, 5, 63, 64, 1 << 40):
        assert found.answer(index, NOW) is not None


BOUND = SignedBindingList(URI, ISSUER, NOW, LATER, BindingList.of({5: bytes(10), 9: bytes(range(10))}, 64))


@st.composite
def _binding_lists(draw) -> str:
    token, _, content = sign_binding_list(STATUS_KEY, BOUND).partition("~")
    token = draw(resigned([(token, STATUS_KEY)])) if draw(st.booleans()) else token
    return f"{token}~{draw(mangled_text([content]))}"


@target(_binding_lists)
def binding_list(text: str) -> None:
    """Bindings are those that were signed, or refused by name."""
    try:
        found = verify_binding_list(text, KEYS, NOW, uri=URI, issuer=ISSUER)
    except BindingListError:
        return
    assert [found.at(index) for index in (-1, 64)] == [None, None]


ROOT, NEW_ROOT = of_keys.signer("root"), of_keys.signer("new root")
BUNDLE = sign_bundle(of_keys.bundle(), ROOT)
ROLLING = sign_bundle(of_keys.bundle(), NEW_ROOT, old_root=ROOT)


@st.composite
def _bundles(draw) -> str:
    old, _, new = ROLLING.partition("~")
    plain = draw(resigned([(BUNDLE, ROOT)]))
    rolling = "~".join([draw(resigned([(old, ROOT)])), new])
    return draw(st.one_of(st.just(plain), st.just(rolling), mangled_text([BUNDLE, ROLLING])))


@target(_bundles)
def trust_bundle(text: str) -> None:
    """A bundle of the pinned root is whole and in its time, or refused by name."""
    try:
        found = verify_bundle(text, ROOT.kid, of_keys.AT, seen_version=3)
    except BundleError:
        return
    assert found.version >= 3
    assert all(key.purpose is not Purpose.ROOT for key in found.key_set())


MARKS = sign_marks(
    STATUS_KEY, HolderMarks(ISSUER, NOW, LATER, 4, (Mark(identifier(), MarkKind.ERASURE, "2026-11-01"),))
)


@target(lambda: resigned([(MARKS, STATUS_KEY)]))
def holder_marks(text: str) -> None:
    """Marks behind a true signature are read or refused by name."""
    try:
        found = verify_marks(text, KEYS, NOW, issuer=ISSUER, seen_serial=2)
    except MarksError:
        return
    assert found.serial >= 2


RECORD = OfflineRecord(
    seq=1,
    prev=FIRST_PREV,
    prev_at=None,
    device="tablet-1",
    made_at=NOW,
    server_time=sign_time(RECEIPT, ISSUER, NOW),
    operation=identifier(),
    service="gym-visit",
    point="gym",
    beneficiary=Beneficiary.HOLDER,
    presentation=Presentation(CARDS[0], proof(CARDS[0])),
    granted=True,
)
SECOND = replace(RECORD, seq=2, prev=b64u(bytes(range(32))), prev_at=NOW, granted=False, reason="expired", companions=2)


@target(lambda: resigned([(sign_record(DEVICE, one), DEVICE) for one in (RECORD, SECOND)]))
def offline_record(text: str) -> None:
    """What a dishonest device signs is a record in bounds, or refused by name."""
    try:
        found = verify_record(text, DEVICE.public_key).record
    except TokenError:
        return
    assert found.presentation.card is not None
    assert (found.seq == 1) == (found.prev_at is None)
    assert sign_record(DEVICE, found)


PROMISE = sign_promise(RECEIPT, ISSUER, Promise(leaves.entry_id(1, 2), b64u(bytes(32)), to_epoch(NOW), to_epoch(LATER)))


@target(lambda: resigned([(PROMISE, RECEIPT), (sign_time(RECEIPT, ISSUER, NOW), RECEIPT)]))
def promise(text: str) -> None:
    """A promise and a signed time are read or refused by name."""
    unverified_promise(text)
    for reading in (verify_promise, verify_time):
        try:
            reading(text, RECEIPTS, ISSUER, NOW)
        except TokenError:
            continue


URL = "https://card.example/v1/check-ins"
CALL = HttpCall("POST", (URL,), b"{}", "token", "operation-1", None)
SIGNED = SignedCall("POST", URL, b"{}", CARDS[0])
DPOP = build_proof(DEVICE, "POST", URL, b"{}", "token", NOW, operation="operation-1")
WALLET = sign_wallet_proof(PHONE, SIGNED, NOW)
KNOWN = ProofKey.of(public_jwk(DEVICE.public_key))


@target(lambda: st.one_of(resigned([(DPOP, DEVICE), (WALLET, PHONE)]), mangled_text([DPOP, WALLET])))
def call_proof(text: str) -> None:
    """A proof of a call is about that call, or refused by name."""
    for verify in (
        lambda: verify_dpop(text, KNOWN, CALL, NOW),
        lambda: verify_wallet_proof(text, PHONE.public_key, SIGNED, NOW),
    ):
        try:
            verify()
        except (TokenError, ClockOff):
            continue


LOG, OTHER = EcdsaNoteSigner(ORIGIN, FileSigner.generate()), Ed25519NoteSigner(ORIGIN, Ed25519Signer.generate())
WITNESS = Cosigner("witness.example/1", Ed25519Signer.generate())


def _checkpoint(size: int, root: bytes = bytes(32)) -> str:
    text = Checkpoint(ORIGIN, size, root).text
    return Note(text, (LOG.sign(text), OTHER.sign(text), WITNESS.cosign(text, to_epoch(NOW)))).encode()


LEAF = a_leaf(3, 1, leaves.FIRST_PREV, START_MS)
ONE = _checkpoint(1, leaves.leaf_hash(LEAF))
NOTES = [ONE, _checkpoint(0), _checkpoint(2**40), EntryProof(0, (), ONE).encode(), LOG.key.vkey, OTHER.key.vkey]


@target(lambda: mangled_text(NOTES))
def note(text: str) -> None:
    """A note opens under a trusted key or is refused; a proof of an entry that was altered proves nothing else."""
    keys = (LOG.key, OTHER.key)
    try:
        opened = open_checkpoint(text, keys, (WITNESS.key,))
        assert opened.checkpoint.text == parse_note(text).text
        assert opened.checkpoint.text in {parse_note(one).text for one in NOTES[:3]}
    except NoteError:
        pass
    with contextlib.suppress(Unproved):
        EntryProof.parse(text).verify(leaves.leaf_hash(LEAF), keys)
    with contextlib.suppress(NoteError):
        assert NoteKey.parse(text).vkey == text


@st.composite
def _witness_requests(draw) -> bytes:
    step = b64encode(bytes(32)).decode()
    seeds = [
        f"old {old}\n{proof_lines}\n{one}"
        for old, proof_lines, one in (
            ("0", "", ONE),
            ("1", f"{step}\n", NOTES[2]),
            ("1", "", ONE),
            ("0", f"{step}\n" * 3, ONE),
        )
    ]
    return draw(mangled([seed.encode() for seed in seeds]))


@target(_witness_requests)
def witness_request(body: bytes) -> None:
    """A witness cosigns what follows from what it saw, and answers everything else by a status of the protocol."""
    with tempfile.TemporaryDirectory() as folder:
        book = WitnessBook(Path(folder), [LOG.key, OTHER.key], WITNESS)
        for _ in range(2):
            try:
                book.add(body, to_epoch(NOW))
            except NotCosignedError as refused:
                assert refused.status in {400, 403, 404, 409, 422}


DENIED = a_leaf(3, 2, bytes(32), START_MS, outcome="denied", reason="quota-spent")


@target(lambda: mangled([LEAF, DENIED]))
def leaf(data: bytes) -> None:
    """Bytes are one leaf in its only spelling, or refused."""
    try:
        found = leaves.decode(data)
    except leaves.LeafError:
        return
    assert leaves.encode(found) == data


@cache
def _exports() -> tuple[list[bytes], list[NoteKey]]:
    """A whole log of 300 entries and a choice of it, as exported; and the log's keys."""
    with tempfile.TemporaryDirectory() as folder:
        world = a_published_log(Path(folder), 300)
        source = world.home.source()
        opened = open_checkpoint(world.home.place.read().checkpoint, world.keys)
        asked = (LogFilter(), LogFilter(outcome="denied", reason="stale-proof"))
        texts = [b"".join(json_lines(Exported(source, opened), wanted)) for wanted in asked]
    return texts, world.keys


@target(lambda: mangled(_exports()[0]))
def export_file(data: bytes) -> None:
    """A file that is not the log as it was signed is told by findings, and by nothing else."""
    texts, keys = _exports()
    lines = data.splitlines(keepends=True) or [b""]
    try:
        head = read_head(lines[0])
        opened = open_head(head, keys)
    except (NotAnExport, NoteError):
        return
    findings = [one for one in check_export(head, opened, lines[1:]) if isinstance(one, LogFinding)]
    if not findings and head.whole:
        assert _entries(data) == _entries(texts[0])


def _entries(data: bytes) -> list[bytes]:
    """The entries of a whole export, without the spelling around them."""
    found = [json.loads(line) for line in data.splitlines()]
    return [spelled(one["leaf"]) for one in found if one.get("leaf") is not None]
