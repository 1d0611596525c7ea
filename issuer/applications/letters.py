"""What is printed for an applicant: the form to sign and stamp, and the letter that tells a decision. PDFs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cards.programme.types import Text
from edge.fonts import FONTS
from issuer.applications.papers import CONTRACT
from issuer.applications.records import Application
from issuer.applications.states import State
from issuer.printing.sheet import Sheet
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
        "I declare that what is said above and all papers are true and complete.",
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
        "On {day} you applied, receipt number {receipt}.", "您于{day}提交的申请（回执号 {receipt}）已办结。"
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
    """Return the application form, filled in with what was typed, to be signed, stamped and sent back."""
    programme, content, language = issuer.programme, found.content, found.language
    ground, limb = found.named_ground(issuer)

    def word(key: str, **values: str) -> str:
        return _WORDS[key].in_language(language).format(**values)

    tier = programme.tiers[ground.tier].name.in_language(language) if ground.tier else word("by-decision")
    kind = programme.employers.get(content.employer_kind, Text("", ""))
    contract = next((paper for paper in found.papers if paper.key == CONTRACT and paper.begins), None)
    title = word("form", programme=programme.name.in_language(language), district=_district(issuer, language))
    sheet = Sheet(title, fonts)
    sheet.heading(title)
    sheet.rows(
        [
            (word("receipt"), found.receipt),
            (word("name"), content.name),
            (word("identity"), _ID_NAMES[content.id_type].in_language(language)),
            (word("number"), content.id_number),
            (word("phone"), content.phone),
            (word("email"), content.email),
            (word("employer"), content.employer),
            (word("kind"), kind.in_language(language)),
            (word("post"), content.post),
            (word("contract"), "" if contract is None else f"{contract.begins} – {contract.ends}"),
            (word("tier"), tier),
            (word("ground"), f"{ground_label(ground.code, language)} {limb.text.in_language(language)}"),
        ]
    )
    sheet.space(4)
    sheet.text(word("promise"))
    sheet.space(2)
    sheet.blank(word("signed"), 22)
    sheet.blank(word("stamped"), 38)
    return sheet.pdf()


def decision_letter(issuer: Issuer, found: Application, *, fonts: Path = FONTS) -> bytes:
    """Return the letter that tells an approval or a refusal; RefusedError before there is a decision."""
    if found.state not in (State.APPROVED, State.REFUSED) or found.submitted_at is None or found.decided_at is None:
        raise RefusedError("the application is not decided", "decide it first")
    programme, language = issuer.programme, found.language

    def word(key: str, **values: str) -> str:
        return _WORDS[key].in_language(language).format(**values)

    title = word("decision", programme=programme.name.in_language(language))
    sheet = Sheet(title, fonts)
    sheet.heading(title)
    sheet.text(word("dear", name=found.content.name))
    day = found.submitted_at.astimezone(programme.zone).date().isoformat()
    sheet.text(word("applied", day=day, receipt=found.receipt))
    sheet.space(2)
    if found.state is State.APPROVED:
        tier = programme.tiers[found.tier].name.in_language(language) if found.tier else ""
        sheet.text(word("approved", tier=tier), bold=True)
    else:
        reason = programme.applying.refusals[found.refusal or ""].in_language(language)
        sheet.text(word("refused", reason=reason), bold=True)
        if found.supplement:
            sheet.text(found.supplement)
    contact = programme.general_contact
    sheet.space(4)
    sheet.text(word("questions", label=contact.label.in_language(language), number=contact.number))
    sheet.space(8)
    sheet.text(found.decided_at.astimezone(programme.zone).date().isoformat())
    return sheet.pdf()


def ground_label(code: str, language: str) -> str:
    """Return how a ground is named to people: by its number in its tier; nothing for one without a number."""
    number = code.rpartition("-")[2]
    if not number.isdigit():
        return ""
    return f"第{number}项" if language.startswith("zh") else f"Ground {number}:"


def _district(issuer: Issuer, language: str) -> str:
    return issuer.programme.district.in_language(language)
