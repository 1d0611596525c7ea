"""What lies under deploy/: rules and panels name figures that are there, each alert has its place in the handbook."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.parts import part

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
PLAYED = DEPLOY / "prometheus" / "alerts-test.yml"
PANELS = DEPLOY / "grafana" / "yunju.json"
FIGURE = re.compile(r"\byunju_[a-z_]+\b")


def alerts() -> list[dict]:
    """Every alert rule."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def promtool() -> str:
    """Prometheus' own tool."""
    return part("promtool", "prometheus")


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


@pytest.mark.parts
def test_the_handbook_s_lines_write_all_that_compose_asks_for(tmp_path: Path) -> None:
    """Each password is another one, and nothing that compose.yaml takes from `.env` is left out."""
    part("openssl", "openssl")
    page = (ROOT / "docs/deployment.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"^```sh\n(for name in POSTGRES_PASSWORD.*?)^```", page, re.MULTILINE | re.DOTALL)
    subprocess.run(["bash", "-euc", lines], cwd=tmp_path, check=True)
    written = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text(encoding="utf-8").splitlines())
    assert set(written) == set(re.findall(r"\$\{(\w+):\?", (ROOT / "compose.yaml").read_text(encoding="utf-8")))
    assert len(set(written.values())) == len(written)
    assert all(re.fullmatch(r"[0-9a-f]{64}", value) for name, value in written.items() if not name.endswith("_URL"))


def test_every_alert_has_its_place_in_the_handbook() -> None:
    """Whoever is woken finds what to do under the alert's own name; the handbook tells of no other."""
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    written = set(re.findall(r"^\| `(Yunju\w+)` \|", page, re.MULTILINE))
    assert written == {rule["alert"] for rule in alerts()}
    assert all(rule["annotations"]["action"].endswith(rule["alert"]) for rule in alerts())
    assert {rule["labels"]["severity"] for rule in alerts()} == {"page", "ticket"}


@pytest.mark.parts
def test_the_rules_are_valid_for_prometheus() -> None:
    """Read by Prometheus' own tool."""
    assert all({"alert", "expr", "labels", "annotations"} <= rule.keys() for rule in alerts())
    done = subprocess.run([promtool(), "check", "rules", str(RULES)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(alerts())} rules found" in done.stdout


@pytest.mark.parts
def test_each_alert_comes_when_it_must_and_stays_away_otherwise() -> None:
    """Prometheus' own tool plays the figures of alerts-test.yml: each alert has a case of both kinds."""
    cases = yaml.safe_load(PLAYED.read_text(encoding="utf-8"))["tests"]
    played = {(rule["alertname"], bool(rule["exp_alerts"])) for case in cases for rule in case["alert_rule_test"]}
    assert played == {(rule["alert"], comes) for rule in alerts() for comes in (True, False)}
    done = subprocess.run([promtool(), "test", "rules", str(PLAYED)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parts
def test_an_alert_that_never_comes_would_be_noticed(tmp_path: Path) -> None:
    """The played cases are known to fail: with the one threshold moved, the case of that alert does."""
    text = RULES.read_text(encoding="utf-8")
    (tmp_path / RULES.name).write_text(text.replace("14 * 86400", "1 * 86400", 1), encoding="utf-8")
    played = yaml.safe_load(PLAYED.read_text(encoding="utf-8"))
    played["tests"] = [one for one in played["tests"] if one["alert_rule_test"][0]["alertname"] == "YunjuKeyEnds"]
    assert played["tests"]
    (tmp_path / PLAYED.name).write_text(yaml.safe_dump(played), encoding="utf-8")
    done = subprocess.run(
        [promtool(), "test", "rules", str(tmp_path / PLAYED.name)], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "YunjuKeyEnds" in done.stdout + done.stderr


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    """A title, panels with places of their own, each with a question."""
    board = json.loads(PANELS.read_text(encoding="utf-8"))
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert board["title"] == "Yunju"
    assert len(set(places)) == len(places) >= 10
    assert all(target["expr"] for panel in board["panels"] for target in panel["targets"])


@pytest.mark.parametrize(("file", "rooms"), [("verifier", ["accounts", "verifier"]), ("issuer", ["accounts"])])
def test_the_pod_runs_both_processes_locked_down(file: str, rooms: list[str]) -> None:
    """Web workers and background work share the data and nothing else of the node."""
    parts = list(yaml.safe_load_all((DEPLOY / f"k8s/{file}.yaml").read_text(encoding="utf-8")))
    (pods,) = [part["spec"]["template"]["spec"] for part in parts if part["kind"] == "StatefulSet"]
    assert pods["securityContext"]["runAsNonRoot"] is True
    web, work = pods["containers"]
    assert work["command"] == ["python", "-m", "ops", "work"]
    assert web["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert [one["command"][2:] for one in pods["initContainers"]] == [[room, "init"] for room in rooms]
    for one in (web, work, *pods["initContainers"]):
        assert one["securityContext"]["readOnlyRootFilesystem"] is True
        assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {"name": "data", "mountPath": "/data"} in one["volumeMounts"]
        assert {mount["name"] for mount in one["volumeMounts"]} <= {"data", *(each["name"] for each in pods["volumes"])}


KUBERNETES = ("1.30", "1.34", "the latest")


@pytest.mark.parametrize("version", KUBERNETES)
def test_the_objects_are_valid_for_kubernetes(version: str) -> None:
    """Every object by Kubernetes' own schemas, unknown members refused; a slip in a name is known to be found."""
    import kubernetes_validate  # its grammars take seconds to read: no other test pays for them

    version = kubernetes_validate.latest_version() if version == "the latest" else version
    for file, count in (("issuer", 3), ("ingress", 1), ("verifier", 3)):
        parts = list(yaml.safe_load_all((DEPLOY / f"k8s/{file}.yaml").read_text(encoding="utf-8")))
        assert len(parts) == count
        for one in parts:
            kubernetes_validate.validate(one, version, strict=True)
    (pods,) = [one for one in parts if one["kind"] == "StatefulSet"]
    pods["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(pods, version, strict=True)


@pytest.mark.parts
@pytest.mark.parametrize("unit", ["web", "work"])
def test_the_units_are_valid_for_systemd(unit: str, tmp_path: Path) -> None:
    """Systemd's own tool finds no fault, and calls the unit well locked down: the score that the handbook tells."""
    tool, name = part("systemd-analyze", "systemd"), f"yunju-{unit}.service"
    text = (DEPLOY / "systemd" / name).read_text(encoding="utf-8")
    copy = tmp_path / name
    copy.write_text(text.replace("/opt/yunju/.venv/bin/python", sys.executable), encoding="utf-8")
    done = subprocess.run([tool, "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if name in line]) == (0, []), done.stderr
    judged = subprocess.run(
        [tool, "security", "--offline=true", "--no-pager", str(copy)], capture_output=True, text=True, check=False
    )
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", judged.stdout)
    assert found, judged.stderr
    page = (ROOT / "docs/deployment.md").read_text(encoding="utf-8")
    [told] = re.findall(r"`systemd-analyze security` gives both units ([\d.]+)", page)
    assert float(found[1]) <= float(told)
