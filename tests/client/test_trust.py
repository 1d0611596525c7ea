"""The client verifies the trust bundle and the promises by itself, with the same results as the server's verifier."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from yunju_client import MisuseError, UnprovedError, UntrustedError, read_trust, verify_promise
from yunju_client.notes import NoteKey

from cards.promise import PROMISE, Promise, log_keys, sign_promise
from edge.encoding import b64u, digest, unb64u
from edge.instants import to_epoch
from keys.bundle import sign_bundle, verify_bundle
from keys.signer import FileSigner
from keys.tokens import sign_token
from tests.client.parties import Parties
from tests.verifier.world import Signers, World

LEAF = b64u(digest(b"a leaf"))
STRANGER = FileSigner.generate()
UNSIGNED = b64u(json.dumps({"alg": "none", "kid": Signers.receipt.kid, "typ": "promise+jwt"}).encode())


@pytest.fixture
def world(tmp_path):
    """A verifier whose published documents the client reads."""
    made = World(tmp_path)
    yield made
    made.close()


def document(world) -> str:
    """The bundle as it is published."""
    return (world.published / "trust-bundle.jwt").read_text()


def read(world, text: str | None = None, root: str | None = None, **more):
    """What the client reads out of a bundle, by the world's clock and root."""
    return read_trust(text or document(world), root or Signers.root.kid, world.clock.now().timestamp(), **more)


def made(world) -> Promise:
    """A promise of this minute."""
    at = to_epoch(world.clock.now())
    return Promise("00-000001", LEAF, at, at + 60)


def test_a_bundle_says_to_the_client_what_it_says_to_the_server(world, tmp_path):
    """Fetched over the API: issuer, version, root, every key; the log's keys are the server's, byte for byte."""
    with Parties(world, tmp_path).server() as client:
        found = read(world, client.trust_bundle())
    bundle = verify_bundle(document(world), Signers.root.kid, world.clock.now())
    assert (found.issuer, found.version, found.root) == (bundle.issuer, bundle.version, Signers.root.kid)
    assert found.expires_at == to_epoch(bundle.expires_at)
    assert [(one.kid, one.purpose) for one in found.keys] == [(one.kid, one.purpose.value) for one in bundle.keys]
    assert list(found.log_keys) == [one.vkey for one in log_keys(bundle.key_set(), bundle.issuer)]
    assert all(NoteKey.parse(one) for one in found.log_keys)


def test_a_promise_of_a_real_check_in_holds(world, tmp_path):
    """As the answer of the server carries it."""
    shown = world.card("silver").shown()
    use = world.device("gym").outcome(shown, "gym-visit")
    promise = verify_promise(use["promise"], read(world))
    assert (promise.entry, promise.by - promise.made_at) == (use["id"], 60)
    assert promise.made_at == to_epoch(world.clock.now())


def test_a_promise_that_no_receipt_key_signed_is_none(world):
    """A stranger's, a key of another purpose, another issuer's, another kind of token, and every altered part."""
    trust, promise, issuer = read(world), made(world), world.programme.issuer
    good = sign_promise(Signers.receipt, issuer, promise)
    assert verify_promise(good, trust).leaf == unb64u(LEAF)
    head, body, signature = good.split(".")
    other = sign_promise(Signers.receipt, issuer, replace(promise, entry="00-000002")).split(".")[1]
    claims = {"iss": issuer, "iat": promise.made_at, "by": promise.by, "id": promise.entry, "leaf": LEAF}
    late = to_epoch(world.clock.now() + timedelta(days=500))
    for text in (
        sign_promise(STRANGER, issuer, promise),
        *(sign_promise(one, issuer, promise) for one in (Signers.card, Signers.status, Signers.log, Signers.root)),
        sign_promise(Signers.receipt, "https://another.example", promise),
        sign_promise(Signers.receipt, issuer, replace(promise, leaf=b64u(b"short"))),
        sign_promise(Signers.receipt, issuer, replace(promise, by=promise.made_at - 1)),
        sign_promise(Signers.receipt, issuer, replace(promise, made_at=late, by=late + 60)),
        sign_token(Signers.receipt, replace(PROMISE, typ="server-time+jwt"), claims),
        f"{head}.{other}.{signature}", f"{head}.{body}.{signature[::-1]}", f"{head}.{body}.", f"{UNSIGNED}.{body}.",
        good + "A" * 2000, "", "a.b.c", "é.é.é", "[].[].[]",
    ):  # fmt: skip
        with pytest.raises(UnprovedError):
            verify_promise(text, trust)


def test_a_bundle_of_another_root_or_time_or_an_older_one_is_refused(world):
    """As the server's verifier refuses it."""
    text = document(world)
    head, body, signature = text.split(".")
    bundle = verify_bundle(text, Signers.root.kid, world.clock.now())
    strange = sign_bundle(bundle, STRANGER)
    for spoilt in (
        strange,
        f"{head}.{body}.{signature[::-1]}",
        f"{text}~{text}",
        f"{text}~",
        body,
        "a.b.c",
        "x" * 140_000,
        "[].[].[]",
    ):
        with pytest.raises(UntrustedError):
            read(world, spoilt)
    borrowed = f"{head}.{strange.split('.')[1]}.{signature}"
    with pytest.raises(UntrustedError):
        read(world, borrowed, STRANGER.kid)
    assert read(world, seen_version=bundle.version).version == bundle.version
    with pytest.raises(UntrustedError, match="older"):
        read(world, seen_version=bundle.version + 1)
    for moved in (timedelta(days=90), timedelta(seconds=-6)):
        with pytest.raises(UntrustedError, match="clock"):
            read_trust(text, Signers.root.kid, (world.clock.now() + moved).timestamp())
    with pytest.raises(MisuseError, match="thumbprint"):
        read(world, root="root.jwk")


def test_a_root_that_is_being_replaced_hands_over_to_its_successor(world):
    """Under either root, when both signed; from then on the new one is pinned."""
    bundle = verify_bundle(document(world), Signers.root.kid, world.clock.now())
    both = sign_bundle(bundle, STRANGER, old_root=Signers.root)
    assert [read(world, both, root).root for root in (Signers.root.kid, STRANGER.kid)] == [STRANGER.kid] * 2
    first, second = both.split("~")
    for spoilt in (first, second, f"{second}~{first}", f"{first}~{first}"):
        with pytest.raises(UntrustedError):
            read(world, spoilt)
