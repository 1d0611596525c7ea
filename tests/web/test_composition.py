"""compose.yaml as Docker Compose reads it, the front held to the application's routes, and all of it as processes."""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest
import yaml
from click.testing import CliRunner

import accounts.__main__
import issuer.__main__
import keys.__main__
import verifier.__main__
from edge.settings import load_settings
from tests.parts import part
from tests.verifier.machine import ROOT
from tests.web.composition import GIVEN, Composition, composed
from tests.web.split import Front, Phone, Tablet, until
from tools.ports import free_port
from web.app import create_application

INSIDE = ("/metrics", "/v1/published", "/v1/cards/")
"""What the front serves to nobody: figures of the machine, and what verifiers ask the issuer."""
OWN_HOST = ("/audit", "/v1/audit", "/v1/log")
"""What only the host that keeps the log can answer."""


def routes(folder: Path, surfaces: str) -> set[str]:
    """Return every route of an application with these surfaces, with something in each place for a value."""
    environ = {"YUNJU_VAR": str(folder / "var"), "YUNJU_SURFACES": surfaces, "YUNJU_TRUSTED_PROXIES": "127.0.0.1/32",
               "YUNJU_BASE_URL": GIVEN["YUNJU_BASE_URL"]}  # fmt: skip
    app = create_application(load_settings(environ))
    return {re.sub(r"<(?:([^<>]+):)?\w+>", lambda found: _shown(found[1] or ""), rule.rule)
            for rule in app.url_map.iter_rules()}  # fmt: skip


def _shown(converter: str) -> str:
    """Return something that a converter of Flask's takes: the first of several words, a number, any text."""
    return converter.split("'")[1] if converter.startswith("any(") else "1"


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    """The services, as Docker Compose understands the file."""
    return composed(tmp_path_factory.mktemp("composed"))


@pytest.fixture(scope="module")
def served(tmp_path_factory, services):
    """The routes of each service, by the surfaces that compose.yaml gives it."""
    folder = tmp_path_factory.mktemp("routes")
    environ = {"YUNJU_VAR": str(folder / "var"), "YUNJU_BASE_URL": GIVEN["YUNJU_BASE_URL"]}
    for room, *words in (
        (keys, "generate", "receipt"),
        (keys, "generate", "log"),
        (issuer, "init", "--root-keys", str(folder / "root")),
        (accounts, "init"),
        (verifier, "init"),
    ):
        done = CliRunner().invoke(room.__main__.main, words, env=environ)
        assert done.exit_code == 0, done.output
    return {
        name: routes(folder, services[name]["environment"]["YUNJU_SURFACES"])
        for name in ("issuer", "verifier-a", "verifier-b")
    }


class Echo(BaseHTTPRequestHandler):
    """A host that answers its name to everything."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.told)))
        self.end_headers()
        self.wfile.write(self.server.told)

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@contextmanager
def echoing(name: str):
    """Serve a name; yields the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.told = name.encode()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def signpost(tmp_path_factory):
    """The front's own configuration under nginx, before three hosts that only tell their names."""
    part("nginx", "nginx-light")
    with echoing("issuer") as first, echoing("verifier-a") as second, echoing("verifier-b") as third:
        front = Front(tmp_path_factory.mktemp("signpost") / "front", free_port(), first, [second, third])
        yield front
        front.stop()


def reached(front: Front, path: str, **headers: str) -> set[str]:
    """Return who answers for a path, asked so often that each of two hosts had its turn; the status, where nobody."""
    answers = [front.send("GET", path, headers=headers) for _ in range(3)]
    return {answer.body.decode() if answer.status == 200 else str(answer.status) for answer in answers}


@pytest.mark.parts
def test_every_route_of_everybodys_address_reaches_a_host_that_has_it(signpost, served) -> None:
    """Pages and calls of phones, counters, departments and auditors, and those of applicants; what is inside stays."""
    both, apart = served["verifier-a"], served["issuer"] - served["verifier-a"]
    assert both == served["verifier-b"]
    assert len(both) > 100 and len(apart) > 50  # noqa: PT018 - one thing: neither list is empty
    for path in both | apart:
        found = reached(signpost, path)
        if path in {"/metrics", "/v1/published"}:
            assert found == {"404"}, path
        elif path in both:
            expected = {"verifier-a"} if path.startswith(OWN_HOST) else {"verifier-a", "verifier-b"}
            assert found <= expected, path
        elif path.startswith(INSIDE):
            assert found <= {"verifier-a", "verifier-b"}, f"{path}: no verifier has it, so that it is answered 404"
        else:
            assert found == ({"308"} if path.startswith("/office") else {"issuer"}), path
    assert reached(signpost, "/counter") | reached(signpost, "/") == {"verifier-a", "verifier-b"}


@pytest.mark.parts
def test_every_route_of_the_offices_address_reaches_the_issuer(signpost, served) -> None:
    """The office signs in, administers and works at the issuer alone; what verifiers ask is asked inside."""
    for path in served["issuer"]:
        found = reached(signpost, path, Host=signpost.office)
        assert found == ({"404"} if path.startswith(INSIDE) else {"issuer"}), path
    moved = signpost.send("GET", "/office/holders?q=1", headers={"Host": "card.test:8443"})
    assert (moved.status, moved.headers["Location"]) == (308, "https://office.card.test:8443/office/holders?q=1")


@pytest.mark.parts
def test_the_check_of_the_routes_notices_a_missing_one(signpost, served) -> None:
    """A path that resembles a routed one goes to whoever has the rest: `/applying` is no page of the issuer."""
    assert reached(signpost, "/applying") <= {"verifier-a", "verifier-b"}
    assert reached(signpost, "/v1/wallet/usage") <= {"verifier-a", "verifier-b"}
    assert reached(signpost, "/v1/wallet/refresh") == {"issuer"}


def test_docker_compose_takes_the_file_and_asks_for_each_password(services, tmp_path) -> None:
    """Two verifiers, one worker for each part, Redis twice, PostgreSQL, the front; without a password it refuses."""
    assert set(services) == {"issuer", "issuer-work", "verifier-a", "verifier-a-work", "verifier-b", "redis",
                             "redis-replica", "postgres", "front"}  # fmt: skip
    for name in GIVEN:
        with pytest.raises(AssertionError, match=name):
            composed(tmp_path, **{name: ""})


def test_redis_is_durable_at_both_and_either_may_lead(services) -> None:
    """The same durable settings and users; the replica only follows in addition, and the ledger waits for it."""
    first, second = services["redis"]["command"], services["redis-replica"]["command"]
    assert second[: len(first)] == first
    assert second[len(first) :] == ["--replicaof", "redis", "6379"]
    assert "--appendonly yes --appendfsync always --maxmemory-policy noeviction" in " ".join(first)
    handbook = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    [rights] = re.findall(r"^user yunju on >… (.+)$", handbook, re.MULTILINE)
    assert rights in " ".join(first)
    assert services["verifier-a"]["environment"]["YUNJU_LEDGER_URL"].endswith("@redis:6379/0?replicas=1")


def test_kubernetes_has_the_same_settings_and_the_same_two_addresses(services, served) -> None:
    """Its example gives each part the surfaces of compose.yaml, and its ingress each route to a part that has it."""
    objects = [one for path in sorted((ROOT / "deploy/k8s").glob("*.yaml"))
               for one in yaml.safe_load_all(path.read_text(encoding="utf-8"))]  # fmt: skip
    settings = {one["metadata"]["name"]: one["data"] for one in objects if one["kind"] == "ConfigMap"}
    for part_, service in (("yunju-issuer", "issuer"), ("yunju-verifier", "verifier-a")):
        assert settings[part_]["YUNJU_SURFACES"] == services[service]["environment"]["YUNJU_SURFACES"]
        load_settings(settings[part_])
    [ingress] = [one["spec"] for one in objects if one["kind"] == "Ingress"]
    hosts = {rule["host"]: rule["http"]["paths"] for rule in ingress["rules"]}
    base, office = (settings["yunju-issuer"][name].removeprefix("https://")
                    for name in ("YUNJU_BASE_URL", "YUNJU_OFFICE_URL"))  # fmt: skip
    assert set(hosts) == set(ingress["tls"][0]["hosts"]) == {base, office}
    apart = served["issuer"] - served["verifier-a"]
    for path in served["verifier-a"]:
        assert chosen(hosts[base], path) == "yunju-verifier", path
    for path in apart:
        if path.startswith("/office"):
            assert chosen(hosts[office], path) == "yunju-issuer", path
        elif not path.startswith(INSIDE):
            assert chosen(hosts[base], path) == "yunju-issuer", path
    for path in ("/sign-in", "/account/password", "/people/x/roles", "/operator/log", "/security", "/static/x", "/"):
        assert chosen(hosts[office], path) == "yunju-issuer", path
    for path in ("/v1/published", "/metrics", "/v1/cards/x/photo"):
        assert chosen(hosts[office], path) is None, path


def chosen(paths: list[dict], asked: str) -> str | None:
    """Return the service that an ingress sends a path to: the longest that fits, whole elements for a prefix."""
    fit = [one for one in paths if one["path"] == asked or (
        one["pathType"] == "Prefix" and f"{asked}/".startswith(f"{one['path'].rstrip('/')}/"))]  # fmt: skip
    best = max(fit, key=lambda one: (len(one["path"]), one["pathType"] == "Exact"), default=None)
    return None if best is None else best["backend"]["service"]["name"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Everything that compose.yaml names, running."""
    made = Composition(tmp_path_factory.mktemp("whole"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def phone(whole):
    """A holder's phone, enrolled through the front."""
    return Phone(whole)


@pytest.mark.slow
@pytest.mark.parts
def test_both_verifiers_grant_behind_the_front_from_one_ledger(whole, phone) -> None:
    """A card of the issuer is granted at one host and known as present at the other; both are asked in turn."""
    tablet = Tablet(whole)
    shown = phone.shown()
    assert tablet.check_in(shown).json["outcome"] == "granted"
    again = [tablet.check_in(shown).json for _ in range(4)]
    assert {one["reason"] for one in again} == {"proof-used"}
    asked = [host.ready() for host in (whole.verifier, whole.second)]
    assert asked == [200, 200]
    for host in (whole.verifier, whole.second):
        counted = json.loads(host.command("verifier", "ledger", "check", "--json").stdout)
        assert counted["faults"] == []


@pytest.mark.slow
@pytest.mark.parts
def test_everybody_finds_the_pages_and_the_office_has_its_own_address(whole) -> None:
    """The first page leads to applying and to the office; a sign-in at the office is none at the other address."""
    page = whole.front.send("GET", "/").body.decode()
    assert 'href="/apply"' in page
    assert f'href="https://{whole.front.office}/office"' in page
    assert whole.front.send("GET", "/apply").status == 200
    word = whole.issuer.folder / "password"
    word.write_text("a-long-enough-passphrase-7")
    whole.issuer.command("accounts", "person", "add", "officer.li", "--role", "officer", "--password-file", str(word))
    browser = Browser(whole.front, whole.front.office)
    browser.sign_in("officer.li", word.read_text())
    assert browser.get("/account").status == 200
    there = Browser(whole.front, f"127.0.0.1:{whole.port}", browser.cookies)
    assert there.get("/account").status == 303, "the verifiers know nobody of the office"


@pytest.mark.slow
@pytest.mark.parts
def test_no_part_opens_the_databases_of_the_other(whole) -> None:
    """Each user has a password of its own and reaches its own databases alone."""
    urls = {
        name: [value for value in host.environ.values() if value.startswith("postgresql:")]
        for name, host in (("issuer", whole.issuer), ("verifier", whole.verifier))
    }
    assert [len(found) for found in urls.values()] == [2, 2]
    for mine, other in (("issuer", "verifier"), ("verifier", "issuer")):
        for url in urls[other]:
            theirs, own = url.rpartition("/")[2], urls[mine][0].rpartition("/")[0]
            with pytest.raises(psycopg.OperationalError, match="permission denied"):
                psycopg.connect(f"{own}/{theirs}")
            psycopg.connect(url).close()


@pytest.mark.slow
@pytest.mark.parts
def test_one_verifier_less_costs_no_page_and_only_the_logs_host_answers_for_the_log(whole, phone) -> None:
    """With the second host away the front goes on with the first; with the first away the log says try again."""
    tablet = Tablet(whole)
    whole.second.stop()
    assert {whole.front.send("GET", "/counter").status for _ in range(6)} == {200}
    whole.second.start(works=False)
    whole.verifier.stop()
    try:
        assert {whole.front.send("GET", "/counter").status for _ in range(6)} == {200}
        away = whole.front.send("GET", "/v1/log/status")
        assert (away.status, away.json["code"], away.headers["Retry-After"]) == (503, "unavailable", "5")
        until(lambda: tablet.check_in(phone.shown()).json.get("outcome") == "granted", whole.folder.as_posix)
    finally:
        whole.verifier.start()


class Browser:
    """A browser's cookies at one address of the front."""

    def __init__(self, front: Front, host: str, cookies: dict[str, str] | None = None) -> None:
        self.front, self.host, self.cookies = front, host, dict(cookies or {})

    def get(self, path: str):
        """Open a page."""
        return self._send("GET", path)

    def sign_in(self, name: str, password: str) -> None:
        """Fill the form of the sign-in, and send it."""
        page = self.get("/sign-in").body.decode()
        [token] = set(re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', page))
        values = {"name": name, "password": password, "csrf_token": token}
        answer = self._send("POST", "/sign-in", urlencode(values).encode())
        assert answer.status == 303, answer.body

    def _send(self, method: str, path: str, data: bytes = b""):
        headers = {"Host": self.host, "Origin": f"https://{self.host}", "Cookie": "; ".join(
            f"{name}={value}" for name, value in self.cookies.items())}  # fmt: skip
        if data:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        answer = self.front.send(method, path, data, headers)
        for line in answer.headers["Set-Cookie"].splitlines():
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer
