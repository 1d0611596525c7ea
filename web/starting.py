"""Starts the service. If it cannot be started, it says so in two lines, and the server that loads it stops for good."""

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
"""The exit code by which gunicorn knows that another start would not help."""

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
    """The application, which is made again when the programme's next version comes into force. No process ends for
    this.

    Requests at that instant wait until the new application is made. Earlier requests are answered by the old one.
    """

    def __init__(self, environ: Mapping[str, str], settings: Settings, clock: Clock) -> None:
        """Make the present application."""
        self._environ, self._clock = environ, clock
        self._changes_at = settings.programme_from
        self._lock = Lock()
        self.application = create_application(settings, clock)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request by the programme in force now."""
        if self._changes_at is not None and self._clock.now() >= self._changes_at:
            with self._lock:
                if self._changes_at is not None:
                    self.application = create_application(load_settings(self._environ, self._clock), self._clock)
                    self._changes_at = None
        return self.application(environ, start_response)


def start(environ: Mapping[str, str], clock: Clock | None = None) -> Flask | ChangingApplication:
    """Return the application that the environment describes. If it cannot be made, exit with BOOT_ERROR and a
    remedy.
    """
    try:
        used = clock or SystemClock()
        settings = load_settings(environ, used)
        configure_logging(settings.log_level, access=settings.access_log)
        refuse_mistyped(settings)
        if settings.programme_next is None:
            return create_application(settings, clock)
        load_programme(settings.programme_next)  # A fault in the next version is reported now, not at its instant
        return ChangingApplication(environ, settings, used)
    except Exception as error:
        if (hint := _hint(error)) is None:
            raise
        sys.stderr.write(f"error: {error}\nhint: {hint}\n")
        raise SystemExit(BOOT_ERROR) from error


def _hint(error: Exception) -> str | None:
    """Return the remedy, or None for an unknown error. An error with its own hint keeps this hint."""
    said = getattr(error, "hint", "")
    return str(said) or next((hint for kind, hint in _HINTS if isinstance(error, kind)), None)
