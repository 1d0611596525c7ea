"""What `make run` gives on a fresh machine: demonstration data, gunicorn with two workers, and the main job by hand."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.web.conftest import Watched
from tests.web.phone import copied
from tools.ports import free_port

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
READY_WITHIN_S = 90


class Machine:
    """A machine as `make run` leaves it. `printed` is what was said once it listened."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        environ = {**os.environ, "YUNJU_VAR": str(folder / "var"), "PORT": str(port)}
        self._out = folder / "out"
        with self._out.open("wb") as out:
            self._process = subprocess.Popen([sys.executable, "-m", "ops", "run"], env=environ, cwd=ROOT, stdout=out)
        try:
            self._wait()
        except BaseException:
            self.close()  # a service that nobody owns would serve on
            raise

    @property
    def printed(self) -> str:
        return self._out.read_text()

    def _wait(self) -> None:
        ends = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < ends:
            if "operator 1001" in self.printed:
                return
            time.sleep(0.2)
        pytest.fail("the service did not become ready")

    def close(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=60)


@pytest.fixture
def machine(tmp_path):
    """A served demonstration."""
    made = Machine(tmp_path)
    yield made
    made.close()


def test_what_the_demonstration_prints_is_enough_to_do_the_main_job(machine, browser):
    """Enrol a tablet at the gym, paste the silver holder's printed card, see it granted; enrol a phone, scan it."""
    opened = Watched(browser, machine)
    tablet = opened("/counter")
    tablet.fill("#enrol-code", re.search(r"(\S+)  区全民健身活动中心", machine.printed)[1])
    tablet.press("#enrol-code", "Enter")
    operator, pin = re.search(r"operator (\d+)  PIN (\d+)", machine.printed).groups()
    tablet.click("#operator")
    tablet.fill("#operator-code", operator)
    tablet.fill("#operator-pin", pin)
    tablet.press("#operator-pin", "Enter")
    expect(tablet.locator("#operator")).to_contain_text("李静")
    silver = machine.printed.partition("银卡")[2]
    tablet.fill("#presented", re.search(r"printed card   (.+)", silver)[1])
    tablet.press("#presented", "Enter")
    tablet.click("#id-confirm")
    expect(tablet.locator("[data-view=outcome] .word")).to_have_text("可以使用")
    tablet.click("#next")
    link, last4 = re.search(r"phone +(\S+)   ID …(\S{4})", machine.printed).groups()
    phone = opened(link)
    phone.fill("#id-last4", last4)
    phone.click("#enrol-do")
    phone.click("#recovery-do")
    expect(phone.locator("#registered")).to_have_text("是")
    tablet.fill("#presented", copied(phone))
    tablet.press("#presented", "Enter")
    expect(tablet.locator("[data-view=outcome]")).to_contain_text("本人手机动态码")
    for context in opened.contexts:
        context.close()
    assert opened.complaints == []
