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

from edge.clock import SystemClock
from edge.settings import load_settings
from issuer.publish import publish
from tests.verifier.machine import free_port
from tests.web.site import Site
from web.demo import demonstrate, open_office

ROOT = Path(__file__).parents[2]
READY_WITHIN_S = 90


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
        self.start()

    def start(self) -> None:
        """Serve, and wait until every part is ready."""
        command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "--workers", "2",
                   "--bind", f"127.0.0.1:{self.port}", "wsgi:application"]  # fmt: skip
        outside = {name: value for name, value in os.environ.items() if not name.startswith("YUNJU_")}
        with self._stream.open("ab") as stream:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=outside | self.environ, stdout=stream, stderr=stream
            )
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

    def go(self, **by: float) -> None:
        """Only a machine of its own clock can move on."""
        raise NotImplementedError(timedelta(**by))

    def publish(self) -> None:
        """Publish as the issuer would, and wait until the verifier has looked at the folder."""
        publish(self.office.desk, self.clock.now())
        time.sleep(1.5)
