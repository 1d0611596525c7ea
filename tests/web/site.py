"""A whole machine on a loopback port: every surface, demonstration data, a clock that runs and can be moved."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from werkzeug.serving import WSGIRequestHandler, make_server

from accounts.rights import Right
from cards.claims import Form
from edge.settings import Settings, load_settings
from edge.workreport import WorkPlace
from issuer.issuing.issuing import issue
from issuer.printing.qr import card_text
from issuer.publishing.publish import publish
from issuer.register.holders import NewHolder, add_ground, add_holder
from issuer.register.identity import IdType, check_identity
from ops.jobs import open_jobs
from ops.work import go_on
from tests.verifier.world import keep_notices
from verifier.records.store import VerifierStore
from verifier.rules.slots import open_spans
from web import seeding
from web.app import create_application
from web.demo import demonstrate, open_office

SHANGHAI = ZoneInfo("Asia/Shanghai")
BY = "test"


class MovedClock:
    """The machine's clock, moved by as much as the test says; it runs on, as a browser's does."""

    def __init__(self, start: datetime) -> None:
        self._shift = start - datetime.now(UTC)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._shift

    def advance(self, by: timedelta) -> None:
        self._shift += by


def handler_by(clock: MovedClock) -> type[WSGIRequestHandler]:
    """Return a handler whose Date header goes by the machine's clock, and that logs nothing."""

    class Handler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"  # a page of many modules comes over a few connections

        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(clock.now().replace(microsecond=0), usegmt=True)

        def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's name
            """Say nothing: the application has its own access log."""

    return Handler


class Work:
    """The background work of a site, by the site's clock: what `python -m ops work` does, in a thread."""

    def __init__(self, settings: Settings, clock: MovedClock) -> None:
        self._settings, self._clock = settings, clock
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with open_jobs(self._settings, self._clock) as jobs:
            go_on(jobs, WorkPlace(self._settings.var), self._clock, self._stopped)

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()


class Site:
    """One machine. `base` is its address."""

    def __init__(
        self, folder: Path, start: datetime | None = None, host: str = "127.0.0.1", more: dict[str, str] | None = None
    ) -> None:
        started = start or datetime(2026, 11, 10, 9, 0, tzinfo=SHANGHAI).astimezone(UTC)
        self.clock = MovedClock(started)
        self._server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True, request_handler=handler_by(self.clock))
        self.base = f"http://{host}:{self._server.port}"
        self.environ = {"YUNJU_VAR": str(folder), "YUNJU_BASE_URL": self.base, **(more or {})}
        self.settings = load_settings(self.environ, self.clock)
        self.office = open_office(self.settings)
        self.demo = demonstrate(self.office, self.clock.now())
        self.settings = self.ready(self.settings)
        self.notice(started.astimezone(SHANGHAI).year)
        self.app = create_application(self.settings, self.clock)
        self._work = Work(self.settings, self.clock)
        self.trouble = []  # answers to give instead of the application's, oldest first
        self._server.app = self._serve
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self._holders = 100
        self._days = set()

    def _serve(self, environ, start_response):
        for index, (path, status) in enumerate(self.trouble):
            if environ["PATH_INFO"].startswith(path):
                del self.trouble[index]
                body = b'{"code":"unavailable","message":{"zh":"-","en":"-"}}'
                start_response(status, [("Content-Type", "application/problem+json")])
                return [body]
        return self.app.wsgi_app(environ, start_response)

    def ready(self, settings: Settings) -> Settings:
        """Return the settings to start with, now that the machine's keys are there."""
        return settings

    def notice(self, *years: int) -> None:
        """Keep the notices of check-ups of these years, where this machine verifies."""
        if "verifier" in self.settings.surfaces:
            store = VerifierStore.open(self.settings.verifier_url, self.settings.secret())
            keep_notices(store, self.office.desk.programme, *years)
            store.close()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._work.stop()
        self.office.close()

    def go(self, **by: float) -> None:
        """Move on by a timedelta, and publish as an issuer that is up would have."""
        self.clock.advance(timedelta(**by))
        self.publish()

    def day_of_its_own(self, days: int, point: str = "library") -> date:
        """Return a local day, at least so many days ahead, on which a point is open, and which no other test was given.

        A test that books a place needs one: the clock moves between tests, so "in three days" may be the day on which
        another test already has the room, or on which the museum is closed.
        """
        place = self.office.desk.programme.points[point]
        day = self.clock.now().astimezone(SHANGHAI).date() + timedelta(days=days)
        while (point, day) in self._days or not open_spans(place, day, SHANGHAI):
            day += timedelta(days=1)
        self._days.add((point, day))
        return day

    def publish(self) -> None:
        publish(self.office.desk, self.clock.now())
        self.clock.advance(timedelta(seconds=2))  # a verifier looks at the folder once a second

    def device_code(
        self, point: str, rights: frozenset[Right] = seeding.DEVICE_RIGHTS, *, needs_operator: bool = False
    ) -> str:
        made = self.office.accounts.devices.make_code(
            point, needs_operator=needs_operator, by=BY, at=self.clock.now(), label="1", rights=rights
        )
        return made.code

    def holder(self, tier: str, name: str = "张小明") -> str:
        """Register a new holder of a tier; the ID's last four are those of `last_four`."""
        self._holders += 1
        at, desk = self.clock.now(), self.office.desk
        identity = check_identity(IdType.RESIDENT_ID, seeding._resident_id(self._holders), today=at.date())
        self.last_four = identity.last_four
        holder = add_holder(desk, NewHolder(name, identity), by=BY, at=at)
        add_ground(desk, holder.id, seeding._ground(desk.programme, tier, at.date()), by=BY, at=at)
        return holder.id

    def printed(self, tier: str, *, digits: bool = False) -> str:
        """Issue a new holder's printed card; returns what its QR code says."""
        card = issue(self.office.desk, self.holder(tier), Form.PRINT, by=BY, at=self.clock.now())
        self.publish()
        return card_text(card.token, self.office.desk.programme, digits=digits)

    def wallet_code(self, tier: str) -> str:
        """Return an enrolment code of a new holder's phone."""
        from issuer.enrolment.enrolling import make_code

        return make_code(self.office.desk, self.holder(tier), by=BY, at=self.clock.now()).code
