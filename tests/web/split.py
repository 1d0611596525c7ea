"""An issuer and a verifier as two machines, and the front before them: own data, own keys, one https address."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cards.programme.load import load_programme
from cards.proof import sign_proof
from edge.clock import SystemClock
from edge.encoding import b64u
from keys.dpop import build_proof
from keys.jwk import public_jwk
from keys.signer import FileSigner
from keys.wallet_proof import SignedCall, sign_wallet_proof
from tests.verifier.machine import ROOT, Answer
from tools.ports import free_port

ID_NUMBER = "44011119800101001X"
BAIYUN = ROOT / "cards" / "programmes" / "baiyun.toml"
OFFICE = "office.127.0.0.1"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@dataclass
class Host:
    """One machine: its data, its settings, its processes."""

    folder: Path
    environ: dict[str, str]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    work: subprocess.Popen[bytes] | None = None

    @property
    def var(self) -> Path:
        """Where its data lies."""
        return self.folder / "var"

    def command(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run `python -m …` there, as its operator does."""
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=ROOT, env=_bare_environ() | self.environ, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
        return done

    def admit_key_of(self, host: Host, purpose: str) -> None:
        """Let another host make a key and offer it, and admit it here, as the handbook says."""
        host.command("keys", "generate", purpose)
        offer = host.command("keys", "offer", purpose)
        file = self.folder / f"{host.folder.name}-{purpose}.json"
        file.write_text(offer.stdout)
        self.command("keys", "admit", str(file), "--kid", offer.stderr.split()[-1])

    def start(self, *, works: bool = True) -> None:
        """Serve, with the background work beside it, and wait until it says that it is ready."""
        command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "--workers", "2",
                   "--bind", f"127.0.0.1:{self.port}", "wsgi:application"]  # fmt: skip
        with (self.folder / "stream.log").open("ab") as stream:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=_bare_environ() | self.environ, stdout=stream, stderr=stream
            )
            if works:
                self.work = subprocess.Popen(
                    [sys.executable, "-m", "ops", "work"],
                    cwd=ROOT, env=_bare_environ() | self.environ, stdout=stream, stderr=stream,
                )  # fmt: skip
        _until(lambda: self.ready() == 200, (self.folder / "stream.log").read_text)

    def ready(self) -> int:
        """Return the status of /readyz."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status
        finally:
            connection.close()

    def stop(self) -> None:
        """End its processes."""
        for process in (self.process, self.work):
            if process is not None:
                process.send_signal(signal.SIGTERM)
                process.wait(60)
        self.process = self.work = None


class Front:
    """deploy/front.conf under a real nginx: the very file, with this test's ports put in.

    One verifier stands for both of the file. The front answers at 127.0.0.1, and as OFFICE for the office.
    """

    def __init__(self, folder: Path, port: int, issuer: int, verifiers: list[int]) -> None:
        assert NGINX, "nginx is not installed: `make setup-test` installs it"
        folder.mkdir()
        self.port = port
        self.authority = folder / "certificate.pem"
        _certificate(folder)
        text = (ROOT / "deploy" / "front.conf").read_text("utf-8")
        for known, here in {
            "listen 8443": f"listen 127.0.0.1:{port}",
            "server issuer:8000": f"server 127.0.0.1:{issuer}",
            "verifier-a:8000": f"127.0.0.1:{verifiers[0]}",
            "verifier-b:8000": f"127.0.0.1:{verifiers[-1]}",
            "/etc/front": str(folder),
            "/tmp/front": str(folder / "front"),
        }.items():
            assert known in text, known
            text = text.replace(known, here)
        (folder / "front.conf").write_text(text, "utf-8")
        command = [NGINX, "-c", str(folder / "front.conf"), "-e", "stderr", "-g", "daemon off;"]
        with (folder / "stream.log").open("wb") as stream:
            self._process = subprocess.Popen(command, stderr=stream)
        try:
            _until(lambda: self.send("GET", "/healthz").status < 500, (folder / "stream.log").read_text)
        except BaseException:
            self.stop()
            raise

    @property
    def office(self) -> str:
        """The office's address as browsers name it; it is resolved nowhere."""
        return f"{OFFICE}:{self.port}"

    def send(self, method: str, path: str, data: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """Send one request over TLS. A header Host chooses the office's address."""
        context = ssl.create_default_context(cafile=str(self.authority))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=context)
        try:
            sent = {"Content-Type": "application/json"} if data else {}
            connection.request(method, path, data or None, sent | dict(headers or {}))
            answer = connection.getresponse()
            told = dict(answer.getheaders()) | {"Set-Cookie": "\n".join(answer.headers.get_all("Set-Cookie", []))}
            return Answer(answer.status, told, answer.read())
        finally:
            connection.close()

    def stop(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)


def _bare_environ() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("YUNJU_", "COV_CORE"))}
    return kept | {"PYTHONPATH": str(ROOT)}


def _until(holds, story) -> None:
    for _ in range(300):
        try:
            if holds():
                return
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            pass
        time.sleep(0.1)
    raise AssertionError(f"never came: {story()}")


until = _until


def _certificate(folder: Path) -> None:
    """A certificate of 127.0.0.1 that is its own authority."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "front")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(minutes=5)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "key.pem").write_bytes(pem)
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))


class Phone:
    """What the wallet page does, without a browser."""

    def __init__(self, district) -> None:
        self.district, self.signer, self.card = district, FileSigner.generate(), None
        issuer = district.issuer
        number = issuer.folder / "number.txt"
        number.write_text(ID_NUMBER)
        added = issuer.command(
            "issuer", "holder", "add", "--name", "周晓宁", "--id-file", str(number), "--phone", "13800138000", "--json"
        )
        holder = json.loads(added.stdout)["id"]
        issuer.command("issuer", "holder", "ground", holder, "silver-6")
        self.code = json.loads(issuer.command("issuer", "card", "enrol", holder, "--json").stdout)["code"]
        body = {"code": self.code, "id_last4": ID_NUMBER[-4:], "jwk": public_jwk(self.signer.public_key)}
        self.enrolled = self.call("/v1/wallet/enrolments", body)
        assert self.enrolled.status == 201, self.enrolled.body
        self.card = self.enrolled.json["card"]

    def call(self, path, value):
        """Send one signed call to the one address."""
        data = json.dumps(value).encode()
        url = self.district.base + path
        proof = sign_wallet_proof(self.signer, SignedCall("POST", url, data, self.card), datetime.now(UTC))
        return self.district.front.send("POST", path, data, {"Wallet-Proof": proof})

    def shown(self, *, whole=True):
        """Return what the phone shows: the card and a proof, or the proof alone."""
        proof = sign_proof(
            self.signer,
            card=self.card,
            audience=load_programme(BAIYUN).audience,
            proof_id=b64u(secrets.token_bytes(16)),
            issued_at=datetime.now(UTC).replace(microsecond=0),
        )
        return f"{self.card}~{proof}" if whole else proof


class Tablet:
    """A tablet."""

    def __init__(self, district) -> None:
        self.district, self.signer = district, FileSigner.generate()
        made = district.verifier.command("accounts", "device", "add", "--point", "hosp-2", "--no-operator", "--json")
        data = json.dumps({"code": json.loads(made.stdout)["code"], "jwk": public_jwk(self.signer.public_key)}).encode()
        path = "/v1/devices/enrolments"
        proof = build_proof(self.signer, "POST", district.base + path, data, None, SystemClock().now())
        answer = district.front.send("POST", path, data, {"DPoP": proof})
        assert answer.status == 201, answer.body
        self.token, self.root = answer.json["access_token"], answer.json.get("root")

    def check_in(self, presentation):
        """Check in for registration at the hospital."""
        path = "/v1/check-ins"
        data = json.dumps({"presentation": presentation, "service": "hospital-registration"}).encode()
        operation, now = b64u(os.urandom(16)), SystemClock().now()
        url = self.district.base + path
        proof = build_proof(self.signer, "POST", url, data, self.token, now, operation=operation)
        headers = {"Authorization": f"DPoP {self.token}", "DPoP": proof, "Idempotency-Key": operation}
        return self.district.front.send("POST", path, data, headers)
