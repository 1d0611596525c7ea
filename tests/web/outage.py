"""A whole machine as it is deployed, whose server process a test ends and starts again at the same address."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

from cards.claims import Form
from edge.clock import SystemClock
from edge.settings import load_settings
from issuer.issuing.issuing import IssuedCard, issue
from issuer.issuing.lifecycle import revoke
from issuer.printing.qr import card_text
from issuer.publishing.publish import publish
from tests.web.site import BY, Site
from tools.ports import free_port
from web.demo import demonstrate, open_office
from web.seeding import SUPERVISOR_RIGHTS

ROOT = Path(__file__).parents[2]
READY_WITHIN_S = 90
STOCK = 16
"""Printed cards of each tier that are there from the start: what is issued later may not stand in a tablet's list."""


class Outage(Site):
    """A machine under gunicorn, in processes of its own. Its clock is this computer's."""

    def __init__(self, folder: Path, *, programme: Path | None = None) -> None:
        self.clock = SystemClock()
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.environ = {"YUNJU_VAR": str(folder / "var"), "YUNJU_BASE_URL": self.base}
        if programme is not None:
            self.environ["YUNJU_PROGRAMME"] = str(programme)
        self.settings = load_settings(self.environ)
        self.office = open_office(self.settings)
        self.demo = demonstrate(self.office, self.clock.now())
        self._stream = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._holders = 100
        self._stock = {tier: [self._issued(tier) for _ in range(STOCK)] for tier in ("diamond", "gold", "silver")}
        publish(self.office.desk, self.clock.now())
        self.start()

    def start(self) -> None:
        """Serve, and wait until every part is ready."""
        command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "--workers", "2",
                   "--bind", f"127.0.0.1:{self.port}", "wsgi:application"]  # fmt: skip
        with self._stream.open("ab") as stream:
            self._process = subprocess.Popen(command, cwd=ROOT, env=self.outside, stdout=stream, stderr=stream)
        ends = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < ends:
            assert self._process.poll() is None, self._stream.read_text()
            try:
                with urlopen(f"{self.base}/readyz", timeout=2):
                    return
            except OSError:
                time.sleep(0.1)
        self.stop()
        raise AssertionError("the server was never ready")

    @property
    def is_up(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def outside(self) -> dict[str, str]:
        """What a command line of this machine finds in its environment."""
        return {name: value for name, value in os.environ.items() if not name.startswith("YUNJU_")} | self.environ

    def stop(self) -> None:
        """End it: from now on nobody listens at the address."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(30)
        self._process = None

    def close(self) -> None:
        """End everything."""
        self.stop()
        self.office.close()

    def card(self, tier: str) -> str:
        """Return what the QR code of a new holder's printed card says, one that every published list holds valid."""
        return card_text(self._stock[tier].pop().token, self.office.desk.programme)

    def revoked_card(self, tier: str) -> str:
        """Return such a card, revoked meanwhile and published so."""
        card = self._stock[tier].pop()
        revoke(self.office.desk, card.id, because="lost", by=BY, at=self.clock.now())
        self.publish()
        return card_text(card.token, self.office.desk.programme)

    def _issued(self, tier: str) -> IssuedCard:
        return issue(self.office.desk, self.holder(tier), Form.PRINT, by=BY, at=self.clock.now())

    def supervised_code(self, point: str) -> str:
        """Return a code for a tablet at which a supervisor may act as one."""
        return self.device_code(point, SUPERVISOR_RIGHTS)

    def operator(self, code: str) -> str:
        """Return an operator's id."""
        return next(operator.id for operator in self.office.accounts.operators.list() if operator.code == code)

    def go(self, **by: float) -> None:
        """Only a machine of its own clock can move on."""
        raise NotImplementedError(timedelta(**by))

    def publish(self) -> None:
        """Publish as the issuer would, and wait until the verifier has looked at the folder."""
        publish(self.office.desk, self.clock.now())
        time.sleep(1.5)
