"""The issuer's refusals in Chinese for a page. In English they stay as the service wrote them.

A refusal is written once, in English, with figures in it. `translations/refusals.json` has each sentence in Chinese.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Final

from web.wording import FOLDER

_VALUES: Final = {
    "valid": "有效",
    "suspended": "已暂停",
    "revoked": "已作废",
    "replaced": "已更换",
    "print": "实体卡",
    "chip": "芯片卡",
    "tag": "感应标签",
    "phone": "电子卡",
    "draft": "填报中",
    "submitted": "待接件",
    "in-review": "初审",
    "supplement": "待补正",
    "in-decision": "复审",
    "approved": "已通过",
    "refused": "未通过",
    "withdrawn": "已撤回",
    "card": "卡片",
    "status": "状态名单",
    "log": "使用记录",
    "receipt": "回执",
    "root": "根",
}
"""Codes in a refusal, and the names that people use."""
_COMMAND: Final = "python -m"


def in_chinese(message: str) -> str | None:
    """Return a refusal's message in Chinese, or None for an unknown sentence."""
    for pattern, text in _sentences():
        found = pattern.fullmatch(message)
        if found is not None:
            return text.format(*(_VALUES.get(told, told) for told in found.groups()))
    return None


def said(message: str, hint: str, language: str) -> dict[str, str]:
    """Return the two values of a page's notice: the refusal, and the remedy if it is one for a page.

    A Chinese sentence contains its remedy. A command is no remedy for a user of a page.
    """
    text = in_chinese(message) if language == "zh" else None
    if text is not None:
        return {"said": text, "hint": ""}
    return {"said": message, "hint": "" if _COMMAND in hint or not hint else f" ({hint})"}


@cache
def _sentences() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return patterns with their texts, the longest first, because a longer sentence is more specific."""
    told = json.loads((FOLDER / "refusals.json").read_text(encoding="utf-8"))
    ordered = sorted(told.items(), key=lambda pair: -len(pair[0]))
    return tuple((re.compile(re.escape(english).replace(r"\{\}", "(.+?)")), text) for english, text in ordered)
