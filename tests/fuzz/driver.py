"""Runs one target for a while, by Atheris where it is installed (coverage leads it), else by hypothesis alone.

`python -m tests.fuzz.driver NAME SECONDS FOLDER` writes FOLDER/NAME.json: executions, and every kind of fault once.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import time
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.names import NAMES
from tests.fuzz.target import TARGETS, Target

SLOWEST_S, LARGEST_MB = 10.0, 400
"""The processor time that one input may take, and the memory that it may add."""
INSTRUMENTED = (
    *("accounts", "audit", "cards", "devices", "edge", "hooks", "issuer", "keys", "ledger", "verifier", "web"),
    *("pypdf", "openpyxl", "zipfile", "tomllib", "csv", "http"),
)
ROOT = Path(__file__).parents[2]
UNLIMITED, BATCH, WALL_MOST = 10**9, 50, 12


class TookTooLong(BaseException):
    """One input used up its processor time. No `except Exception` of a library catches it."""


@dataclass
class Run:
    """What a run did: executions, seconds, and the first input of each kind of fault."""

    name: str
    engine: str = ""
    executions: int = 0
    seconds: float = 0.0
    peak_mb: int = 0
    faults: dict[str, dict[str, str]] = field(default_factory=dict)

    def note(self, error: BaseException, value: object) -> None:
        """Keep a fault, once for each place that it comes from."""
        frames = [one for one in traceback.extract_tb(error.__traceback__) if one.filename != __file__]
        own = [one for one in frames if str(ROOT) in one.filename and ".venv" not in one.filename]
        place = (own or frames)[-1]
        ours = Path(place.filename)
        key = (
            f"{type(error).__name__} at {ours.relative_to(ROOT) if ours.is_relative_to(ROOT) else ours}:{place.lineno}"
        )
        if key not in self.faults:
            told = "".join(traceback.format_exception(error))[-3000:]
            self.faults[key] = {"value": repr(value)[:20000], "told": told}


def examine(check, value: object, run: Run) -> None:
    """Try one input within its bounds; a fault is noted and the run goes on."""
    signal.setitimer(signal.ITIMER_VIRTUAL, SLOWEST_S)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        check(value)
    except (Exception, TookTooLong) as error:  # noqa: BLE001 - whatever it is, it is what we look for
        run.note(error, value)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    run.executions += 1
    run.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    if run.peak_mb - (before >> 10) > LARGEST_MB:
        run.note(MemoryError(f"one input added {run.peak_mb - (before >> 10)} MB"), value)


def _too_long(_signal: int, _frame: object) -> None:
    raise TookTooLong


def _property(one: Target, run: Run, examples: int):
    """The target as a hypothesis test."""

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(one.values())
    def test(value) -> None:
        examine(one.check, value, run)

    return test


def found(name: str) -> Target:
    """Import the module that has a target, and return it."""
    importlib.import_module(f"tests.fuzz.{NAMES[name]}")
    return TARGETS[name]


class Watch:
    """Counts processor time from now on: a busy machine takes longer and tries as much."""

    def __init__(self, run: Run, seconds: float, folder: Path) -> None:
        self._run, self._seconds, self._file = run, seconds, folder / f"{run.name}.json"
        self._begun, self._written = time.process_time(), time.monotonic()
        self._latest = time.monotonic() + WALL_MOST * seconds

    @property
    def is_over(self) -> bool:
        """Whether the time is used up; what was done so far is written down now and then."""
        self._run.seconds = round(time.process_time() - self._begun, 1)
        over = self._run.seconds >= self._seconds or time.monotonic() > self._latest
        if over or time.monotonic() - self._written > 5:
            self._written = time.monotonic()
            self._file.write_text(json.dumps(asdict(self._run), ensure_ascii=False, indent=1))
        return over


def by_hypothesis(one: Target, run: Run, watch: Watch) -> None:
    """Draw at random, a new seed for each batch."""
    number = int(time.time())
    while not watch.is_over:
        number += 1
        seed(number)(_property(one, run, BATCH))()


def by_coverage(one: Target, run: Run, watch: Watch, folder: Path) -> None:
    """Let Atheris lead the draws to new ways through the code; never returns."""
    import atheris

    draw = _property(one, run, UNLIMITED).hypothesis.fuzz_one_input

    def feed(data: bytes) -> None:
        draw(data)
        if watch.is_over:
            os._exit(0)  # Atheris ends no other way before its own time is over

    kept = folder / "corpus" / run.name
    kept.mkdir(parents=True, exist_ok=True)
    atheris.Setup([sys.argv[0], "-timeout=120", "-rss_limit_mb=3000", "-max_len=4096", "-verbosity=0", str(kept)], feed)
    atheris.Fuzz()


def main() -> None:
    """Run the target that the command line names."""
    name, seconds, folder = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])
    try:
        import atheris
    except ImportError:
        one = found(name)
    else:
        with atheris.instrument_imports(include=list(INSTRUMENTED)):
            one = found(name)
    by_atheris = "atheris" in sys.modules
    one.values().validate()  # makes what is made once before the time counts
    signal.signal(signal.SIGVTALRM, _too_long)
    run = Run(name, "atheris" if by_atheris else "hypothesis")
    watch = Watch(run, seconds, folder)
    if by_atheris:
        by_coverage(one, run, watch, folder)
    by_hypothesis(one, run, watch)


if __name__ == "__main__":
    main()
