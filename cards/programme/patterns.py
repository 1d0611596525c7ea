r"""Patterns of references and booking fields: a small, bounded part of regular expressions, whose matching time is
always short.

Allowed: `^…$`, literals, classes such as `[A-Z0-9-]`, escaped marks, groups `(?:…|…)`, and `?`, `{n}`, `{m,n}` on one
character (or `?` on a group). Not allowed: `*`, `+`, `.`, `\d`, look-arounds or back-references. A visitor's input is
matched while the visitor waits, and `\d` would accept digits of every script.
"""

from __future__ import annotations

import re

WIDEST = 64
MOST_WAYS = 100_000
_SIGN = re.compile(
    r"(?P<class>\[(?!\^)(?:\\[.\-/\\\]]|[^\]\\\[])+\])|(?P<escape>\\[.\-/()\[\]{}?*+|^$\\])"
    r"|(?P<open>\(\?:)|(?P<close>\))|(?P<or>\|)"
    r"|(?P<times>\{[0-9]{1,2}(?:,[0-9]{1,2})?\})|(?P<maybe>\?)|(?P<plain>[^\\()\[\]{}?*+|^$.])"
)
_SET_OPERATION = re.compile(r"--|&&|~~|\|\|")


class _Group:
    """One group while it is read: its width so far, the number of ways to match it, and the width of its last atom."""

    def __init__(self) -> None:
        self.widest = 0
        self.width = 0
        self.ways = 1
        self.last = 0
        self.last_is_group = False


def pattern_fault(pattern: str) -> str | None:
    """Return why `pattern` is not allowed, or None if it is allowed."""
    if len(pattern) > 200 or not (pattern.startswith("^") and pattern.endswith("$") and len(pattern) > 2):
        return "a pattern begins with ^ and ends with $, 200 characters at most"
    fault = _walk(pattern[1:-1])
    if fault is not None:
        return fault
    try:
        re.compile(pattern)
    except re.error as broken:
        return f"not a regular expression ({broken})"
    return None


def _walk(body: str) -> str | None:
    groups = [_Group()]
    place = 0
    while place < len(body):
        found = _SIGN.match(body, place)
        if found is None:
            return f"{body[place]!r} is not allowed here"
        place = found.end()
        fault = _step(groups, str(found.lastgroup), found.group())
        if fault is not None:
            return fault
    if len(groups) > 1:
        return "a group is not closed"
    if groups[0].width > WIDEST:
        return f"it admits more than {WIDEST} characters"
    return None if groups[0].ways <= MOST_WAYS else "it can be matched in too many ways"


def _step(groups: list[_Group], kind: str, sign: str) -> str | None:
    here = groups[-1]
    if kind == "open":
        groups.append(_Group())
        return None if len(groups) <= 4 else "groups lie too deep"
    if kind in ("close", "or"):
        if len(groups) == 1:
            return f"{sign} stands outside a group (?:…)"
        _leave(groups) if kind == "close" else _turn(here)
        return None
    if kind in ("times", "maybe"):
        return _repeat(here, sign)
    if kind == "class" and _SET_OPERATION.search(sign):
        return f"{sign} joins sets of characters"
    here.width, here.last, here.last_is_group = here.width + 1, 1, False
    return None


def _turn(here: _Group) -> None:
    """Begin the next alternative of a group."""
    here.widest = max(here.widest, here.width)
    here.width = here.last = 0
    here.ways += 1


def _leave(groups: list[_Group]) -> None:
    """Close a group, which becomes one atom of the group around it."""
    inner = groups.pop()
    outer = groups[-1]
    outer.last = max(inner.widest, inner.width)
    outer.width += outer.last
    outer.ways *= inner.ways
    outer.last_is_group = True


def _repeat(here: _Group, sign: str) -> str | None:
    if here.last == 0:
        return f"{sign} repeats nothing, or what is repeated already"
    if sign == "?":
        here.ways *= 2
    elif here.last_is_group:
        return "a group is not repeated, it may only be optional"
    else:
        least, _, most = sign[1:-1].partition(",")
        here.width += int(most or least) - 1
        here.ways *= max(1, int(most or least) - int(least) + 1)
    here.last = 0
    return None
