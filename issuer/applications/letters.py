"""Papers for an applicant (PDF): the form to sign and stamp, and the letter with a decision."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Final

from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Spacer

from cards.programme.types import Text
from edge.fonts import FONTS
from edge.paper import Styles, blank, facts, language_of, pages, paragraph, styles_of
from issuer.applications.papers import CONTRACT
from issuer.applications.records import Application
from issuer.applications.states import BY_DECISION, State
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer

_WORDS: Final = {
    "form": Text("Application for the {programme}", "{district}{programme}申请表"),
    "receipt": Text("Receipt number", "回执号"),
    "name": Text("Name", "姓名"),
    "identity": Text("Identity document", "证件类型"),
    "number": Text("Number", "证件号码"),
    "phone": Text("Telephone", "联系电话"),
    "email": Text("E-mail", "电子邮箱"),
    "employer": Text("Employer", "工作单位"),
    "kind": Text("Kind of employer", "单位类别"),
    "post": Text("Post", "职务"),
    "contract": Text("Contract", "合同起止日期"),
    "tier": Text("Tier applied for", "申领等级"),
    "by-decision": Text("By decision of the leading group", "由区人才工作领导小组认定"),
    "ground": Text("Ground", "申领条件"),
    "promise": Text(
        "I declare that the details above and all papers are true and complete.",
        "本人承诺：以上内容及所附材料真实、完整，如有不实，愿承担相应责任。",
    ),
    "signed": Text("Signature of the applicant, date", "申领人签名、日期"),
    "stamped": Text("Opinion and stamp of the employer, date", "单位意见（加盖单位公章）、日期"),
    "decision": Text("Decision on the application for the {programme}", "{programme}申领结果通知书"),
    "approved": Text(
        "The application was approved. A card has been issued: {tier}.", "经审核，同意您的申领，发放{tier}。"
    ),
    "refused": Text("The application was refused: {reason}.", "经审核，对您的申领不予通过。理由：{reason}。"),
    "dear": Text("Dear {name},", "{name}："),
    "applied": Text(
        "You applied on {day}. Your receipt number is {receipt}.", "您于{day}提交的申请（回执号 {receipt}）已办结。"
    ),
    "questions": Text("Questions: {label}, {number}.", "如有疑问，请咨询{label}，电话 {number}。"),
}
_ID_NAMES: Final = {
    "resident-id": Text("Resident ID", "居民身份证"),
    "passport": Text("Passport", "护照"),
    "hk-macao-permit": Text("Mainland travel permit (Hong Kong, Macao)", "港澳居民来往内地通行证"),
    "taiwan-permit": Text("Mainland travel permit (Taiwan)", "台湾居民来往大陆通行证"),
}


def application_form(issuer: Issuer, found: Application, *, fonts: Path = FONTS) -> bytes:
    """Return the application form, filled in with the typed values, to sign, stamp and send back."""
    programme, language = issuer.programme, language_of(found.language)
    styles = styles_of(language, fonts)
    names = {"programme": programme.name, "district": programme.district}
    title = _word("form", language, **{key: name.in_language(language) for key, name in names.items()})
    parts = [
        paragraph(title, styles.title),
        Spacer(1, 3 * mm),
        facts(_form_rows(issuer, found), styles),
        Spacer(1, 4 * mm),
        paragraph(_word("promise", language), styles.text),
        Spacer(1, 2 * mm),
        blank(_word("signed", language), 22 * mm, styles),
        blank(_word("stamped", language), 38 * mm, styles),
    ]
    return pages(parts, title=title, author=programme.code, language=language, fonts=fonts)


def _form_rows(issuer: Issuer, found: Application) -> list[tuple[str, str]]:
    """Return the form's lines about the applicant: the name and value of each, in the application's language."""
    programme, content, language = issuer.programme, found.content, found.language
    ground, limb = found.named_ground(issuer)
    tier = programme.tiers[ground.tier].name.in_language(language) if ground.tier else _word("by-decision", language)
    kind = programme.employers.get(content.employer_kind, Text("", ""))
    contract = next((paper for paper in found.papers if paper.key == CONTRACT and paper.begins), None)
    rows = {
        "receipt": found.receipt,
        "name": content.name,
        "identity": _ID_NAMES[content.id_type].in_language(language),
        "number": content.id_number,
        "phone": content.phone,
        "email": content.email,
        "employer": content.employer,
        "kind": kind.in_language(language),
        "post": content.post,
        "contract": "" if contract is None else f"{contract.begins} – {contract.ends}",
        "tier": tier,
        "ground": f"{ground_label(ground.code, language)} {limb.text.in_language(language)}",
    }
    return [(_word(key, language), value) for key, value in rows.items()]


def decision_letter(issuer: Issuer, found: Application, *, fonts: Path = FONTS) -> bytes:
    """Return the letter with an approval or a refusal. Raises RefusedError before there is a decision."""
    if found.state not in (State.APPROVED, State.REFUSED) or found.submitted_at is None or found.decided_at is None:
        raise RefusedError("the application is not decided", "decide it first")
    programme, language = issuer.programme, language_of(found.language)
    styles, contact = styles_of(language, fonts), programme.general_contact
    title = _word("decision", language, programme=programme.name.in_language(language))
    applied, decided = (
        _day(at.astimezone(programme.zone).date(), language) for at in (found.submitted_at, found.decided_at)
    )
    questions = _word("questions", language, label=contact.label.in_language(language), number=contact.number)
    parts = [
        paragraph(title, styles.title),
        Spacer(1, 3 * mm),
        paragraph(_word("dear", language, name=found.content.name), styles.text),
        paragraph(_word("applied", language, day=applied, receipt=found.receipt), styles.text),
        Spacer(1, 2 * mm),
        *_decided(issuer, found, styles),
        Spacer(1, 4 * mm),
        paragraph(questions, styles.text),
        Spacer(1, 8 * mm),
        *(paragraph(line, styles.text) for line in (_decider(issuer, found, language), decided) if line),
    ]
    return pages(parts, title=title, author=programme.code, language=language, fonts=fonts)


def _decided(issuer: Issuer, found: Application, styles: Styles) -> list[Flowable]:
    """Return the letter's lines about the decision: the tier of the card, or the reason for the refusal."""
    programme, language = issuer.programme, found.language
    if found.state is State.APPROVED:
        tier = programme.tiers[found.tier].name.in_language(language) if found.tier else ""
        return [paragraph(_word("approved", language, tier=tier), styles.strong)]
    reason = programme.applying.refusals[found.refusal or ""].in_language(language)
    more = [paragraph(line, styles.text) for line in (found.supplement or "").splitlines()]
    return [paragraph(_word("refused", language, reason=reason), styles.strong), *more]


def _decider(issuer: Issuer, found: Application, language: str) -> str:
    """Return the department that decides by the programme: of the ground's tier, or of a ground that fixes no tier."""
    programme, (ground, _) = issuer.programme, found.named_ground(issuer)
    code = programme.approval.get(ground.tier or BY_DECISION)
    return "" if code is None else programme.departments[code].name.in_language(language)


def _day(day: date, language: str) -> str:
    """Return a day as a letter writes it."""
    return f"{day.year}年{day.month}月{day.day}日" if language.startswith("zh") else day.isoformat()


def _word(key: str, language: str, **values: str) -> str:
    return _WORDS[key].in_language(language).format(**values)


def ground_label(code: str, language: str) -> str:
    """Return a ground's name for people: its number in its tier, or an empty text without a number."""
    number = code.rpartition("-")[2]
    if not number.isdigit():
        return ""
    return f"第{number}项" if language.startswith("zh") else f"Ground {number}:"
