"""Writes the client's calls and shapes anew from the OpenAPI document: `python -m tools.client_calls`.

Every call for devices, integrators or anybody becomes a method, but those
of `LEFT_OUT`; tests/client/test_document.py holds the written files to the document.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill, indent
from typing import Any, Final

from edge.clock import SystemClock
from edge.settings import load_settings
from issuer.publishing.setup import set_up
from web.app import create_application
from web.demo import open_office

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = ROOT / "client" / "yunju_client"
LEFT_OUT: Final[Mapping[str, str]] = {
    "/v1/wallet/": "calls of a holder's phone, signed by the phone's card key",
    "/v1/cards": "a phone's registration, and what a verifier on another machine asks its issuer",
    "/v1/published": "what a verifier on another machine asks its issuer",
    "/v1/sessions": "sign-in of people at pages",
    "/v1/audit/": "auditors' calls, made by people at pages",
    "/v1/log/entries": "auditors' calls, made by people at pages",
    "/v1/log/incidents": "auditors' calls, made by people at pages",
    "/v1/log/tile/": "tiles are fetched by monitors of the log, which have programs of their own",
    "/v1/offline-check-ins/conflicts": "auditors' calls, made by people at pages",
    "/v1/openapi.json": "the document itself",
    "/.well-known/": "the bundle holds the same keys, signed",
    "/healthz": "for whoever runs the system",
    "/readyz": "for whoever runs the system",
    "/metrics": "for whoever runs the system",
    "/problems": "an error carries the words already",
}
"""Beginnings of the paths that the client does not call, each with the reason."""
RENAMED: Final = {
    "book_for_holder": "book", "ask_for_holder": "ask", "upload": "upload_records", "held": "held_records",
    "decide": "decide_record", "statement": "point_statement", "today": "point_today", "hand_in": "hand_in_application",
}  # fmt: skip
"""Views whose name says too little among all the methods of one class."""
REPEATABLE: Final = frozenset(
    {
        "look",
        "challenge",
        "public_check",
        "upload_records",
        "trade_promises",
        "hand_in_application",
        "send_dead_letters",
    }
)
"""Calls without an operation id that may arrive twice all the same, beside everything that only reads."""
HEADERS: Final = frozenset({"Idempotency-Key", "Yunju-Operator", "DPoP"})
LEFT_OUT_MEMBER: Final = re.compile(r"Left out: (.*)\.$", re.DOTALL)
PLAIN: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
EMPTY: Final = {"None": "None", "bool": "False", "int": "0", "str": '""'}


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a shape or an argument of a call: its name, its type and, where it may be left out, its default."""

    name: str
    kind: str
    default: str | None

    def line(self) -> str:
        """Return the member as a class or a signature writes it."""
        return f"{self.name}: {self.kind}" + ("" if self.default is None else f" = {self.default}")


@dataclass(frozen=True, slots=True)
class Described:
    """One call as the document describes it."""

    method: str
    path: str
    told: Mapping[str, Any]


class Document:
    """The OpenAPI document, read for the client."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        self._paths, self._schemas = found["paths"], found["components"]["schemas"]

    def calls(self) -> Iterator[Described]:
        """Yield each call that the client makes."""
        for path, methods in self._paths.items():
            for method, told in methods.items():
                named = {name for one in told["security"] for name in one}
                if not path.startswith(tuple(LEFT_OUT)) and (not named or named & {"device", "integrator"}):
                    yield Described(method.upper(), path, told)

    def schema(self, name: str) -> Mapping[str, Any]:
        """Return a named schema."""
        found: Mapping[str, Any] = self._schemas[name]
        return found

    def named_in(self, part: object) -> set[str]:
        """Return the names of all schemas that a part leads to."""
        found: set[str] = set()
        waiting = [part]
        while waiting:
            for name in set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(waiting.pop()))) - found:
                found.add(name)
                waiting.append(self._schemas[name])
        return found

    def members(self, schema: Mapping[str, Any], *, sent: bool) -> list[Member]:
        """Return the members of an object: those that are needed first."""
        needed = set(schema.get("required", ()))
        found = [
            Member(name, kind, None) if name in needed else optional(name, part, kind)
            for name, part in schema["properties"].items()
            for kind in [kind_of(part, sent=sent)]
        ]
        return sorted(found, key=lambda one: one.default is not None)


def kind_of(schema: Mapping[str, Any], *, sent: bool, here: str = "") -> str:
    """Return the Python type of a schema; `sent`: as an argument, else as a part of an answer."""
    if "$ref" in schema:
        return here + str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(kind_of(one, sent=sent, here=here) for one in schema["anyOf"]))
    if "enum" in schema:
        return f"Literal[{', '.join(json.dumps(one) for one in schema['enum'])}]"
    if isinstance(schema.get("type"), list):
        return " | ".join(PLAIN[one] for one in schema["type"])
    if schema.get("type") == "array":
        inner = kind_of(schema["items"], sent=sent, here=here) if "items" in schema else "Any"
        return f"Sequence[{inner}]" if sent else f"tuple[{inner}, ...]"
    if schema.get("type") == "object":
        more = schema.get("additionalProperties")
        return f"Mapping[str, {kind_of(more, sent=sent, here=here) if isinstance(more, dict) and more else 'Any'}]"
    return PLAIN[str(schema["type"])]


def optional(name: str, schema: Mapping[str, Any], kind: str) -> Member:
    """Return a member that may be left out: it is then what the document tells, else what is empty of its kind."""
    told = LEFT_OUT_MEMBER.search(schema.get("description", ""))
    if told:
        return Member(name, kind, told[1] if told[1].startswith('"') else repr(json.loads(told[1])))
    if schema.get("default") is not None:
        return Member(name, kind, json.dumps(schema["default"]))
    if "None" in kind.split(" | "):
        return Member(name, kind, "None")
    if kind.startswith(("tuple[", "Sequence[")):
        return Member(name, kind, "()")
    if kind.startswith("Mapping["):
        return Member(name, kind, "field(default_factory=dict)")
    return Member(name, kind, EMPTY[kind]) if kind in EMPTY else Member(name, f"{kind} | None", "None")


def shapes_text(document: Document) -> str:
    """Return the module of shapes: what calls answer, and the parts of what is sent."""
    calls = list(document.calls())
    told = document.named_in([answers_of(one.told) for one in calls])
    bodies = {name for one in calls if (name := body_of(one.told)) is not None}
    parts = {name for body in bodies for name in document.named_in(document.schema(body))}
    named = sorted(told | parts)
    blocks = [shape_text(name, document, sent=name in parts - told) for name in named]
    head = (
        '"""What calls answer, and the parts of what is sent, as the OpenAPI document tells.\n\n'
        'Written by tools/client_calls.py: edit nothing here.\n"""\n\n'
        "from __future__ import annotations\n\n"
        "from collections.abc import Mapping, Sequence\nfrom dataclasses import dataclass, field\n"
        "from typing import Any, Literal\n\n"
        f"__all__ = {json.dumps(named)}\n\n"
    )
    return head + "\n\n".join(blocks)


def shape_text(name: str, document: Document, *, sent: bool) -> str:
    """Return one shape as a frozen dataclass."""
    schema = document.schema(name)
    lines = [one.line() for one in document.members(schema, sent=sent)]
    words = doc_text(schema.get("description") or f"{name}.", "    ")
    return f"@dataclass(frozen=True, slots=True, kw_only=True)\nclass {name}:\n{words}\n\n" + indent(
        "\n".join(lines), "    "
    )


def doc_text(words: str, before: str) -> str:
    """Return a docstring: the first paragraph in whole sentences, what follows as it was told."""
    told = [" ".join(one.split()) for one in words.split("\n\n")]
    told[0] = told[0] if told[0].endswith((".", "!", "?")) else f"{told[0]}."
    found = "\n\n".join(fill(one, 110, break_long_words=False, break_on_hyphens=False) for one in told)
    quotes = '"""'
    end = f"\n{quotes}" if len(told) > 1 or "\n" in found else quotes
    return indent(f"{quotes}{found}{end}", before).replace("\\", "\\\\")


def body_of(told: Mapping[str, Any]) -> str | None:
    """Return the name of the schema of a call's body, or None if none is sent."""
    body = told.get("requestBody")
    return None if body is None else str(body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2])


def answers_of(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a call answers when it was served: media type to schema, empty where no body comes."""
    found: dict[str, Any] = {}
    for status, one in told["responses"].items():
        if status < "300":
            found |= {kind: part.get("schema", {}) for kind, part in one.get("content", {}).items()}
    return found


def calls_text(document: Document) -> str:
    """Return the module of calls: one class, a method for each."""
    head = (
        '"""Every call for devices, integrators or anybody, as the OpenAPI document tells.\n\n'
        'Written by tools/client_calls.py: edit nothing here.\n"""\n\n'
        "from collections.abc import Mapping, Sequence\nfrom typing import Any, Literal\n\n"
        "from yunju_client import shapes\nfrom yunju_client.call import Call, Caller\n\n\n"
        'class Calls(Caller):\n    """The calls of a server. Each may raise what yunju_client.errors tells.\n\n'
        "    `operation`: the id of the intended change, 16 to 64 characters, made before the call is first sent.\n"
        '    Left out, one is made.\n    """\n\n'
    )
    return head + "\n".join(indent(text, "    ") for one in document.calls() for text in methods_of(document, one))


def methods_of(document: Document, call: Described) -> Iterator[str]:
    """Yield the methods of one call: one, and a second where the answer can be a file too."""
    name = name_of(call.told)
    answers = answers_of(call.told)
    shaped = answers.pop("application/json", None)
    if shaped is not None:
        yield method_text(document, call, name, shaped, ())
    files = tuple(kind.rpartition("/")[2] for kind in answers)
    if shaped is None or files:
        yield method_text(document, call, f"{name}_file" if shaped else name, None, files)


def name_of(told: Mapping[str, Any]) -> str:
    """Return the method's name: that of the view, unless it says too little."""
    view = str(told["operationId"]).split(".")[-2]
    return RENAMED.get(view, view)


def method_text(
    document: Document, call: Described, name: str, shaped: Mapping[str, Any] | None, files: tuple[str, ...]
) -> str:
    """Return one method; `shaped` is the schema of its answer, or None if the answer is no JSON."""
    told = call.told
    places = [one["name"] for one in told["parameters"] if one["in"] == "path"]
    asked = [one for one in told["parameters"] if one["in"] == "query"]
    query = [argument_of(one, files) for one in asked if one["name"] != "format" or (shaped is None and files)]
    body = body_of(told)
    sent = [] if body is None else members_sent(document, body)
    writes = any(one["name"] == "Idempotency-Key" for one in told["parameters"])
    kind, answered = returned_by(told, shaped)
    given = [call_text(call, name, writes=writes), answered]
    given += [f"path={mapping_of(places)}"] if places else []
    wanted = mapping_of([one.name for one in query])
    wanted = wanted if shaped is None or len(query) == len(asked) else f'{wanted[:-1]}, "format": "json"}}'
    given += [f"query={wanted}"] if asked else []
    given += [f"body={mapping_of([one.name for one in sent])}"] if body else []
    given += ["operation=operation"] if writes else []
    words = doc_text(str(told["summary"]), "    ")
    signature = signature_of(told, [*query, *sent], writes=writes)
    done = "" if kind == "None" else "return "
    return f"def {name}({signature}) -> {kind}:\n{words}\n    {done}self._call({', '.join(given)})\n"


def signature_of(told: Mapping[str, Any], taken: list[Member], *, writes: bool) -> str:
    """Return a method's arguments: those of the path by place, all others by name, what is needed first."""
    places = (one for one in told["parameters"] if one["in"] == "path")
    found = ["self", *(f"{one['name']}: {kind_of(one['schema'], sent=True)}" for one in places)]
    found += ["*"] if taken or writes else []
    found += [one.line() for one in sorted(taken, key=lambda one: one.default is not None)]
    return ", ".join([*found, "operation: str | None = None"] if writes else found)


def returned_by(told: Mapping[str, Any], shaped: Mapping[str, Any] | None) -> tuple[str, str]:
    """Return the type that a method gives back, and what the caller is handed to make one."""
    if shaped is not None:
        kind = kind_of(shaped, sent=False, here="shapes.")
        return (kind, kind) if kind.startswith("shapes.") else ("dict[str, Any]", "dict")
    kinds = answers_of(told)
    if not kinds:
        return "None", "type(None)"
    return ("str", "str") if all(one.endswith(("jwt", "text/plain")) for one in kinds) else ("bytes", "bytes")


def mapping_of(names: list[str]) -> str:
    """Return a mapping of each name to the argument of that name."""
    return "{" + ", ".join(f"{json.dumps(name)}: {name}" for name in names) + "}"


def argument_of(parameter: Mapping[str, Any], files: tuple[str, ...]) -> Member:
    """Return a query parameter as an argument; the format of a file is one of those that are no JSON."""
    name, schema = parameter["name"], parameter["schema"]
    if name == "format":
        return Member(name, f"Literal[{', '.join(json.dumps(one) for one in files)}]", None)
    kind = kind_of(schema, sent=True, here="shapes.")
    return Member(name, kind, None) if parameter["required"] else optional(name, schema, kind)


def members_sent(document: Document, body: str) -> list[Member]:
    """Return the members of a body as arguments: an argument has no factory, so that an empty mapping is None."""
    schema = document.schema(body)
    found = []
    for name, part in schema["properties"].items():
        kind = kind_of(part, sent=True, here="shapes.")
        one = Member(name, kind, None) if name in schema.get("required", ()) else optional(name, part, kind)
        made = (one.default or "").startswith("field(")
        found.append(Member(name, f"{kind} | None", "None") if made else one)
    return found


def call_text(call: Described, name: str, *, writes: bool) -> str:
    """Return what the sender has to know of a call."""
    told = call.told
    proves = any(one["name"] == "DPoP" and one["required"] for one in told["parameters"])
    signed = "key" if proves and not told["security"] else "caller" if told["security"] else "nobody"
    again = call.method == "GET" or writes or name in REPEATABLE
    return f'Call("{call.method}", "{call.path}", "{signed}", repeatable={again}, writes={writes})'


def formatted(text: str) -> str:
    """Return a module as the project formats it."""
    command = [sys.executable, "-m", "ruff", "format", "--quiet", "--stdin-filename", str(PACKAGE / "shapes.py"), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def written(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the files that a document makes, by name."""
    document = Document(found)
    return {"shapes.py": formatted(shapes_text(document)), "calls.py": formatted(calls_text(document))}


def served(folder: Path) -> bytes:
    """Return the document that a server with every surface serves; its data lie in `folder`."""
    settings, clock = load_settings({"YUNJU_VAR": str(folder)}), SystemClock()
    office = open_office(settings)
    try:
        set_up(office.desk, clock.now())
    finally:
        office.close()
    return create_application(settings, clock).test_client().get("/v1/openapi.json").get_data()


def main() -> None:
    """Write both files."""
    with TemporaryDirectory() as folder:
        document = served(Path(folder) / "var")
    for name, text in written(json.loads(document)).items():
        (PACKAGE / name).write_text(text, encoding="utf-8")
        print(f"written: client/yunju_client/{name}, {text.count(chr(10))} lines")


if __name__ == "__main__":
    main()
