"""The office's pages of papers from platforms, of cards that end soon, and of the log, in both languages."""

import csv
import re
from datetime import timedelta
from io import BytesIO

import pytest

from accounts.rights import Grant, Role
from issuer.applications import renewals
from issuer.applications.content import Applicant
from issuer.applications.intake import IntakeText, check, take_in
from issuer.applications.records import find
from issuer.applications.service import local_day
from issuer.register import office_log
from issuer.register.holders import find_holder
from issuer.register.marks import rule
from issuer.register.office_log import OfficeAction
from tests.issuer.applying import approved, pdf
from tests.issuer.builders import person, print_card, resident_id
from tests.web.site import BY, Site
from tests.web.staffing import PASSWORD, Browser, text_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine with an officer who reviews."""
    made = Site(tmp_path_factory.mktemp("attaching"))
    grants = [Grant(Role.OFFICER), Grant(Role.REVIEWER)]
    made.office.accounts.people.add("liu.ying", PASSWORD, grants, by=BY, at=made.clock.now())
    yield made
    made.close()


@pytest.fixture(scope="module")
def officer(site):
    """The officer's browser."""
    browser = Browser(site.app, site.base, "198.51.100.61")
    assert browser.sign_in("liu.ying").status_code == 303
    return browser


def told_by_platform(site, sequence):
    """An application of a platform, without papers."""
    desk, at = site.office.desk, site.clock.now().replace(microsecond=0)
    who = Applicant("何嘉欣", "resident-id", resident_id(sequence=sequence), phone="13800000099")
    told = IntakeText(
        "district", f"PX-{sequence}", who, "gold-6", employer="某单位", employer_kind="registered-or-taxed"
    )
    return take_in(desk, check(desk, told, local_day(desk, at)), by="integrator:i", at=at).id


def test_papers_of_a_platforms_application_are_attached_on_its_page(site, officer):
    """The page shows a form beside each paper; what was sent is there to be checked, a bad file says why not."""
    made = told_by_platform(site, 731)
    path = f"/office/applications/{made}"
    assert "代为附上材料" in text_of(officer.get(path))
    told = {"paper": "contract", "begins": "2026-01-01", "ends": "2028-12-31"}
    sent = officer.send(f"{path}/attach", form=path, **told, file=(BytesIO(pdf()), "../../合同.pdf"))
    assert (sent.status_code, sent.location) == (303, f"{path}#contract")
    page = officer.get(path).get_data(as_text=True)
    assert "已附上，请核验" in page
    assert re.search(rf"{path}/files/[A-Za-z0-9_-]{{22}}", page)
    assert "合同.pdf" not in page
    assert [file.key for file in find(site.office.desk, made).files] == ["contract"]
    bad = officer.send(f"{path}/attach", form=path, paper="degree", file=(BytesIO(b"<html>"), "a.jpg"))
    assert bad.status_code == 303
    assert "只收 PDF、JPEG、PNG 文件" in text_of(officer.get(path))
    assert [file.key for file in find(site.office.desk, made).files] == ["contract"]


def paper_on(page, key):
    """What a page says of one paper."""
    part = page.partition(f'id="{key}"')[2].partition('<div class="paper')[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", part))


def test_a_paper_that_is_there_is_not_called_missing_before_somebody_looked(site, officer):
    """Without a file it is missing; with one it waits to be looked at; an officer who ticked it has it in order."""
    made = told_by_platform(site, 732)
    path = f"/office/applications/{made}"
    officer.send(f"{path}/claim", form=path)
    assert "缺" in paper_on(officer.get(path).get_data(as_text=True), "contract")
    told = {"paper": "contract", "begins": "2026-01-01", "ends": "2028-12-31"}
    officer.send(f"{path}/attach", form=path, **told, file=(BytesIO(pdf()), "a.pdf"))
    page = officer.get(path).get_data(as_text=True)
    assert "待核验" in paper_on(page, "contract")
    assert " 缺 " not in paper_on(page, "contract")
    assert "2 处待核验" in text_of(officer.get(path))
    officer.send(f"{path}/check", form=path, paper="contract", check_0="yes", check_1="yes")
    page = officer.get(path).get_data(as_text=True)
    assert "已核验" in paper_on(page, "contract")
    assert "待核验" not in paper_on(page, "contract")


def test_cards_that_end_soon_stand_in_the_list_with_their_notice(site, officer):
    """Not told yet, then waiting: the office sees whom it has to call."""
    desk, at = site.office.desk, site.clock.now().replace(microsecond=0)
    soon = local_day(desk, at) + timedelta(days=9)
    print_card(desk, person(desk, "孙悦宁", at=at, contract_ends=soon), at=at)
    assert "未通知" in text_of(officer.get("/office/renewals"))
    assert renewals.queue_due(desk, at) == 1
    page = text_of(officer.get("/office/renewals"))
    assert ("待发" in page, "未通知" in page) == (True, False)
    told = officer.get("/office/notices").get_data(as_text=True)
    assert "即将到期" in told
    assert "/office/holders/" in told
    assert "孙悦宁" not in told


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_a_line_of_the_log_is_about_is_said_in_words(site, officer, language):
    """No code of a ground, reason, mark, paper or count stands on the page, whatever was done.

    In Chinese no small Latin letters are left; in English none of the forms that codes have.
    """
    desk, at = site.office.desk, site.clock.now().replace(microsecond=0)
    holder = approved(desk, "gold-6", at=at)[1].holder_id
    rule(desk, holder, "state-council-allowance", granted=True, by="cli:root", at=at)
    with desk.register.change() as connection:
        for action, told in DETAILS:
            office_log.append(connection, action, by="integrator:i", at=at, holder=holder, **told)
    shown = officer.get(f"/office/log?holder={holder}&lang={language}").get_data(as_text=True)
    about = " ".join(re.findall(r'<span class="small second">([^<]*)</span>', shown))
    code = r"[a-z]{3,}" if language == "zh" else r"[a-z]+-[a-z0-9]+|[a-z]+:"
    assert re.findall(code, about) == []
    assert ("金卡第6项" in about) is (language == "zh")
    officer.get("/office/log?lang=zh")


DETAILS = [
    (OfficeAction.APPLICATION_REFUSED, {"application": "a", "ground": "silver-3", "reason": "other"}),
    (OfficeAction.CARD_SUSPENDED, {"because": "blocked-by-holder"}),
    (OfficeAction.CODE_CANCELLED, {"because": "guessed"}),
    (OfficeAction.CARD_ISSUED, {"form": "print", "tier": "gold", "ground": "gold-6"}),
    (OfficeAction.CARD_PRINTED, {"kind": "pdf"}),
    (OfficeAction.LETTER_PRINTED, {"kind": "enrolment"}),
    (OfficeAction.APPLICATION_SHOWN, {"application": "a", "paper": "identity-number"}),
    (OfficeAction.APPLICATION_ATTACHED, {"application": "a", "paper": "insurance-or-tax"}),
    (OfficeAction.APPLICATION_REVIEWED, {"application": "a", "advice": "refuse"}),
    (OfficeAction.HOLDER_CORRECTED, {"fields": ["name", "phone"]}),
    (OfficeAction.KEY_ROTATED, {"purpose": "status", "kid": "0" * 43}),
    (OfficeAction.BUNDLE_SIGNED, {"version": 7}),
    (OfficeAction.NOTICE_AGAIN, {"notice": 12}),
    (
        OfficeAction.LIST_IMPORTED,
        {"sha256": "0" * 64, "rows": 9, "new": 5, "known": 1, "twice": 1, "faulty": 1, "held": 1, "open": 1}
        | {"kind": "list", "department": "development", "ground": "gold-12", "limb": "b", "reference": "函1号"},
    ),
]


def test_a_holder_page_says_marks_and_history_in_words(site, officer):
    """A ruling is named by its benefit, and the lines of the history say what they are about."""
    desk, at = site.office.desk, site.clock.now().replace(microsecond=0)
    holder = approved(desk, "gold-6", at=at)[1].holder_id
    rule(desk, holder, "state-council-allowance", granted=False, by=BY, at=at)
    page = text_of(officer.get(f"/office/holders/{holder}"))
    assert "state-council-allowance" not in page
    assert desk.programme.referrals["state-council-allowance"].name.zh in page
    assert find_holder(desk, holder).id == holder


def test_lists_are_saved_as_files_that_excel_opens(site, officer):
    """UTF-8 with a byte order mark, words instead of codes, the filters of the page, no formula, no full name."""
    made = told_by_platform(site, 741)
    application = find(site.office.desk, made)
    file = officer.get(f"/office/worklist.csv?text={application.receipt}")
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
    text = file.get_data().decode("utf-8")
    assert text.startswith("\ufeff回执,渠道,姓名,卡种,条件,环节,到期日,初审部门,经办\r\n")
    assert text.count("\r\n") == 2
    row = list(csv.reader(text[1:].splitlines()))[1]
    assert row[:6] == [application.receipt, "白云区政策兑现服务平台 PX-741", "何*欣", "金卡", "金卡第6项", "待接件"]
    nothing = officer.get("/office/worklist.csv?text=nobody-of-this-name").get_data(as_text=True)
    assert nothing.count("\r\n") == 1
    ends = officer.get("/office/renewals.csv?lang=en").get_data(as_text=True)
    assert ends.startswith("\ufeffLast day,Name,Tier,Renewal,Notice\r\n")
    officer.get("/office?lang=zh")
