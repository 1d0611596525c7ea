"""One machine as it is deployed: real files, keys and accounts, gunicorn on a loopback port, clients that sign."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from accounts.rights import Right
from accounts.store import AccountStore
from cards.claims import Form
from edge.clock import SystemClock
from edge.encoding import b64u
from edge.settings import load_settings
from issuer.issuing.issuing import issue
from issuer.publishing.publish import publish
from issuer.publishing.setup import set_up
from issuer.register.holders import NewGround, NewHolder, add_ground, add_holder
from issuer.register.identity import IdType, check_identity
from issuer.register.issuer import open_issuer
from keys.dpop import build_proof
from keys.jwk import public_jwk
from keys.signer import FileSigner
from tools.ports import free_port
from verifier.service import make_stores

ROOT = Path(__file__).parents[2]
BY = "test"


def identifier() -> str:
    """Return a fresh 128-bit identifier."""
    return b64u(os.urandom(16))


@dataclass(frozen=True)
class Answer:
    """One answer: status, headers, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Machine:
    """A machine with an issuer's keys and no people yet. `stream` is where all its processes write.

    `works`: `python -m ops work` runs beside the server, for tests that wait for what it does.
    """

    works = False
    background: subprocess.Popen[bytes] | None = None

    def __init__(
        self,
        folder: Path,
        *,
        workers: int = 4,
        programme: Path | None = None,
        works: bool = False,
        more: dict[str, str] | None = None,
    ) -> None:
        """`more`: further variables of its environment, from the first step on."""
        self.works = works
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.workers = workers
        self.var, self.stream = folder / "var", folder / "stream.log"
        self.var.mkdir()
        self.environ = {"YUNJU_VAR": str(self.var), "YUNJU_BASE_URL": self.base, **(more or {})}
        if programme is not None:
            self.environ["YUNJU_PROGRAMME"] = str(programme)
        self.settings = load_settings(self.environ)
        self.desk = open_issuer(self.settings)
        set_up(self.desk, self.now())
        self.accounts = AccountStore.open(self.settings.accounts_url)
        make_stores(self.settings, SystemClock())
        self.process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def now() -> datetime:
        """Return the machine's clock, as the server reads it too."""
        return datetime.now(UTC)

    def start(self) -> None:
        """Serve, and wait until every part is ready."""
        command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "--workers", str(self.workers),
                   "--bind", f"127.0.0.1:{self.port}", "wsgi:application"]  # fmt: skip
        with self.stream.open("ab") as stream:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env={**self._outside(), **self.environ}, stdout=stream, stderr=stream
            )
        for _ in range(600):
            assert self.process.poll() is None, self.stream.read_text()
            try:
                if self.send("GET", "/readyz").status == 200:
                    return self.begin_work()
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError("the server was never ready")

    def begin_work(self) -> None:
        """Start the background work beside the server, where this machine has it."""
        if self.works:
            command = [sys.executable, "-m", "ops", "work"]
            with self.stream.open("ab") as stream:
                self.background = subprocess.Popen(
                    command, cwd=ROOT, env={**self._outside(), **self.environ}, stdout=stream, stderr=stream
                )

    def stop(self) -> None:
        """End it as an operator does."""
        if self.background is not None:
            self.background.terminate()
            self.background.wait(30)
            self.background = None
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
        self.process = None

    def crash(self) -> None:
        """End the master and all its workers as the power does."""
        assert self.process is not None
        pids = self.worker_pids()
        self.process.kill()
        self.process.wait(10)
        for pid in pids:
            _kill(pid)
        self.process = None

    def worker_pids(self) -> list[int]:
        """Return the workers' process ids."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def kill_a_worker(self) -> int:
        """End one worker at once; returns its id."""
        pid = self.worker_pids()[0]
        _kill(pid)
        return pid

    def close(self) -> None:
        """Stop and close the stores."""
        self.stop()
        self.desk.close()
        self.accounts.close()

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m …` on this machine's data."""
        command = [sys.executable, "-m", *arguments]
        environ = {**self._outside(), **self.environ}
        return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60)

    def send(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None, *, raw: bytes = b""
    ) -> Answer:
        """Send one request on a connection of its own."""
        data = raw if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} if data else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, data or None, sent | (headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def holder(self, name: str = "周晓宁", *, tier: str = "silver", number: str = "44011119800101001X") -> str:
        """Register a holder with a ground; returns the register's id."""
        at = self.now()
        identity = check_identity(IdType.RESIDENT_ID, number, today=at.date())
        made = add_holder(self.desk, NewHolder(name, identity, "13800138000"), by=BY, at=at)
        found = (g for g in self.desk.programme.grounds.values() if g.tier == tier and not g.basis_ends)
        ground = min(found, key=lambda found: (bool(found.raises), found.by_list_only))
        limb = ground.limbs[0].code if ground.limbs else None
        add_ground(self.desk, made.id, NewGround(ground.code, limb), by=BY, at=at)
        return made.id

    def printed(self, *holders: str) -> list[str]:
        """Issue printed cards and publish once; returns their tokens."""
        quiet, at = self.desk.quiet(), self.now()
        made = [issue(quiet, holder, Form.PRINT, by=BY, at=at).token for holder in holders]
        publish(self.desk, self.now())
        return made

    def device(self, point: str, *rights: Right) -> Device:
        """Enrol a device in the store."""
        signer = FileSigner.generate()
        chosen = frozenset(rights) or None
        code = self.accounts.devices.make_code(point, needs_operator=False, by=BY, at=self.now(), rights=chosen).code
        made, token = self.accounts.devices.enrol(code, public_jwk(signer.public_key), at=self.now())
        return Device(self, signer, made.id, token)

    @staticmethod
    def _outside() -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("YUNJU_", "COV_CORE"))}
        return kept | {"PYTHONPATH": str(ROOT)}


@dataclass
class Device:
    """An enrolled device."""

    machine: Machine
    signer: FileSigner
    id: str
    token: str
    session: str | None = None

    def headers(self, method: str, path: str, data: bytes, operation: str | None = None) -> dict[str, str]:
        """Return the headers of one signed call."""
        url = self.machine.base + path.partition("?")[0]
        named = {} if method == "GET" else {"Idempotency-Key": operation or identifier()}
        proof = build_proof(
            self.signer,
            method,
            url,
            data,
            self.token,
            self.machine.now(),
            operation=named.get("Idempotency-Key"),
            operator=self.session,
        )
        signed = {"Authorization": f"DPoP {self.token}", "DPoP": proof}
        if self.session is not None:
            signed["Yunju-Operator"] = self.session
        return signed | named

    def call(self, method: str, path: str, body: object = None, *, operation: str | None = None) -> Answer:
        """Send one signed call."""
        data = b"" if body is None else json.dumps(body).encode()
        return self.machine.send(method, path, headers=self.headers(method, path, data, operation), raw=data)

    def check_in(self, presentation: str, service: str, *, operation: str | None = None, **rest: object) -> Answer:
        """Check in."""
        body = {"presentation": presentation, "service": service, **rest}
        return self.call("POST", "/v1/check-ins", body, operation=operation)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
