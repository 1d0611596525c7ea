"""web/static/js/promises.js in Chromium: says of every promise, proof and checkpoint what the Python verifier says."""

from base64 import b64encode
from datetime import timedelta

import pytest

from audit.tree.proofs import LogReader
from cards.promise import Promise, sign_promise
from edge.encoding import b64u
from keys.entry_proof import EntryProof, Unproved
from keys.notes import parse_note
from keys.signer import FileSigner
from ledger.leaf import leaf_hash
from tests.audit.builders import ORIGIN, a_published_log

SIZE = 300
ISSUER = "https://yunju.example"

VERIFY = """async ({ vkeys, cases }) => {
  const core = await import("/static/js/promises.js");
  const keys = await Promise.all(vkeys.map(core.parseVerifierKey));
  const out = [];
  for (const [proof, leaf] of cases) {
    try {
      out.push(await core.verifyProof(proof, leaf, keys));
    } catch (error) {
      if (!(error instanceof core.ProofError)) throw error;
      out.push(error.message);
    }
  }
  return out;
}"""

PROMISES = """async ({ texts, keys, issuer, at }) => {
  const core = await import("/static/js/promises.js");
  const bundle = { keys: new Map(keys.map((one) => [one.kid, one])), issuer };
  const names = (await core.logKeys(bundle)).map(({ name, id }) => [name, [...id]]);
  const out = [];
  for (const text of texts) {
    try {
      out.push(await core.verifyPromise(text, bundle, at));
    } catch (error) {
      out.push(error.reason ?? error.message);
    }
  }
  return { out, names };
}"""


@pytest.fixture(scope="module")
def page(browser, site):
    """A page of the product, under its own policy."""
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(f"{site.base}/check")
    yield opened
    context.close()


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A log of 300 entries."""
    return a_published_log(tmp_path_factory.mktemp("log"), SIZE)


@pytest.fixture(scope="module")
def proofs(log):
    """Proofs of entries at every kind of place, with their hashes."""
    reader = LogReader(log.home.place, log.home.source(), log.home.index())
    found = []
    for place in (0, 1, 2, 127, 254, 255, 256, 257, 298, 299):
        leaf = reader.leaf(place)
        name = next(text for text in leaf.decode().split('"') if text[2:3] == "-" and len(text) == 9)
        found.append((reader.prove(name), leaf_hash(leaf)))
    return found


def says(page, keys, cases) -> list:
    """What the browser says of (proof's text, leaf's hash)."""
    told = [[text, b64u(leaf)] for text, leaf in cases]
    return page.evaluate(VERIFY, {"vkeys": [key.vkey for key in keys], "cases": told})


def python_takes(keys, text, leaf) -> bool:
    """What the Python verifier says."""
    try:
        EntryProof.parse(text).verify(leaf, keys)
    except Unproved:
        return False
    return True


@pytest.mark.parametrize("which", [(0,), (1,), (0, 1)], ids=["ES256", "Ed25519", "both"])
def test_good_proofs_hold_by_either_key(page, log, proofs, which):
    """By the bundle's P-256 key (DER signature), by the Ed25519 one, by both."""
    keys = [log.keys[number] for number in which]
    found = says(page, keys, [(proof.encode(), leaf) for proof, leaf in proofs])
    assert found == [{"index": proof.index, "size": SIZE, "origin": ORIGIN} for proof, _ in proofs]


def altered(proof: EntryProof) -> dict[str, str]:
    """One proof, spoilt in every part."""
    text, step = proof.encode(), b64encode(bytes(32)).decode()
    lines = text.split("\n")
    short = text.replace(f"\n{lines[2]}\n", "\n", 1)
    note = parse_note(proof.checkpoint)
    signature = note.signatures[0]
    spoilt = signature.value[:-1] + bytes([signature.value[-1] ^ 1])
    padded = b"\x30" + bytes([len(signature.value) - 1]) + b"\x02\x22\x00" + signature.value[3:]

    def signed(value: bytes) -> str:
        return text.replace(signature.line, f"\u2014 {signature.name} {b64encode(signature.key_id + value).decode()}\n")

    return {
        "another index": text.replace(f"index {proof.index}", f"index {proof.index + 1}", 1),
        "an index beyond": text.replace(f"index {proof.index}", f"index {SIZE}", 1),
        "a leading nought": text.replace(f"index {proof.index}", f"index 0{proof.index}", 1),
        "no index": text.replace(f"index {proof.index}\n", "", 1),
        "a step less": short,
        "a step more": text.replace(f"\n{lines[2]}\n", f"\n{lines[2]}\n{step}\n", 1),
        "another step": text.replace(lines[2], step, 1),
        "a short step": text.replace(lines[2], b64encode(bytes(31)).decode(), 1),
        "no base64": text.replace(lines[2], "*" * 44, 1),
        "another size": text.replace(f"\n{SIZE}\n", f"\n{SIZE + 1}\n", 1),
        "another origin": text.replace(f"\n\n{ORIGIN}\n", "\n\nother.example/log\n", 1),
        "a spoilt signature": signed(spoilt),
        "a second spelling": signed(padded),
        "no signature": text.partition("\n\n")[0] + "\n\n" + note.text + "\n",
        "cut off": text[:-2],
        "another format": text.replace("@v1", "@v2", 1),
        "nothing": "",
        "control characters": text.replace("\n\n", "\n\n\x00", 1),
        "too long": text + "\u2014 x AAAAAAAA\n" * 10_000,
    }


def test_spoilt_proofs_are_refused_as_python_refuses_them(page, log, proofs):
    """Each part of a proof, each with its reason; never an exception of another kind."""
    proof, leaf = proofs[6]
    spoilt = altered(proof)
    found = says(page, log.keys, [(text, leaf) for text in spoilt.values()])
    for name, told in zip(spoilt, found, strict=True):
        assert isinstance(told, str), name
        assert not python_takes(log.keys, spoilt[name], leaf), name
    another = says(page, log.keys, [(proof.encode(), bytes(32))])
    assert another == ["the proof leads to another root"]


def test_a_log_signed_by_nobody_known_is_refused(page, log, proofs, tmp_path):
    """Another log's keys under the same name."""
    other = a_published_log(tmp_path, 3)
    proof, leaf = proofs[0]
    assert says(page, other.keys, [(proof.encode(), leaf)]) == ["no key that is trusted here signed this"]


def test_promises_hold_by_a_receipt_key_of_the_bundle_alone(page, site, log):
    """Good, another issuer's, another key's, another purpose's, another type; and the log's keys of the same bundle."""
    receipt, other = FileSigner.generate(), FileSigner.generate()
    now = site.clock.now()
    bounds = {"nbf": 0, "exp": int((now + timedelta(days=1)).timestamp())}
    from keys.jwk import key_thumbprint, public_jwk
    from keys.notes import ecdsa_key

    listed = [
        {"kid": key_thumbprint(signer.public_key), "purpose": purpose, "jwk": public_jwk(signer.public_key), **bounds}
        for signer, purpose in ((receipt, "receipt"), (other, "log"))
    ]
    promise = Promise("52-000001", "KMCfb1x7bRkqHBimKrvhdaixBl3sWGNLQi6LdfC6Ldc", 1_793_408_400, 1_793_408_460)
    good = sign_promise(receipt, ISSUER, promise)
    texts = [
        good,
        sign_promise(receipt, "https://other.example", promise),
        sign_promise(other, ISSUER, promise),
        good[:-2] + "AA",
    ]
    found = page.evaluate(PROMISES, {"texts": texts, "keys": listed, "issuer": ISSUER, "at": now.timestamp() * 1000})
    assert found["out"][0] == {"id": promise.entry, "leaf": promise.leaf, "madeAt": promise.made_at, "by": promise.by}
    assert found["out"][1:3] == ["another issuer's promise", "unknown-key"]
    assert found["out"][3] in {"bad-signature", "malformed"}
    key = ecdsa_key(ORIGIN, other.public_key)
    assert found["names"] == [[key.name, list(key.key_id)]]


def test_a_promise_is_pending_kept_or_broken(page, log, proofs):
    """The three ends, as a page shows them."""
    proof, leaf = proofs[3]
    told = page.evaluate(
        """async ({ vkeys, proof, leaf }) => {
          const core = await import("/static/js/promises.js");
          const keys = await Promise.all(vkeys.map(core.parseVerifierKey));
          const promise = { leaf, by: 100 };
          return Promise.all([core.standing(promise, null, keys, 100), core.standing(promise, null, keys, 101),
            core.standing(promise, proof, keys, 101), core.standing(promise, "nonsense", keys, 5)]);
        }""",
        {"vkeys": [key.vkey for key in log.keys], "proof": proof.encode(), "leaf": b64u(leaf)},
    )
    assert told == [
        {"state": "pending"},
        {"state": "broken", "why": "not in the log"},
        {"state": "kept", "index": proof.index, "size": SIZE},
        {"state": "broken", "why": "not a tlog-proof"},
    ]


def test_a_leaf_is_hashed_as_the_log_hashes_it(page):
    """RFC 6962: one byte of nought before it."""
    told = page.evaluate(
        """async () => (await import("/static/js/promises.js")).leafHash(new TextEncoder().encode("a leaf"))"""
    )
    assert told == b64u(leaf_hash(b"a leaf"))
