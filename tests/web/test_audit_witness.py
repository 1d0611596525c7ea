"""The integrity panel with a real witness: a program of its own cosigns, is killed, and is missed ten minutes later."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from audit.tree import sequencing
from audit.tree.sequencing import log_signers, open_home
from tests.web.auditing import NAME, PASSWORD, Counters, Desk, add_auditor, wait_for_log
from tests.web.site import Site
from tests.web.test_accessibility import violations
from verifier.trust.published import read_programme

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
WITNESS = "auditor.example/w1"


class WitnessedSite(Site):
    """A machine whose log a witness follows, in a process of its own."""

    def ready(self, settings):
        home = open_home(settings, read_programme(settings.programme).issuer)
        keys = [signer.key.vkey for signer in log_signers(settings, home.origin, self.clock.now())]
        command = [sys.executable, "-m", "verifier", "audit", "witness", "--name", WITNESS]
        command += [word for key in keys for word in ("--log", key)]
        command += ["--folder", str(settings.var / "witness"), "--listen", "127.0.0.1:0"]
        self.witness = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        told = settings.var / "witnesses"
        told.write_text(self.witness.stdout.readline())
        return replace(settings, witnesses=told)

    def close(self) -> None:
        self.stop_witness()
        super().close()

    def stop_witness(self) -> None:
        self.witness.kill()
        self.witness.wait(10)
        self.witness.stdout.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """By today's date: a witness has a clock of its own. Witnesses are asked every half second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sequencing, "WITNESS_SECONDS", 0.5)
        made = WitnessedSite(tmp_path_factory.mktemp("witnessed"), start=datetime.now(UTC))
        add_auditor(made)
        counters = Counters(made)
        made.entry = counters.use(made.printed("gold"), "gym-visit", "gym")["id"]
        wait_for_log(made, counters, made.entry)
        yield made
        made.close()


def test_a_witness_is_shown_while_it_cosigns_and_missed_when_it_has_not_for_ten_minutes(opened, site):
    """Named in an entry's proof; amber after ten minutes and not after nine; the log itself is still sound."""
    desk = Desk(opened("/audit/integrity"))
    desk.sign_in(NAME, PASSWORD)
    desk.ready()
    page = desk.page
    line = page.locator(".witnesses li")
    for _ in range(40):
        if "已联署" in line.inner_text():
            break
        page.wait_for_timeout(500)
        desk.go("/audit/integrity")
    expect(line).to_contain_text(WITNESS)
    expect(line).to_contain_text("已联署")
    desk.go(f"/audit/entries/{site.entry}")
    expect(page.locator(".proof")).to_contain_text("见证人也签了同一个检查点")
    expect(page.locator(".proof")).to_contain_text(WITNESS)
    site.stop_witness()
    site.clock.advance(timedelta(minutes=9))
    desk.go("/audit/integrity")
    expect(line).to_contain_text("已联署")
    site.clock.advance(timedelta(minutes=2))
    desk.go("/audit/integrity")
    expect(line).to_contain_text("迟")
    assert "amber-ink" in line.get_attribute("class")
    assert violations(page) == []
    page.click("#verify")
    expect(page.locator("#verdict")).to_have_attribute("data-state", "sound")
