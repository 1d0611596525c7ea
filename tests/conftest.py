"""What holds for every test: hypothesis without deadlines, and on a build server no test that quietly does not run."""

import os

import pytest
from hypothesis import HealthCheck, settings

ON_BUILD_SERVER = os.environ.get("CI") == "true"

settings.register_profile("quick", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def missing_part(report: pytest.TestReport) -> str | None:
    """Why a skipped test counts as failed on a build server; None for the independent vectors, which not everybody has."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return None if "VECTORS" in reason else f"a part this test needs is missing: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Under CI turn a skip into a failure that names the missing part."""
    report = yield
    if ON_BUILD_SERVER and report.skipped and not hasattr(report, "wasxfail") and (why := missing_part(report)):
        report.outcome, report.longrepr = "failed", why
    return report
