"""Notices to applicants by a real mail server and a real gateway: sent once, later if a server is away, and never too
many.
"""

import json
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge.clock import FixedClock
from edge.mail import Letter, MailAway, MailServer
from edge.repeating import Repeating
from edge.settings import SettingsError, load_settings
from issuer.applications import erasing, notices, renewals, sending
from issuer.applications.lists import Told, ending_soon
from issuer.applications.notices import MAIL, SMS
from issuer.applications.records import find
from issuer.applications.sending import DELAYS, TOO_LATE, by_mail, by_webhook, send_due
from issuer.register.application_tables import NOTICES
from issuer.register.errors import RefusedError
from tests.issuer.applying import approved, handed_in
from tests.issuer.builders import BY, NOON, print_card, resident_id
from tests.issuer.builders import person as holder_of

SENDER = "card@district.example"
EMAIL, PHONE, NUMBER = "someone@host.example", "13800000099", resident_id(sequence=77)
MINUTE = timedelta(minutes=1)


class Postbox:
    """What a mail server was given; answers as told to."""

    def __init__(self) -> None:
        self.letters, self.answers, self.raw = [], [], []

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - the server's name
        answer = self.answers.pop(0) if self.answers else "250 ok"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - the server's name
        self.raw.append(envelope.content)
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 ok"


class FreePort(Controller):
    """A mail server on a port that the system chooses, told once the server is bound."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def post():
    """A mail server on a free port of this machine, and what it was given."""
    box = Postbox()
    controller = FreePort(box, hostname="127.0.0.1", port=0, ready_timeout=60)
    controller.start()
    box.url = f"smtp://127.0.0.1:{controller.port}"
    yield box
    controller.stop()


class Gateway:
    """An SMS gateway: what was posted to it, and the status that it answers next."""

    def __init__(self) -> None:
        self.posted, self.statuses = [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.posted.append((dict(self.headers), json.loads(body)))
                self.send_response(outer.statuses.pop(0) if outer.statuses else 202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/messages"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()


@pytest.fixture
def gateway():
    """An SMS gateway on a free port of this machine."""
    made = Gateway()
    yield made
    made.server.shutdown()
    made.thread.join()
    made.server.server_close()


def mail(post):
    """The way by a mail server."""
    return {MAIL: by_mail(MailServer(post.url, SENDER))}


def rows(desk):
    """Every notice as the register has it."""
    with desk.register.read() as connection:
        return connection.execute(sa.select(NOTICES).order_by(NOTICES.c.id)).all()


def test_letters_and_messages_tell_the_receipt_number_and_nothing_else_of_the_person(desk, post, gateway):
    """Sent once by each way; no name, number, employer or decision; the addresses are forgotten afterwards."""
    application_id, _ = approved(desk, email=EMAIL, phone=PHONE, number=NUMBER)
    ways = mail(post) | {SMS: by_webhook(gateway.url, "gateway-token")}
    assert send_due(desk, ways, NOON + timedelta(days=1)) == []
    assert send_due(desk, ways, NOON + timedelta(days=2)) == []
    receipt = find(desk, application_id).receipt
    assert [letter["To"] for letter in post.letters] == [EMAIL, EMAIL]
    assert all(letter["From"] == SENDER and letter["Auto-Submitted"] == "auto-generated" for letter in post.letters)
    texts = [str(letter["Subject"]) + letter.get_content() for letter in post.letters]
    texts += [body["text"] for _, body in gateway.posted]
    assert len(texts) == 4
    for text in texts:
        assert receipt in text
        for secret in ("何嘉欣", NUMBER, NUMBER[-6:], "生物科技", PHONE, EMAIL, "通过", "钻石", "金卡"):
            assert secret not in text.replace("云聚英才卡", "")
    assert {body["to"] for _, body in gateway.posted} == {PHONE}
    assert all(headers["Authorization"] == "Bearer gateway-token" for headers, _ in gateway.posted)
    assert {row.address for row in rows(desk)} == {b""}
    assert all(row.sent_at and row.next_at is None for row in rows(desk))


def test_a_server_that_is_away_is_tried_again_with_growing_delays(desk):
    """A minute, five, a quarter of an hour …; a last try ends it; what waits is told of, and can be sent again."""
    handed_in(desk, email=EMAIL)
    away = {MAIL: by_mail(MailServer("smtp://127.0.0.1:1", SENDER))}
    at, waits = NOON, []
    while (row := rows(desk)[0]).next_at is not None:
        waits.append(row.next_at - at)
        at = row.next_at
        assert send_due(desk, away, at - MINUTE / 60) == []  # not before it is due
        assert send_due(desk, away, at) == ["the mail server: ConnectionRefusedError"]
    assert waits == [timedelta(0), *DELAYS]
    assert (row.given_up_at, row.tries) == (at, len(DELAYS) + 1)
    assert "given up" in notices.notices_complaint(desk, frozenset({MAIL}), at)
    notices.again(desk, row.id, by=BY, at=at)
    assert rows(desk)[0].next_at == at
    with pytest.raises(RefusedError):
        notices.again(desk, row.id, by=BY, at=at)


def test_one_away_server_holds_up_nothing_else(desk, gateway):
    """While the mail server is away every text message goes, and mails that follow are not tried in vain."""
    for _ in range(3):
        handed_in(desk, email=EMAIL, phone=PHONE)
    away = {MAIL: by_mail(MailServer("smtp://127.0.0.1:1", SENDER)), SMS: by_webhook(gateway.url, "gateway-token")}
    assert len(send_due(desk, away, NOON)) == 1
    assert len(gateway.posted) == 3
    assert [row.tries for row in rows(desk) if row.transport == MAIL] == [1, 0, 0]


@pytest.mark.parametrize(
    ("answer", "given_up"), [("550 no such user", True), ("450 try later", False), ("554 policy", False)]
)
def test_an_address_that_does_not_exist_is_given_up_at_once(desk, post, answer, given_up):
    """A server's no to the address is final; its no for now is not."""
    handed_in(desk, email=EMAIL)
    post.answers.append(answer)
    send_due(desk, mail(post), NOON)
    (row,) = rows(desk)
    assert (row.given_up_at is not None) is given_up
    assert EMAIL not in (row.fault or "")


@pytest.mark.parametrize(
    ("status", "given_up"), [(422, True), (410, True), (503, False), (429, False), (401, False), (302, False)]
)
def test_a_gateways_answer_is_read(desk, gateway, status, given_up):
    """What the number is to blame for ends it; what the gateway is to blame for is tried again with the same id."""
    handed_in(desk, phone=PHONE)
    ways = {SMS: by_webhook(gateway.url, "gateway-token")}
    gateway.statuses.append(status)
    send_due(desk, ways, NOON)
    send_due(desk, ways, NOON + timedelta(hours=1))
    (row,) = rows(desk)
    assert (row.given_up_at is not None) is given_up
    assert (row.sent_at is not None) is not given_up
    assert len({body["id"] for _, body in gateway.posted}) == 1


def test_two_processes_send_a_notice_once(desk, post):
    """A notice that one process has claimed is not handed over by another."""
    handed_in(desk, email=EMAIL)
    way = mail(post)[MAIL]

    def meanwhile(parcel):
        assert send_due(desk, {MAIL: way}, NOON) == []
        way(parcel)

    send_due(desk, {MAIL: meanwhile}, NOON)
    assert len(post.letters) == 1


def test_what_waited_a_week_is_given_up_and_its_address_forgotten(desk, post):
    """A way that is set up late sends nobody old news; a month later the address is gone."""
    handed_in(desk, email=EMAIL)
    send_due(desk, mail(post), NOON + TOO_LATE + MINUTE)
    (row,) = rows(desk)
    assert (row.fault, post.letters) == ("too late", [])
    send_due(desk, mail(post), NOON + TOO_LATE + sending.ADDRESS_KEPT + 2 * MINUTE)
    (row,) = rows(desk)
    assert row.address == b""
    with pytest.raises(RefusedError, match="forgotten"):
        notices.again(desk, row.id, by=BY, at=NOON)


def test_the_job_fails_while_a_server_is_away_and_says_which(desk):
    """So `/readyz` tells of it; the reason names no address."""
    handed_in(desk, email=EMAIL)
    clock = FixedClock(NOON)
    repeated = Repeating(sending.sending(desk, {MAIL: by_mail(MailServer("smtp://127.0.0.1:1", SENDER))}, clock), clock)
    assert not repeated.once()
    assert repeated.report.fault == "NoticesAway: the mail server: ConnectionRefusedError"


def test_what_waits_for_an_hour_is_told_and_what_no_way_is_set_for_is_not(desk):
    """A warning for whoever runs the system; a district without e-mail is not warned of e-mails."""
    handed_in(desk, email=EMAIL)
    later = NOON + timedelta(hours=2)
    assert "more than an hour" in notices.notices_complaint(desk, frozenset({MAIL}), later)
    assert notices.notices_complaint(desk, frozenset({MAIL}), NOON) is None
    assert notices.notices_complaint(desk, frozenset(), later) is None
    assert notices.state_of(desk, later).waiting == {MAIL: 1}


def certificate(folder):
    """A certificate of this machine, signed by itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    began = datetime.now(UTC) - timedelta(days=1)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(began)
        .not_valid_after(began + timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    file = folder / "mail.pem"
    file.write_bytes(
        built.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    return file


def test_a_password_goes_over_tls_to_a_server_that_is_known(tmp_path, monkeypatch):
    """STARTTLS and sign-in at a server with a trusted certificate; without that certificate nothing is sent at all."""
    box, seen = Postbox(), []
    pem = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)

    def authenticate(server, session, envelope, mechanism, data):
        from aiosmtpd.smtp import AuthResult

        seen.append((data.login, data.password))
        return AuthResult(success=True)

    told = {"tls_context": context, "require_starttls": True, "authenticator": authenticate, "auth_required": True}
    controller = FreePort(box, hostname="127.0.0.1", port=0, ready_timeout=60, **told)
    controller.start()
    try:
        server = MailServer(f"smtp+starttls://office@localhost:{controller.port}", SENDER, "pass-word-of-mail")
        letter = Letter(EMAIL, "s", "t", "notice-1", NOON)
        with pytest.raises(MailAway, match="SSLCertVerificationError"):
            server.send(letter)
        assert seen == []
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        server.send(letter)
    finally:
        controller.stop()
    assert seen == [(b"office", b"pass-word-of-mail")]
    assert box.letters[0]["Message-ID"] == "<notice-1@district.example>"


@pytest.mark.parametrize(
    "told",
    [
        {"YUNJU_MAIL_URL": "smtp://mail.example.org"},
        {"YUNJU_MAIL_URL": "smtps://user:password@mail.example.org"},
        {"YUNJU_MAIL_URL": "http://mail.example.org"},
        {"YUNJU_MAIL_URL": "smtps://mail.example.org", "YUNJU_MAIL_FROM": "Card <card@example.org>"},
        {"YUNJU_SMS_URL": "http://sms.example.org/messages"},
        {"YUNJU_SMS_URL": "https://user:token@sms.example.org/messages"},
    ],
)
def test_ways_that_would_show_a_secret_are_refused_at_the_start(told):
    """Plain mail and plain http beyond this machine, passwords in addresses, a sender that is no address."""
    with pytest.raises(SettingsError) as caught:
        load_settings({"YUNJU_MAIL_FROM": SENDER, **told})
    assert len(caught.value.faults) == 1


def test_a_mail_server_without_a_sender_is_refused():
    """One cannot do without the other."""
    with pytest.raises(SettingsError, match="YUNJU_MAIL_FROM"):
        load_settings({"YUNJU_MAIL_URL": "smtps://mail.example.org"})


def test_the_settings_open_the_ways(tmp_path, gateway):
    """A token that others can read is refused; without a setting there is no way."""
    token = tmp_path / "sms-token"
    token.write_text("gateway-token\n")
    token.chmod(0o644)
    told = {"YUNJU_VAR": str(tmp_path), "YUNJU_SMS_URL": gateway.url}
    with pytest.raises(SettingsError, match="YUNJU_SMS_TOKEN_FILE"):
        sending.ways_of(load_settings(told))
    token.chmod(0o600)
    assert set(sending.ways_of(load_settings(told))) == {SMS}
    assert sending.ways_of(load_settings({"YUNJU_VAR": str(tmp_path)})) == {}


ENDS_SOON = datetime(2027, 4, 20, 1, 0, tzinfo=UTC)
"""Twelve days before the contract of `approved` ends."""


def test_who_holds_a_card_that_ends_soon_is_told_once(desk, post, gateway):
    """From 30 days before and not earlier; by both ways; never twice for one end, however often the work is done."""
    _, made = approved(desk, email=EMAIL, phone=PHONE, number=NUMBER)
    assert made.cards[0].valid_until - ENDS_SOON < timedelta(days=30)
    assert renewals.queue_due(desk, made.cards[0].valid_until - timedelta(days=30, seconds=1)) == 0
    assert [renewals.queue_due(desk, ENDS_SOON + timedelta(hours=hour)) for hour in range(3)] == [1, 0, 0]
    assert [one.told for one in ending_soon(desk, ENDS_SOON, limit=9)] == [Told.WAITS]
    ways = mail(post) | {SMS: by_webhook(gateway.url, "gateway-token")}
    assert send_due(desk, ways, ENDS_SOON + MINUTE) == []
    assert [one.told for one in ending_soon(desk, ENDS_SOON, limit=9)] == [Told.SENT]
    letter, (_, message) = post.letters[-1].get_content(), gateway.posted[-1]
    for text in (letter, message["text"]):
        assert "即将到期" in text
        assert text.rstrip().endswith(("/apply", "请勿回复。"))
        assert not any(secret in text for secret in ("何嘉欣", "何*欣", NUMBER, "金卡", "2027"))
    assert renewals.queue_due(desk, ENDS_SOON + timedelta(days=1)) == 0


def test_processes_that_come_together_tell_a_holder_once(desk):
    """The race for one notice has one winner."""
    approved(desk, phone=PHONE)
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: renewals.queue_due(desk, ENDS_SOON), range(8)))
    assert sum(told) == 1
    assert [row.kind for row in rows(desk)].count("renewal") == 1


def test_who_applied_again_is_not_told_and_a_renewed_card_is_told_at_its_own_end(desk):
    """An open application needs no notice; the next end, under its own name, is told of again."""
    _, made = approved(desk, phone=PHONE, number=NUMBER)
    assert renewals.queue_due(desk, ENDS_SOON) == 1
    handed_in(desk, at=ENDS_SOON, phone=PHONE, number=NUMBER)
    (ending,) = ending_soon(desk, ENDS_SOON, limit=9)
    assert (ending.applied, ending.holder_id) == (True, made.holder_id)
    names = {row.once for row in rows(desk) if row.kind == "renewal"}
    assert names == {f"{ending.name}:{SMS}"}
    other = handed_in(desk, at=ENDS_SOON, phone=PHONE)
    assert renewals.queue_due(desk, ENDS_SOON) == 0
    assert find(desk, other).holder_id is None


def test_a_holder_without_an_application_is_told_by_the_registers_telephone(desk, gateway):
    """Whoever was registered by the command line: no receipt number stands in the text, and none is invented."""
    holder = holder_of(desk, "张启明", ground="silver-6", contract_ends=ENDS_SOON.date() + timedelta(days=9))
    print_card(desk, holder)
    assert renewals.queue_due(desk, ENDS_SOON) == 1
    assert send_due(desk, {SMS: by_webhook(gateway.url, "gateway-token")}, ENDS_SOON + MINUTE) == []
    (_, message) = gateway.posted[-1]
    assert message["to"] == "02012345678"
    assert "回执号" not in message["text"]
    assert message["text"].startswith("【")
    listed = notices.list_notices(desk, limit=9)
    assert [(one.receipt, one.holder_id, one.application_id) for one in listed] == [(None, holder.id, None)]


def test_an_erased_holder_is_told_nothing_more(desk):
    """What waits is emptied with the rest."""
    _, made = approved(desk, phone=PHONE)
    renewals.queue_due(desk, ENDS_SOON)
    erasing.erase(desk, made.holder_id, by=BY, at=ENDS_SOON)
    assert {(row.address, row.next_at) for row in rows(desk)} == {(b"", None)}
    assert renewals.queue_due(desk, ENDS_SOON + timedelta(days=1)) == 0
