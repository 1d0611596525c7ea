"""What holds for every test: hypothesis without deadlines, and on a build server no test that quietly does not run."""

import gc
import os
from contextlib import ExitStack
from functools import cache

import pytest
from hypothesis import HealthCheck, settings

from tests.parts import QUICK_WITHOUT, Asking, part

ON_BUILD_SERVER = os.environ.get("CI") == "true"

LONG = frozenset(
    f"test_{name}.py"
    for name in [
        "accessibility",
        "application_flow",
        "apply_uploads",
        "audit",
        "audit_flow",
        "bad_calls",
        "camera",
        "check_offline",
        "composition",
        "contract",
        "counter",
        "counter_bookings",
        "counter_offline",
        "counter_offline_trouble",
        "counter_ways",
        "demo",
        "desks_flow",
        "exporting",
        "image",
        "installable",
        "killed",
        "licences",
        "live",
        "make_run",
        "model",
        "operator_flow",
        "pcsc",
        "processes",
        "restore_drill",
        "rolling",
        "run",
        "secrecy",
        "split",
        "tracing",
        "two_hosts",
        "wallet",
        "wallet_bookings",
        "wallet_cards",
        "work",
        "work_hooks",
    ]
)
"""The files that take longest. They are begun first: a long file begun last would leave the other workers idle."""

settings.register_profile("quick", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """On a build server a skip is a failure that names the missing part; only the independent vectors may be away."""
    if not ON_BUILD_SERVER or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if "VECTORS" not in reason:
        report.outcome, report.longrepr = "failed", f"a part this test needs is missing: {reason}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What opens a page drives a browser: `make check` leaves it out, wherever its file lies. Long files come first.

    On a build server a test that drives a browser is tried once more when it fails (docs/decisions/0283).
    """
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
        if "postgresql" in getattr(getattr(item, "callspec", None), "params", {}).values():  # starts a server
            item.add_marker(pytest.mark.parts)
        if ON_BUILD_SERVER and item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))
    items.sort(key=lambda item: item.path.name not in LONG)


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what stays until the end: a million objects of collected tests and modules,
    which it walked anew every few seconds, in a quarter of the tests' time.
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tell whether this test may ask for a program of the system."""
    Asking.marked = any(item.get_closest_marker(name) for name in QUICK_WITHOUT)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Look at each test's report."""
    report = yield
    fail_if_skipped(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell which tests failed at their first try, and why: each is a fault to mend, in the test or in the page."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"unsteady: {report.nodeid}")
        terminalreporter.line(report.longreprtext)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    """Look at each file's report: a whole file can skip itself."""
    report = yield
    fail_if_skipped(report)
    return report


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords():
    """Hash passwords and PINs with argon2's least cost: thousands are made and checked. Processes that a test starts
    hash as they ship, and `tests/accounts/test_people.py` holds what ships.
    """
    # Here, not above: coverage begins after this file has been read.
    from argon2 import PasswordHasher

    from accounts import credentials

    shipped = credentials._HASHER, credentials._DUMMY
    credentials._HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    credentials._DUMMY = credentials._HASHER.hash("nobody's")
    yield shipped[0]
    credentials._HASHER, credentials._DUMMY = shipped


@pytest.fixture(scope="session", autouse=True)
def addresses_when_asked_for():
    """Compile what builds a route's address when an address is built: thousands of applications are made, and compiling
    two functions a route took half of the time of making one.
    """
    from werkzeug.routing import Rule

    shipped = Rule._compile_builder

    def later(rule: Rule, append_unknown: bool = True):
        compiled = []

        def build(itself: Rule, **values: object) -> tuple[str, str]:
            if not compiled:
                compiled.append(shipped(rule, append_unknown))
            return compiled[0](itself, **values)

        return build

    Rule._compile_builder = later
    yield
    Rule._compile_builder = shipped


@pytest.fixture(scope="session", autouse=True)
def templates_compiled_once():
    """Compile each template once a process, whichever of the many applications draws it: the code is the same."""
    from flask import Flask
    from jinja2 import BytecodeCache

    class Kept(BytecodeCache):
        """Compiled templates by name and text."""

        def __init__(self) -> None:
            self._compiled = {}

        def load_bytecode(self, bucket) -> None:
            bucket.code = self._compiled.get((bucket.key, bucket.checksum))

        def dump_bytecode(self, bucket) -> None:
            self._compiled[bucket.key, bucket.checksum] = bucket.code

    shipped = Flask.jinja_options
    Flask.jinja_options = {**shipped, "bytecode_cache": Kept()}
    yield
    Flask.jinja_options = shipped


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window, one a process: a second driver beside the first would not start.

    The shell draws the same pages with the same engine as the whole browser in two thirds of the processor time: it
    draws no frame of tabs and buttons around them. Cameras and installing need the whole browser: their tests start it.
    """
    from playwright.sync_api import sync_playwright

    shell = part("chromium-headless-shell", "chromium-headless-shell")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=shell, args=["--no-sandbox", "--disable-gpu"])
        yield made
        made.close()


@pytest.fixture
def world(tmp_path):
    """A verifier of the shipped programme on 31 October 2026, 09:00. Folders with another world say so themselves."""
    from tests.verifier.world import World

    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def silver(world):
    """A silver phone card, good for the whole month."""
    return world.card("silver")


@pytest.fixture
def diamond(world):
    """A diamond phone card."""
    return world.card("diamond")


@pytest.fixture
def tablet(world):
    """A tablet at the gym's desk that had the server's time at 09:00 of 31 October."""
    from tests.verifier.offline_devices import Tablet

    return Tablet.at(world, "gym")


@pytest.fixture(scope="session")
def make_database():
    """Makes a new PostgreSQL database and gives its address.

    The server is started by the first test that asks for a database: the tests over SQLite need none.
    """
    from tests.accounts import postgres

    with ExitStack() as started:

        @cache
        def server():
            if postgres.binaries() is None:
                pytest.skip("PostgreSQL is missing: apt-get install postgresql")
            return started.enter_context(postgres.server())

        def make():
            return server()()

        yield make
