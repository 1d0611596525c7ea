"""Patterns of references and booking fields: a small, bounded part of regular expressions that can never run away.

Allowed: `^…$`, literals, classes, `\\d` and escaped signs, `|`, `(?:…)`, and `?`, `{n}`, `{m,n}` on one character (or `?`
on a group). No `*`, `+`, look-arounds or back-references: a visitor's input is matched against these while he waits.
"""

from __future__ import annotations

import re

WIDEST = 64
MOST_CHOICES = 100_000
_TOKEN = re.compile(
    r"(?P<class>\[\^?(?:\\.|[^\]\\\[])+\])|(?P<escape>\\[dw.\-/()\[\]{}?*+|^$\\])|(?P<open>\(\?:)|(?P<close>\))|(?P<or>\|)"
    r"|(?P<times>\{\d{1,2}(?:,\d{1,2})?\})|(?P<maybe>\?)|(?P<plain>[^\\()\[\]{}?*+|^$.])"
)


class _Branching:
    """One group while it is read: the width of its widest alternative, the ways to match all, and the last atom's width."""

    def __init__(self) -> None:
        self.widest = 0
        self.width = 0
        self.ways = 1
        self.last = 0
        self.last_is_group = False


def pattern_fault(pattern: str) -> str | None:
    """Return why `pattern` is not allowed, or None where it is."""
    if len(pattern) > 200 or not (pattern.startswith("^") and pattern.endswith("$") and len(pattern) > 2):
        return "a pattern begins with ^ and ends with $"
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as fault:
        return f"not a regular expression ({fault})"
    body = pattern[1:-1]
    if "|" in re.sub(r"\(\?:.*\)|\[.*?\]|\\.", "", body):
        return "alternatives stand in a group (?:…|…), or the anchors bind to one of them alone"
    return _walk(body)


def _walk(body: str) -> str | None:
    groups = [_Branching()]
    place = 0
    while place < len(body):
        found = _TOKEN.match(body, place)
        if found is None:
            return f"{body[place]!r} is not allowed here"
        place = found.end()
        fault = _step(groups, str(found.lastgroup), found.group())
        if fault is not None:
            return fault
    top = groups[0]
    if max(top.widest, top.width) > WIDEST:
        return f"it admits more than {WIDEST} characters"
    return None if top.ways <= MOST_CHOICES else "it can be matched in too many ways"


def _step(groups: list[_Branching], kind: str, token: str) -> str | None:
    here = groups[-1]
    if kind == "open":
        groups.append(_Branching())
        return None if len(groups) <= 4 else "groups lie too deep"
    if kind == "close":
        _leave(groups)
    elif kind == "or":
        here.widest = max(here.widest, here.width)
        here.width, here.last = 0, 0
        here.ways += 1
    elif kind in ("times", "maybe"):
        return _repeat(here, token)
    else:
        here.width, here.last, here.last_is_group = here.width + 1, 1, False
    return None


def _leave(groups: list[_Branching]) -> None:
    inner = groups.pop()
    outer = groups[-1]
    outer.last = max(inner.widest, inner.width)
    outer.width += outer.last
    outer.ways *= inner.ways
    outer.last_is_group = True


def _repeat(here: _Branching, token: str) -> str | None:
    if here.last == 0:
        return f"{token} repeats nothing, or what is repeated already"
    if token == "?":
        here.ways *= 2
    else:
        if here.last_is_group:
            return "a group is not repeated, it may only be optional"
        least, _, most = token[1:-1].partition(",")
        here.width += int(most or least) - 1
        here.ways *= int(most or least) - int(least) + 1
    here.last = 0
    return None
