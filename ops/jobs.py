"""The background work of the enabled surfaces, as jobs with their stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from edge.clock import Clock
from edge.mail import server_of
from edge.repeating import Job
from edge.settings import Settings
from hooks.following import Source
from hooks.jobs import hook_jobs
from hooks.sending import Sender
from hooks.service import Hooks

SWEEP_SECONDS: Final = 300.0
"""How often expired rows are erased."""


@contextmanager
def open_jobs(settings: Settings, clock: Clock) -> Iterator[tuple[Job, ...]]:
    """Open what the jobs of these settings need, and close it when the block ends. Imports no other surface.

    Raises the errors of opening: a store that is away, or documents that are not valid.
    """
    with ExitStack() as opened:
        jobs: list[Job] = []
        logs: list[Source] = []
        if settings.serves("issuer"):
            jobs += _issuer_jobs(settings, clock, opened, logs)
        if settings.serves("verifier"):
            jobs += _verifier_jobs(settings, clock, opened, logs)
        hooks = Hooks.open(settings)
        opened.callback(hooks.close)
        jobs += hook_jobs(hooks, logs, Sender(hooks, clock), clock)
        yield tuple(jobs)


def _issuer_jobs(settings: Settings, clock: Clock, opened: ExitStack, logs: list[Source]) -> list[Job]:
    from issuer.applications.office_events import OfficeLog  # noqa: PLC0415 - a counter server loads none of the issuer
    from issuer.applications.renewals import reminding  # noqa: PLC0415 - as above
    from issuer.applications.sending import sending, ways_of  # noqa: PLC0415 - as above
    from issuer.applications.uploads import sweeping  # noqa: PLC0415 - as above
    from issuer.publishing.publisher import publishing  # noqa: PLC0415 - as above
    from issuer.register.issuer import open_issuer  # noqa: PLC0415 - as above

    issuer = open_issuer(settings)
    opened.callback(issuer.close)
    logs.append(OfficeLog(issuer.register))
    return [
        publishing(issuer, clock),
        reminding(issuer, clock),
        sending(issuer, ways_of(settings), clock),
        sweeping(issuer, clock),
    ]


def _verifier_jobs(settings: Settings, clock: Clock, opened: ExitStack, logs: list[Source]) -> list[Job]:
    from audit.tree.sequencing import log_sequencing  # noqa: PLC0415 - an issuer's server loads no code of the verifier
    from verifier.desks.due_mail import DueMails, due_mailing  # noqa: PLC0415 - as above
    from verifier.service import open_verifier  # noqa: PLC0415 - as above
    from verifier.services.bookings.upkeep import booking_upkeep  # noqa: PLC0415 - as above
    from verifier.services.erasure import Eraser, erasing  # noqa: PLC0415 - as above
    from verifier.services.usage_events import UsageLog  # noqa: PLC0415 - as above
    from verifier.trust.fetching import Fetcher, fetching, source_of  # noqa: PLC0415 - as above

    verifier = open_verifier(settings, clock)
    opened.callback(verifier.close)
    logs.append(UsageLog(verifier.ledger))
    eraser = Eraser(verifier.ledger, verifier.store, verifier.bookings, settings.secret())
    jobs = [
        erasing(eraser, verifier.published, clock),
        booking_upkeep(verifier.upkeep, clock),
        Job("records", SWEEP_SECONDS, lambda: verifier.store.sweep(clock.now())),
    ]
    if (server := server_of(settings)) is not None and settings.due_mails:
        mails = DueMails(settings.due_mails, settings.due_mail_at, server, f"{settings.base_url}/department")
        jobs.append(due_mailing(verifier.programme, verifier.store, mails, clock))
    if (source := source_of(settings)) is not None:
        fetcher = Fetcher(source, verifier.published, settings.published, clock)
        jobs.insert(0, fetching(fetcher, settings.status_ttl))
    if (sequencing := log_sequencing(settings, verifier.programme.issuer, verifier.ledger, clock)) is not None:
        jobs += sequencing.jobs()
    return jobs
