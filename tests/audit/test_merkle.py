"""The tree of RFC 6962: against its own definition, another implementation, and independent vectors."""

import json
import os
from base64 import b64decode
from hashlib import sha256
from pathlib import Path

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.merkle import (
    EMPTY_ROOT,
    Growing,
    ProofError,
    consistency_proof,
    fold,
    inclusion_proof,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from ledger.leaf import leaf_hash

VECTORS = os.environ.get("VECTORS")


def leaves(size: int) -> list[bytes]:
    """The hashes of `size` small leaves."""
    return [leaf_hash(b"entry %d" % number) for number in range(size)]


def nodes_over(hashes: list[bytes]):
    """The hash of any complete node over hashes of leaves."""
    return lambda level, index: fold(hashes[index << level : (index + 1) << level])


def defined_root(hashes: list[bytes]) -> bytes:
    """MTH as RFC 6962 §2.1 writes it down."""
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return node_hash(defined_root(hashes[:half]), defined_root(hashes[half:]))


def test_roots_are_those_of_the_definition():
    """Every size to 130, grown leaf by leaf."""
    hashes, tree = leaves(130), Growing()
    assert tree.root() == EMPTY_ROOT
    for size in range(1, 131):
        tree.add(hashes[size - 1])
        assert tree.root() == defined_root(hashes[:size])


@given(st.integers(1, 700), st.data())
def test_proofs_made_here_hold_and_no_other_leaf_or_place_has_them(size, data):
    """Any leaf of any tree; its neighbour's place and hash are refused."""
    hashes = leaves(size)
    index = data.draw(st.integers(0, size - 1))
    root = root_of(hashes)
    proof = inclusion_proof(nodes_over(hashes), index, size)
    verify_inclusion(hashes[index], index, size, proof, root)
    for leaf, place in ((sha256(b"x").digest(), index), (hashes[index], (index + 1) % size)):
        if (leaf, place) != (hashes[index], index):
            with pytest.raises(ProofError):
                verify_inclusion(leaf, place, size, proof, root)


@given(st.integers(1, 400), st.integers(1, 400), st.data())
def test_consistency_holds_between_a_tree_and_its_beginning_alone(one, other, data):
    """Any two sizes; a changed hash anywhere in the proof or the roots is refused."""
    old, new = sorted((one, other))
    hashes = leaves(new)
    roots = root_of(hashes[:old]), root_of(hashes)
    proof = consistency_proof(nodes_over(hashes), old, new)
    verify_consistency(old, new, proof, *roots)
    changed = [*proof, *roots]
    spot = data.draw(st.integers(0, len(changed) - 1))
    changed[spot] = sha256(changed[spot]).digest()
    with pytest.raises(ProofError):
        verify_consistency(old, new, changed[:-2], *changed[-2:])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 100, 255, 256, 257, 300])
def test_another_implementation_makes_the_same_roots_and_accepts_our_proofs(size):
    """pymerkle, an oracle for tests alone: its roots are ours, and its verifier takes our inclusion paths."""
    tree, hashes = an_oracle(size), leaves(size)
    root = root_of(hashes)
    assert tree.get_root() == root
    for index in {0, size // 2, size - 1}:
        theirs = tree.prove_inclusion(index + 1)
        theirs.path = [hashes[index], *inclusion_proof(nodes_over(hashes), index, size)]
        theirs.verify(hashes[index], root, index=index + 1, size=size)


@pytest.mark.parametrize(("old", "new"), [(1, 2), (3, 7), (4, 8), (6, 8), (100, 257), (255, 256), (256, 300)])
def test_our_consistency_proofs_join_another_implementations_roots(old, new):
    """Both roots are pymerkle's, which holds them to be of one growing tree as we do."""
    tree = an_oracle(new)
    roots = tree.get_root(old), tree.get_root(new)
    pymerkle.verify_consistency(*roots, tree.prove_consistency(old, new))
    verify_consistency(old, new, consistency_proof(nodes_over(leaves(new)), old, new), *roots)


def an_oracle(size: int) -> pymerkle.InmemoryTree:
    """Pymerkle's tree over the same entries."""
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    tree.append_entries([b"entry %d" % number for number in range(size)])
    return tree


def vectors(kind: str) -> list[Path]:
    """The vector files of a kind."""
    return sorted((Path(VECTORS) / "merkle" / kind).rglob("*.json")) if VECTORS else []


def decoded(text: str | None) -> bytes:
    """The bytes of a vector's hash; absent ones are empty."""
    return b64decode(text) if text else b""


@pytest.mark.skipif(not VECTORS, reason="set VECTORS to the folder of independent vectors")
@pytest.mark.parametrize("kind", ["inclusion", "consistency"])
def test_every_independent_vector_gets_its_verdict(kind):
    """transparency-dev's cases, good and malformed."""
    found = vectors(kind)
    assert len(found) > 80
    wrong = [str(path) for path in found if accepts(kind, json.loads(path.read_bytes())) is accepted(path)]
    assert wrong == []


def accepted(path: Path) -> bool:
    """Whether the vector says an error is wanted."""
    return json.loads(path.read_bytes())["wantErr"]


def accepts(kind: str, case: dict) -> bool:
    """Whether our verifier takes a case."""
    proof = [decoded(step) for step in case["proof"] or ()]
    try:
        if kind == "inclusion":
            leaf, root = decoded(case["leafHash"]), decoded(case["root"])
            verify_inclusion(leaf, case["leafIdx"], case["treeSize"], proof, root)
        else:
            roots = decoded(case["root1"]), decoded(case["root2"])
            verify_consistency(case["size1"], case["size2"], proof, *roots)
    except ProofError:
        return False
    return True
