"""What auditors' pages ask beyond the log itself: figures, anomalies with their reviews, and an entry with its proof.

Every call needs the right `audit`, and every reading is recorded. Figures and anomalies are read from the published log
and never from the ledger, so that no check-in waits for an auditor.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from flask import Blueprint, Response

from audit.figures.anomalies import Anomaly
from audit.figures.reviews import Review
from audit.figures.usage import Span
from audit.tree.proofs import NotLogged
from edge.encoding import b64u
from edge.http import answer, idempotency_key, read_body, read_query, request_instant
from edge.instants import from_epoch, rfc3339
from edge.openapi import describe
from keys.entry_proof import EntryProof, Unproved
from keys.notes import OpenedCheckpoint
from ledger.leaf import LeafError, fields_of, leaf_hash
from ledger.millis import from_millis
from ledger.values import Entry
from verifier.api.audit.names import add_names
from verifier.api.audit.notes import add_notes
from verifier.api.audit.readings import days_asked, log_problems
from verifier.api.audit.reports import add_reports
from verifier.api.audit.review_bodies import (
    AnomalyPage,
    AnomalyQuery,
    AnomalySaid,
    EntrySaid,
    FiguresSaid,
    ProofSaid,
    ReviewBody,
    ReviewSaid,
    SignedBy,
    SpanQuery,
)
from verifier.api.audit.review_exports import add_exports, add_verifications
from verifier.api.audit.reviewing import Reviewing

DAYS_MOST: Final = 400
ANOMALY_DAYS_MOST: Final = 62
ENTRIES_SEARCHED: Final = 200_000
ANOMALIES_TOLD: Final = 200


def review_blueprint(reviewing: Reviewing) -> Blueprint:
    """Return the calls of auditors' pages."""
    found = Blueprint("review", __name__)
    _add_figures(found, reviewing)
    _add_anomalies(found, reviewing)
    _add_reviews(found, reviewing)
    _add_entries(found, reviewing)
    add_notes(found, reviewing)
    add_verifications(found, reviewing)
    add_exports(found, reviewing)
    add_reports(found, reviewing)
    add_names(found, reviewing)
    return found


def _add_figures(found: Blueprint, reviewing: Reviewing) -> None:
    @found.get("/v1/audit/figures")
    @describe(
        summary="Figures of use, counted from the published log",
        tag="audit",
        query=SpanQuery,
        answers={200: FiguresSaid},
        problems={"unavailable"},
    )
    def audit_figures() -> Response:
        asked = read_query(SpanQuery)
        caller = reviewing.auditor(asked.point)
        since, until = days_asked(asked.since, asked.until, DAYS_MOST)
        with log_problems():
            figures = reviewing.usage.read(
                Span(since, until, reviewing.points_of(asked.department, asked.point), asked.service, asked.tier)
            )
        reviewing.record(caller, "figures", asked)
        return answer(FiguresSaid(figures, rfc3339(request_instant())))


def _add_anomalies(found: Blueprint, reviewing: Reviewing) -> None:
    @found.get("/v1/audit/anomalies")
    @describe(
        summary="What in the published log deserves a second look, with the reviews of it",
        tag="audit",
        query=AnomalyQuery,
        answers={200: AnomalyPage},
        problems={"unavailable"},
    )
    def audit_anomalies() -> Response:
        asked = read_query(AnomalyQuery)
        caller = reviewing.auditor()
        since, until = days_asked(asked.since, asked.until, ANOMALY_DAYS_MOST)
        with log_problems():
            odds = reviewing.odds.days(since, until, ENTRIES_SEARCHED)
        found, anomalies = len(odds.anomalies), odds.anomalies[:ANOMALIES_TOLD]
        reviews = reviewing.reviews.of(one.id for one in anomalies)
        reviewing.record(caller, "anomalies", asked)
        said = tuple(_anomaly(one, reviews.get(one.id, [])) for one in anomalies)
        return answer(AnomalyPage(said, found, odds.searched, odds.complete, rfc3339(request_instant())))


def _add_reviews(found: Blueprint, reviewing: Reviewing) -> None:
    @found.post("/v1/audit/reviews")
    @describe(
        summary="Note that an anomaly was looked at",
        tag="audit",
        body=ReviewBody,
        answers={201: ReviewSaid},
        problems={"not-permitted"},
        writes=True,
    )
    def audit_review() -> Response:
        caller = reviewing.auditor()
        body, operation, at = read_body(ReviewBody), idempotency_key(), request_instant()
        reviewing.reviews.add(caller.id, operation, Review(body.anomaly, at, caller.label, body.note))
        reviewing.record(caller, "review", body.anomaly)
        return answer(ReviewSaid(rfc3339(at), caller.label, body.note), 201)


def _add_entries(found: Blueprint, reviewing: Reviewing) -> None:
    @found.get("/v1/audit/entries/<entry_id>")
    @describe(
        summary="One entry with its proof, checked",
        tag="audit",
        answers={200: EntrySaid},
        problems={"not-found", "unavailable", "not-trusted"},
    )
    def audit_entry(entry_id: str) -> Response:
        caller, entry, holder = reviewing.auditor_of(entry_id)
        with log_problems():
            proof = _proof(reviewing, entry)
        reviewing.record(caller, "log", entry_id, holder)
        return answer(EntrySaid(entry.id, entry.voided, fields_of(entry.leaf), proof, rfc3339(request_instant())))


def _anomaly(one: Anomaly, reviews: list[Review]) -> AnomalySaid:
    said = tuple(ReviewSaid(rfc3339(each.at), each.name, each.note) for each in reviews)
    at = rfc3339(from_millis(one.at))
    return AnomalySaid(one.id, one.kind.value, one.grave, at, one.about, tuple(one.entries), one.count, said)


def _proof(reviewing: Reviewing, entry: Entry) -> ProofSaid:
    """Return the proof of the entry as the ledger holds it. Any difference from the log shows here."""
    digest = leaf_hash(entry.data)
    try:
        proof = reviewing.log.prove(entry.id)
    except (NotLogged, LeafError):
        return ProofSaid(state="pending", leaf_hash=b64u(digest))
    origin = proof.checkpoint.partition("\n")[0]
    witnesses = [witness.key for witness in reviewing.log.witnesses]
    try:
        opened = proof.verify(digest, reviewing.keys(origin), witnesses)
    except Unproved as error:
        text = proof.encode()
        return ProofSaid(state="contradicted", message=str(error), leaf_hash=b64u(digest), index=proof.index, text=text)
    return _proved(reviewing, proof, opened, digest)


def _proved(reviewing: Reviewing, proof: EntryProof, opened: OpenedCheckpoint, digest: bytes) -> ProofSaid:
    names = {witness.name for witness in reviewing.log.witnesses}
    signed = tuple(
        SignedBy(each.key.name, None if each.at is None else rfc3339(from_epoch(each.at)), each.key.name in names)
        for each in opened.signed
    )
    return ProofSaid(
        state="proved",
        leaf_hash=b64u(digest),
        index=proof.index,
        size=opened.checkpoint.size,
        steps=len(proof.path),
        root=b64encode(opened.checkpoint.root).decode(),
        signed=signed,
        text=proof.encode(),
    )
