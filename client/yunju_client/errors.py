"""The errors of a call, as types. Each says what happened, why, and the remedy.

A refused use is no error: the answer of a check-in has `outcome` = `denied` and the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final


class YunjuError(Exception):
    """Something went wrong. `remedy` says what to do.

    `operation`: the operation id of the call, if it carries one. If it is unknown whether the call was served, send the
    same call again with this id: it counts once.
    """

    def __init__(self, reason: str, remedy: str, *, operation: str | None = None) -> None:
        super().__init__(f"{reason}. {remedy}")
        self.reason = reason
        self.remedy = remedy
        self.operation = operation


class MisuseError(YunjuError):
    """The program passed something unusable: an address, a token, a key file. Nothing was sent."""


class UnreachableError(YunjuError):
    """No answer came after all attempts. It is unknown whether the call was served. `attempts` is their number.

    `retry_after`: the seconds for which the server asked to be left alone, if it answered at all.
    """

    def __init__(
        self, reason: str, *, operation: str | None, attempts: int, retry_after: float | None = None, remedy: str = ""
    ) -> None:
        again = f"Send the same call again with operation={operation!r}: it counts once." if operation else "Try again."
        super().__init__(reason, remedy or again, operation=operation)
        self.attempts = attempts
        self.retry_after = retry_after


class RedirectedError(YunjuError):
    """The server answered with another address. The client did not follow it: a credential goes only to its own
    server.
    """


class BadAnswerError(YunjuError):
    """The answer is not what the API promises: too large, no JSON, or of another shape. `status` is the HTTP status."""

    def __init__(self, reason: str, remedy: str, *, status: int, operation: str | None = None) -> None:
        super().__init__(reason, remedy, operation=operation)
        self.status = status


class UnprovedError(YunjuError):
    """A proof does not hold, or proves something else: keep it, the answer and its promise, and tell an auditor."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "Keep the answer with its promise and the proof, and show them to an auditor.")


class ProblemError(YunjuError):
    """The server could not serve the call and said why, by a problem document (RFC 9457).

    `type` is the address that explains the kind of problem, and `code` is its fixed name. `reason` says what is wrong
    with this call, and `remedy` what to do. `message` has the sentence in Chinese (`zh`) and English (`en`). `fields`:
    the path of each malformed member, with its fault. `retry_after` is in seconds. `document` is the whole problem
    document.
    """

    def __init__(
        self, document: Mapping[str, Any], *, status: int, operation: str | None, retry_after: float | None
    ) -> None:
        code = str(document.get("code", status))
        self.title = str(document.get("title", "The call could not be served"))
        detail = document.get("detail")
        self.fields = _fields(document.get("fields"))
        said = f"{self.title} ({code})" + (f": {detail}" if isinstance(detail, str) else "")
        said += "".join(f"; {path}: {why}" for path, why in self.fields.items())
        super().__init__(said, str(document.get("hint", "Ask the operator of the system.")), operation=operation)
        self.status = status
        self.code = code
        self.type = str(document.get("type", "about:blank"))
        self.detail = detail if isinstance(detail, str) else None
        message = document.get("message")
        self.message: Mapping[str, str] = message if isinstance(message, dict) else {}
        self.retry_after = retry_after
        self.document = document


def _fields(told: object) -> dict[str, str]:
    """Return the path of each malformed member, with its fault."""
    listed = told if isinstance(told, list) else []
    return {str(one["path"]): str(one.get("message", "")) for one in listed if isinstance(one, dict) and "path" in one}


class CredentialError(ProblemError):
    """The credential is missing, unknown, expired or revoked: stop, and ask the operator for a new one."""


class ProofError(ProblemError):
    """The proof of the device's key is wrong for this call. `detail` says what is wrong."""


class OperatorError(ProblemError):
    """This needs an operator signed in at the device: `sign_operator_in`, then `with_operator`."""


class ClockError(ProblemError):
    """This machine's clock is off. `server_time` is the server's, `ahead_seconds` how far this one is before it
    (negative: behind; None if the server told no time). The client changes no clock and sends no other time.
    """

    server_time: datetime | None = None
    ahead_seconds: float | None = None


class NotPermittedError(ProblemError):
    """The credential has no right to this at this point."""


class NotFoundError(ProblemError):
    """There is nothing under this address or id."""


class InvalidError(ProblemError):
    """The request is malformed. `fields` and `detail` say where."""


class OperationConflictError(ProblemError):
    """The operation id belongs to another operation. A new operation needs a new id."""


class TooManyRequestsError(ProblemError):
    """Too many calls: wait for `retry_after` seconds. The client has already waited as long as its patience allows."""


class UnavailableError(ProblemError):
    """The server cannot record now, after all attempts. Nobody was let in. Send the same operation again."""


BY_CODE: Final[Mapping[str, type[ProblemError]]] = {
    "unauthenticated": CredentialError,
    "bad-token": CredentialError,
    "device-revoked": CredentialError,
    "wrong-credentials": CredentialError,
    "code-refused": CredentialError,
    "bad-dpop-proof": ProofError,
    "operator-needed": OperatorError,
    "operator-signed-out": OperatorError,
    "clock-off": ClockError,
    "operation-conflict": OperationConflictError,
}
"""The codes with a type of their own. For all others, the status decides."""

BY_STATUS: Final[Mapping[int, type[ProblemError]]] = {
    400: InvalidError,
    401: CredentialError,
    403: NotPermittedError,
    404: NotFoundError,
    408: UnavailableError,
    413: InvalidError,
    415: InvalidError,
    422: InvalidError,
    429: TooManyRequestsError,
    503: UnavailableError,
}


def problem(
    document: Mapping[str, Any], *, status: int, operation: str | None, retry_after: float | None, now: float
) -> ProblemError:
    """Return the error of a problem document. `now` is this machine's time in epoch seconds."""
    code = document.get("code")
    kind = BY_CODE.get(code, BY_STATUS.get(status, ProblemError)) if isinstance(code, str) else ProblemError
    made = kind(document, status=status, operation=operation, retry_after=retry_after)
    if isinstance(made, ClockError):
        _tell_time(made, document.get("server_time"), now)
    return made


def _tell_time(error: ClockError, told: object, now: float) -> None:
    try:
        error.server_time = datetime.fromisoformat(str(told))
        error.ahead_seconds = round(now - error.server_time.timestamp(), 1)
    except ValueError:
        return
    way = "ahead of" if error.ahead_seconds > 0 else "behind"
    error.remedy = (
        f"Set this machine's clock: it is {abs(error.ahead_seconds):.0f} s {way} the server's, which says {told}."
    )
    error.args = (f"{error.reason}. {error.remedy}",)
