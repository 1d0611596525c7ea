"""What lies under deploy/: rules and panels name figures that are there, each alert has its place in the handbook."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
PANELS = DEPLOY / "grafana" / "yunju.json"
FIGURE = re.compile(r"\byunju_[a-z_]+\b")


def alerts() -> list[dict]:
    """Every alert rule."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def told_figures() -> set[str]:
    """The names of the figures that the code tells, as Prometheus writes them."""
    found = set()
    rooms = ("edge", "verifier", "audit", "issuer", "accounts", "hooks", "web", "ops")
    for path in (path for room in rooms for path in (ROOT / room).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r'"(yunju_[a-z_]+)"', text))
        found |= {f"yunju_work_{name}" for name in re.findall(r'\("([a-z_]+_timestamp_seconds|runs|faults)",', text)}
    return found | {f"{name}_{suffix}" for name in found for suffix in ("total", "count", "bucket", "sum")}


@pytest.mark.parametrize("path", [RULES, PANELS], ids=["alerts", "dashboard"])
def test_every_figure_that_is_asked_for_is_told_somewhere(path: Path) -> None:
    """A renamed figure would silence its alert for ever."""
    asked = set(FIGURE.findall(path.read_text(encoding="utf-8")))
    assert len(asked) > 5
    assert asked - told_figures() == set()


def test_every_alert_has_its_place_in_the_handbook() -> None:
    """Whoever is woken finds what to do under the alert's own name; the handbook tells of no other."""
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    written = set(re.findall(r"^\| `(Yunju\w+)` \|", page, re.MULTILINE))
    assert written == {rule["alert"] for rule in alerts()}
    assert all(rule["annotations"]["action"].endswith(rule["alert"]) for rule in alerts())
    assert {rule["labels"]["severity"] for rule in alerts()} == {"page", "ticket"}


def test_the_rules_are_valid_for_prometheus() -> None:
    """Read by Prometheus' own tool, where this machine has it; their form is looked at in any case."""
    assert all({"alert", "expr", "labels", "annotations"} <= rule.keys() for rule in alerts())
    if (tool := shutil.which("promtool")) is not None:
        done = subprocess.run([tool, "check", "rules", str(RULES)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    """A title, panels with places of their own, each with a question."""
    board = json.loads(PANELS.read_text(encoding="utf-8"))
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert board["title"] == "Yunju"
    assert len(set(places)) == len(places) >= 10
    assert all(target["expr"] for panel in board["panels"] for target in panel["targets"])


def test_the_pod_runs_both_processes_locked_down() -> None:
    """Web workers and background work share the data and nothing else of the node."""
    parts = list(yaml.safe_load_all((DEPLOY / "k8s/verifier.yaml").read_text(encoding="utf-8")))
    (pods,) = [part["spec"]["template"]["spec"] for part in parts if part["kind"] == "StatefulSet"]
    assert pods["securityContext"]["runAsNonRoot"] is True
    web, work = pods["containers"]
    assert work["command"] == ["python", "-m", "ops", "work"]
    assert web["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert [one["command"][2:] for one in pods["initContainers"]] == [["accounts", "init"], ["verifier", "init"]]
    for one in (web, work, *pods["initContainers"]):
        assert one["securityContext"]["readOnlyRootFilesystem"] is True
        assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {"name": "data", "mountPath": "/data"} in one["volumeMounts"]
