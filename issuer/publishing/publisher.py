"""Repeated publishing, which keeps status lists fresh: a job of the background work or of a terminal."""

from __future__ import annotations

import logging

from edge.clock import Clock
from edge.repeating import Job
from issuer.publishing.publish import publish_if_due
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer
from keys.files import StoreError

_log = logging.getLogger("yunju.issuer")


def publishing(issuer: Issuer, clock: Clock) -> Job:
    """Return the job that checks, at every quarter of the lists' `ttl`, whether a publication is due.

    Any number of processes may run it. Lists that are not renewed become stale and then expire, and verifiers report
    this.
    """
    every = issuer.status_ttl.total_seconds() / 4
    return Job("publish", every, lambda: publish_due(issuer, clock), plain=(RefusedError, StoreError))


def publish_due(issuer: Issuer, clock: Clock) -> None:
    """Publish if it is due. Log if the trust bundle is due and cannot be signed here."""
    done = publish_if_due(issuer, clock.now())
    if done is not None and done.bundle_due is not None:
        fields = {"why": str(done.bundle_due)}
        _log.warning("the trust bundle is due and cannot be signed here", extra={"safe_fields": fields})
