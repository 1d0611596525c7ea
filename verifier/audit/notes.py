"""The old name of `keys.notes`."""

from keys.notes import Checkpoint, Cosigner, NoteError, NoteKey, OpenedCheckpoint, ecdsa_key, open_checkpoint

__all__ = ["Checkpoint", "Cosigner", "NoteError", "NoteKey", "OpenedCheckpoint", "ecdsa_key", "open_checkpoint"]
