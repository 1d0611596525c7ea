"""Plays one check-in in this process and prints its way through the files: calls, functions, files, moves between
files.

`python -m tools.trace_checkin` prints the figures. With `--path` each call is printed too, indented by its depth.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType, FrameType
from typing import Any, Final

from bench.world import BenchWorld, check_in_body
from edge.settings import load_settings
from web.app import create_application

ROOT: Final = Path(__file__).resolve().parent.parent
BASE: Final = "http://127.0.0.1:8000"
SERVICE, POINT = "hospital-registration", "hosp-2"
TRIES: Final = 8
BUSY: Final = 503
"""The answer of a machine so busy that its clocks disagree: asked again."""
_WAITED_FOR: Final = frozenset({"MainThread", "ledger-writer"})
"""Threads whose work a check-in waits for: the request's own and the ledger's writer."""


@dataclass
class Trace:
    """The calls of our own functions in the order in which they began, of all threads that a check-in waits for."""

    calls: list[tuple[int, str, str]] = field(default_factory=list)
    """Depth, file and function of each call."""

    @property
    def functions(self) -> int:
        """How many functions were called at least once."""
        return len({(file, name) for _, file, name in self.calls})

    @property
    def files(self) -> int:
        """How many files the called functions stand in."""
        return len({file for _, file, _ in self.calls})

    @property
    def moves(self) -> int:
        """How often a reader who follows the calls turns to another file."""
        files = [file for _, file, _ in self.calls]
        return sum(one != other for one, other in pairwise(files))

    def __str__(self) -> str:
        counted = (
            (len(self.calls), "calls"),
            (self.functions, "functions"),
            (self.files, "files"),
            (self.moves, "moves"),
        )
        return ", ".join(f"{number} {what}" for number, what in counted)


class Tracer:
    """Records calls between `begin` and `end`, in this thread and in those that start after the tracer was made."""

    def __init__(self) -> None:
        """Watch threads from now on."""
        self._trace: Trace | None = None
        self._names: dict[CodeType, str | None] = {}
        threading.setprofile(self._seen)

    @contextmanager
    def recording(self) -> Iterator[Trace]:
        """Record the calls of the block."""
        trace = self._trace = Trace()
        sys.setprofile(self._seen)
        try:
            yield trace
        finally:
            sys.setprofile(None)
            self._trace = None

    def close(self) -> None:
        """Watch new threads no more."""
        threading.setprofile(None)

    def _seen(self, frame: FrameType, event: str, _argument: Any) -> None:  # noqa: ANN401 - the interpreter's signature
        if self._trace is None or event != "call" or threading.current_thread().name not in _WAITED_FOR:
            return
        file = self._file(frame.f_code)
        if file is not None:
            self._trace.calls.append((self._depth(frame), file, frame.f_code.co_qualname))

    def _file(self, code: CodeType) -> str | None:
        """Return the file of a function of ours, None for a library's and for the bench's world around it."""
        if code not in self._names:
            path = Path(code.co_filename)
            ours = path.is_relative_to(ROOT) and not path.is_relative_to(ROOT / ".venv") and path != Path(__file__)
            served = ours and not path.is_relative_to(ROOT / "bench")
            self._names[code] = path.relative_to(ROOT).as_posix() if served else None
        return self._names[code]

    def _depth(self, frame: FrameType | None) -> int:
        depth = 0
        while frame is not None and (frame := frame.f_back) is not None:
            depth += self._file(frame.f_code) is not None
        return depth


def trace_check_in(folder: Path) -> Trace:
    """Play one check-in of a holder seen before, by card and proof, in a world of its own under `folder`.

    Raises RuntimeError if the check-in is not granted.
    """
    tracer = Tracer()
    try:
        world = BenchWorld(folder, BASE)
        client = create_application(load_settings(world.environ)).test_client()
        card, device = world.card(0), world.device(POINT)

        def check_in() -> None:
            body = check_in_body(f"{card}~{world.proof(card)}", SERVICE)
            headers = device.headers("POST", f"{BASE}/v1/check-ins", body)
            # The call is prepared outside the recording: what the phone and the tablet do is not the server's way.
            with tracer.recording() as recorded:
                response = client.post("/v1/check-ins", base_url=BASE, data=body, headers=headers)
            if response.status_code == BUSY:
                return
            if response.get_json().get("outcome") != "granted":
                raise RuntimeError(f"the check-in was not granted: {response.get_json()}")
            found.append(recorded)

        found: list[Trace] = []
        for _ in range(TRIES):
            check_in()
        # What happens once a second at most (files looked at, rows read again) is no part of every check-in.
        return min(found, key=lambda trace: trace.moves)
    finally:
        tracer.close()


def main() -> None:
    """Print the figures, and the path where asked."""
    parser = argparse.ArgumentParser(description="The way of one check-in through the files.")
    parser.add_argument("--path", action="store_true", help="print each call, indented by its depth")
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        trace = trace_check_in(Path(folder))
    if asked.path:
        for depth, file, name in trace.calls:
            print(f"{'  ' * depth}{file}  {name}")
    print(trace)


if __name__ == "__main__":
    main()
