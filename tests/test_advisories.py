"""`make advisories`: what stands against a locked package is named, and a service that is away is no good news."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tools.advisories import locked

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def service():
    """A service on loopback; `vulnerable` names what it knows something of, `broken` lets it answer nonsense."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            server.asked += [(one["package"]["ecosystem"], one["package"]["name"], one["version"]) for one in asked]
            known = [{"vulns": [{"id": "X-1"}]} if q["package"]["name"] in server.vulnerable else {} for q in asked]
            body = json.dumps({"results": known[server.broken :]}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    server.asked, server.vulnerable, server.broken = [], set(), 0
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def told(port: int) -> tuple[int, str]:
    """The exit and the words of the tool against a service at a port."""
    environ = {**os.environ, "ADVISORIES_URL": f"http://127.0.0.1:{port}"}
    command = [sys.executable, "tools/advisories.py"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_every_locked_package_is_asked_for(service):
    """All of requirements/ and of package-lock.json; nothing stands, and that is said with the number."""
    code, said = told(service.server_port)
    assert (code, sorted(service.asked)) == (0, [tuple(one) for one in locked()])
    assert {"PyPI", "npm"} == {one[0] for one in service.asked}
    assert f"{len(service.asked)} locked packages asked for" in said


def test_what_stands_is_named_and_fails(service):
    """By package, version and the advisory's id."""
    service.vulnerable = {"flask", "Flask"}
    code, said = told(service.server_port)
    assert code == 1
    assert ": X-1" in said


def test_a_service_that_is_away_or_answers_nonsense_is_no_good_news(service):
    """Its own exit, and a line that says that nothing was checked."""
    service.broken = 1
    for port in (service.server_port, 9):
        code, said = told(port)
        assert (code, said.startswith("NOT CHECKED")) == (3, True)
