"""Log lines as JSON, one object on each line. Token-like text is removed. For an exception, the type and the place are
logged, but no words.

An exception's message may quote a row, a token or a name. So the formatter leaves it out and keeps the stack.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from typing import IO

import msgspec

from edge.clock import SystemClock

BLOT = "[redacted]"
_CLOCK = SystemClock()  # Lines have the machine's time, whatever clock the rules are given

_SECRETS = re.compile(
    r"""
      (?<![\w.-])eyJ[\w-]*(?:\.[\w-]*){1,2}          # a JWS compact token
    | (?<![\w-])yj_[\w-]{8,}                          # an integrator's bearer token
    | \b(?:Bearer|DPoP|Basic)\s+\S+                   # a credential as a header carries it
    | \bYJ\d\d:[0-9A-Z $%*+./:-]{20,}                 # a presentation in its wire form
    | (?<![\w-])[\w-]{40,}(?![\w-])                   # keys, digests, codes in base64url or hex
    | (?<!\d)\d{15,}[\dXx]?(?!\w)                     # identity numbers and wire digits
    | (?<=://)[^/\s:@]*:[^/\s@]*(?=@)                 # a password in an address
    """,
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)


def redact(text: str) -> str:
    """Return `text` without everything that looks like a token, a secret or an identity number."""
    return _SECRETS.sub(BLOT, text)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, event, `fields` and `safe_fields`, an exception's type and stack."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its newline."""
        line: dict[str, object] = {
            "time": _time(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _plain(record.getMessage()),
        }
        # Fields are searched for secrets too, whatever a room says about them.
        given = (*getattr(record, "fields", {}).items(), *getattr(record, "safe_fields", {}).items())
        for name, value in given:
            line.setdefault(name, _plain(value))
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = describe_error(record.exc_info[1])
        return msgspec.json.encode(line).decode("utf-8")


def describe_error(error: BaseException) -> list[dict[str, object]]:
    """Return type and stack (file:line function) of an exception and of its causes, without their messages."""
    chain: list[dict[str, object]] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        kind = type(current)
        frames = traceback.extract_tb(current.__traceback__)
        stack = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        chain.append({"type": f"{kind.__module__}.{kind.__qualname__}", "stack": stack})
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return chain


class AccessLog:
    """One line for each request. It bypasses the logging module, which would cost several times as much as the line.

    Its fields are numbers and values of closed sets, so they are not searched for secrets.
    """

    def __init__(self) -> None:
        self._stream: IO[str] | None = None
        self.is_open = False
        """Whether lines are written anywhere."""

    def open(self, stream: IO[str] | None) -> None:
        """Write to `stream` from now on, or to nothing."""
        self._stream = stream
        self.is_open = stream is not None

    def write(self, fields: dict[str, object]) -> None:
        """Write one line in one call, so that lines of different threads are not mixed.

        If the stream is gone or full, the line is lost, not the answer: a grant is already durable.
        """
        if self._stream is None:
            return
        line = {"time": _time(_CLOCK.now()), "level": "info", "logger": "yunju.access", "event": "request", **fields}
        with suppress(OSError, ValueError):
            self._stream.write(msgspec.json.encode(line).decode("utf-8") + "\n")
            self._stream.flush()


ACCESS = AccessLog()


def configure_logging(level: str, stream: IO[str] | None = None, *, access: bool = True) -> None:
    """Write all lines of `level` and above to `stream` (standard error) as JSON. Earlier handlers are replaced.

    The access log is written at `info` and `debug`, if `access` asks for it.
    """
    stream = stream if stream is not None else sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # The development server's own access lines quote the raw path.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    # Each worker checks whether its tables are new enough. Only faults are worth a line.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    ACCESS.open(stream if access and root.isEnabledFor(logging.INFO) else None)


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: object) -> object:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = redact(str(value))
    return text.encode("utf-8", "replace").decode("utf-8")
