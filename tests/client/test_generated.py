"""Clients that two independent generators make of the OpenAPI document check a holder in at a server that runs, and
two independent validators find the document valid.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".venv" / "bin"


def run(*command: str | Path, folder: Path, **environ: str) -> str:
    """Run a program in a folder and return what it printed; its complaint is the failure."""
    told = {**os.environ, "PATH": os.pathsep.join((str(BIN), os.environ["PATH"])), **environ}
    done = subprocess.run([*map(str, command)], cwd=folder, env=told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def script(name: str) -> Path:
    """A program among the developers' npm packages."""
    path = ROOT / "node_modules" / name
    assert path.is_file(), "the developers' npm packages are not there: make setup-dev"
    return path


@pytest.fixture
def folder(document, tmp_path):
    """A folder with the document, and the npm packages beside it."""
    (tmp_path / "openapi.json").write_text(json.dumps(document), encoding="utf-8")
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    return tmp_path


@pytest.mark.slow
def test_an_independent_reader_finds_the_document_valid(document):
    """By the OpenAPI Initiative's own schema for 3.1, each reference and default followed."""
    # Here, not above: importing it builds a grammar for four seconds, in every process that collects the tests.
    from openapi_spec_validator import OpenAPIV31SpecValidator

    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    broken = {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": {"/v1/time": {"get": {"tags": 1}}}}
    assert list(OpenAPIV31SpecValidator(broken).iter_errors())


@pytest.mark.slow
def test_a_second_reader_in_another_language_finds_the_document_valid(folder):
    """Redocly's rules of the specification: no error, no warning."""
    node = shutil.which("node", path=str(BIN))
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "CI": "true"}
    cli = script("@redocly/cli/bin/cli.js")
    found = json.loads(
        run(node, cli, "lint", "openapi.json", "--extends=spec", "--format=json", folder=folder, **quiet)
    )
    assert (found["totals"]["errors"], found["totals"]["warnings"]) == (0, 0)


BY_PYTHON = """
import json, sys
from generated import AuthenticatedClient
from generated.api.check_ins import verifier_check_in_post as check_in, verifier_look_post as look
from generated.models import CheckInRequest, LookRequest

server, token, card, operation = sys.argv[1:]
with AuthenticatedClient(base_url=server, token=token) as client:
    seen = look.sync(client=client, body=LookRequest(presentation=card, service="gym-visit", point="gym"))
    use = CheckInRequest(service="gym-visit", look=seen.id, id_checked=True, point="gym")
    given = [check_in.sync(client=client, body=use, idempotency_key=operation) for _ in range(2)]
    wrong = check_in.sync(client=client, body=CheckInRequest(service="gym-visit"), idempotency_key=operation)
answers = [[one.outcome, one.quotas[0].remaining, bool(one.replayed)] for one in given]
print(json.dumps([seen.needs, answers, wrong.code]))
"""
BY_TYPESCRIPT = """
import createClient from "openapi-fetch";
import type { paths } from "./schema";

const [server, token, card, operation] = process.argv.slice(2) as [string, string, string, string];
const client = createClient<paths>({ baseUrl: server, headers: { Authorization: `Bearer ${token}` } });
const header = { "Idempotency-Key": operation };
const seen = await client.POST("/v1/verifications", {
  body: { presentation: card, service: "gym-visit", point: "gym" },
});
if (seen.data === undefined) throw new Error("no look");
const body = { service: "gym-visit", look: seen.data.id, id_checked: true, point: "gym" };
const given: [string, number | undefined, boolean][] = [];
for (let turn = 0; turn < 2; turn += 1) {
  const { data } = await client.POST("/v1/check-ins", { params: { header }, body });
  if (data === undefined) throw new Error("no check-in");
  given.push([data.outcome, data.quotas?.[0]?.remaining, data.replayed === true]);
}
const { error } = await client.POST("/v1/check-ins", { params: { header }, body: { service: "gym-visit" } });
console.log(JSON.stringify([seen.data.needs, given, error?.code]));
"""
DONE = [["id_check"], [["granted", 1, False], ["granted", 1, True]], "invalid-field"]


@pytest.mark.slow
def test_a_generated_python_client_looks_and_checks_in(folder, counter):
    """Generated as it is: a look, a use, the same operation once more, and a problem by its code; one entry."""
    parties, told = counter
    (folder / "plain.yml").write_text("post_hooks: []", encoding="utf-8")  # what is made is run as it is
    printed = run(
        BIN / "openapi-python-client", "generate", "--path", "openapi.json", "--meta", "none", "--output-path",
        "generated", "--config", "plain.yml", folder=folder,
    )  # fmt: skip
    omitted = [line for line in printed.splitlines() if line.startswith("Cannot parse")]
    assert [line for line in omitted if "Unsupported content_type" not in line] == []
    (folder / "by_python.py").write_text(BY_PYTHON, encoding="utf-8")
    assert json.loads(run(sys.executable, "by_python.py", *told, folder=folder)) == DONE
    assert len(parties.entries()) == 1


@pytest.mark.slow
def test_a_generated_typescript_client_looks_and_checks_in(folder, counter):
    """The same by types that another generator makes: they compile strictly, and the program runs."""
    parties, told = counter
    node = shutil.which("node", path=str(BIN))
    run(node, script("openapi-typescript/bin/cli.js"), "openapi.json", "-o", "schema.d.ts", folder=folder)
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (folder / "client.ts").write_text(BY_TYPESCRIPT, encoding="utf-8")
    (folder / "node.d.ts").write_text("declare const process: { argv: string[] };", encoding="utf-8")
    strict = ("--strict", "--noEmit", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--skipLibCheck")
    modern = ("--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler", "--lib", "es2022,dom")
    run(node, script("typescript/bin/tsc"), *strict, *modern, "client.ts", "node.d.ts", folder=folder)
    assert json.loads(run(node, "client.ts", *told, folder=folder)) == DONE
    assert len(parties.entries()) == 1
