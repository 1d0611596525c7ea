"""Spoils the code of the decisions one small thing at a time and tells which spoilings no test notices.

`python -m tools.mutants [MODULE[@PART/PARTS] …]`: tests are imported once; each mutant is a fork in which one function
has other code, and only those tests run that reach this function. `cards/proof.py@2/5` tries every fifth mutant, from
the second on. A mutant that no test fails is a gap in the tests, or means the same; docs/testing.md explains those.
Exit 1 where anything survived.
"""

from __future__ import annotations

import ast
import gc
import json
import math
import os
import pickle
import resource
import signal
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType

import pytest
from _pytest.main import pytest_runtestloop as run_items

ROOT = Path(__file__).resolve().parents[1]
LEAST_S, WALL_S = 10, 600
"""A mutant's tests have this processor time and what all of the module's tests took, and never longer than WALL_S."""
PLAN: dict[str, tuple[str, ...]] = {
    "cards/verify.py": ("cards/test_verify.py", "cards/test_golden.py"),
    "cards/periods.py": ("cards/test_periods.py",),
    "cards/proof.py": ("cards/test_proof.py", "cards/test_forms.py"),
    "cards/status.py": ("cards/test_status.py", "cards/test_forms.py"),
    "cards/binding.py": ("cards/test_binding.py", "cards/test_forms.py"),
    "keys/tokens.py": ("keys/test_tokens.py", "keys/test_leniencies.py", "keys/test_token_properties.py"),
    "ledger/judgement.py": ("ledger/test_judgement.py",),
    "ledger/timeline.py": ("ledger/test_timeline.py", "ledger/test_offline.py"),
    "ledger/staying.py": ("ledger/test_check_in.py", "ledger/test_void_and_check_out.py", "ledger/test_offline.py"),
    "ledger/steps/bookings.py": ("ledger/test_bookings.py", "ledger/test_step_edges.py"),
    "ledger/steps/counting.py": (
        *("ledger/test_step_edges.py", "ledger/test_void_and_check_out.py", "ledger/test_bookings.py"),
        "ledger/test_offline.py",
    ),
    "ledger/steps/follow_ups.py": (
        *("ledger/test_void_and_check_out.py", "ledger/test_matters.py", "ledger/test_bookings.py"),
        *("ledger/test_offline.py", "ledger/test_step_edges.py"),
    ),
    "ledger/steps/offline.py": ("ledger/test_offline.py",),
    "ledger/steps/stays.py": ("ledger/test_void_and_check_out.py", "ledger/test_offline.py"),
    "verifier/rules/entitlement.py": ("verifier/test_entitlement_rules.py",),
    "verifier/rules/bookings.py": ("verifier/test_booking_rules.py",),
    "verifier/rules/slots.py": ("verifier/test_slots.py",),
}
"""A module, and the tests under tests/ that are to hold it."""

COMPARED = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
CALCULATED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
CALLED = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """One spoiling: where it stands (the outermost function, empty at a module's level), and what became what."""

    line: int
    function: str
    was: str
    became: str

    @property
    def told(self) -> str:
        """In one line."""
        return f"{self.line} {self.function or '(module)'}: {self.was} -> {self.became}"


@dataclass
class Site:
    """A place in the tree, and the new code for this place."""

    holder: ast.AST
    name: str
    index: int | None
    fresh: ast.AST

    def put(self, node: ast.AST) -> ast.AST:
        """Put a node there; returns the one before."""
        held = getattr(self.holder, self.name)
        if self.index is None:
            setattr(self.holder, self.name, node)
            return held
        before = held[self.index]
        held[self.index] = node
        return before


def alternatives(node: ast.AST) -> Iterator[ast.AST]:  # noqa: C901, PLR0912 - a table: a kind of node, a line
    """What may stand in a node's place and would mean something else."""
    match node:
        case ast.Compare(ops=ops):
            for at, op in enumerate(ops):
                if type(op) in COMPARED:
                    changed = [*ops[:at], COMPARED[type(op)](), *ops[at + 1 :]]
                    yield ast.Compare(node.left, changed, node.comparators)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            for at in range(len(values)):
                rest = [*values[:at], *values[at + 1 :]]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.If() | ast.IfExp():
            kind = type(node)
            yield from (kind(ast.Constant(said), node.body, node.orelse) for said in (True, False))
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str() as value) if value:
            yield ast.Constant("")
        case ast.BinOp(op=op) if type(op) in CALCULATED:
            yield ast.BinOp(node.left, CALCULATED[type(op)](), node.right)
        case ast.AugAssign(op=op) if type(op) in CALCULATED:
            yield ast.AugAssign(node.target, CALCULATED[type(op)](), node.value)
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call()) | ast.Raise():
            yield ast.Pass()
        case ast.Call(func=ast.Name(id=name)) if name in CALLED:
            yield ast.Call(ast.Name(CALLED[name], ast.Load()), node.args, node.keywords)


PASSED_OVER = {"annotation", "returns", "decorator_list", "bases", "type_comment"}


def _children(node: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    for name, value in ast.iter_fields(node):
        if name in PASSED_OVER or (isinstance(node, ast.Raise) and name in {"exc", "cause"}):
            continue  # what a type says or a message tells decides nothing
        if isinstance(value, ast.AST):
            yield name, None, value
        elif isinstance(value, list):
            yield from ((name, at, one) for at, one in enumerate(value) if isinstance(one, ast.AST))


def sites(node: ast.AST, function: str = "", prefix: str = "") -> Iterator[tuple[Mutant, Site]]:
    """Every spoiling of a tree."""
    for name, index, child in _children(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue  # a docstring
        if isinstance(child, ast.Assign) and ast.unparse(child.targets[0]) == "__all__":
            continue
        # What stands in a class outside its methods is built into the class: it cannot be exchanged afterwards.
        for fresh in alternatives(child) if function or not prefix else ():
            ast.copy_location(fresh, child)
            was, became = (ast.unparse(ast.fix_missing_locations(one)).partition("\n")[0] for one in (child, fresh))
            yield Mutant(child.lineno, function, was, became), Site(node, name, index, fresh)
        inner, below = function, prefix
        if not function and isinstance(child, ast.FunctionDef):
            inner = f"{prefix}{child.name}"
        elif isinstance(child, ast.ClassDef):
            below = f"{prefix}{child.name}."
        yield from sites(child, inner, below)


class Spoilt:
    """A module whose mutants can be put into this process, one at a time."""

    def __init__(self, path: str) -> None:
        self.path = ROOT / path
        self.tree = ast.parse(self.path.read_text("utf-8"))
        self.found = list(sites(self.tree))
        name = path.removesuffix(".py").replace("/", ".")
        self.module: ModuleType = sys.modules[name]

    def put(self, number: int) -> bool:
        """Put a mutant in; False where nothing of it could be put in."""
        mutant, site = self.found[number]
        site.put(site.fresh)
        code = compile(ast.fix_missing_locations(self.tree), str(self.path), "exec")
        if isinstance(site.holder, ast.arguments):
            return self._defaults(code, mutant.function)
        return self._function(code, mutant.function) if mutant.function else self._value(code)

    def _function(self, code: CodeType, qualname: str) -> bool:
        fresh = next(one for one in _codes(code) if one.co_qualname == qualname)
        live = self._live(qualname)
        for one in live:
            one.__code__ = fresh
        return bool(live)

    def _live(self, qualname: str) -> list[FunctionType]:
        """The functions of this name from this file, however they are wrapped."""
        gc.unfreeze()  # the tests' conftest hides from the collector what was there before the first test
        found = [one for one in gc.get_objects() if isinstance(one, FunctionType)]
        codes = [(one, one.__code__) for one in found]
        return [one for one, code in codes if (code.co_qualname, code.co_filename) == (qualname, str(self.path))]

    def _defaults(self, code: CodeType, qualname: str) -> bool:
        """Exchange what a function takes for a value that is not given."""
        before = self._live(qualname)
        self._run(code)
        fresh = [one for one in self._live(qualname) if all(one is not known for known in before)]
        for one in before if fresh else ():
            one.__defaults__, one.__kwdefaults__ = fresh[0].__defaults__, fresh[0].__kwdefaults__
        return bool(before and fresh)

    def _run(self, code: CodeType) -> ModuleType:
        """The module made anew from a code, beside the one that everybody uses."""
        fresh = ModuleType(self.module.__name__)
        vars(fresh).update(__file__=str(self.path), __package__=self.module.__package__)
        sys.modules[fresh.__name__] = fresh
        try:
            exec(code, vars(fresh))  # noqa: S102 - the project's own code
        finally:
            sys.modules[fresh.__name__] = self.module
        self.kept = fresh  # its functions are looked for among what is alive
        return fresh

    def _value(self, code: CodeType) -> bool:
        """Exchange values of a module's own level wherever another module took them by name."""
        fresh = self._run(code)
        changed = False
        for name, value in vars(fresh).items():
            old = vars(self.module).get(name)
            if name.startswith("__") or callable(value) or isinstance(value, ModuleType) or value == old:
                continue
            changed = True
            for module in list(sys.modules.values()):
                if vars(module).get(name) is old and old is not None:
                    setattr(module, name, value)
        return changed


def _codes(code: CodeType) -> Iterator[CodeType]:
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield one
            yield from _codes(one)


class Current:
    """A pytest plugin that knows which test runs now."""

    test = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Note the test that begins."""
        self.test = item.nodeid


class Runner:
    """A pytest plugin that runs the collected tests again and again, each time in a fork with one mutant."""

    def __init__(self, path: str, part: int = 1, parts: int = 1) -> None:
        """Begin nothing yet; `path` is the module's file, of whose mutants the `part`th of each `parts` is tried."""
        self.path, self.turn, self.parts = path, part % parts, parts
        self.told: list[tuple[Mutant, str]] = []
        self.took_s = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Draw few examples, the same each time, and do not look for the smallest failing one."""
        from hypothesis import Phase, settings  # noqa: PLC0415 - pytest wants to rewrite it first

        few = {"max_examples": 15, "derandomize": True, "database": None, "phases": [Phase.explicit, Phase.generate]}
        settings.register_profile("mutants", settings.get_profile("quick"), **few)
        settings.load_profile("mutants")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Go through all mutants."""
        session.config.pluginmanager.unregister(name="terminalreporter")
        spoilt = Spoilt(self.path)
        reached = self._reached(session)
        for number, (mutant, _) in enumerate(spoilt.found):
            if (number + 1) % self.parts != self.turn:
                continue
            items = [item for item in session.items if not mutant.function or mutant.function in reached[item.nodeid]]
            fate = self._fate(session, spoilt, number, items) if items else "not reached"
            self.told.append((mutant, fate))
            if fate not in {"killed", "killed by time"}:
                print(f"  {fate}: {self.path}:{mutant.told}", flush=True)
        return True

    def _reached(self, session: pytest.Session) -> dict[str, set[str]]:
        """Which functions of the module each test runs through; the tests must hold without a mutant."""
        found: dict[str, set[str]] = defaultdict(set)
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.close(reading)
            self._child(lambda: self._traced(session, found))
            with os.fdopen(writing, "wb") as out:
                pickle.dump((session.testsfailed, dict(found)), out)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as told:
            failed, found_there = pickle.load(told)  # noqa: S301 - written by our own fork
        os.wait()
        self.took_s = math.ceil(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime)
        if failed:
            raise pytest.UsageError(f"the tests of {self.path} fail without any mutant")
        return defaultdict(set, found_there)

    def _traced(self, session: pytest.Session, found: dict[str, set[str]]) -> None:
        path, current = str(ROOT / self.path), Current()

        def trace(frame: FrameType, event: str, _arg: object) -> None:
            if event == "call" and frame.f_code.co_filename == path:
                found[current.test].add(frame.f_code.co_qualname.partition(".<locals>")[0])

        session.config.pluginmanager.register(current)
        threading.settrace(trace)
        sys.settrace(trace)
        run_items(session)
        sys.settrace(None)

    def _fate(self, session: pytest.Session, spoilt: Spoilt, number: int, items: list[pytest.Item]) -> str:
        child = os.fork()
        if child == 0:
            os._exit(self._tried(session, spoilt, number, items))
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            return "killed by time"
        return {0: "survived", 1: "killed", 3: "not put in"}.get(os.WEXITSTATUS(status), "killed")

    def _tried(self, session: pytest.Session, spoilt: Spoilt, number: int, items: list[pytest.Item]) -> int:
        """In the fork: put the mutant in and run what reaches it; 1: noticed, 3: nothing could be put in."""
        most = LEAST_S + self.took_s
        resource.setrlimit(resource.RLIMIT_CPU, (most, most))
        signal.alarm(WALL_S)
        session.items[:] = items
        session.config.option.maxfail = 1
        try:
            if not spoilt.put(number):
                return 3
            self._child(lambda: run_items(session))
        except BaseException:  # noqa: BLE001 - a module that does not even run is noticed
            return 1
        return 1 if session.testsfailed or session.shouldfail else 0

    @staticmethod
    def _child(act: Callable[[], object]) -> None:
        with Path(os.devnull).open("w") as nothing:
            os.dup2(nothing.fileno(), 1)
            os.dup2(nothing.fileno(), 2)
            with suppress(Exception):
                act()


def run(path: str, tests: tuple[str, ...], part: int, parts: int) -> list[tuple[Mutant, str]]:
    """Try the mutants of a module against its tests."""
    runner = Runner(path, part, parts)
    options = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", "--no-summary", "-m", MARKS]
    code = pytest.main([*options, *(str(ROOT / "tests" / one) for one in tests)], plugins=[runner])
    if not runner.told:
        raise SystemExit(f"{path}: pytest ended with {code}")
    return runner.told


MARKS = "not slow and not browser and not parts and not soak"


def one_module(asked: str, folder: Path) -> int:
    """Run one module, or a part of its mutants, in this process and write what was found; the number of survivors."""
    path, _, share = asked.partition("@")
    part, _, parts = (share or "1/1").partition("/")
    told = run(path, PLAN[path], int(part), int(parts))
    lines = [{**asdict(mutant), "fate": fate} for mutant, fate in told]
    (folder / f"{asked.replace('/', '-')}.json").write_text(json.dumps(lines, ensure_ascii=False, indent=1))
    left = [mutant for mutant, fate in told if not fate.startswith("killed") and fate != "not put in"]
    print(f"{asked:<34}{len(told):>6} mutants{len(told) - len(left):>6} noticed{len(left):>5} left", flush=True)
    return len(left)


def main() -> int:
    """Go through the modules, each in a process of its own."""
    folder = ROOT / "build" / "mutants"
    folder.mkdir(parents=True, exist_ok=True)
    asked = sys.argv[1:] or list(PLAN)
    left = 0
    for path in asked:
        child = os.fork()
        if child == 0:
            os._exit(min(250, one_module(path, folder)))
        left += os.WEXITSTATUS(os.waitpid(child, 0)[1])
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
