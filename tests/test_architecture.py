"""The rooms import only downward, frameworks and the clock stay where docs/design.md says, and functions stay short.

The rules are functions of a tree (path -> source), so that the same rules are fed the real tree, which must pass, and
broken ones, each of which must be found.
"""

import ast
import graphlib
import statistics
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

_CARD = frozenset({"cards", "keys", "edge"})
_STORED = _CARD | {"ledger", "audit", "accounts", "hooks"}
BELOW: Mapping[str, frozenset[str]] = {
    "edge": frozenset(),
    "keys": frozenset({"edge"}),
    "cards": frozenset({"keys", "edge"}),
    "accounts": _CARD,
    "hooks": _CARD | {"accounts"},
    "ledger": frozenset({"edge"}),
    "audit": _CARD | {"ledger", "accounts"},
    "devices": _CARD,
    "verifier": _STORED,
    "issuer": _STORED,
    "doctor": _STORED | {"verifier", "issuer"},
    "web": _STORED | {"verifier", "issuer", "doctor"},
    "ops": _STORED | {"verifier", "issuer", "devices", "doctor", "web"},
    "wsgi": _STORED | {"verifier", "issuer", "web"},
}
"""Each room, and the rooms it may import: those below it. `verifier`, `issuer` and `devices` never see one another."""

ORDER: Mapping[str, str] = {
    "ledger": (
        "millis filtering leaf values holders skew staying timeline bookings matters writing answers state judgement "
        "replaying following offline steps contents interface paging moving_file moving redis sqlite opening"
    ),
    "hooks": "tables migrations signing events queue registry service following sending jobs",
    "audit": "tables migrations tree evidence figures",
    "verifier": "rules trust records counter services wallet service offline desks api cli __main__",
    "issuer": "register publishing issuing enrolment printing applications api cli __main__",
}
"""The sub-rooms of a room, from the lowest: each imports only itself and those named before it."""

WITH_PAGES = ("edge/", "accounts/", "verifier/", "issuer/", "web/", "ops/", "wsgi.py")
LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "flask": WITH_PAGES,
    "werkzeug": WITH_PAGES,
    "jinja2": ("web/",),
    "flask_wtf": ("web/",),
    "wtforms": ("web/",),
    "authlib": ("web/",),
    "joserfc": ("web/",),
    "pyotp": ("accounts/",),
    "webauthn": ("accounts/",),
    "click": (*WITH_PAGES, "devices/", "keys/__main__.py"),
    "jwt": ("keys/",),
    "smartcard": ("devices/",),
    "redis": ("ledger/", "edge/sharing.py"),
    "sqlite3": ("ledger/", "edge/database.py", "edge/sharing.py"),
    "limits": ("edge/sharing.py",),
    "sqlalchemy": ("accounts/", "audit/", "hooks/", "issuer/", "verifier/", "edge/database.py"),
    "alembic": ("accounts/", "audit/", "hooks/", "issuer/", "verifier/", "edge/database.py"),
    "gunicorn": (),
    "pytest": (),
    "tests": (),
    "bench": (),
    "tools": (),
}
"""Where a library may be imported; every other library may be imported anywhere."""

NEVER: Mapping[str, frozenset[str]] = {}
"""What a place that lies inside an allowed one must still not import."""

CLIENT = "client/yunju_client/"
CLIENT_MAY = frozenset({"yunju_client", "httpx", "cryptography", "jwt"}) | sys.stdlib_module_names
"""The client is a package of its own, for other people's machines: it imports nothing of the server."""

CLIENT_WRITTEN = frozenset({f"{CLIENT}calls.py", f"{CLIENT}shapes.py"})
"""Files that tools/client_calls.py writes: lists of calls and of shapes."""

CLOCK_READS = frozenset(
    {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}
)
CLOCK_KEEPERS = ("edge/clock.py",)

LONGEST_FUNCTION, LONGEST_FILE = 60, 500
MEDIAN_FUNCTION, NINE_OF_TEN = 10, 30


def real_tree() -> dict[str, str]:
    """The project's own source, by path."""
    rooms = (path for room in BELOW if (ROOT / room).is_dir() for path in (ROOT / room).rglob("*.py"))
    paths = [*rooms, *ROOT.glob("wsgi.py")]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


@cache
def parsed(source: str) -> ast.Module:
    """A file's syntax tree, read once for all that is asked of it."""
    return ast.parse(source)


def client_tree() -> dict[str, str]:
    """The client's source, by path."""
    paths = (ROOT / CLIENT).rglob("*.py")
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def client_faults(tree: Mapping[str, str]) -> list[str]:
    """What the client imports beside its own files, the standard library and its three libraries."""
    return [
        f"{path} imports {module}"
        for path, source in tree.items()
        for module in imported_modules(path, source)
        if module.split(".", maxsplit=1)[0] not in CLIENT_MAY
    ]


def whole_tree() -> dict[str, str]:
    """The rooms' source and that of tests, tools and measurements, by path."""
    paths = [path for folder in ("tests", "tools", "bench") for path in (ROOT / folder).rglob("*.py")]
    return real_tree() | {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def imported_modules(path: str, source: str) -> Iterator[str]:
    """Every module that a file imports, at any depth of its code, relative ones resolved."""
    package = path.removesuffix(".py").split("/")[:-1]
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            yield ".".join([*base, *([node.module] if node.module else [])])
        elif isinstance(node, ast.Call) and called_name(node.func).endswith(("import_module", "__import__")):
            yield from (str(word.value) for word in node.args[:1] if isinstance(word, ast.Constant))


def called_name(function: ast.expr) -> str:
    """`datetime.now` for a call of `datetime.now()` or `datetime.datetime.now()`; empty for what has no name."""
    if isinstance(function, ast.Name):
        return function.id
    if isinstance(function, ast.Attribute):
        owner = function.value
        name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
        return f"{name}.{function.attr}"
    return ""


def import_faults(tree: Mapping[str, str]) -> list[str]:
    """What the tree imports against the order of the rooms or the places of the libraries."""
    faults = []
    readers = set()
    for path, source in tree.items():
        for module in imported_modules(path, source):
            top = module.split(".", maxsplit=1)[0]
            faults += [f"{path} imports {module}: {why}" for why in objections(path, top)]
            readers |= {path} if top == "smartcard" else set()
    return faults + ([f"pyscard in more than one file: {sorted(readers)}"] if len(readers) > 1 else [])


def objections(path: str, top: str) -> Iterator[str]:
    """Why the file at `path` may not import the top-level package `top`."""
    room = path.split("/", maxsplit=1)[0].removesuffix(".py")
    if top in BELOW and top not in BELOW[room] | {room}:
        yield f"{room} may not know {top}"
    allowed = LIBRARIES.get(top)
    if allowed is not None and not path.startswith(allowed):
        yield f"only {', '.join(allowed) or 'nothing'} may"
    if any(path.startswith(place) and top in bad for place, bad in NEVER.items()):
        yield "never in this place"


def sub_room(module: str) -> tuple[str, str]:
    """The room of a module and, where the room keeps an order, its part: `("verifier", "rules")`."""
    room, _, rest = module.partition(".")
    return room, rest.split(".", maxsplit=1)[0] if room in ORDER else ""


def order_faults(tree: Mapping[str, str]) -> list[str]:
    """Arrows up inside a room, and parts of a room that have no place in its order."""
    faults = []
    for path, source in tree.items():
        room, part = sub_room(path.removesuffix(".py").replace("/", "."))
        if room not in ORDER or part in {"", "__init__"}:
            continue
        order = ORDER[room].split()
        if part not in order:
            faults.append(f"{path}: {part} has no place in the order of {room}")
            continue
        above = set(order[order.index(part) + 1 :])
        inner = (sub_room(module) for module in imported_modules(path, source))
        faults += [
            f"{path} imports {room}.{other}, which lies above"
            for found, other in inner
            if found == room and other in above
        ]
    return faults


def circles(tree: Mapping[str, str]) -> list[list[str]]:
    """A circle of files that import one another, where there is one."""
    names = {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in tree}
    arrows = {
        name: {
            target
            for module in named_modules(path, tree[path])
            if (target := nearest(module, names)) not in {None, name}
        }
        for name, path in names.items()
    }
    graph = graphlib.TopologicalSorter(arrows)
    try:
        graph.prepare()
    except graphlib.CycleError as error:
        return [error.args[1]]
    return []


def named_modules(path: str, source: str) -> Iterator[str]:
    """What a file imports when it is loaded: `from a import b` names `a.b` too, where that is a file."""
    for node in parsed(source).body:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def nearest(module: str, names: Mapping[str, str]) -> str | None:
    """The file that an imported name stands in; None for what is not ours."""
    while module not in names and "." in module:
        module = module.rpartition(".")[0]
    return module if module in names else None


def clock_faults(tree: Mapping[str, str]) -> list[str]:
    """Where the time of day is read other than through the injected clock. Monotonic time, for durations, is free."""
    return [
        f"{path}:{node.lineno} reads the clock: {called_name(node.func)}"
        for path, source in tree.items()
        if not path.startswith(CLOCK_KEEPERS)
        for node in ast.walk(parsed(source))
        if isinstance(node, ast.Call) and called_name(node.func) in CLOCK_READS
    ]


def functions(source: str) -> Iterator[tuple[str, int]]:
    """Every function's name and its number of lines."""
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def size_faults(tree: Mapping[str, str]) -> list[str]:
    """Files and functions that grew past what one reads in one go."""
    files = [(path, source.count("\n")) for path, source in tree.items()]
    long_files = [f"{path}: {lines} lines" for path, lines in files if lines > LONGEST_FILE]
    grown = ((path, source) for path, source in tree.items() if "/migrations/versions/" not in path)  # lists of tables
    named = [(path, *found) for path, source in grown for found in functions(source)]
    return long_files + [f"{path}: {name} has {lines} lines" for path, name, lines in named if lines > LONGEST_FUNCTION]


def test_rooms_import_only_downward() -> None:
    """No room imports one above or beside it, and no library leaves its place."""
    assert import_faults(real_tree()) == []


def test_sub_rooms_keep_their_order() -> None:
    """Inside a room, too, each part imports only itself and what lies below it."""
    assert order_faults(real_tree()) == []


def test_no_files_import_one_another_in_a_circle() -> None:
    """Each file can be read after those that it imports."""
    assert circles(real_tree()) == []


def test_a_circle_and_an_arrow_up_are_found() -> None:
    """The order's own rules can fail: a circle of three files, an arrow up, a part without a place."""
    ring = {"keys/a.py": "import keys.b", "keys/b.py": "from keys import c", "keys/c.py": "from keys.a import x"}
    assert circles(ring)
    assert circles({path: source for path, source in ring.items() if path != "keys/c.py"}) == []
    assert order_faults({"verifier/rules/a.py": "from verifier.counter.looks import Looks"})
    assert order_faults({"verifier/counter/a.py": "from verifier.rules.reasons import REASONS"}) == []
    assert order_faults({"ledger/attic.py": ""}) == ["ledger/attic.py: attic has no place in the order of ledger"]


def test_no_import_hides_from_the_running_program() -> None:
    """No import is made for the type checker alone: without circles none has to hide (decision 0180)."""
    word = "TYPE" + "_CHECKING"
    assert [path for path, source in whole_tree().items() if word in source] == []


def test_only_the_clock_reads_the_time() -> None:
    """Rules get their instant as a parameter; the time of day is read in one file."""
    assert clock_faults(real_tree()) == []


def test_functions_and_files_stay_short() -> None:
    """No function over 60 lines, no file over 500; the middle function has at most ten lines, nine of ten have 30."""
    tree = real_tree()
    assert size_faults(tree) == []
    lines = sorted(found for source in tree.values() for _, found in functions(source))
    assert statistics.median(lines) <= MEDIAN_FUNCTION
    assert statistics.quantiles(lines, n=10)[-1] <= NINE_OF_TEN


def test_tests_and_tools_stay_short_too() -> None:
    """What holds for the rooms' files and functions holds for those of tests, tools and measurements."""
    assert size_faults(whole_tree()) == []


def test_the_client_imports_nothing_of_the_server_and_stays_short() -> None:
    """Three libraries, its own files and the standard library; what is written by a tool may be long."""
    tree = client_tree()
    assert client_faults(tree) == []
    assert circles({path.removeprefix("client/"): source for path, source in tree.items()}) == []
    assert size_faults({path: source for path, source in tree.items() if path not in CLIENT_WRITTEN}) == []
    assert set(tree) > CLIENT_WRITTEN


@pytest.mark.parametrize("source", ["import edge.clock", "from cards import claims", "def f():\n    import requests"])
def test_a_server_import_in_the_client_is_found(source: str) -> None:
    """The client's own rule can fail."""
    assert len(client_faults({f"{CLIENT}a.py": source})) == 1


def test_every_room_is_held_to_the_order() -> None:
    """A new top-level package is either a room with a place in the order or one of the known outhouses."""
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - {"tests", "bench", "tools"} == set(BELOW) - {"wsgi"}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("edge/http.py", "import keys"),
        ("keys/tokens.py", "from cards.claims import CardClaims"),
        ("cards/verify.py", "def f():\n    from verifier import decide"),
        ("verifier/decide.py", "from issuer.register import Register"),
        ("issuer/cli.py", "import verifier.api"),
        ("devices/agent.py", "from verifier.reasons import REASONS"),
        ("devices/agent.py", "import accounts"),
        ("verifier/decide.py", "import devices.reader"),
        ("web/app.py", "import devices"),
        ("accounts/http.py", "from ..verifier import reasons"),
        ("verifier/api.py", "import importlib\nimportlib.import_module('issuer.http')"),
        ("cards/verify.py", "from flask import request"),
        ("keys/store.py", "import click"),
        ("cards/claims.py", "import jwt"),
        ("devices/agent.py", "from flask import Flask"),
        ("verifier/decide.py", "import redis"),
        ("ledger/sqlite.py", "import click"),
        ("ledger/leaf.py", "import cards"),
        ("audit/tree/tiles.py", "import verifier"),
        ("cards/status.py", "import sqlalchemy as sa"),
        ("issuer/cards.py", "import smartcard"),
        ("keys/store.py", "from tests.keys import builders"),
    ],
)
def test_a_broken_import_is_found(path: str, source: str) -> None:
    """The rule itself can fail: each forbidden import, planted alone in a tree, is reported once."""
    faults = import_faults({path: source})
    assert len(faults) == 1
    assert path in faults[0]


def test_pyscard_in_two_files_is_found() -> None:
    """The chip readers' library has one door only."""
    assert import_faults({"devices/reader.py": "import smartcard.System"}) == []
    assert import_faults({"devices/reader.py": "import smartcard.System", "devices/b.py": "from smartcard import util"})


@pytest.mark.parametrize("source", ["datetime.now(UTC)", "datetime.datetime.now(UTC)", "time.time()", "date.today()"])
def test_a_planted_clock_read_is_found(source: str) -> None:
    """Every spelling of reading the time of day is seen outside the clock's own file."""
    assert clock_faults({"verifier/decide.py": source})
    assert clock_faults({"edge/clock.py": source}) == []
    assert clock_faults({"ledger/sqlite.py": "time.monotonic()"}) == []


def test_a_long_function_and_a_long_file_are_found() -> None:
    """The bounds on size can fail too."""
    body = "\n".join(f"    x{n} = {n}" for n in range(LONGEST_FUNCTION))
    assert size_faults({"keys/a.py": f"def f():\n{body}\n"}) == [f"keys/a.py: f has {LONGEST_FUNCTION + 1} lines"]
    assert size_faults({"keys/a.py": "x = 1\n" * (LONGEST_FILE + 1)}) == [f"keys/a.py: {LONGEST_FILE + 1} lines"]


def twice_named(tree: Mapping[str, str]) -> list[str]:
    """The public classes whose name another file of the project gives to another class."""
    files: dict[str, list[str]] = {}
    for path, source in sorted(tree.items()):
        for node in parsed(source).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                files.setdefault(node.name, []).append(path)
    return [f"{name} in {' and '.join(paths)}" for name, paths in files.items() if len(paths) > 1]


def test_each_public_class_name_means_one_thing() -> None:
    """Whoever reads a name need not ask which of two classes it is; the rule can fail too."""
    assert twice_named(real_tree()) == []
    assert twice_named({"hooks/a.py": "class Event: ...", "verifier/b.py": "class Event: ...\nclass Other: ..."}) == [
        "Event in hooks/a.py and verifier/b.py"
    ]
