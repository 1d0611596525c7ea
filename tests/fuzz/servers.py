"""Targets: what other servers answer: a webhook's receiver, a device's server, documents fetched by a counter."""

from __future__ import annotations

import socket
import tempfile
import threading
from datetime import timedelta
from pathlib import Path

from hypothesis import strategies as st

from cards.programme.export import programme_json as programme_json_of
from devices import server as device_server
from devices.documents import NoDocuments, read_rules
from devices.faults import DeviceFault
from devices.identity import DeviceIdentity
from devices.promises import PromiseBook
from devices.server import AgentState, Server, _answered
from devices.verdict import VerdictKind, of_answer, of_look
from edge.clock import FixedClock
from edge.fetch import Answered, FetchAway, OutgoingCall, fetch
from hooks.sending import PUT_OFF_MOST, _put_off
from keys.signer import FileSigner
from tests.cards.builders import NOW
from tests.cards.programme.builders import baiyun
from tests.fuzz.target import mangled, mangled_json, spelled, target

ANSWERS = [
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
    b"HTTP/1.1 410 Gone\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\nConnection: close\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 503 \r\nRetry-After: 99999999\r\n\r\n",
]


@target(lambda: st.one_of(mangled(ANSWERS), st.binary(max_size=80)), examples=50)
def receiver_answer(data: bytes) -> None:
    """Whatever a receiver sends back is an answer in bounds or an absent one; it puts a call off for a day at most."""
    listener = socket.create_server(("127.0.0.1", 0))
    answering = threading.Thread(target=_answer, args=(listener, data))
    answering.start()
    try:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
        found = fetch(OutgoingCall(url, {}, b"{}"), seconds=3.0, most=1024, admit=lambda _address: True)
    except FetchAway:
        return
    finally:
        answering.join()
        listener.close()
    assert len(found.body) <= 1024
    later = _put_off(found, NOW)
    assert later is None or NOW <= later <= NOW + PUT_OFF_MOST


def _answer(listener: socket.socket, data: bytes) -> None:
    """Take one call, read what came first, answer, hang up."""
    try:
        with listener.accept()[0] as held:
            held.recv(65536)
            held.sendall(data)
    except OSError:
        return


@target(
    lambda: st.tuples(
        st.sampled_from([429, 502, 503, 504, 200]), st.one_of(st.text(max_size=12), st.integers().map(str))
    )
)
def put_off(given: tuple[int, str]) -> None:
    """A `Retry-After`, however written, is an instant within a day or none."""
    status, header = given
    later = _put_off(Answered(status, {"retry-after": header}, b""), NOW)
    assert later is None or NOW <= later <= NOW + PUT_OFF_MOST


GRANT = {
    "id": "AAAAAAAAAAA",
    "outcome": "granted",
    "service": "gym-visit",
    "reason": None,
    "message": {"zh": "通过", "en": "Granted"},
    "hint": {"zh": "", "en": ""},
    "holder": {"name": "张*明"},
    "tier": "gold",
    "tier_name": {"zh": "金卡", "en": "Gold"},
    "assurance": "proved",
    "promise": "x.y.z",
}
SESSION = {"session": "ys_1", "operator": "wang", "expires_at": "2026-11-22T18:00:00Z", "point": "gym"}
CHALLENGE = {"nonce": "A" * 43, "reader": "tablet-1", "audience": "yunju-baiyun", "issued_at": 1_793_408_400}
PROBLEM = {"code": "malformed", "status": 422, "title": "t", "hint": "h", "fields": {}}
DATES = [
    "Sun, 22 Nov 2026 08:15:30 GMT",
    "Sun, 22 Nov 2026 08:15:30 -0000",
    "",
    "0",
    "Sun, 99 Nov 99999 08:15:30 +9999",
]


@st.composite
def _answers(draw) -> tuple[int, bytes, str]:
    body = spelled(draw(mangled_json([GRANT, SESSION, CHALLENGE, PROBLEM])))
    body = draw(mangled([body])) if draw(st.integers(0, 3)) == 0 else body
    date = draw(st.one_of(st.sampled_from(DATES), st.text(max_size=30)))
    return draw(st.sampled_from([200, 200, 201, 204, 400, 422, 503])), body, date


class _Given:
    """Answers every call of a device alike."""

    answer: tuple[int, bytes, str] = (200, b"", "")

    def sent(self, *_call: object) -> tuple[int, bytes, str]:
        return self.answer


GIVEN, SIGNER = _Given(), FileSigner.generate()
IDENTITY = DeviceIdentity("https://card.example", "tablet-1", "gym", "token", "A" * 43, SIGNER)


@target(_answers)
def server_answer(answer: tuple[int, bytes, str]) -> None:
    """Whatever a device's server answers is a verdict, a session, a challenge, or a fault that staff can read."""
    GIVEN.answer, kept = answer, device_server._sent
    device_server._sent = GIVEN.sent
    server = Server(IDENTITY, FixedClock(NOW), state=AgentState())
    try:
        for ask in (
            server.challenge,
            server.moved_to,
            lambda: server.sign_in("wang", "123456"),
            lambda: _verdicts(server),
        ):
            try:
                ask()
            except DeviceFault:
                continue
    finally:
        device_server._sent = kept


def _verdicts(server: Server) -> None:
    found = server.call("POST", "/v1/check-ins", {}, operation="operation-0123456789")
    verdict = of_answer(found)
    assert (verdict.kind is VerdictKind.GRANTED) == (found.get("outcome") == "granted")
    assert spelled(verdict.to_json())
    assert of_look(found).kind is VerdictKind.ASK
    with tempfile.TemporaryDirectory() as folder:
        book = PromiseBook(Path(folder))
        book.keep(found)
        assert book.due(NOW + timedelta(days=1)) is not None


def _rules() -> dict:
    return programme_json_of(baiyun())


@target(lambda: mangled_json([_rules()]).map(spelled), examples=8)
def programme_json(data: bytes) -> None:
    """A programme as a counter fetches it gives its rules, or is told as not there."""
    try:
        assert read_rules(data).zone is not None
    except NoDocuments:
        return


@target(_answers)
def refused_answer(answer: tuple[int, bytes, str]) -> None:
    """An answer is an object, an absent one or a refusal, whatever its status and body."""
    try:
        assert isinstance(_answered(answer[0], answer[1]), dict)
    except DeviceFault:
        return
