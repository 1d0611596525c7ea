"""The short form of `make fuzz`: each target on some inputs, alike in every run, and on all that was found before."""

from __future__ import annotations

import importlib
import signal

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz import driver, found
from tests.fuzz.names import MODULES, NAMES
from tests.fuzz.target import TARGETS, Target, mangled

pytestmark = pytest.mark.slow
CASES = list(found.cases())


@pytest.fixture(scope="module", autouse=True)
def ended():
    """End what the targets started."""
    yield
    engines = importlib.import_module("tests.fuzz.engines")
    if engines.pages.cache_info().currsize:
        engines.pages().close()
        engines.pages.cache_clear()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_but_named_refusals_comes_of_spoilt_input(name):
    """No other exception, no 500, and what holds of a target holds."""
    one = driver.found(name)

    @settings(
        max_examples=one.examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(one.values())
    def trying(value):
        one.check(value)

    trying()


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: f"{CASES[number][0]}-{number}")
def test_what_was_found_once_stays_mended(number):
    """The very inputs that fuzzing found."""
    name, value = CASES[number]
    driver.found(name).check(value)


def test_every_target_is_named_and_tells_what_holds():
    """The list of names, which the runner goes by, and the targets are the same."""
    for module in MODULES:
        importlib.import_module(f"tests.fuzz.{module}")
    assert TARGETS.keys() == NAMES.keys()
    assert all(one.tells.endswith(".") for one in TARGETS.values())


def _weak(data: bytes) -> None:
    """Read a digit where it expects one, and never end where it reads a cross."""
    if data.startswith(b"x"):
        while True:
            pass
    int(data[:1] or b"0")


def test_a_fault_is_noted_once_for_each_place_and_does_not_end_the_run(monkeypatch):
    """The driver itself, on a reader with two faults: one that fails, one that never ends."""
    monkeypatch.setattr(driver, "SLOWEST_S", 0.05)
    before = signal.signal(signal.SIGVTALRM, driver._too_long)
    run = driver.Run("weak")
    try:
        for value in (b"1", b"y", b"z", b"x", b"2"):
            driver.examine(_weak, value, run)
        weak = Target("weak", lambda: mangled([b"1234"]), _weak, 40)
        driver._property(weak, run, 40)()
    finally:
        signal.signal(signal.SIGVTALRM, before)
    assert run.executions >= 45
    kinds = sorted(key.partition(" at ")[0] for key in run.faults)
    assert kinds == ["TookTooLong", "ValueError"]
    assert all("tests/fuzz/test_targets.py" in key for key in run.faults)
