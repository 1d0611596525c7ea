"""The old name of `keys.merkle`."""

from keys.merkle import Nodes, ProofError, inclusion_proof, span_hash

__all__ = ["Nodes", "ProofError", "inclusion_proof", "span_hash"]
