"""The client: makes each call for its caller, sends it again if that is safe, and turns answers into shapes."""

from __future__ import annotations

import copy
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Self, TypeVar, cast
from urllib.parse import quote, urlencode, urlsplit

import httpx

from yunju_client.call import Call
from yunju_client.calls import Calls
from yunju_client.credentials import Bearer, Credential, DeviceCredential, Sent, new_id
from yunju_client.decoding import ShapeError, decode, encode, given
from yunju_client.errors import BadAnswerError, MisuseError, RedirectedError, UnreachableError, YunjuError, problem
from yunju_client.folder import DeviceFolder
from yunju_client.patience import Patience, retry_after
from yunju_client.sending import ANSWER_MOST, SECONDS, LostError, NotSentError, Reply, Wire, server_address

T = TypeVar("T")

_OPERATION: Final = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
_JSON: Final = frozenset({"application/json", "application/problem+json"})
_BUSY: Final = frozenset({408, 429, 503})
"""The server itself says that it has not served the call."""
_GATEWAY: Final = frozenset({502, 504})
"""A gateway before the server says that no answer came."""


class Client(Calls):
    """The calls of one server for one caller. Threads may share it. `close` it, or use it in a `with`.

    A call is sent again, with the same operation id and a new proof, if the server could not be reached, if its answer
    was lost, and after 408, 429, 502, 503 and 504. `patience` says how often. It is sent again only if it may arrive
    twice.

    `most_bytes`: the largest answer that is read. `seconds`: the limit for each wait for the server. `transport`, `now`
    (epoch seconds) and `sleep` are for tests. `dangerous_plain_http` allows tokens and names to go to another machine
    over `http`, where others on the way can read them.
    """

    def __init__(
        self,
        server: str,
        credential: Credential | str | None = None,
        *,
        patience: Patience | None = None,
        seconds: float = SECONDS,
        most_bytes: int = ANSWER_MOST,
        transport: httpx.BaseTransport | None = None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        dangerous_plain_http: bool = False,
    ) -> None:
        """Name a server and its caller: an integrator's token, a credential, or None for public calls."""
        self.server = server_address(server, dangerous_plain_http=dangerous_plain_http)
        self._credential = Bearer(credential) if isinstance(credential, str) else credential
        self._patience = patience or Patience()
        self._wire = Wire(transport, seconds, most_bytes)
        self._now, self._sleep = now, sleep
        self._operator: str | None = None

    @classmethod
    def of_device(cls, folder: DeviceFolder, **options: Any) -> Self:  # noqa: ANN401 - as __init__ names them
        """Return the client of an enrolled device. `options` are those of the class."""
        return cls(folder.server, DeviceCredential(folder.key, folder.token), **options)

    def with_operator(self, session: str | None) -> Self:
        """Return the client with an operator's session (`sign_operator_in`), or without one. Both share connections."""
        if session is not None and not re.fullmatch(r"[\x21-\x7e]{1,512}", session):
            raise MisuseError("the operator's session is not written as sessions are", "Hand in `session` alone.")
        found = copy.copy(self)
        found._operator = session  # noqa: SLF001 - a copy of this very object
        return found

    def close(self) -> None:
        """Close all connections."""
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(
        self,
        call: Call,
        kind: type[T],
        *,
        path: Mapping[str, object] | None = None,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, Any] | None = None,
        operation: str | None = None,
    ) -> T:
        url = self.server + _filled(call.path, path or {})
        asked = urlencode({name: str(one) for name, one in given(query or {}).items()})
        data = b"" if body is None else json.dumps(encode(given(body)), ensure_ascii=False).encode()
        named = _operation_id(operation) if call.writes else ""
        reply = self._patiently(call, url + (f"?{asked}" if asked else ""), data, named)
        return _answer(kind, reply, named or None, self._now())

    def _patiently(self, call: Call, url: str, data: bytes, operation: str) -> Reply:
        """Send a call until it is answered or patience ends. The operation id stays the same; each proof is new."""
        made = 0
        while True:
            made += 1
            reply, reason, asked = self._attempt(call, url, data, operation)
            if reply is not None and not reason:
                return reply
            delay = self._patience.delay(made, asked)
            if delay is None and reply is not None:
                return reply
            if delay is None:
                raise UnreachableError(reason, operation=operation or None, attempts=made, retry_after=asked)
            self._sleep(delay)

    def _attempt(self, call: Call, url: str, data: bytes, operation: str) -> tuple[Reply | None, str, float | None]:
        """Send a call once. Return the answer, the reason for another try (or an empty text), and the requested
        wait.
        """
        try:
            reply = self._wire.send(call.method, url, data, self._headers(call, url, data, operation))
        except NotSentError as error:
            return None, str(error), None
        except LostError as error:
            if call.repeatable:
                return None, str(error), None
            unknown = "It cannot be known whether the call was served, and it must not arrive twice: look first."
            raise UnreachableError(str(error), operation=None, attempts=1, remedy=unknown) from None
        except YunjuError as error:
            error.operation = operation or None
            raise
        again = reply.status in _BUSY or (reply.status in _GATEWAY and call.repeatable)
        asked = retry_after(reply.headers.get("retry-after"), self._now()) if again else None
        return reply, f"the server answered {reply.status}" if again else "", asked

    def _headers(self, call: Call, url: str, data: bytes, operation: str) -> dict[str, str]:
        headers = {"Accept": "*/*"} | ({"Idempotency-Key": operation} if operation else {})
        if call.signed == "nobody":
            return headers
        if self._credential is None:
            raise MisuseError("this call needs a credential", "Make the client with a token or a device's credential.")
        operator = self._operator or ""
        headers |= {"Yunju-Operator": operator} if operator else {}
        sent = Sent(call.method, url, data, operation, operator, self._now())
        return headers | self._credential.headers(sent)


def _filled(path: str, names: Mapping[str, object]) -> str:
    for name, value in names.items():
        if str(value) in {"", ".", ".."}:
            raise MisuseError(f"{name} is no id", "Hand in the id that the server told.")
        path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
    return path


def _operation_id(given_id: str | None) -> str:
    if given_id is not None and not _OPERATION.fullmatch(given_id):
        raise MisuseError("an operation id has 16 to 64 letters, digits, - and _", "Make one with new_id().")
    return given_id or new_id()


def _answer(kind: type[T], reply: Reply, operation: str | None, now: float) -> T:
    if 300 <= reply.status < 400:
        place = urlsplit(str(reply.headers.get("location", "")))
        told = f"{place.scheme}://{place.netloc}" if place.netloc else "another address"
        remedy = "Ask the operator for the server's own address; a credential follows no redirect."
        raise RedirectedError(f"the server answered {reply.status} and names {told}", remedy, operation=operation)
    if reply.status >= 400:
        found = _json_of(reply, operation)
        if not isinstance(found, dict):
            raise _bad("the answer is no problem document", reply, operation)
        asked = retry_after(reply.headers.get("retry-after"), now)
        raise problem(found, status=reply.status, operation=operation, retry_after=asked, now=now)
    if kind is type(None):
        return kind()
    if kind is bytes:
        return cast("T", reply.body)
    if kind is str:
        return cast("T", _text_of(reply, operation))
    try:
        return decode(kind, _json_of(reply, operation))
    except ShapeError as error:
        raise _bad(str(error), reply, operation) from None


def _text_of(reply: Reply, operation: str | None) -> str:
    try:
        return reply.body.decode()
    except UnicodeDecodeError:
        raise _bad("the answer is no text", reply, operation) from None


def _json_of(reply: Reply, operation: str | None) -> object:
    if reply.media_type not in _JSON:
        raise _bad(f"the answer is {reply.media_type or 'of no media type'}, not JSON", reply, operation)
    try:
        found: object = json.loads(reply.body)
    except (ValueError, RecursionError):
        raise _bad("the answer is no JSON", reply, operation) from None
    return found


def _bad(reason: str, reply: Reply, operation: str | None) -> BadAnswerError:
    remedy = "See that the address is that of a Yunju server, and that the client is as new as the server."
    if operation is not None:
        remedy = f"{remedy} The call may have been served: send it again with operation={operation!r}."
    return BadAnswerError(f"{reason} (status {reply.status})", remedy, status=reply.status, operation=operation)
