"""A Redis behind TLS, with a user of its own that may do what docs/operations.md says and nothing else."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from redis import Redis
from redis.exceptions import NoPermissionError

from edge.clock import FixedClock
from ledger.bookings import BookingQuery
from ledger.redis import RedisLedger, read_options
from ledger.values import Fault, LedgerUnavailable, Query
from tests.ledger.builders import HOLDER, START, a_change, a_check_out, a_claim, a_gym_visit, a_hold, a_void, an_end
from tests.ledger.offline_builders import UPLOAD, a_record
from tests.ledger.redis_servers import BINARY, Server, a_cluster
from tools.ports import free_port

pytestmark = [pytest.mark.parts, pytest.mark.skipif(BINARY is None, reason="redis-server is not installed here")]

ROOT = Path(__file__).parents[2]
PASSWORD = "a-password-of-the-ledgers-own-4711"
BY_DOCUMENT = re.search(r"`(\+@read [^`]+)` on keys `(yj:\*)`", (ROOT / "docs" / "operations.md").read_text("utf-8"))


class Authority:
    """A certificate authority of a test, and what it signs."""

    def __init__(self, folder: Path, name: str) -> None:
        self._key, self._name = ec.generate_private_key(ec.SECP256R1()), _named(name)
        self.file = folder / f"{name}.pem"
        built = self._builder(self._name, self._key.public_key()).add_extension(x509.BasicConstraints(True, 0), True)
        self._certificate = built.sign(self._key, hashes.SHA256())
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, folder: Path, *addresses: str) -> tuple[Path, Path]:
        """Sign a server's certificate for some addresses; its file and its key's."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address)) for address in addresses])
        built = self._builder(_named("redis"), key.public_key()).add_extension(names, critical=False)
        certificate, secret = folder / "server.pem", folder / "server.key"
        certificate.write_bytes(built.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, secret

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Guarded(Server):
    """A server that speaks TLS alone and knows two users: the ledger's, and the operator who made it."""

    def __init__(self, folder: Path, ledger: str) -> None:
        folder.mkdir(parents=True)
        self.authority = Authority(folder, "ca")
        self.tls_port = free_port()
        certificate, secret = self.authority.issue(folder, "127.0.0.1")
        users = folder / "users.acl"
        users.write_text(
            f"user default off\nuser operator on >operators ~* &* +@all\nuser yunju on >{PASSWORD} {ledger}\n"
        )
        super().__init__(
            folder, tls_port=self.tls_port, tls_cert_file=certificate, tls_key_file=secret,
            tls_ca_cert_file=self.authority.file, tls_auth_clients="no", aclfile=users,
        )  # fmt: skip

    def start(self) -> None:
        """Listen on the TLS port alone; end it where it does not answer, as a fixture that failed would not."""
        self.port = 0
        try:
            super().start()
        except AssertionError:
            self.stop()
            raise

    def client(self) -> Redis:
        """The operator, to look."""
        return Redis(
            host="127.0.0.1", port=self.tls_port, username="operator", password="operators", ssl=True,
            ssl_ca_certs=str(self.authority.file), socket_timeout=5,
        )  # fmt: skip

    def address(self, *, user: str = "yunju", password: str = PASSWORD, ca: Path | None = None) -> str:
        """Where a verifier finds it."""
        return f"rediss://{user}:{password}@127.0.0.1:{self.tls_port}/0?ssl_ca_certs={ca or self.authority.file}"


def documented() -> str:
    """The rule of docs/operations.md as an ACL has it."""
    assert BY_DOCUMENT is not None, "docs/operations.md names the user's rights"
    return f"{BY_DOCUMENT[1]} ~{BY_DOCUMENT[2]}"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """One for all tests of this file."""
    server = Guarded(tmp_path_factory.mktemp("guarded") / "redis", documented())
    yield server
    server.stop()


@pytest.fixture
def clock():
    """Stands until moved."""
    return FixedClock(START)


@pytest.fixture
def ledger(guarded, clock):
    """The ledger over TLS, as its own user, on an empty server."""
    with guarded.client() as operator:
        operator.flushall()
    opened = RedisLedger(read_options(guarded.address()), clock)
    yield opened
    opened.close()


def test_the_rights_of_the_document_are_enough_for_everything_the_ledger_does(ledger, clock, guarded):
    """Judge, book, change, void, record, search, check, erase, give out and take in; durable at every step."""
    assert ledger.open() == []
    ledger.ready()
    assert ledger.claim(HOLDER, "tablet-1", a_claim(), clock.now())
    visit = ledger.check_in(a_gym_visit(claim=a_claim())).entry
    ledger.check_out(a_check_out(visit))
    ledger.void(a_void(visit, after_check_out=True))
    booking = ledger.hold(a_hold()).booking
    ledger.change_booking(a_change(booking))
    ledger.end_booking(an_end(booking))
    clock.set(UPLOAD)
    ledger.record_offline(a_record())
    assert len(ledger.entries(Query()).entries) == 7
    assert ledger.counts(Query()) == {"granted": 2, "denied": 0}
    assert ledger.usage(HOLDER, clock.now()).counters
    assert [one.id for one in ledger.bookings(BookingQuery(subject=HOLDER))] == [booking]
    assert ledger.after(*next(iter(ledger.heads().items())), 10) == ()
    assert [found for found in ledger.check() if isinstance(found, Fault)] == []
    contents = list(ledger.dump())
    assert ledger.erase(HOLDER) is not None
    with guarded.client() as operator:
        operator.flushall()
    fresh = RedisLedger(read_options(guarded.address()), clock)
    for part in contents:
        fresh.restore(part)
        fresh.replace(part, part)
    assert [found for found in fresh.check() if isinstance(found, Fault)] == []
    fresh.close()


@pytest.mark.parametrize("command", [("FLUSHALL",), ("CONFIG", "SET", "appendonly", "no"), ("SHUTDOWN",), ("KEYS", "*"),
                                     ("ACL", "LIST"), ("GET", "somebody-elses"), ("FLUSHDB",), ("FUNCTION", "FLUSH"),
                                     ("REPLICAOF", "NO", "ONE"), ("CLUSTER", "RESET"),
                                     ("CLIENT", "KILL", "ID", "1")])  # fmt: skip
def test_the_ledgers_user_may_do_nothing_else(guarded, command):
    """Neither empty the server nor change it, nor read another's keys: a stolen password of a verifier is that much."""
    with Redis.from_url(guarded.address()) as user, pytest.raises(NoPermissionError):
        user.execute_command(*command)


def test_the_same_rights_serve_on_a_cluster(tmp_path, clock):
    """Each node knows the user; slots are found, scripts loaded, nothing else asked for."""
    with a_cluster(tmp_path / "cluster") as servers:
        for server in servers:
            with server.client() as operator:
                operator.execute_command("ACL", "SETUSER", "yunju", "on", f">{PASSWORD}", *documented().split())
                operator.execute_command("ACL", "SETUSER", "default", "off")
        ledger = RedisLedger(read_options(f"redis://yunju:{PASSWORD}@127.0.0.1:{servers[0].port}/0"), clock)
        ledger.ready()
        for number in range(12):
            assert ledger.check_in(a_gym_visit(holder=f"holder-{number}")).granted
        assert len(ledger.entries(Query()).entries) == 12
        assert ledger.hold(a_hold()).granted
        assert [found for found in ledger.check() if isinstance(found, Fault)] == []
        ledger.close()


def test_a_server_that_another_authority_vouches_for_is_not_spoken_to(guarded, tmp_path, clock):
    """No password goes to whoever stands in the way."""
    stranger = Authority(tmp_path, "other")
    ledger = RedisLedger(read_options(guarded.address(ca=stranger.file)), clock)
    with pytest.raises(LedgerUnavailable):
        ledger.ready()
    ledger.close()


@pytest.mark.parametrize("how", ["plain", "password", "user"])
def test_without_tls_or_with_a_wrong_password_nothing_is_granted(guarded, clock, how):
    """503 like any store that is away, and the password is in no message."""
    address = {
        "plain": guarded.address().replace("rediss://", "redis://").partition("?")[0],
        "password": guarded.address(password="guessed"),
        "user": guarded.address(user="default"),
    }[how]
    ledger = RedisLedger(read_options(address), clock)
    with pytest.raises(LedgerUnavailable) as refused:
        ledger.check_in(a_gym_visit())
    assert PASSWORD not in f"{refused.value!r} {refused.value.__cause__!r} {ledger.__dict__!r}"
    ledger.close()


def test_a_user_without_a_right_it_needs_is_refused_at_the_start(tmp_path, clock):
    """Said when it is opened or made ready, not at the first visitor: here CONFIG GET, which tells what is durable."""
    server = Guarded(tmp_path / "redis", documented().replace("+config|get", ""))
    try:
        ledger = RedisLedger(read_options(server.address()), clock)
        with pytest.raises(LedgerUnavailable):
            ledger.ready()
        ledger.close()
    finally:
        server.stop()
