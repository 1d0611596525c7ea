"""The letter with a decision: what it says, who decided, and on which day."""

from dataclasses import replace
from io import BytesIO

import pytest
from pypdf import PdfReader

from issuer.applications.deciding import refuse
from issuer.applications.letters import decision_letter
from issuer.applications.records import find
from issuer.register.errors import RefusedError
from tests.issuer.applying import APPROVER, LATER, approved, handed_in, reviewed


def letter(desk, application_id, language="zh"):
    """The words of a letter, without spaces and breaks."""
    found = replace(find(desk, application_id), language=language)
    text = PdfReader(BytesIO(decision_letter(desk, found))).pages[0].extract_text()
    return "".join(text.split())


@pytest.mark.parametrize(
    ("ground", "tier", "decider"),
    [
        ("diamond-11", "钻石卡", "区人才工作领导小组办公室"),
        ("gold-6", "金卡", "区人力资源社会保障局专业技术人员管理科"),
        ("silver-2", "银卡", "区人力资源社会保障局专业技术人员管理科"),
        ("special", "金卡", "区人才工作领导小组"),
    ],
)
def test_an_approval_is_signed_off_by_the_department_that_decides(desk, ground, tier, decider):
    """The department of the tier, the leading group for a ground that fixes none, then the day as China writes it."""
    application_id, _ = approved(desk, ground)
    assert f"发放{tier}。" in letter(desk, application_id)
    assert letter(desk, application_id).endswith(f"{decider}2026年11月3日")


def test_a_refusal_says_the_reason_what_the_office_adds_and_who_decided(desk):
    """In both languages; before a decision there is no letter."""
    waiting = handed_in(desk)
    with pytest.raises(RefusedError, match="not decided"):
        decision_letter(desk, find(desk, waiting))
    made = reviewed(desk)
    refuse(desk, made, APPROVER, reason="ground-not-met", at=LATER, text="请凭新的登记证明再次申请。")
    said = letter(desk, made)
    assert "不予通过。理由：不符合所申报的申领条件。请凭新的登记证明再次申请。" in said
    assert said.endswith("管理科2026年11月3日")
    assert letter(desk, made, "en").endswith("ProfessionalsSection2026-11-03")
