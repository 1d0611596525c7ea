"""Documents that cannot drift: commands, settings, reasons, decisions and links are held to the code and the tree."""

import importlib
import io
import re
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from unittest.mock import patch

import click
import pytest
from click.testing import CliRunner

from edge.settings import describe_settings
from verifier.rules.reasons import REASONS
from verifier.rules.variants import VARIANTS

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(?:sh|shell|bash|console|text)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:make|python -m|\.venv/bin/python -m) [^`\n]+)`")
COMMAND = re.compile(r"^(?:\$ )?(?:\w+=\S+ )*((?:\.venv/bin/)?python3? -m|make) (.+)$")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")
VARIABLE = re.compile(r"\bYUNJU_[A-Z_]+\b")
OURS = frozenset({"keys", "cards", "accounts", "issuer", "verifier", "devices", "web.demo", "bench"})


def read(name: str) -> str:
    """A document of the tree."""
    return (ROOT / name).read_text(encoding="utf-8")


def commands(text: str) -> list[tuple[str, list[str]]]:
    """The (program, words) of each command of ours in a document's code, up to a pipe, a comment or a placeholder."""
    joined = [re.sub(r"\\\n\s*", " ", block) for block in FENCE.findall(text)]
    lines = [line for block in joined for line in block.splitlines()] + INLINE.findall(text)
    found = (COMMAND.match(line.strip()) for line in lines)
    cut = ((match[1], re.split(r"\s[|>;&#]|…|\.\.\.|[|<\[]", match[2], maxsplit=1)[0]) for match in found if match)
    return [("make" if program == "make" else "python", shlex.split(words)) for program, words in cut]


def every_command(program: str) -> list[tuple[str, tuple[str, ...]]]:
    """(document, words) of each command in any document, without repeats."""
    found = {
        (path.relative_to(ROOT).as_posix(), tuple(words))
        for path in DOCUMENTS
        for name, words in commands(path.read_text(encoding="utf-8"))
        if name == program and words
    }
    return sorted(found)


@cache
def help_of(words: tuple[str, ...]) -> tuple[int, str]:
    """Exit code and text of `python -m WORDS --help`: with a group's or a command's name misspelt it fails.

    The command lines are read in this process: a process for each imported everything anew.
    """
    module = importlib.import_module(words[0] if "." in words[0] else f"{words[0]}.__main__")
    if isinstance(module.main, click.Command):
        answer = CliRunner().invoke(module.main, [*words[1:], "--help"], prog_name=words[0])
        return answer.exit_code, answer.output
    told = io.StringIO()
    asked = patch.object(sys, "argv", [*words, "--help"])
    with asked, redirect_stdout(told), redirect_stderr(told), pytest.raises(SystemExit) as ended:
        module.main()
    return int(ended.value.code or 0), told.getvalue()


def make_targets() -> set[str]:
    """The Makefile's targets that `make help` explains."""
    return set(re.findall(r"^([a-z-]+):.*## ", read("Makefile"), re.MULTILINE))


def settings_table() -> str:
    """README's table of settings, as it must stand there."""
    rows = [
        f"| `{name}` | {f'`{default}`' if default else 'none'} | {meaning} |"
        for name, default, meaning in describe_settings()
    ]
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows])


def documented_reasons(text: str) -> dict[str, str]:
    """The rows of docs/reasons.md by code."""
    return {match[1]: match[0] for match in re.finditer(r"^\| `([a-z-]+)` \|.*$", text, re.MULTILINE)}


def test_readme_opens_with_the_two_commands() -> None:
    """The first commands that a reader meets are `make run` and `make test`."""
    first = [words[0] for program, words in commands(read("README.md")) if program == "make"]
    assert first[:2] == ["run", "test"]


def test_named_make_targets_exist() -> None:
    """Every `make …` in a document is a target that `make help` explains."""
    assert [found for found in every_command("make") if found[1][0] not in make_targets()] == []


def test_make_help_explains_every_target() -> None:
    """Each phony target has its sentence."""
    phony = re.search(r"^\.PHONY: (.+)$", read("Makefile"), re.MULTILINE)
    assert phony
    assert set(phony[1].split()) == make_targets()


@pytest.mark.slow
def test_named_command_lines_exist() -> None:
    """Every `python -m …` in a document names commands and options that its `--help` knows."""
    faults = []
    for document, words in every_command("python"):
        if words[0] not in OURS:
            continue
        plain = tuple(word for word, flagged in zip(words, seen_flag(words), strict=True) if not flagged)
        code, told = help_of(plain)
        options = {word.split("=")[0] for word in words if word.startswith("--") and word != "--help"}
        unknown = [option for option in options if not re.search(rf"(?<!\S){re.escape(option)}\b", told)]
        if code or unknown:
            faults.append((document, " ".join(words), unknown or told.strip()[-200:]))
    assert faults == []


def seen_flag(words: tuple[str, ...]) -> list[bool]:
    """For each word, whether it is an option or comes after one: such words may be values, never command names."""
    first = next((index for index, word in enumerate(words) if word.startswith("-")), len(words))
    return [index >= first for index in range(len(words))]


def test_settings_table_equals_the_code() -> None:
    """README's table of settings is the one that the settings describe, word for word."""
    assert settings_table() in read("README.md"), f"README's table of settings must be:\n{settings_table()}"


def test_every_variable_named_in_a_document_is_a_setting() -> None:
    """No document speaks of a variable that the code would refuse as unknown."""
    known = {name for name, _, _ in describe_settings()}
    named = {
        (path.name, name) for path in DOCUMENTS for name in re.findall(r"\bYUNJU_[A-Z_]+\b", path.read_text("utf-8"))
    }
    assert sorted(found for found in named if found[1] not in known) == []


def test_delivery_uses_known_settings_only() -> None:
    """The image and the compose file set nothing that the code would refuse."""
    known = {name for name, _, _ in describe_settings()} | {"YUNJU_TAG"}
    assert set(VARIABLE.findall(read("Dockerfile") + read("compose.yaml"))) <= known


def test_reasons_page_equals_the_code() -> None:
    """docs/reasons.md has each reason once, with both its sentences and both its hints as the code has them."""
    rows = documented_reasons(read("docs/reasons.md"))
    assert set(rows) == set(REASONS)
    for code, reason in REASONS.items():
        for text in (reason.sentence, reason.hint):
            assert text.zh in rows[code], code
            assert text.en in rows[code], code


def test_reasons_that_are_told_otherwise_stand_in_the_page() -> None:
    """docs/reasons.md has the words of each variant too."""
    page = read("docs/reasons.md")
    for reason in VARIANTS.values():
        for text in (reason.sentence, reason.hint):
            assert text.zh in page
            assert text.en in page


def test_decisions_are_all_listed() -> None:
    """The index of decisions names every page in order, no number twice, and each page has its three parts."""
    pages = sorted(path.name for path in (ROOT / "docs/decisions").glob("[0-9]*.md"))
    assert len({name[:4] for name in pages}) == len(pages)
    index = re.findall(r"^\| \[\d{4}\]\(([^)]+)\)", read("docs/decisions/README.md"), re.MULTILINE)
    assert index == pages
    for name in pages:
        text = read(f"docs/decisions/{name}").lower()
        assert [part for part in ("context", "options", "consequences") if part not in text] == [], name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    """A relative link in a document names a file or folder of the tree."""
    links = LINK.findall(path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_contributing_describes_every_room() -> None:
    """CONTRIBUTING's table of rooms has each room that the tree has."""
    rooms = set(re.findall(r"^\| `(\w+)/` \|", read("CONTRIBUTING.md"), re.MULTILINE))
    assert rooms == {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench", "tools"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```sh\nmake run\n```", [("make", ["run"])]),
        ("```sh\n$ python -m keys list --json | jq .\n```", [("python", ["keys", "list", "--json"])]),
        (
            "```sh\nA=1 .venv/bin/python -m issuer card \\\n  issue --to 'x y'\n```",
            [("python", ["issuer", "card", "issue", "--to", "x y"])],
        ),
        ("see `python -m keys --help`", [("python", ["keys", "--help"])]),
        ("```python\nmake = 1\n```", []),
    ],
)
def test_commands_are_found_in_documents(text: str, expected: list[tuple[str, list[str]]]) -> None:
    """The reader of documents sees commands in blocks and in sentences, joined lines and assignments included."""
    assert commands(text) == expected


def test_a_command_that_does_not_exist_is_found() -> None:
    """The check of command lines can fail: a misspelt command of a real group has no help."""
    assert help_of(("keys", "no-such-command"))[0] != 0


def test_every_test_that_the_asvs_page_names_exists() -> None:
    """A requirement is met only by what can be run: files and tests are found as they are named there."""
    held, found = "", []
    for name, _, test in re.findall(r"`((?:tests/)?[\w/]*?test_\w+\.py)?((?:::)(\w+))?`", read("docs/asvs.md")):
        if name:
            paths = [ROOT / name] if "/" in name else [*ROOT.glob(f"tests/*/{name}")]
            assert len(paths) == 1, name
            held = paths[0].read_text(encoding="utf-8")
        if test:
            assert f"def {test}(" in held, test
            found.append(test)
    assert len(found) > 20


def cited() -> dict[str, set[str]]:
    """Every `docs/….md` that a source of ours names, with the sections of the design that it names there."""
    rooms = sorted(path.parent for path in ROOT.glob("*/__init__.py"))
    found: dict[str, set[str]] = {}
    files = (one for room in rooms for kind in ("*.py", "*.js", "*.lua") for one in room.rglob(kind) if one.is_file())
    for path in files:
        text = path.read_text(encoding="utf-8")
        for page, sections in re.findall(r"\b(docs/[\w/.-]+\.md)((?:,? §\d+)*)", text):
            found.setdefault(page, set()).update(re.findall(r"\d+", sections))
    return found


def test_sources_cite_papers_that_are_here() -> None:
    """Whoever reads a source can open what it names, down to the section of the design."""
    pages = cited()
    assert [page for page in pages if not (ROOT / page).is_file()] == []
    written = set(re.findall(r"^## (\d+)\. ", read("docs/design.md"), re.MULTILINE))
    assert pages["docs/design.md"] - written == set()
    assert {"3", "4", "5", "6"} <= pages["docs/design.md"]
