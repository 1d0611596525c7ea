"""Answers for the operator's monitors: whether the process is alive, whether it can serve, and its figures."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from secrets import compare_digest
from typing import Any

import flask
from flask import request

from edge.http import answer
from edge.metrics import MetricSource, exposition
from edge.openapi import describe
from edge.problems import Problem
from edge.secret import Secret

ReadyCheck = Callable[[], str | None]
"""Checks one thing that the process needs. Returns None if it works, otherwise what is wrong, in words that anyone may
read.
"""


@dataclass(frozen=True, slots=True)
class Health:
    """A surface's report on itself: checks that must pass, warnings while it serves, and figures that are read on
    request.
    """

    checks: Mapping[str, ReadyCheck]
    warnings: Mapping[str, ReadyCheck]
    figures: Sequence[MetricSource]


_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
_errors = logging.getLogger("yunju.error")


def health_blueprint(
    checks: Mapping[str, ReadyCheck],
    *,
    warnings: Mapping[str, ReadyCheck] | None = None,
    figures: Sequence[MetricSource] = (),
    metrics_token: Secret | None = None,
) -> flask.Blueprint:
    """Return `GET /healthz` (alive), `/readyz` (every check, 503 if one fails) and `/metrics` with further `figures`.

    A warning is not a failed check: `/readyz` shows it and stays 200, because the process can serve. The monitor reads
    it. Figures need the token. If no token is set, only a direct call from this machine gets them, because behind a
    proxy on the same machine every call would come from here.
    """
    blueprint = flask.Blueprint("health", __name__)

    @blueprint.get("/healthz")
    @describe(summary="Alive", tag="operation", answers={200: dict[str, str]}, auth="none")
    def alive() -> flask.Response:
        return answer({"status": "ok"})

    @blueprint.get("/readyz")
    @describe(
        summary="Ready to serve: every check holds; warnings beside them",
        tag="operation",
        answers={200: dict[str, Any]},
        problems={"unavailable"},
        auth="none",
    )
    def ready() -> flask.Response:
        outcomes = {name: _outcome(name, check) for name, check in checks.items()}
        told = {name: _outcome(name, check) for name, check in (warnings or {}).items()}
        told = {name: outcome for name, outcome in told.items() if outcome != "ok"}
        besides = {"warnings": told} if told else {}
        if any(outcome != "ok" for outcome in outcomes.values()):
            raise Problem("unavailable", retry_after=5, extra={"checks": outcomes} | besides)
        return answer({"status": "warning" if told else "ok", "checks": outcomes} | besides)

    @blueprint.get("/metrics")
    @describe(
        summary="Figures for Prometheus: with YUNJU_METRICS_TOKEN as bearer token, without one from this machine",
        tag="operation",
        answers={200: "text/plain"},
        problems={"unauthenticated", "bad-token", "not-permitted"},
        auth="none",
    )
    def metrics() -> flask.Response:
        _require_reader(metrics_token)
        return flask.Response(exposition(figures), content_type="text/plain; version=0.0.4; charset=utf-8")

    return blueprint


def _outcome(name: str, check: ReadyCheck) -> str:
    try:
        return check() or "ok"
    except Exception as error:  # noqa: BLE001 - whatever a check meets, the process is not ready and must say so
        _errors.error("a readiness check failed", exc_info=error, extra={"fields": {"check": name}})
        return "failed"


def _require_reader(token: Secret | None) -> None:
    if token is None:
        if not _asks_from_here():
            raise Problem("not-permitted", "Set YUNJU_METRICS_TOKEN to read the figures from elsewhere.")
        return
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Problem("unauthenticated")
    if not compare_digest(given.strip().encode("utf-8", "replace"), token.reveal().encode("utf-8")):
        raise Problem("bad-token")


def _asks_from_here() -> bool:
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
