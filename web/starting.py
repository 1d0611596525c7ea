"""Starting the service: what cannot be started says so in two lines, and the server that loads it stops for good."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Final
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask

from cards.programme.load import ProgrammeError, load_programme
from edge.clock import Clock, SystemClock
from edge.database import UnusableDatabase
from edge.log import configure_logging
from edge.settings import Settings, SettingsError, load_settings
from keys.files import StoreError
from ledger.values import LedgerError
from verifier.trust.published import Untrusted
from web.app import create_application
from web.standing import refuse_mistyped

BOOT_ERROR: Final = 3
"""The exit by which gunicorn knows that starting again would not help."""

_HINTS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (SettingsError, "the README lists the settings"),
    (Untrusted, "`python -m issuer init` makes keys and documents; on another machine copy the published folder"),
    (StoreError, "`python -m issuer init` makes the keys that are missing"),
    (ProgrammeError, "correct the programme's file, or unset YUNJU_PROGRAMME"),
    (LedgerError, "see docs/operations.md"),
    (ModuleNotFoundError, "this image may lack the code of a surface that YUNJU_SURFACES names: take the image of all"),
    (UnusableDatabase, "the README lists the settings"),
)


class ChangingApplication:
    """The application, made anew at the instant from which the programme's next version holds; no process ends for it.

    Requests of that instant wait until the new one is made; those that began before are answered by the old one.
    """

    def __init__(self, environ: Mapping[str, str], settings: Settings, clock: Clock) -> None:
        """Make the application of now."""
        self._environ, self._clock = environ, clock
        self._changes_at = settings.programme_from
        self._lock = Lock()
        self.application = create_application(settings, clock)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request by the programme that holds now."""
        if self._changes_at is not None and self._clock.now() >= self._changes_at:
            with self._lock:
                if self._changes_at is not None:
                    self.application = create_application(load_settings(self._environ, self._clock), self._clock)
                    self._changes_at = None
        return self.application(environ, start_response)


def start(environ: Mapping[str, str], clock: Clock | None = None) -> Flask | ChangingApplication:
    """Return the application that the environment describes; exits with BOOT_ERROR and a remedy where it cannot."""
    try:
        used = clock or SystemClock()
        settings = load_settings(environ, used)
        configure_logging(settings.log_level, access=settings.access_log)
        refuse_mistyped(settings)
        if settings.programme_next is None:
            return create_application(settings, clock)
        load_programme(settings.programme_next)  # a fault in the next version is told now, not at its instant
        return ChangingApplication(environ, settings, used)
    except Exception as error:
        if (hint := _hint(error)) is None:
            raise
        sys.stderr.write(f"error: {error}\nhint: {hint}\n")
        raise SystemExit(BOOT_ERROR) from error


def _hint(error: Exception) -> str | None:
    """Return the remedy; None for an unknown error. An error that brings a hint keeps that hint."""
    said = getattr(error, "hint", "")
    return str(said) or next((hint for kind, hint in _HINTS if isinstance(error, kind)), None)
