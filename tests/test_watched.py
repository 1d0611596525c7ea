"""The figures of a running machine: valid for Prometheus' own tool, and complete for the rules and panels."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from accounts.rights import Right
from tests.parts import part
from tests.verifier.machine import Machine
from tests.waiting import until

ROOT = Path(__file__).resolve().parent.parent
pytestmark = [pytest.mark.parts, pytest.mark.slow]
ASKED = {
    "decisions by outcome and reason": 'yunju_check_in_decisions_total{outcome="granted",reason=""}',
    "refusals by reason": 'yunju_check_in_decisions_total{outcome="denied",reason="quota-spent"}',
    "latency by route": 'yunju_http_request_seconds_count{method="POST",route="/v1/check-ins",status="201"}',
    "latency of the ledger": "yunju_ledger_commit_seconds_count",
    "latency of the databases": 'yunju_store_write_seconds_count{room="accounts"}',
    "size of a group commit": "yunju_ledger_commit_changes_count",
    "age of a document": 'yunju_document_issued_timestamp_seconds{document="trust-bundle"}',
    "end of a document": 'yunju_document_expires_timestamp_seconds{document="status-list-0"}',
    "offline queue": "yunju_offline_queue_records",
    "held records": "yunju_offline_records_held",
    "log size": "yunju_log_entries",
    "checkpoint": "yunju_log_checkpoint_timestamp_seconds",
    "last run of the work": 'yunju_work_last_run_timestamp_seconds{task="publish"}',
    "security events": 'yunju_security_events_total{kind="token-refused"}',
    "backup": "yunju_backup_timestamp_seconds",
}


@pytest.fixture(scope="module")
def figures(tmp_path_factory) -> str:
    """What `/metrics` says after check-ins, with the background work beside two workers."""
    machine = Machine(tmp_path_factory.mktemp("machine"), workers=2, works=True)
    try:
        device = machine.device("hrss", Right.CHECK_IN)
        [card] = machine.printed(machine.holder())
        machine.start()
        for _ in range(20):  # the ledger tells of its commits by sixteens
            told = device.check_in(card, "steward-certificate", id_checked=True, reference="ZS-2026-0001")
            assert told.status == 201, told.body
        assert machine.send("GET", "/v1/devices/self", headers={"Authorization": "DPoP x"}).status == 401

        def read() -> str:
            return machine.send("GET", "/metrics").body.decode()

        until(
            lambda: all(line in read() for line in ("yunju_work_up 1.0", "yunju_log_checkpoint_timestamp_seconds 1")),
            180,
        )
        return read()
    finally:
        machine.close()


def test_prometheus_finds_no_fault_in_the_figures(figures):
    """`promtool check metrics`: names, units, help, nothing twice."""
    done = subprocess.run(
        [part("promtool", "prometheus"), "check", "metrics"], input=figures, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("asked", ASKED)
def test_what_is_to_be_watched_is_told(figures, asked):
    """Each with a value of its own, not its name alone."""
    assert re.search(rf"^{re.escape(ASKED[asked])} [-+.\de]+$", figures, re.MULTILINE), asked


@pytest.mark.parametrize("file", ["prometheus/alerts.yml", "grafana/yunju.json"])
def test_rules_and_panels_ask_for_figures_of_a_running_machine(figures, file):
    """Every name in every question is one that the machine tells, with every label that is asked for."""
    text = (ROOT / "deploy" / file).read_text(encoding="utf-8")
    questions = (
        [rule["expr"] for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
        if file.endswith("yml")
        else [target["expr"] for panel in json.loads(text)["panels"] for target in panel["targets"]]
    )
    asked = {name for question in questions for name in re.findall(r"\byunju_\w+", question)}
    families = re.findall(r"^# TYPE (\w+) (\w+)$", figures, re.MULTILINE)
    ends = {"histogram": ("", "_bucket", "_count", "_sum")}
    told = {f"{name}{end}" for name, kind in families for end in ends.get(kind, ("",))}
    assert len(asked) > 8
    assert asked - told == set()
