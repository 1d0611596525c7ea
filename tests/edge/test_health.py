import pytest
from prometheus_client.core import GaugeMetricFamily

from edge.clock import FixedClock
from edge.health import health_blueprint
from edge.http import create_frame
from edge.secret import Secret
from tests.edge.builders import NOON

TOKEN = "metrics-token-0123"


def a_client(checks=None, token=None):
    """A client of an application with health endpoints alone."""
    app = create_frame("edge", clock=FixedClock(NOON))
    app.register_blueprint(health_blueprint(checks or {}, metrics_token=token and Secret(token)))
    return app.test_client()


def fails():
    """A check that fails itself."""
    raise OSError("/srv/inner/path is gone")


def test_alive_says_so_whatever_the_checks_say():
    """A process that waits for its store is not to be restarted."""
    response = a_client({"ledger": fails}).get("/healthz")
    assert (response.status_code, response.json) == (200, {"status": "ok"})


def test_ready_when_every_check_passes():
    """Each is named."""
    response = a_client({"ledger": lambda: None, "bundle": lambda: None}).get("/readyz")
    assert response.status_code == 200
    assert response.json == {"status": "ok", "checks": {"ledger": "ok", "bundle": "ok"}}


def test_not_ready_names_what_is_wrong_and_leaks_nothing(caplog):
    """A check's own words are shown, an exception's only logged."""
    response = a_client({"ledger": fails, "bundle": lambda: "older than 24 h", "x": lambda: None}).get("/readyz")
    assert response.status_code == 503
    assert response.json["code"] == "unavailable"
    assert response.json["checks"] == {"ledger": "failed", "bundle": "older than 24 h", "x": "ok"}
    assert response.headers["Retry-After"] == "5"
    assert b"inner" not in response.data
    assert [record.fields for record in caplog.records] == [{"check": "ledger"}]


def test_a_warning_is_told_and_the_process_stays_ready():
    """A load balancer leaves it in; the monitor reads why."""
    app = create_frame("edge", clock=FixedClock(NOON))
    warnings = {"work": lambda: "away", "disk": lambda: None}
    app.register_blueprint(health_blueprint({"ledger": lambda: None}, warnings=warnings))
    response = app.test_client().get("/readyz")
    assert response.status_code == 200
    assert response.json == {"status": "warning", "checks": {"ledger": "ok"}, "warnings": {"work": "away"}}


def test_figures_that_are_read_now_stand_beside_the_others():
    """Of a file, of a store: read when they are asked for."""
    values = iter([1.0, 2.0])

    def read():
        family = GaugeMetricFamily("yunju_test_figure", "Of this test.")
        family.add_metric((), next(values))
        yield family

    app = create_frame("edge", clock=FixedClock(NOON))
    app.register_blueprint(health_blueprint({}, figures=[read]))
    texts = [app.test_client().get("/metrics").text for _ in range(2)]
    assert ["yunju_test_figure 1.0" in texts[0], "yunju_test_figure 2.0" in texts[1]] == [True, True]
    assert "yunju_http_request_seconds" in texts[1]


def test_figures_count_requests_by_rule():
    """The labels are the rule and the status."""
    client = a_client()
    client.get("/healthz")
    text = client.get("/metrics").text
    assert 'yunju_http_request_seconds_count{method="GET",route="/healthz",status="200"}' in text


@pytest.mark.parametrize("here", ["127.0.0.1", "127.8.8.8", "::1"])
def test_without_a_token_this_machine_may_read_the_figures(here):
    """Asking directly."""
    assert a_client().get("/metrics", environ_overrides={"REMOTE_ADDR": here}).status_code == 200


@pytest.mark.parametrize(
    "environ",
    [
        {"REMOTE_ADDR": "203.0.113.7"},
        {"REMOTE_ADDR": ""},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.7"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=203.0.113.7"},
        {"REMOTE_ADDR": "203.0.113.7", "HTTP_X_FORWARDED_FOR": "127.0.0.1"},
    ],
)
def test_without_a_token_nobody_else_may(environ):
    """Nor whoever comes through a proxy of this machine."""
    response = a_client().get("/metrics", environ_overrides=environ)
    assert (response.status_code, response.json["code"]) == (403, "not-permitted")


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        (None, 401, "unauthenticated"),
        (f"Basic {TOKEN}", 401, "unauthenticated"),
        ("Bearer other", 401, "bad-token"),
        ("Bearer ", 401, "bad-token"),
        ("Bearer \xff", 401, "bad-token"),
        (f"Bearer {TOKEN}", 200, None),
        (f"bearer {TOKEN}", 200, None),
    ],
)
def test_with_a_token_everybody_needs_it(header, status, code):
    """This machine too."""
    environ = {} if header is None else {"HTTP_AUTHORIZATION": header}
    response = a_client(token=TOKEN).get("/metrics", environ_overrides=environ)
    assert response.status_code == status
    if code:
        assert response.json["code"] == code


def test_figures_of_all_workers_are_put_together(tmp_path, monkeypatch):
    """With PROMETHEUS_MULTIPROC_DIR the folder's figures are read, not this process's alone."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    response = a_client().get("/metrics")
    assert response.status_code == 200
    assert "yunju_http_request_seconds" not in response.text
