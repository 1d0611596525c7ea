"""docs/integrators.md, followed step by step: its commands and its Python are run as they stand there, in order."""

import json
import os
import re
import shlex
import shutil
import subprocess
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

import httpx
import pytest
import requests
from click.testing import CliRunner
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse
from yunju_client import errors
from yunju_client.sending import Wire

from accounts.__main__ import main as accounts
from cards.claims import Form
from edge.clock import SystemClock
from edge.encoding import unb64u
from edge.problems import PROBLEMS
from edge.settings import load_settings
from issuer.issuing.issuing import cards_of
from verifier.__main__ import main as verifier
from web.app import create_application
from web.demo import demonstrate, open_office
from web.seeding import printed_text

PAGE = Path(__file__).parents[1] / "docs" / "integrators.md"
ROOT = Path(__file__).parents[1]
SANDBOX = ROOT / "web" / "seeding_sandbox.py"
NODE_PATH = os.pathsep.join((str(ROOT / ".venv" / "bin"), os.environ["PATH"]))
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class InProcess(BaseAdapter):
    """Hands what `requests` sends to the application, without a server; the log is led before each proof is asked."""

    def __init__(self, app, lead) -> None:
        super().__init__()
        self._client, self._lead = app.test_client(), lead

    def send(self, request, **_options):
        if "/v1/log/proof/" in request.url:
            self._lead()
        url = urlsplit(request.url)
        answered = self._client.open(
            f"{url.path}?{url.query}", method=request.method, data=request.body, headers=dict(request.headers)
        )
        found = requests.Response()
        found.status_code = answered.status_code
        body, headers = BytesIO(answered.get_data()), dict(answered.headers)
        found.raw = HTTPResponse(body=body, headers=headers, status=answered.status_code, preload_content=False)
        found.headers.update(answered.headers)
        found.request, found.url = request, request.url
        return found

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A machine with demonstration data: its application, the commands' environment, a printed card's texts."""
    environ = {"YUNJU_VAR": str(tmp_path_factory.mktemp("integrator") / "var")}
    settings, clock = load_settings(environ), SystemClock()
    office = open_office(settings)
    demo = demonstrate(office, clock.now() - timedelta(seconds=5))
    holder = next(one for one in demo.holders if printed_text(office.desk, one) is not None)
    token = next(one.token for one in cards_of(office.desk, holder.id) if one.form is Form.PRINT)
    yield create_application(settings, clock), environ, (printed_text(office.desk, holder), token)
    office.close()


class Reader:
    """Follows the page: runs its commands, its calls by curl and its Python in their order, as they stand there."""

    def __init__(self, app, environ, card: tuple[str, str]) -> None:
        self.app, self.environ = app, environ
        self.made: list[dict] = []
        self.answers: list[dict] = []
        self.spoken = {"input": self._said}
        self._card, self._plain = card
        self._codes = 0

    def lead(self) -> None:
        """Take what was logged into the tree, as the background work does."""
        done = CliRunner().invoke(verifier, ["audit", "sequence", "--once"], env=self.environ)
        assert done.exit_code == 0, done.output

    def _said(self, prompt: str) -> str:
        """What the reader types where the page asks."""
        if prompt.startswith("The code"):
            self._codes += 1
            return [one["code"] for one in self.made if "code" in one][self._codes - 1]
        told = {"The token": self.made[0]["token"], "The text": self._card, "The plain": self._plain}
        return next(text for start, text in told.items() if prompt.startswith(start))

    def command(self, line: str) -> None:
        """Run a command; those of the sandbox have a test of their own."""
        if line.startswith("curl "):
            self._curl(line)
        elif line.startswith("python -m accounts "):
            done = CliRunner().invoke(accounts, shlex.split(line)[3:], env=self.environ)
            assert done.exit_code == 0, done.output
            self.made.append(json.loads(done.output))
        else:
            assert line in {"make run", "python -m web.demo --sandbox"}

    def _curl(self, line: str) -> None:
        looked, used = [*(one.get("id", "") for one in self.answers), "", ""][:2]
        names = {"SERVER": "", "TOKEN": self.made[0]["token"], "CARD": self._card, "LOOK": looked, "ENTRY": used}
        names |= {"OPERATION": "a" * 22, "ANOTHER": "b" * 22}
        words = shlex.split(Template(line).substitute(names))
        pairs = dict(zip(words[2::2], words[3::2], strict=True))
        headers = dict(word.split(": ", 1) for flag, word in zip(words[2::2], words[3::2], strict=True) if flag == "-H")
        assert pairs.keys() <= {"-H", "--json"}
        client = self.app.test_client()
        asked = {"data": pairs["--json"], "content_type": "application/json"} if "--json" in pairs else {}
        answer = client.open(words[1], method="POST" if asked else "GET", headers=headers, **asked)
        assert answer.status_code in {200, 201}, answer.text
        self.answers.append(answer.json)

    def python(self, text: str) -> None:
        """Run a block of Python in the names of those before it."""
        exec(compile(text, str(PAGE), "exec"), self.spoken)
        if "requests.Session()" in text:
            self.spoken["web"].mount(self.spoken["SERVER"], InProcess(self.app, self.lead))


def test_the_page_for_integrators_can_be_followed_word_by_word(machine, tmp_path, monkeypatch):
    """From the first credential to a use that is proved in the log: commands, curl, the client, Python by hand."""
    reader = Reader(*machine)
    transport = httpx.WSGITransport(app=reader.app)
    monkeypatch.setattr("yunju_client.client.Wire", lambda _, *rest: Wire(transport, *rest))
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert [kind for kind, _ in blocks].count("python") >= 14
    for kind, text in blocks:
        for line in text.splitlines() if kind == "sh" else ():
            reader.command(line)
        if kind == "python":
            reader.python(text)
    assert [one.get("outcome") for one in reader.answers] == [None, "granted", None, None]
    assert reader.spoken["answer"].status == "held"
    assert reader.spoken["proved"].json()["proof"].startswith("c2sp.org/tlog-proof@v1\n")


def test_the_page_tells_each_answer_of_the_sandbox_and_each_error_of_the_client():
    """Its two tables are the sandbox's and the client's own lists, and name nothing else."""
    page = PAGE.read_text(encoding="utf-8")
    sandbox = page.partition("## A sandbox")[2].partition("## With curl")[0]
    listed = " ".join(re.findall(r"^\| (`[^|]+) \|", sandbox, re.MULTILINE))
    rows = set(re.findall(r"`([a-z-]+)`", listed)) - {"answer"}
    assert rows == set(re.findall(r'Try\("([a-z-]+)"', SANDBOX.read_text(encoding="utf-8")))
    told = set(re.findall(r"`(\w+Error)`", page))
    known = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, errors.YunjuError)}
    assert known - {"YunjuError", "MisuseError", "ProofError", "NotPermittedError", "NotFoundError"} == told


CHECK_IN_BY_TYPES = """
import type { paths } from "./schema";

type CheckIn = paths["/v1/check-ins"]["post"];
type Asked = CheckIn["requestBody"]["content"]["application/json"];
type Answer = CheckIn["responses"][201]["content"]["application/json"];
type Refused = CheckIn["responses"][401]["content"]["application/problem+json"];

export async function checkIn(server: string, token: string, card: string): Promise<string> {
  const body: Asked = { service: "gym-visit", presentation: card, id_checked: true };
  const named: CheckIn["parameters"]["header"] = { "Idempotency-Key": "AAAAAAAAAAAAAAAAAAAAAA" };
  const answered = await fetch(`${server}/v1/check-ins`, {
    method: "POST", body: JSON.stringify(body), headers: { ...named, Authorization: `Bearer ${token}` },
  });
  if (answered.status === 401) {
    const refused: Refused = await answered.json();
    return refused.code === "clock-off" ? "clock" : refused.title;
  }
  const answer: Answer = await answered.json();
  const left: number[] = (answer.quotas ?? []).map((quota) => quota.remaining);
  return answer.outcome === "granted" ? `${answer.message.zh} ${left}` : `${answer.reason}`;
}
"""


def compiled(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Compile one file of TypeScript beside the generated types, by the strictest rules."""
    (folder / "client.ts").write_text(text, encoding="utf-8")
    strict = ("--strict", "--noEmit", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess")
    modern = ("--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler", "--lib", "es2022,dom")
    return _node("typescript/bin/tsc", *strict, *modern, "client.ts", folder=folder)


def _node(script: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    assert (ROOT / "node_modules" / script).is_file(), "the developers' npm packages are not there: make setup-dev"
    command = [shutil.which("node", path=NODE_PATH), str(ROOT / "node_modules" / script), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_client_generated_for_typescript_compiles_as_it_is(machine, tmp_path):
    """The types that a generator makes of the document check a visitor in; a member that is wrong does not compile."""
    (tmp_path / "openapi.json").write_bytes(machine[0].test_client().get("/v1/openapi.json").get_data())
    made = _node("openapi-typescript/bin/cli.js", "openapi.json", "-o", "schema.d.ts", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    done = compiled(tmp_path, CHECK_IN_BY_TYPES)
    assert done.returncode == 0, done.stdout
    for right, wrong in (("service:", "services:"), ("quota.remaining", "quota.left"), ('"clock-off"', '"clock-of"')):
        assert compiled(tmp_path, CHECK_IN_BY_TYPES.replace(right, wrong)).returncode != 0, wrong


def test_the_openapi_document_tells_all_that_the_page_does(machine):
    """Enrolment names its header and what the proof holds; no pattern needs Python; no member that may be left out
    has a default; all that is served for programs is described.
    """
    found = machine[0].test_client().get("/v1/openapi.json").json
    enrolment = found["paths"]["/v1/devices/enrolments"]["post"]
    (proof,) = [one for one in enrolment["parameters"] if one["name"] == "DPoP"]
    assert proof["required"]
    assert all(f"`{claim}`" in proof["description"] for claim in ("jti", "htm", "htu", "iat", "ath", "bh", "hh"))
    codes = enrolment["responses"]["401"]["content"]["application/problem+json"]["schema"]["allOf"][1]
    assert "bad-dpop-proof" in codes["properties"]["code"]["enum"]
    text = json.dumps(found)
    patterns = re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', text)
    assert len(patterns) > 50
    assert [one for one in map(json.loads, patterns) if re.search(r"\(\?[!=<]|\\Z|\\A", one)] == []
    schemas = found["components"]["schemas"].values()
    kept = [
        (name, part)
        for schema in schemas
        for name, part in schema.get("properties", {}).items()
        if "default" in part and name not in schema.get("required", ())
    ]
    assert kept == []
    paths = {"/metrics", "/healthz", "/readyz", "/.well-known/jwks.json", "/v1/programme.toml", "/problems/{code}"}
    assert paths <= found["paths"].keys()


PUBLIC = (
    "/.well-known/jwks.json", "/v1/trust-bundle", "/v1/status-lists/0", "/v1/programme", "/v1/programme.toml",
    "/v1/openapi.json", "/v1/points/gym", "/v1/log/checkpoint",
)  # fmt: skip


def test_public_documents_are_open_to_pages_of_others_and_sent_once(machine):
    """Any origin may read them, a browser's question before it is answered, and what is unchanged is 304."""
    app, environ, _ = machine
    CliRunner().invoke(verifier, ["audit", "sequence", "--once"], env=environ)
    client = app.test_client()
    for path in PUBLIC:
        first = client.get(path, headers={"Origin": "https://elsewhere.example", "Accept-Encoding": "gzip"})
        assert first.status_code == 200, path
        assert first.headers["Access-Control-Allow-Origin"] == "*", path
        assert first.headers["Cross-Origin-Resource-Policy"] == "cross-origin", path
        again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.get_data(), again.headers["Access-Control-Allow-Origin"]) == (304, b"", "*")
        before = client.options(path, headers={"Origin": "https://elsewhere.example"})
        assert (before.status_code, before.headers["Access-Control-Allow-Headers"]) == (204, "If-None-Match"), path
    packed = client.get("/v1/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.get_data()) * 4 < len(client.get("/v1/openapi.json").get_data())
    assert client.get("/v1/status-lists/9999").headers["Access-Control-Allow-Origin"] == "*"
    for path in ("/v1/log/entries", "/v1/points/gym/today", "/v1/statements"):
        assert "Access-Control-Allow-Origin" not in client.get(path).headers, path


def test_the_bundle_pins_the_programme_file_that_is_served(machine):
    """Anybody can hold the programme to the bundle: its file's SHA-256 is the pinned one."""
    client = machine[0].test_client()
    claims = client.get("/v1/trust-bundle").get_data(as_text=True).splitlines()[0].split(".")[1]
    pin = json.loads(unb64u(claims))["programme"]["sha256"]
    assert sha256(client.get("/v1/programme.toml").get_data()).hexdigest() == pin


def test_a_problems_type_is_an_address_that_explains_it(machine):
    """For a program as JSON, for a person who opens it as words; each known code has one."""
    client = machine[0].test_client()
    document = client.get("/v1/log/entries").json
    explained = client.get(document["type"])
    assert (explained.json["code"], explained.json["message"]) == (document["code"], document["message"])
    read = client.get(document["type"], headers={"Accept": "text/html,*/*;q=0.8"})
    assert read.mimetype == "text/plain"
    assert document["hint"] in read.get_data(as_text=True)
    assert {one["code"] for one in client.get("/problems").json} == set(PROBLEMS)
    assert client.get("/problems/no-such").status_code == 404
