"""Names missing things in both languages: for the applicant's page, the supplement notice and the officer's list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from cards.programme.types import Programme, Text
from issuer.applications.papers import GROUND, Claim, Lack, LackKind, Requirement, ground_of, requirements

_PLAIN: Final[Mapping[LackKind, Text]] = {
    LackKind.EMPLOYER: Text("Choose the kind of employer", "请选择所在单位的类别"),
    LackKind.PAPER: Text("not handed in", "未提交"),
    LackKind.VARIANT: Text("choose the kind of paper", "请选择材料种类"),
    LackKind.SPAN: Text("give the first and the last day", "请填写起止日期"),
    LackKind.ENDED: Text("has ended", "已到期"),
    LackKind.EXCLUSION: Text("The exclusions are not checked yet", "待核对是否属于不含的情形"),
    LackKind.LIST: Text(
        "The applicant is on no list of a department, and this ground needs such a list",
        "未在有关部门提供的人才名单内，本项只凭名单认定",
    ),
    LackKind.DECISION: Text(
        "Tier, reference and body of the leading group's decision are missing", "缺领导小组认定的等级、文号、机构"
    ),
    LackKind.BASIS: Text("The last day of the ground is missing or has passed", "缺条件的到期日，或者已经到期"),
}
_LABEL: Final[Mapping[LackKind, Text]] = {
    LackKind.TOO_SHORT: Text("covers less than {part} months", "不满{part}个月"),
    LackKind.CONFIRMATION: Text("confirm: {part}", "请确认：{part}"),
    LackKind.CHECK: Text("{part}", "{part}"),
    LackKind.FIGURE: Text("Give: {part}", "请填写：{part}"),
    LackKind.THRESHOLD: Text("{part} does not meet the ground", "{part}不符合本项条件"),
}
_EMPTY: Final = Text("", "")


def lack_text(programme: Programme, claim: Claim, lack: Lack) -> Text:
    """Return one missing thing as a sentence that names the paper."""
    paper = requirement_of(programme, claim, lack.key)
    part = _part(programme, claim, lack, paper)
    said = _LABEL[lack.kind] if lack.kind in _LABEL else _PLAIN[lack.kind]
    filled = Text(said.en.format(part=part.en), said.zh.format(part=part.zh or part.en))
    if paper is None:
        return filled
    name = short_name(paper)
    return Text(f"{name.en}: {filled.en}", f"{name.zh or name.en}：{filled.zh}")


def lack_texts(programme: Programme, claim: Claim, found: Iterable[Lack]) -> list[Text]:
    """Return all missing things, each once, in order."""
    texts = [lack_text(programme, claim, lack) for lack in found]
    return list(dict.fromkeys(texts))


def requirement_of(programme: Programme, claim: Claim, key: str) -> Requirement | None:
    """Return the paper with a key, or None if the application has no such paper."""
    named = ground_of(programme, claim.ground, claim.limb)
    if named is None:
        return None
    return next((one for one in requirements(programme, *named, claim.id_type) if one.key == key), None)


def _part(programme: Programme, claim: Claim, lack: Lack, paper: Requirement | None) -> Text:
    if lack.key == GROUND:
        return programme.applying.measures.get(lack.part, Text(lack.part, lack.part))
    if paper is None or lack.kind is LackKind.TOO_SHORT:
        return Text(lack.part, lack.part)
    handed = next((one for one in claim.papers if one.key == lack.key), None)
    checks = paper.checks_for(None if handed is None else handed.variant)
    return checks[int(lack.part)] if lack.part else _EMPTY


def short_name(paper: Requirement) -> Text:
    """Return a paper's name for lists: its own short name, otherwise its name up to the first comma, without a full
    stop.
    """
    if paper.short is not None:
        return paper.short
    zh, en = paper.name.zh.rstrip("。"), paper.name.en.rstrip(".")
    return Text(en.split(",", maxsplit=1)[0], zh.split("，", maxsplit=1)[0])


def supplement_text(programme: Programme, claim: Claim, found: Iterable[Lack]) -> Text:
    """Return the notice that asks for everything missing at once, as a list of numbered lines."""
    texts = lack_texts(programme, claim, found)
    number = programme.general_contact.number
    en = "; ".join(f"{place}. {text.en}" for place, text in enumerate(texts, 1))
    zh = "；".join(f"{place}. {text.zh}" for place, text in enumerate(texts, 1))
    return Text(f"Please supply: {en}. Questions: {number}.", f"请补：{zh}。咨询 {number}。")


def plain_lack(programme: Programme, lack: Lack) -> Text:
    """Return missing things by the papers' names alone, for a list that opens no application."""
    document = programme.documents.get(lack.key)
    variants = (one for document in programme.documents.values() for one in document.variants)
    name = document.name if document is not None else next((one.text for one in variants if one.code == lack.key), None)
    if name is None:
        return _PLAIN.get(lack.kind) or Text("a figure is missing or does not meet the ground", "数字未填或者不符合")
    own = None if document is None else document.short
    short = short_name(Requirement(lack.key, 0, name, needed=True, short=own))
    said = _PLAIN.get(lack.kind) or Text("not checked yet", "待核验")
    return Text(f"{short.en}: {said.en}", f"{short.zh or short.en}：{said.zh}")
