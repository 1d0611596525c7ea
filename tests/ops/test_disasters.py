"""The disaster table of docs/operations.md: every row names the test that rehearses it, and that test is there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/operations.md").read_text("utf-8")


def rows() -> list[list[str]]:
    """Each row of the table: what happens, what to do, what holds, the drill."""
    _, _, section = PAGE.partition("### Disasters and their drills\n")
    table = section.partition("\n#")[0]
    lines = [line.strip("|").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line] for line in lines[1:]]


def defined_in(file: Path) -> set[str]:
    """The tests that a file defines."""
    return {node.name for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)}


def test_every_row_names_a_drill_that_is_there() -> None:
    """A row whose test was renamed or taken out would promise what nobody rehearses."""
    found = rows()
    assert len(found) >= 20
    for happens, does, holds, drill in found:
        assert does, happens
        assert holds, happens
        named = re.fullmatch(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", drill)
        assert named, f"{happens}: {drill} is no test"
        file = ROOT / named[1]
        assert file.is_file(), f"{happens}: there is no {named[1]}"
        assert named[2] is None or named[2] in defined_in(file), f"{happens}: {named[1]} has no {named[2]}"


def test_no_drill_is_left_out_quietly() -> None:
    """Each drill is named once, so that a row is no copy of another."""
    drills = [row[3] for row in rows()]
    assert len(set(drills)) == len(drills)
