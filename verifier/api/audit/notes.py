"""The free text behind an entry, while the text is kept. It is for auditors with the right `names`, and each reading is
logged.

The log holds only a salted commitment. A text that does not match the commitment is never shown.
"""

from __future__ import annotations

from flask import Blueprint, Response

from accounts.rights import Right
from edge.encoding import b64u, digest
from edge.http import answer
from edge.openapi import describe
from ledger.values import Entry
from verifier.api.audit.review_bodies import NoteSaid
from verifier.api.audit.reviewing import Reviewing
from verifier.counter.commitments import text_of

KIND = "note"


def add_notes(found: Blueprint, reviewing: Reviewing) -> None:
    """Add GET /v1/log/entries/<id>/note."""

    @found.get("/v1/log/entries/<entry_id>/note")
    @describe(
        summary="The free text of an entry (a void's, an override's), while it is kept; the reading is logged",
        tag="audit",
        answers={200: NoteSaid},
        problems={"not-permitted", "not-found", "unavailable"},
    )
    def entry_note(entry_id: str) -> Response:
        caller, entry, holder = reviewing.auditor_of(entry_id)
        caller.require(Right.NAMES, entry.leaf.point)  # People write names into free text
        reviewing.record(caller, KIND, entry.id, holder)
        return answer(_note_behind(reviewing, entry))


def _note_behind(reviewing: Reviewing, entry: Entry) -> NoteSaid:
    if entry.leaf.note is None:
        return NoteSaid("none", None)
    opened = reviewing.verifier.store.note(entry.id)
    if opened is None:
        return NoteSaid("erased", None)
    if b64u(digest(opened.encode())) != entry.leaf.note:
        return NoteSaid("altered", None)
    return NoteSaid("told", text_of(opened))
