"""The witness's HTTP surface (C2SP tlog-witness): a separate application, on a machine of the auditors."""

from __future__ import annotations

from flask import Flask, Response, request

from audit.evidence.witness import NotCosignedError, WitnessBook
from edge.clock import Clock
from edge.http import create_frame
from edge.instants import to_epoch

MAX_REQUEST_BYTES = 64 * 1024


def create_witness(book: WitnessBook, clock: Clock) -> Flask:
    """Return the witness's application."""
    app = create_frame("witness", clock=clock, max_body=MAX_REQUEST_BYTES)

    @app.post("/add-checkpoint")
    def add_checkpoint() -> Response:
        try:
            line = book.add(request.get_data(), to_epoch(clock.now()))
        except NotCosignedError as refused:
            return Response(refused.body, refused.status, content_type=refused.content_type)
        return Response(line, 200, content_type="text/plain; charset=utf-8")

    @app.get("/<origin_hash>/checkpoint")
    def checkpoint(origin_hash: str) -> Response:
        found = book.last(origin_hash)
        if found is None:
            return Response("never cosigned\n", 404, content_type="text/plain; charset=utf-8")
        return Response(found, 200, content_type="text/plain; charset=utf-8")

    return app
