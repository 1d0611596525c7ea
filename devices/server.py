"""The verifier as a device sees it: signed calls over HTTP (docs/design.md §9), and their results. Nothing else."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

from devices.faults import DeviceFault
from devices.identity import DeviceIdentity
from devices.profiles import ChipChallenge
from edge.clock import Clock
from edge.encoding import EncodingError, unb64u
from edge.instants import InstantError, from_epoch, parse_rfc3339
from edge.release import VERSION
from edge.strictjson import JsonError, dumps, loads
from keys.dpop import build_proof
from keys.jwk import public_jwk
from keys.signer import Signer

SECONDS: Final = 5.0
"""How long one call may take, because a visitor is waiting."""

NOTICED_SECONDS: Final = 2
ANSWER_MOST: Final = 4 * 1024 * 1024
_RETRY_LATER: Final = frozenset({502, 503, 504})


class Away(DeviceFault):
    """The server cannot be reached or cannot record now. Send the same operation again, or keep it offline."""

    hint = "check the network; the operation is kept and never counted twice"


class ServerRefusedError(DeviceFault):
    """The server refused the call itself (a problem document, RFC 9457). `code` is its fixed code.

    The hint ends with what the document says of single fields.
    """

    def __init__(self, status: int, document: Mapping[str, object]) -> None:
        self.status, self.code = status, str(document.get("code", status))
        fields = document.get("fields")
        said = (
            [str(field.get("message", "")) for field in fields if isinstance(field, dict)]
            if isinstance(fields, list)
            else []
        )
        title, hint = str(document.get("title", "refused")), str(document.get("hint", ""))
        super().__init__(f"{title} ({self.code})", " ".join(text for text in [hint, *said] if text))
        message = document.get("message")
        if isinstance(message, dict) and isinstance(message.get("zh"), str):
            self.zh = message["zh"]


@dataclass(slots=True)
class AgentState:
    """The agent's report about itself in each call (docs/devices.md): waiting records, and its clock.

    Any thread may write; the last value counts.
    """

    queued: int = 0
    clock_seconds: int = 0

    @property
    def report(self) -> str:
        """Return the header's text."""
        return f"version={VERSION}; queued={self.queued}; clock={self.clock_seconds}"

    def learn(self, date: str, at: datetime) -> None:
        """Compare the server's date with the clock. A date has whole seconds, so a difference of two seconds means
        nothing.
        """
        try:
            seconds = round((at - parsedate_to_datetime(date)).total_seconds())
        except (TypeError, ValueError):
            return
        self.clock_seconds = seconds if abs(seconds) >= NOTICED_SECONDS else 0


@dataclass(frozen=True, slots=True)
class Server:
    """One verifier, and this device's credentials for it. Safe to share between threads.

    `operator`: who signed in at this device, until `operator_until` (aware UTC).
    """

    identity: DeviceIdentity
    clock: Clock
    operator_session: str | None = field(default=None, repr=False)
    operator: str | None = None
    operator_until: datetime | None = None
    state: AgentState = field(default_factory=AgentState)

    @property
    def on_duty(self) -> str | None:
        """The operator whose session still runs, or None."""
        until = self.operator_until
        return None if until is not None and until <= self.clock.now() else self.operator

    def challenge(self) -> ChipChallenge:
        """Ask for a nonce for a chip. Raises Away or ServerRefusedError."""
        given = self.call("POST", "/v1/challenges")
        match given:
            case {"nonce": str(nonce), "reader": str(reader), "audience": str(audience), "issued_at": int(issued_at)}:
                return _challenge(audience, reader, nonce, issued_at)
        raise Away("the server's challenge cannot be read")

    def call(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, operation: str | None = None
    ) -> dict[str, object]:
        """Send a signed call and return the answer. Raises Away without an answer, ServerRefusedError for a refusal."""
        data = b"" if body is None else dumps(body)
        token = self.identity.access_token
        url = self.identity.server + path.partition("?")[0]
        named = {"operation": operation, "operator": self.operator_session}
        proof = build_proof(self.identity.signer, method, url, data, token, self.clock.now(), **named)
        headers = {"Authorization": f"DPoP {token}", "DPoP": proof, "Yunju-Device": self.state.report}
        if operation is not None:
            headers["Idempotency-Key"] = operation
        if self.operator_session is not None:
            headers["Yunju-Operator"] = self.operator_session
        status, answer, date = _sent(self.identity.server, method, path, data, headers)
        self.state.learn(date, self.clock.now())
        return _answered(status, answer)

    def moved_to(self) -> str | None:
        """Return the point to which this device was moved, or None if it was not. Raises Away or ServerRefusedError."""
        point = str(self.call("GET", "/v1/devices/self").get("point", self.identity.point))
        return None if point == self.identity.point else point

    def document(self, path: str) -> bytes:
        """Return a public document unchanged. Raises Away or ServerRefusedError."""
        status, data, _ = _sent(self.identity.server, "GET", path, b"", {})
        if status != 200:
            _answered(status, data)
        return data

    def sign_in(self, operator: str, pin: str | None) -> Server:
        """Sign in an operator at this device. Return the server with this session. Raises Away or
        ServerRefusedError.
        """
        body = {"operator": operator} | ({} if pin is None else {"pin": pin})
        found = self.call("POST", "/v1/operators/sessions", body)
        try:
            session, operator = str(found["session"]), str(found["operator"])
            until = parse_rfc3339(str(found["expires_at"]))
        except (KeyError, InstantError):
            raise Away("the server's answer to the sign-in cannot be read") from None
        return replace(self, operator_session=session, operator=operator, operator_until=until)


def enrol(server: str, code: str, signer: Signer, clock: Clock, *, label: str | None = None) -> dict[str, object]:
    """Use up a one-time code. Return the server's data about this device. Raises Away or ServerRefusedError."""
    body: dict[str, object] = {"code": code, "jwk": public_jwk(signer.public_key)}
    if label is not None:
        body["label"] = label
    data = dumps(body)
    path = "/v1/devices/enrolments"
    proof = build_proof(signer, "POST", server + path, data, None, clock.now())
    status, answer, _ = _sent(server, "POST", path, data, {"DPoP": proof})
    return _answered(status, answer)


def _sent(server: str, method: str, path: str, data: bytes, headers: Mapping[str, str]) -> tuple[int, bytes, str]:
    """Return the status, the body and the server's date."""
    parts = urlsplit(server)
    connection: HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = HTTPSConnection(str(parts.hostname), parts.port, timeout=SECONDS, context=context)
    else:
        connection = HTTPConnection(str(parts.hostname), parts.port, timeout=SECONDS)
    sent = {"Accept": "application/json", **headers} | ({"Content-Type": "application/json"} if data else {})
    try:
        connection.request(method, path, body=data or None, headers=sent)
        response = connection.getresponse()
        answer = response.read(ANSWER_MOST + 1)
    except (OSError, HTTPException) as error:
        raise Away(f"the server does not answer ({type(error).__name__})") from None
    finally:
        connection.close()
    if len(answer) > ANSWER_MOST:
        raise Away("the server's answer has no end")
    return response.status, answer, response.getheader("Date", "")


def _answered(status: int, data: bytes) -> dict[str, object]:
    try:
        found = loads(data, max_bytes=ANSWER_MOST) if data else {}
    except JsonError:
        found = None
    if status in _RETRY_LATER or status >= 500 or not isinstance(found, dict):
        raise Away(f"the server cannot take this now ({status})")
    if status >= 400:
        raise ServerRefusedError(status, found)
    return found


def _challenge(audience: str, reader: str, nonce: str, issued_at: int) -> ChipChallenge:
    try:
        return ChipChallenge(audience, reader, unb64u(nonce), from_epoch(issued_at))
    except (EncodingError, InstantError):
        raise Away("the server's challenge cannot be read") from None
