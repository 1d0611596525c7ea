"""Every refusal of the issuer appears in Chinese on a Chinese page. No sentence of the code is left out."""

import ast
from pathlib import Path

import pytest

from web.staff.refusals import in_chinese, said

ROOT = Path(__file__).parents[2]
CLASSES = {"RefusedError", "BadPhoto"}


def literal(node):
    """The text of a message, figures as 1; None where it is another's message."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "1" for part in node.values)
    return None


def messages():
    """Every message that the issuer or its pages refuse with."""
    found = set()
    for path in [*ROOT.glob("issuer/**/*.py"), *ROOT.glob("web/office/*.py")]:
        if "cli" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in CLASSES and node.args:
                found.add(literal(node.args[0]))
    return {text for text in found if text and not any(name in text for name in NOT_ON_PAGES)}


NOT_ON_PAGES = ("checkpoint of", "another secret", "a card of form")
"""Refusals of commands alone: an auditor's comparison, a register of another secret, a chip's key."""


def test_every_refusal_has_its_sentence_in_chinese():
    """A new refusal needs its line in translations/refusals.json."""
    found = messages()
    assert len(found) > 60
    assert sorted(text for text in found if in_chinese(text) is None) == []


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("the card is revoked, for good", "这张卡已作废，不能恢复"),
        ("the holder has a print card already", "该持卡人已有实体卡"),
        ("12 rows have faults, and nothing was imported", "12 行有误，全部未导入"),
        (
            "the photo has 90 x 90 pixels; 358 x 441 are asked for, or more of the same shape",
            "相片为 90×90 像素，须为 358×441 像素，或者同样比例的更大尺寸",
        ),
    ],
)
def test_figures_and_codes_of_a_refusal_are_said_too(message, text):
    """Numbers stay, codes become what people call the things."""
    assert in_chinese(message) == text


def test_a_page_names_no_command_as_the_remedy():
    """Whoever sits before a page has no command line; an English page keeps the remedy that is one."""
    assert said("there is no such card", "python -m issuer card list", "en") == {
        "said": "there is no such card",
        "hint": "",
    }
    assert said("no card was chosen", "tick the cards to print", "en")["hint"] == " (tick the cards to print)"
    assert said("no card was chosen", "tick the cards to print", "zh") == {"said": "请勾选要打印的卡", "hint": ""}
