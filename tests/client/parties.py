"""Clients of a verifier in this process: an organisation's server and a device, by the verifier's own clock."""

from collections.abc import Callable
from datetime import timedelta

import httpx
from yunju_client import Client, Patience, enrol

from accounts.rights import EVERYWHERE, Right
from tests.verifier.world import BASE, BY, World

RIGHTS = frozenset({Right.CHECK_IN, Right.VOID, Right.VOID_ANY, Right.BOOKINGS, Right.STATEMENT, Right.NAMES})


class Wired(httpx.BaseTransport):
    """The application as a transport that keeps what was sent, and may do something instead of the application.

    `trouble`: what to do with the next calls, the oldest first: None serves a call.
    """

    def __init__(self, app) -> None:
        self._inner = httpx.WSGITransport(app=app)
        self.sent: list[httpx.Request] = []
        self.trouble: list[Callable[[httpx.Request, Callable], httpx.Response] | None] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        todo = self.trouble.pop(0) if self.trouble else None
        return self._inner.handle_request(request) if todo is None else todo(request, self._inner.handle_request)


class Parties:
    """A verifier and who calls it. `slept` holds the seconds that the clients waited before they tried again."""

    def __init__(self, world: World, folder) -> None:
        self.world, self.folder, self.slept = world, folder, []
        self.wire = Wired(world.app)

    def options(self, **more: object) -> dict[str, object]:
        """What every client of a test is made with."""
        now, patience = (lambda: self.world.clock.now().timestamp()), Patience(share=lambda: 1.0)
        return {"transport": self.wire, "now": now, "sleep": self.slept.append, "patience": patience, **more}

    def server(self, *, points: str | None = None, rights=RIGHTS, **more: object) -> Client:
        """A client of an organisation's own server."""
        grants = {points or EVERYWHERE: rights}
        now = self.world.clock.now()
        self.integrator, self.token = self.world.accounts.integrators.add(
            "Gym server", grants, expires_at=now + timedelta(days=300), by=BY, at=now
        )
        return Client(BASE, self.token, **self.options(**more))

    def enrolled(self, point: str = "gym", rights=RIGHTS, *, needs_operator: bool = False):
        """A device's folder, enrolled by the client itself with its one-time code."""
        made = self.world.accounts.devices.make_code(
            point, needs_operator=needs_operator, by=BY, at=self.world.clock.now(), rights=rights, label="Turnstile"
        )
        return enrol(BASE, made.code, self.folder / "device", **self.options())

    def device(self, point: str = "gym", **more: object) -> Client:
        """A client of an enrolled device."""
        self.kept = self.enrolled(point, **more)
        return Client.of_device(self.kept, **self.options())

    def entries(self) -> list[dict[str, object]]:
        """What stands in the log."""
        return self.world.log()
