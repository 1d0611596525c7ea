"""`/office` without a script: role by route, two persons, papers, letters, cards stopped, the log; nothing unlogged."""

import re
import uuid
from datetime import timedelta
from io import BytesIO

import pytest
from PIL import Image
from pypdf import PdfReader

from accounts.rights import EVERYWHERE, Grant, Right, Role
from issuer.applications import notices, service
from issuer.applications.records import Filter, counted, find, listed
from issuer.applications.states import State
from issuer.issuing import signing_keys
from issuer.issuing.issuing import cards_of
from issuer.printing.qr import card_text
from issuer.publishing.office_checkpoint import note_key
from issuer.register import office_log
from issuer.register.application_tables import NOTICES
from issuer.register.holders import find_holder, photo_of
from issuer.register.office_log import OfficeAction
from tests.issuer.applying import approved, handed_in, reviewed
from tests.issuer.builders import resident_id
from tests.papers import assert_fonts_inside
from tests.web.site import BY, Site
from tests.web.staffing import PASSWORD, Browser, text_of
from web.office.application import ACTS

pytestmark = pytest.mark.slow
ROLES = {
    "officer": [Grant(Role.OFFICER)],
    "reviewer-all": [Grant(Role.REVIEWER)],
    "reviewer-union": [Grant(Role.REVIEWER, "union")],
    "approver-all": [Grant(Role.APPROVER)],
    "approver-gold": [Grant(Role.APPROVER, "gold")],
    "auditor": [Grant(Role.AUDITOR)],
    "administrator": [Grant(Role.ADMINISTRATOR)],
    "desk": [Grant(Role.DESK)],
    "both": [Grant(Role.OFFICER), Grant(Role.REVIEWER), Grant(Role.APPROVER)],
}
READS = {"officer", "reviewer-all", "approver-all", "approver-gold", "both"}
HOLDS = {"officer", "approver-all", "approver-gold", "both"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine with a person of each role."""
    made = Site(tmp_path_factory.mktemp("office"))
    for name, grants in ROLES.items():
        made.office.accounts.people.add(name, PASSWORD, grants, by=BY, at=made.clock.now())
    yield made
    made.close()


@pytest.fixture(scope="module")
def browsers(site):
    """A browser of each role, signed in."""
    found = {name: Browser(site.app, site.base, f"198.51.100.{20 + place}") for place, name in enumerate(ROLES)}
    for name, browser in found.items():
        assert browser.sign_in(name).status_code == 303
    return found


@pytest.fixture
def desk(site):
    """The register behind the pages."""
    return site.office.desk


def at(site):
    """The present instant, whole seconds."""
    return site.clock.now().replace(microsecond=0)


def act(browser, application_id, name, **values):
    """Send one act of an application's page."""
    path = f"/office/applications/{application_id}"
    return browser.send(f"{path}/{name}", form=path, **values)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_opens_its_own_pages_and_no_other(site, browsers, desk, role):
    """Role by route: pages of the office answer those alone whose right they need."""
    gold, holder_id = handed_in(desk, at=at(site)), approved(desk, at=at(site))[1].holder_id
    reads, holds = role in READS, role in HOLDS
    wanted = {
        "/office": reads or role == "reviewer-union",
        f"/office/applications/{gold}": reads,
        f"/office/applications/{gold}/form.pdf": reads,
        f"/office/applications/{gold}/files/{find(desk, gold).files[0].id}": reads,
        "/office/holders": holds,
        f"/office/holders/{holder_id}": holds,
        f"/office/holders/{holder_id}/photo": holds,
        "/office/renewals": holds,
        "/office/import": reads or role == "reviewer-union",
        "/office/notices": reads or role == "reviewer-union",
        "/office/programme": reads or role == "reviewer-union",
        "/office/log": holds or role == "auditor",
        "/office/keys": role == "administrator",
        "/office/log/checkpoint": holds or role == "auditor",
        "/office/print": holds,
    }
    found = {path: browsers[role].get(path).status_code == 200 for path in wanted}
    assert found == wanted


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", ACTS)
def test_each_role_does_its_own_acts_and_no_other(site, browsers, desk, role, name):
    """Role by act: whoever lacks the right is refused before the service is asked."""
    gold = handed_in(desk, at=at(site))
    holding = {"claim": {"reviewer-all", "both"}, "approve": {"approver-all", "approver-gold", "both"}, "note": READS}
    right = {"note": "note", "detach": "note", "supply": "note"}.get(name, "claim")
    right = "approve" if name in {"approve", "refuse", "return"} else right
    browser = browsers[role]
    path = f"/office/applications/{gold}"
    form = path if role in READS else "/sign-out"
    response = browser.send(f"{path}/{name}", form=form, text="x")
    assert (response.status_code == 303) == (role in holding[right])
    if response.status_code != 303:
        assert response.status_code == 403
        assert find(desk, gold).state is State.SUBMITTED


def test_nobody_opens_anything_without_signing_in(site, desk):
    """Strangers are sent to the sign-in, whatever they ask for."""
    stranger, gold = Browser(site.app, site.base), handed_in(desk, at=at(site))
    for path in ("/office", f"/office/applications/{gold}", "/office/holders", "/office/log", "/office/programme"):
        response = stranger.get(path)
        assert response.status_code == 303
        assert response.headers["Location"].startswith("/sign-in")


def test_a_department_sees_its_own_applications_alone(site, browsers, desk):
    """The union's reviewer finds the labour models in the list and no doctor."""
    union, gold = handed_in(desk, "diamond-7", at=at(site)), handed_in(desk, at=at(site))
    page = browsers["reviewer-union"].get("/office").get_data(as_text=True)
    assert union in page
    assert gold not in page
    assert browsers["reviewer-union"].get(f"/office/applications/{gold}").status_code == 403


def test_an_application_is_reviewed_by_one_and_decided_by_another(site, browsers, desk):
    """Claim, tick every paper, pass; the approver approves, the card is there and the letter can be printed."""
    gold = handed_in(desk, at=at(site))
    officer = browsers["reviewer-all"]
    act(officer, gold, "claim")
    page = officer.get(f"/office/applications/{gold}").get_data(as_text=True)
    assert 'id="pass" disabled' in page
    for paper in find(desk, gold).papers:
        act(officer, gold, "check", paper=paper.key, check_0="yes", check_1="yes")
    act(officer, gold, "forward", advice="approve", text="符合条件")
    assert find(desk, gold).state is State.IN_DECISION
    assert "由另一人审定" not in text_of(browsers["approver-gold"].get(f"/office/applications/{gold}"))
    act(browsers["approver-gold"], gold, "approve")
    found = find(desk, gold)
    assert found.state is State.APPROVED
    (card,) = cards_of(desk, found.holder_id)
    assert card.tier == "gold"
    letter = browsers["officer"].get(f"/office/applications/{gold}/letter.pdf")
    assert (letter.status_code, letter.content_type) == (200, "application/pdf")
    assert_fonts_inside(letter.data)


def test_the_same_person_with_every_role_is_told_before_the_click_and_after(site, browsers, desk):
    """One person with officer's, reviewer's and approver's rights reviews, and cannot decide, by any form sent."""
    both, gold = browsers["both"], handed_in(desk, at=at(site))
    act(both, gold, "claim")
    for paper in find(desk, gold).papers:
        act(both, gold, "check", paper=paper.key, check_0="yes", check_1="yes")
    act(both, gold, "forward", advice="approve")
    page = both.get(f"/office/applications/{gold}").get_data(as_text=True)
    assert 'id="objection"' in page
    assert f"/office/applications/{gold}/approve" not in page
    for name in ("approve", "refuse", "return"):
        act(both, gold, name, reason="ground-not-met", text="x")
        assert "由另一人审定" in text_of(both.get(f"/office/applications/{gold}"))
    assert find(desk, gold).state is State.IN_DECISION


def test_a_tier_beyond_the_right_is_not_decided(site, browsers, desk):
    """Gold's approver sees the diamond application and cannot decide it."""
    diamond = reviewed(desk, "diamond-11", at=at(site))
    act(browsers["approver-gold"], diamond, "approve")
    assert "您的权限不含此卡种" in text_of(browsers["approver-gold"].get(f"/office/applications/{diamond}"))
    assert find(desk, diamond).state is State.IN_DECISION


def test_a_supplement_is_composed_from_what_is_missing(site, browsers, desk):
    """What the officer did not tick of a paper that was looked at stands in the notice; the applicant reads it."""
    officer, gold = browsers["reviewer-all"], handed_in(desk, at=at(site))
    act(officer, gold, "claim")
    act(officer, gold, "check", paper="application-form", check_0="yes")
    page = officer.get(f"/office/applications/{gold}").get_data(as_text=True)
    notice = page.partition('id="supplement"')[2].partition("</textarea>")[0]
    assert "申请表：加盖单位公章" in notice
    assert "身份证" not in notice
    act(officer, gold, "ask", text="请补：申请表加盖单位公章")
    applicant = Browser(site.app, site.base, "198.51.100.200")
    code = service.new_secret(desk, gold, at=at(site), by=BY)
    applicant.send("/apply/status", receipt=find(desk, gold).receipt, code=code)
    status = text_of(applicant.get("/apply/status"))
    assert "请补：申请表加盖单位公章" in status
    assert "reviewer" not in status
    assert "暂停" in text_of(officer.get("/office?tab=supplement"))


def test_an_identity_number_is_shown_on_asking_and_each_look_is_logged(site, browsers, desk):
    """Masked on every page until somebody asks; then the log names who did."""
    number = resident_id(sequence=401)
    gold, made = approved(desk, at=at(site), number=number)
    officer = browsers["officer"]
    for path in (f"/office/applications/{gold}", f"/office/holders/{made.holder_id}", "/office", "/office/log"):
        assert number not in officer.get(path).get_data(as_text=True)
    for path in (f"/office/applications/{gold}", f"/office/holders/{made.holder_id}"):
        assert number in officer.send(f"{path}/identity", form=path).get_data(as_text=True)
    with desk.register.read() as connection:
        told = [line.action for line in office_log.newest(connection, 2)]
    assert told == [OfficeAction.HOLDER_SHOWN, OfficeAction.APPLICATION_SHOWN]


def test_a_lost_card_is_stopped_in_two_clicks(site, browsers, desk):
    """The number read out on the telephone opens the holder; one button suspends the card, another brings it back."""
    _, made = approved(desk, at=at(site), number=resident_id(sequence=402))
    (card,) = cards_of(desk, made.holder_id)
    officer = browsers["officer"]
    found = officer.get(f"/office/holders?text={card.number}")
    assert found.headers["Location"] == f"/office/holders/{made.holder_id}"
    officer.send(f"/office/cards/{card.number}/suspend", form=found.headers["Location"], because="lost")
    assert cards_of(desk, made.holder_id)[0].state.value == "suspended"
    officer.send(f"/office/cards/{card.number}/resume", form=found.headers["Location"])
    assert cards_of(desk, made.holder_id)[0].state.value == "valid"


def test_what_cannot_be_undone_wants_a_tick(site, browsers, desk):
    """Revoking and withdrawing do nothing without it; with it every card of the ground ends."""
    _, made = approved(desk, at=at(site), number=resident_id(sequence=403))
    (card,) = cards_of(desk, made.holder_id)
    officer, path = browsers["officer"], f"/office/holders/{made.holder_id}"
    officer.send(f"/office/cards/{card.number}/revoke", form=path)
    officer.send(f"{path}/withdraw", form=path, ground=str(card.ground_id))
    assert cards_of(desk, made.holder_id)[0].state.value == "valid"
    officer.send(f"{path}/withdraw", form=path, ground=str(card.ground_id), sure="yes")
    assert cards_of(desk, made.holder_id)[0].state.value == "revoked"


def test_cards_and_letters_are_printed_and_logged(site, browsers, desk):
    """The card's two faces and the activation letter are PDFs; who took them stands in the log."""
    _, made = approved(desk, at=at(site), number=resident_id(sequence=404))
    (card,) = cards_of(desk, made.holder_id)
    officer, path = browsers["officer"], f"/office/holders/{made.holder_id}"
    for address in (f"/office/cards/{card.number}/print", f"{path}/enrol"):
        response = officer.send(address, form=path)
        assert response.content_type == "application/pdf"
        assert response.data.startswith(b"%PDF")
    with desk.register.read() as connection:
        told = {line.action for line in office_log.newest(connection, 9, holder=made.holder_id)}
    assert {OfficeAction.CARD_PRINTED, OfficeAction.CODE_MADE, OfficeAction.LETTER_PRINTED} <= told


def test_a_paper_is_served_so_that_no_browser_runs_it(site, browsers, desk):
    """A picture is shown in a sandbox, a document is downloaded; neither is kept."""
    gold = handed_in(desk, at=at(site))
    for file in find(desk, gold).files:
        response = browsers["officer"].get(f"/office/applications/{gold}/files/{file.id}")
        assert "sandbox" in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Disposition"].startswith(("inline", "attachment"))
        assert response.headers["Cache-Control"] == "no-store"
    other = find(desk, handed_in(desk, at=at(site))).files[0]
    assert browsers["officer"].get(f"/office/applications/{gold}/files/{other.id}").status_code == 404


def test_the_worklist_narrows_and_finds(site, browsers, desk):
    """Filters by tier and ground, a search by receipt in every state; what is late says so."""
    late = handed_in(desk, at=at(site) - timedelta(days=30))
    officer = browsers["officer"]
    assert "超" in text_of(officer.get("/office?overdue=y"))
    assert late in officer.get("/office?tier=gold&ground=gold-6").get_data(as_text=True)
    assert late not in officer.get("/office?tier=silver").get_data(as_text=True)
    service.withdraw(desk, late, at=at(site), by="applicant")
    assert late in officer.get(f"/office?text={find(desk, late).receipt}").get_data(as_text=True)
    assert late in officer.get("/office?tab=withdrawn").get_data(as_text=True)


def test_the_queue_of_notices_is_shown_without_addresses_and_sent_again(site, browsers, desk):
    """What waits for a way that is not set is told; what was given up has one button, of those who may."""
    handed_in(desk, at=at(site), phone="13800000077", email="someone@host.example")
    with desk.register.change() as connection:
        connection.execute(
            NOTICES.update().where(NOTICES.c.transport == "mail").values(next_at=None, given_up_at=at(site))
        )
    notice = notices.list_notices(desk, limit=1, unsent=True)[0]
    page = browsers["officer"].get("/office/notices")
    assert "未设置短信网关" in text_of(page)
    assert "未送达" in text_of(page)
    for secret in ("13800000077", "someone@host.example", "何嘉欣"):
        assert secret not in page.get_data(as_text=True)
    mailed = next(one for one in notices.list_notices(desk, limit=9, unsent=True) if one.transport == "mail")
    path = f"/office/notices/{mailed.id}/again"
    assert browsers["auditor"].send(path, form="/sign-out").status_code == 403
    assert browsers["officer"].send(path, form="/office/notices").status_code == 303
    assert next(one for one in notices.list_notices(desk, limit=9) if one.id == mailed.id).given_up_at is None
    refused = browsers["officer"].send(f"/office/notices/{notice.id}/again", form="/sign-out")
    assert "没有办成" in text_of(browsers["officer"].get(refused.location))
    assert site.app.test_client().get("/readyz").status_code == 200


def sent_list(browser, data, **told):
    """Send a department's list to be looked at."""
    values = {"kind": "list", "department": "development", "ground": "gold-12/b", "reference": "函〔2026〕1号", **told}
    return browser.send("/office/import", **values, file=(BytesIO(data), "名单.csv"))


def test_a_list_is_looked_at_first_and_imported_by_a_second_press(site, browsers, desk):
    """The preview names faults by row and column and writes nothing; the second press imports, once."""
    officer = browsers["officer"]
    head, good = "姓名,证件号码,单位\n", f"林志远,{resident_id(sequence=601)},某公司\n"
    fault = sent_list(officer, f"{head}{good}何淑贞,{resident_id(sequence=602)},\n".encode("gb18030"))
    told = text_of(fault)
    assert (fault.status_code, "csv gb18030，共 2 行" in told) == (200, True)
    assert "3 单位 此列为空，必须填写" in told
    assert 'name="skip_faulty"' in fault.get_data(as_text=True)
    faulty = sent_list(officer, f"{head}何淑贞,{resident_id(sequence=602)},\n".encode()).get_data(as_text=True)
    assert "没有可导入的行" in faulty
    assert 'name="skip_faulty"' not in faulty
    before = counted(desk, Filter()).get(State.SUBMITTED, 0)
    looked = sent_list(officer, f"{head}{good}".encode()).get_data(as_text=True)
    assert counted(desk, Filter()).get(State.SUBMITTED, 0) == before
    draft = re.search(r'action="(/office/import/[^"]+)"', looked)[1]
    for browser, made in ((browsers["approver-all"], 0), (officer, 1), (officer, 1)):
        assert browser.send(draft, form="/office/import").status_code == 303
        assert counted(desk, Filter()).get(State.SUBMITTED, 0) == before + made
    (line,) = listed(desk, Filter(text="林志远"), limit=9)
    shown = text_of(officer.get("/office?text=林志远"))
    assert (line.receipt in shown, line.channel_receipt in shown) == (True, False)  # a list's key is for nobody
    opened = text_of(officer.get(f"/office/applications/{line.id}"))
    assert ("部门人才名单 区发展改革局" in opened, line.channel_receipt in opened) == (True, False)
    assert browsers["auditor"].send(draft, form="/sign-out").status_code == 403


@pytest.mark.parametrize(
    ("data", "told", "said"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1x", {}, "另存为不加密的 .xlsx"),
        ("姓名,证件号码\n".encode(), {}, "缺少列：单位"),
        ("姓名,证件号码,单位\na,b,c\n".encode(), {"reference": ""}, "请填写来文文号"),
        (b"", {}, "请填写"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_fault_at_its_field(browsers, data, told, said):
    """The form comes back with the remedy, never an error page."""
    response = sent_list(browsers["officer"], data, **told)
    assert response.status_code == 422
    assert "fault" in response.get_data(as_text=True)
    assert said in text_of(response) or not data


def test_a_department_imports_its_own_lists_alone(site, browsers):
    """The union's reviewer is offered the union, and a forged choice of another department is refused."""
    data = f"姓名,证件号码,单位\n林志远,{resident_id(sequence=603)},某公司\n".encode()
    assert sent_list(browsers["reviewer-union"], data).status_code == 422
    assert sent_list(browsers["reviewer-union"], data, kind="platform").status_code == 422


def test_a_new_code_is_shown_once_and_opens_the_application(site, browsers, desk):
    """For whoever came by a list or lost the code; the page after it shows none."""
    gold = handed_in(desk, at=at(site))
    officer, path = browsers["officer"], f"/office/applications/{gold}"
    shown = text_of(officer.send(f"{path}/new-code", form=path))
    code = re.search(r"新查询码：([0-9A-Z-]+)", shown)[1]
    assert service.opened(desk, find(desk, gold).receipt, code) == gold
    assert code not in text_of(officer.get(path))
    assert browsers["auditor"].send(f"{path}/new-code", form="/sign-out").status_code == 403


def test_after_an_erasure_the_next_tap_is_refused_and_starts_nothing_anew(site, browsers, desk):
    """The office erases at its page, signed in a short while ago; a card shown afterwards is revoked at the counter."""
    _, made = approved(desk, "diamond-11", at=at(site), number=resident_id(sequence=420))
    (card,) = cards_of(desk, made.holder_id)
    rights = {EVERYWHERE: frozenset({Right.CHECK_IN})}
    until = site.clock.now() + timedelta(days=9)
    token = site.office.accounts.integrators.add("gym", rights, expires_at=until, by=BY, at=site.clock.now())[1]
    shown = card_text(card.token, desk.programme)

    def tap():
        body = {"service": "gym-visit", "point": "gym", "beneficiary": "holder", "presentation": shown}
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid.uuid4().hex}
        return site.app.test_client().post("/v1/check-ins", json=body | {"id_checked": True}, headers=headers).json

    site.publish()
    assert tap()["outcome"] == "granted"
    assert "每月免费运动 2026-11 已用 1 次，共 2 次" in text_of(
        browsers["officer"].get(f"/office/holders/{made.holder_id}")
    )
    officer, path = browsers["officer"], f"/office/holders/{made.holder_id}"
    officer.send(f"{path}/erase", form=path)
    assert find_holder(desk, made.holder_id).erased_at is None
    officer.send(f"{path}/erase", form=path, sure="yes")
    assert find_holder(desk, made.holder_id).erased_at is not None
    page = officer.get(path)
    assert page.status_code == 200
    assert "个人信息已于" in text_of(page)
    assert "何嘉欣" not in page.get_data(as_text=True)
    site.publish()
    refused = tap()
    assert (refused["outcome"], refused["reason"]) == ("denied", "revoked")


def test_an_administrator_rotates_and_drops_keys_and_nobody_else_does(site, browsers, desk):
    """By role for every act; a drop wants a tick; the key's page then lists the cards to make anew."""
    _, made = approved(desk, at=at(site), number=resident_id(sequence=430))
    (card,) = cards_of(desk, made.holder_id)
    kid = signing_keys.signing_key_id(card)
    for role in ROLES:
        if role != "administrator":
            for path in ("/office/keys/rotate", f"/office/keys/{kid}/drop"):
                assert browsers[role].send(path, form="/sign-out", purpose="card", sure="yes").status_code == 403
            assert browsers[role].get(f"/office/keys/{kid}").status_code == 403
    admin = browsers["administrator"]
    notes = text_of(admin.get("/office/keys"))
    assert note_key(desk).vkey in notes
    assert "没有期限" in notes
    admin.send("/office/keys/rotate", form="/office/keys", purpose="card")
    assert "待用，已公布" in text_of(admin.get("/office/keys"))
    path = f"/office/keys/{kid}"
    admin.send(f"{path}/drop", form=path)
    assert "在用" in text_of(admin.get(path))
    admin.send(f"{path}/drop", form=path, sure="yes")
    page = text_of(admin.get(path))
    assert "已泄露，永久作废" in page
    assert card.number in page
    site.go(minutes=20)
    later = admin.send("/office/keys/rotate", form="/office/keys", purpose="status")
    assert later.headers["Location"].startswith("/sign-in")


def test_a_sheet_of_cards_is_printed_true_to_size_and_each_once(site, browsers, desk):
    """Two A4 pages, fronts and backs, for whoever may; the cards then stand on the list no more."""
    numbers = []
    for place in range(3):
        made = approved(desk, at=at(site), number=resident_id(sequence=440 + place))[1]
        numbers.append(cards_of(desk, made.holder_id)[0].number)
    officer = browsers["officer"]
    assert all(number in officer.get("/office/print").get_data(as_text=True) for number in numbers)
    assert browsers["auditor"].send("/office/print", form="/sign-out", card=numbers).status_code == 403
    found = PdfReader(BytesIO(officer.send("/office/print", card=numbers).data))
    assert [(round(float(page.mediabox.width)), round(float(page.mediabox.height))) for page in found.pages] == [
        (595, 842),
        (595, 842),
    ]
    text = found.pages[0].extract_text().replace(" ", "")
    assert all(number.replace("-", "")[-6:] in text.replace("-", "") for number in numbers)
    assert not any(number in officer.get("/office/print").get_data(as_text=True) for number in numbers)
    assert officer.send("/office/print").status_code == 303


def test_a_photo_is_changed_at_the_holders_page(site, browsers, desk):
    """A right one is kept; what is no picture, and whoever has no right, leave the old one."""
    _, made = approved(desk, at=at(site), number=resident_id(sequence=450))
    path, before = f"/office/holders/{made.holder_id}", photo_of(desk, made.holder_id)
    picture = BytesIO()
    Image.new("RGB", (358, 441), (250, 250, 250)).save(picture, "JPEG")
    for browser, data, status in (
        (browsers["officer"], b"no picture", 303),
        (browsers["auditor"], picture.getvalue(), 403),
    ):
        form = path if status == 303 else "/sign-out"
        answer = browser.send(f"{path}/new-photo", form=form, photo=(BytesIO(data), "a.jpg"))
        assert answer.status_code == status
        assert photo_of(desk, made.holder_id) == before
    browsers["officer"].send(f"{path}/new-photo", form=path, photo=(BytesIO(picture.getvalue()), "a.jpg"))
    assert photo_of(desk, made.holder_id) != before


def test_the_log_can_be_checked_on_its_page(browsers):
    """The chain is gone through from the first line, and the page says that it holds."""
    page = text_of(browsers["auditor"].get("/office/log?check=1"))
    assert "未被改动或删除" in page
    assert "与最近公布的检查点" in page


def test_a_missing_year_of_holidays_is_told(browsers):
    """A deadline across a year without a calendar is provisional, and the programme's page says so."""
    assert "2027 年节假日未录入" in text_of(browsers["officer"].get("/office/programme"))


@pytest.mark.parametrize(
    "path", ["/office/applications/none", "/office/holders/none", "/office/applications/x/files/y"]
)
def test_what_is_not_there_is_a_page(browsers, path):
    """A wrong address in the office is a page with the way back."""
    response = browsers["officer"].get(path)
    assert response.status_code == 404
    assert "没有这个页面" in text_of(response)
