"""Traces: what a collector gets of a check-in, what it never gets, and that nothing is loaded while nobody asks."""

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider as Provider

from accounts.store import AccountStore
from edge.clock import SystemClock
from edge.settings import SettingsError, load_settings
from issuer.publishing.setup import set_up
from issuer.register.issuer import open_issuer
from tests.edge.builders import NOON
from verifier.service import make_stores
from web.app import create_application

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def collector():
    """A collector on loopback; yields its address and the requests that it got."""
    got = []

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self):
            sent = ExportTraceServiceRequest()
            sent.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
            got.append(sent)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Taking)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/traces", got
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def environ(tmp_path):
    """The settings of a machine with keys and documents."""
    found = {"YUNJU_VAR": str(tmp_path / "var")}
    issuer = open_issuer(load_settings(found))
    set_up(issuer, NOON)
    issuer.close()
    settings = load_settings(found)
    AccountStore.open(settings.accounts_url).close()
    make_stores(settings, SystemClock())
    return found


def test_a_collector_gets_requests_with_the_ledgers_calls_within_and_no_word_of_what_was_asked(
    environ, collector, monkeypatch
):
    """The route, never the address; a fault is marked; the query and the token stay here."""
    url, got = collector
    made = []
    monkeypatch.setattr("web.tracing.TracerProvider", lambda **given: made.append(Provider(**given)) or made[0])
    client = create_application(load_settings(environ | {"YUNJU_TRACES_URL": url})).test_client()
    client.get("/readyz?name=secret-name", headers={"Authorization": "Bearer secret-token"})
    client.get("/v1/entries?holder=secret-name")
    client.application.extensions["ledger"].usage("secret-name", NOON)
    made[0].force_flush()
    spans = {
        span.name: span for sent in got for of in sent.resource_spans for by in of.scope_spans for span in by.spans
    }
    assert {"GET /readyz", "ledger.usage"} <= spans.keys()
    told = {one.key: one.value.string_value or one.value.int_value for one in spans["GET /readyz"].attributes}
    assert (told["http.route"], told["http.request.method"]) == ("/readyz", "GET")
    assert told["http.response.status_code"] in {200, 503}
    assert b"secret" not in b"".join(sent.SerializeToString() for sent in got)


def test_the_addresses_of_collectors_are_held_to_https_or_near_hosts(environ):
    """As the issuer's: plain http on this machine and on named hosts of one label alone."""
    for url in ("http://127.0.0.1:4318/v1/traces", "https://traces.example.org/v1/traces"):
        assert load_settings(environ | {"YUNJU_TRACES_URL": url}).traces_url == url
    plain = {"YUNJU_TRACES_URL": "http://collector:4318/v1/traces"}
    with pytest.raises(SettingsError):
        load_settings(environ | plain)
    assert load_settings(environ | plain | {"YUNJU_PLAIN_HOSTS": "collector"}).traces_url


@pytest.mark.slow
def test_nothing_of_tracing_is_loaded_while_nobody_asks(environ):
    """And where it is not installed the start says what to do."""
    code = "import wsgi, sys; print(any(name.startswith('opentelemetry') for name in sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "False"
    hidden = "import sys; sys.modules['opentelemetry'] = None; import wsgi"
    asked = environ | {"YUNJU_TRACES_URL": "http://127.0.0.1:1/v1/traces"}
    refused = subprocess.run(
        [sys.executable, "-c", hidden], cwd=ROOT, env=asked, capture_output=True, text=True, check=False
    )
    assert (refused.returncode, "requirements/tracing.txt" in refused.stderr) == (3, True)
