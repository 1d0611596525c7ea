"""A province as docs/deployment.md has it: an issuer, two verifiers, a Redis Cluster, PostgreSQL, and a network."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from click.testing import CliRunner

import accounts.__main__
import issuer.__main__
import keys.__main__
import verifier.__main__
from cards.claims import Form
from cards.programme.load import load_programme
from cards.proof import sign_proof
from edge.encoding import b64u
from edge.settings import load_settings
from issuer.issuing.issuing import issue
from issuer.publishing.publish import publish
from issuer.register.holders import NewGround, NewHolder, add_ground, add_holder
from issuer.register.identity import IdType, check_identity
from issuer.register.issuer import open_issuer
from keys.dpop import build_proof
from keys.jwk import public_jwk
from keys.signer import FileSigner
from keys.wallet_proof import SignedCall, sign_wallet_proof
from tests.hosts.cluster import Cluster, until
from tests.hosts.network import Network
from tests.verifier.machine import ROOT, Answer, identifier
from tools.ports import free_port

ROOMS = {
    "accounts": accounts.__main__.main,
    "issuer": issuer.__main__.main,
    "keys": keys.__main__.main,
    "verifier": verifier.__main__.main,
}
SHIM = Path(__file__).parent / "machine"
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
BY = "test"
PATIENCE_SECONDS = 40
"""How long a client of the tests waits for an answer: an answer that never comes is a failure, a slow one is not."""


def resident_id(sequence: int) -> str:
    """Return a well-formed resident ID of nobody."""
    body = f"44011119790101{sequence:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]


@dataclass
class Host:
    """One machine: a folder, an address in the network, a clock, settings, a server and perhaps background work."""

    name: str
    folder: Path
    address: str
    environ: dict[str, str]
    workers: int = 2
    port: int = field(default_factory=free_port)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.var = self.folder / "var"
        self.environ["YUNJU_VAR"] = str(self.var)
        self.clock = self.folder / "clock"
        self.clock.write_text("0")

    def run(self, line: str, code: int = 0):
        """Run a command there, as its operator does; returns click's result."""
        room, *words = line.split()
        done = CliRunner().invoke(ROOMS[room], words, env=self.environ)
        assert done.exit_code == code, f"{line}: {done.output}{done.exception}"
        return done

    def start(self, *, works: bool = False) -> None:
        """Serve, with the background work beside it, and wait until it is ready."""
        serve = ["gunicorn", "--config", "gunicorn.conf.py", "--workers", str(self.workers),
                 "--bind", f"127.0.0.1:{self.port}", "wsgi:application"]  # fmt: skip
        for line in [serve, *([["ops", "work"]] if works else [])]:
            with (self.folder / "stream.log").open("ab") as stream:
                self.processes.append(
                    subprocess.Popen(
                        [sys.executable, "-m", *line], cwd=ROOT, env=self._outside(), stdout=stream, stderr=stream
                    )
                )
        until(lambda: self.ready() == 200)

    def _outside(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("YUNJU_", "COV_CORE"))}
        shim = {"PYTHONPATH": f"{SHIM}{os.pathsep}{ROOT}", "HOST_ADDRESS": self.address, "HOST_CLOCK": str(self.clock)}
        return kept | shim | self.environ

    def ready(self) -> int:
        """Return the status of /readyz, 0 where nobody answers."""
        assert all(process.poll() is None for process in self.processes), self.told()
        try:
            return self.send("GET", "/readyz").status
        except (OSError, http.client.HTTPException):
            return 0

    def send(self, method: str, path: str, data: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        """Send one request, as the front would that chose this host."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            sent = {"Content-Type": "application/json"} if data else {}
            connection.request(method, path, data or None, sent | (headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def told(self) -> str:
        """Return what its processes wrote."""
        return (self.folder / "stream.log").read_text()

    def stop(self) -> None:
        """End its processes."""
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(60)
        self.processes.clear()


class Province:
    """All machines, joined as docs/deployment.md says. `verifiers` are two; the first keeps the log."""

    def __init__(self, folder: Path, programme: Path, make_database: Callable[[], str]) -> None:
        self.network, self.folder, self._programme = Network(), folder, programme
        self.base = f"http://127.0.0.1:{free_port()}"
        self.cluster = Cluster(self.network, folder / "redis")
        self._databases = make_database
        self.issuer = self._host("issuer", "issuer", workers=1)
        self.verifiers = [self._host(name, "verifier,counter,wallet,audit") for name in ("host-a", "host-b")]
        self.hosts = [self.issuer, *self.verifiers]
        self._settle_stores()
        self._join()
        self.programme = load_programme(programme)
        self.desk = open_issuer(load_settings(self.issuer.environ))
        self.numbers: dict[str, str] = {}

    def _host(self, name: str, surfaces: str, workers: int = 2) -> Host:
        environ = {"YUNJU_SURFACES": surfaces, "YUNJU_BASE_URL": self.base, "YUNJU_PROGRAMME": str(self._programme)}
        return Host(name, self.folder / name, self.network.machine(name), environ, workers)

    def database(self, *hosts: Host) -> list[str]:
        """Make a database; return its address for each host, at a door of the host's own."""
        name, _, folder = self._databases().removeprefix("postgresql://yunju@/").partition("?host=")
        doors = [self.network.door("postgres", f"{folder}/.s.PGSQL.5432", host.name) for host in hosts]
        return [f"postgresql://yunju@127.0.0.1:{door}/{name}" for door in doors]

    def _settle_stores(self) -> None:
        """One ledger, one store of accounts, one of details, one secret for both verifiers; the register apart."""
        (register,) = self.database(self.issuer)
        self.issuer.environ |= {"YUNJU_REGISTER_URL": register, "YUNJU_STATUS_TTL": "3600"}
        accounts, details = self.database(*self.verifiers), self.database(*self.verifiers)
        for host, account, detail in zip(self.verifiers, accounts, details, strict=True):
            host.environ |= {
                "YUNJU_LEDGER_URL": self.ledger_url(*self.cluster.nodes[:2]),
                "YUNJU_ACCOUNTS_URL": account,
                "YUNJU_VERIFIER_URL": detail,
                "YUNJU_SECRET_FILE": str(self.folder / "secret"),
                "YUNJU_PUBLISHED": str(self.issuer.var / "published"),
                "YUNJU_ROOT": str(self.folder / "root.jwk"),
            }

    def ledger_url(self, first, *others) -> str:
        """Return the ledger's address, begun at some of the nodes."""
        also = "".join(f"&node=127.0.0.1:{node.door}" for node in others)
        return f"redis://127.0.0.1:{first.door}/0?cluster=true&replicas=1{also}"

    def _join(self) -> None:
        roots = self.folder / "off-line"
        self.issuer.run(f"issuer init --root-keys {roots}")
        self.issuer.run("accounts init")
        for host, purposes in zip(self.verifiers, (("receipt", "log"), ("receipt",)), strict=True):
            for purpose in purposes:
                host.run(f"keys generate {purpose}")
                offer = host.run(f"keys offer {purpose}")
                file = self.folder / f"{host.name}-{purpose}.json"
                file.write_text(offer.stdout)
                self.issuer.run(f"keys admit {file} --kid {offer.stderr.split()[-1]}")
        self.issuer.run(f"issuer publish --root-keys {roots}")
        (self.folder / "root.jwk").write_bytes((self.issuer.var / "published" / "root.jwk").read_bytes())
        self.verifiers[0].run("accounts init")
        for host in self.verifiers:
            host.run("verifier init")

    def start(self) -> None:
        """Start every host's server, and the background work of the host that keeps the log."""
        for host in self.hosts:
            host.start(works=host is self.verifiers[0])

    def holder(self) -> str:
        """Register somebody with a ground for a silver card; returns the register's id."""
        at, number = datetime.now(UTC), resident_id(len(self.numbers))
        identity = check_identity(IdType.RESIDENT_ID, number, today=at.date())
        made = add_holder(self.desk, NewHolder("周晓宁", identity, "13800138000"), by=BY, at=at)
        add_ground(self.desk, made.id, NewGround("silver-6", None), by=BY, at=at)
        self.numbers[made.id] = number
        return made.id

    def printed(self, count: int) -> list[str]:
        """Issue printed cards to so many holders, and publish once."""
        quiet = self.desk.quiet()
        made = [issue(quiet, self.holder(), Form.PRINT, by=BY, at=datetime.now(UTC)).token for _ in range(count)]
        publish(self.desk, datetime.now(UTC))
        return made

    def tablet(self, point: str) -> Tablet:
        """Enrol a device; both verifiers know it."""
        made = self.verifiers[0].run(f"accounts device add --point {point} --no-operator --json")
        signer, path = FileSigner.generate(), "/v1/devices/enrolments"
        data = json.dumps({"code": json.loads(made.stdout)["code"], "jwk": public_jwk(signer.public_key)}).encode()
        proof = build_proof(signer, "POST", self.base + path, data, None, datetime.now(UTC))
        answer = self.verifiers[0].send("POST", path, data, {"DPoP": proof})
        assert answer.status == 201, answer.body
        return Tablet(self.base, signer, answer.json["access_token"])

    def close(self) -> None:
        """End every process."""
        for host in self.hosts:
            host.stop()
        self.desk.close()
        self.network.close()
        self.cluster.close()


@dataclass
class Tablet:
    """A device. It signs for the one address of the province, whichever host the front chooses."""

    base: str
    signer: FileSigner
    token: str

    def check_in(
        self,
        host: Host,
        presentation: str,
        service: str,
        *,
        operation: str | None = None,
        ahead: timedelta = timedelta(),
        **rest: object,
    ) -> Answer:
        """Check somebody in at a host. `ahead`: by how much the tablet's clock is."""
        path, operation = "/v1/check-ins", operation or identifier()
        data = json.dumps({"presentation": presentation, "service": service, **rest}).encode()
        at = datetime.now(UTC) + ahead
        proof = build_proof(self.signer, "POST", self.base + path, data, self.token, at, operation=operation)
        headers = {"Authorization": f"DPoP {self.token}", "DPoP": proof, "Idempotency-Key": operation}
        return host.send("POST", path, data, headers)


class Phone:
    """A holder's phone, enrolled at the issuer."""

    def __init__(self, province: Province) -> None:
        self.province, self.signer, self.card = province, FileSigner.generate(), None
        holder = province.holder()
        code = json.loads(province.issuer.run(f"issuer card enrol {holder} --json").stdout)["code"]
        body = {"code": code, "id_last4": province.numbers[holder][-4:], "jwk": public_jwk(self.signer.public_key)}
        enrolled = self.call("/v1/wallet/enrolments", body)
        assert enrolled.status == 201, enrolled.body
        self.card = enrolled.json["card"]

    def call(self, path: str, value: object) -> Answer:
        """Send one signed call to the issuer."""
        data = json.dumps(value).encode()
        call = SignedCall("POST", self.province.base + path, data, self.card)
        proof = sign_wallet_proof(self.signer, call, datetime.now(UTC))
        return self.province.issuer.send("POST", path, data, {"Wallet-Proof": proof})

    def shown(self) -> str:
        """Return what the phone shows: the card and a fresh proof."""
        proof = sign_proof(
            self.signer,
            card=self.card,
            audience=self.province.programme.audience,
            proof_id=b64u(secrets.token_bytes(16)),
            issued_at=datetime.now(UTC).replace(microsecond=0),
        )
        return f"{self.card}~{proof}"
