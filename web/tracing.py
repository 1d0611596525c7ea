"""Traces by OpenTelemetry, if YUNJU_TRACES_URL names a collector: a span for each request, and in it the ledger's
calls.

Nothing here is imported while the setting is unset, and no call then takes another way. A span has the method, the
route, the status and the request's id, but no address as requested, no token and no name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, Response
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from edge.http import current_request
from ledger.interface import Ledger

LEDGER_CALLS: Final = ("replay", "check_in", "void", "check_out", "record_offline", "hold", "change_booking",
                       "end_booking", "follow", "claim", "usage", "entries", "bookings")  # fmt: skip
"""The calls of a ledger that get a span."""
_FAULT: Final = 500


class Traces:
    """Sends spans. Each worker makes one after the fork, because a thread does the sending.

    Sampling and limits are the SDK's own, set by its variables (`OTEL_TRACES_SAMPLER=traceidratio`, …). While the
    collector is away, spans are dropped, and nobody waits.
    """

    def __init__(self, url: str, version: str) -> None:
        """Send spans to `url`, the collector's full address (`http://127.0.0.1:4318/v1/traces`)."""
        self.provider = TracerProvider(resource=Resource({"service.name": "yunju", "service.version": version}))
        self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
        self._tracer = self.provider.get_tracer("yunju", version)

    def requests(self, app: Flask) -> None:
        """Give each request of an application a span, which begins its own trace."""
        answer = app.wsgi_app

        def traced(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            with self._tracer.start_as_current_span("request", kind=SpanKind.SERVER):
                return answer(environ, start_response)

        app.wsgi_app = traced  # type: ignore[method-assign] # Flask's own way to put something around it
        app.after_request(_describe)

    def ledger(self, ledger: Ledger) -> None:
        """Give each call of a ledger a span within the request's span."""
        for name in LEDGER_CALLS:
            setattr(ledger, name, self._spanned(f"ledger.{name}", getattr(ledger, name)))

    def _spanned(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def spanned(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the call takes and gives
            with self._tracer.start_as_current_span(name):
                return call(*given, **named)

        return spanned


def _describe(response: Response) -> Response:
    """Add the route of the request and its answer to the request's span."""
    asked, span = current_request(), get_current_span()
    route = "unmatched" if asked.url_rule is None else asked.url_rule.rule
    span.update_name(f"{asked.method} {route}")
    span.set_attributes(
        {
            "http.request.method": asked.method,
            "http.route": route,
            "http.response.status_code": response.status_code,
            "yunju.request": asked.request_id,
        }
    )
    if response.status_code >= _FAULT:
        span.set_status(StatusCode.ERROR)
    return response
