"""The types of values are prepared before threads read them: msgspec ends the process if two threads prepare a type at
once.
"""

import ast
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import web.app
from edge.settings import load_settings
from edge.structs import UNREADABLE, work_out_structs
from issuer.publishing.setup import set_up
from issuer.register.issuer import open_issuer
from tests.edge.builders import NOON

ROOT = Path(__file__).resolve().parents[2]

RACE = """
import sys, threading, types
import msgspec
from edge.structs import work_out_structs

sys.setswitchinterval(1e-6)
TYPES = '''
import msgspec
class Inner(msgspec.Struct):
    number: int
    text: str | None = None
class Outer(msgspec.Struct):
    inner: Inner
    more: tuple[Inner, ...] = ()
'''
kinds = []
for turn in range(40):
    made = types.ModuleType(f"made_{turn}")
    sys.modules[made.__name__] = made
    exec(TYPES, made.__dict__)
    kinds.append(made.Outer)
assert work_out_structs() >= 80
for kind in kinds:
    together = threading.Barrier(8)
    def read():
        together.wait()
        assert msgspec.json.decode(b'{"inner":{"number":1}}', type=kind).inner.number == 1
    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


@pytest.mark.slow
def test_eight_threads_may_read_a_type_for_the_first_time_at_once():
    """Without the working out before, this program ends by a fault of memory."""
    done = subprocess.run([sys.executable, "-c", RACE], cwd=ROOT, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_struct_that_cannot_be_read_stops_nothing():
    """Such a Struct is written only."""

    class Written(msgspec.Struct):
        value: "of_a_name_that_is_nowhere"  # noqa: F821 - that is what is tried

    assert work_out_structs() > 0
    with pytest.raises(NameError):
        msgspec.json.decode(b"{}", type=Written)


@pytest.mark.slow
def test_the_application_works_types_out_before_its_first_request(tmp_path, monkeypatch):
    """As the last thing that making it does: every surface's types are defined by then."""
    environ = {"YUNJU_VAR": str(tmp_path / "var")}
    issuer = open_issuer(load_settings(environ))
    set_up(issuer, NOON)
    issuer.close()
    counted = []
    monkeypatch.setattr(web.app, "work_out_structs", lambda: counted.append(work_out_structs()))
    web.app.create_application(load_settings(environ))
    assert counted[0] > 100


ROOMS = [
    "accounts",
    "audit",
    "cards",
    "devices",
    "doctor",
    "edge",
    "hooks",
    "issuer",
    "keys",
    "ledger",
    "ops",
    "verifier",
    "web",
]
OWN_ERRORS = {"MsgspecError", "DecodeError"}
MAY_NAME_THEM = {"edge/structs.py", "edge/http.py", "ledger/leaf.py"}
"""Where UNREADABLE is made, where a body's faults are told apart, and where a leaf is written."""


@pytest.mark.parametrize("data", [b'"\xff"', b"[" * 100_000, b'{"a":', b'"\\ud800"'])
def test_what_reading_can_raise_is_one_set(data):
    """Bytes that are no UTF-8 and nesting without end raise what is no error of msgspec's."""
    with pytest.raises(UNREADABLE):
        msgspec.json.decode(data)


@pytest.mark.slow
def test_whoever_reads_bytes_expects_all_that_reading_raises():
    """A damaged entry that is no UTF-8 once ended the log's sequencer and an auditor's check."""
    naming = set()
    for path in (path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in OWN_ERRORS:
                naming.add(path.relative_to(ROOT).as_posix())
    assert naming <= MAY_NAME_THEM
