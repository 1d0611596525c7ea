"""The log's tree: tiles, the sequencer that writes them, checkpoints, witnesses, proofs, repair."""
