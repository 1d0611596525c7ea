"""`/apply` without a script: the self-check, the steps, papers, faults, the status, guesses; nothing personal leaks."""

import re
from io import BytesIO

import pytest
from pypdf import PdfReader

from issuer.applications.records import Filter, listed
from issuer.applications.states import State
from tests.issuer.applying import pdf
from tests.issuer.builders import photo, resident_id
from tests.papers import assert_fonts_inside
from tests.web.site import Site
from tests.web.staffing import Browser, text_of

pytestmark = pytest.mark.slow
NUMBERS = iter(range(300, 900))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine whose pages are asked without a browser."""
    made = Site(tmp_path_factory.mktemp("apply"))
    yield made
    made.close()


@pytest.fixture
def visitor(site, request):
    """Somebody with a browser without scripts, at an address of their own."""
    return Browser(site.app, site.base, f"198.51.100.{abs(hash(request.node.name)) % 250}")


def fill_person(visitor, limb="gold-6.a", **changes):
    """Begin an application and return the answer."""
    values = {"name": "何嘉欣", "id_type": "resident-id", "id_number": resident_id(sequence=next(NUMBERS))}
    values |= {"phone": "13800001111", "email": "someone@host.example"}
    return visitor.send(f"/apply/new?limb={limb}", **(values | changes))


def begun(visitor, limb="gold-6.a"):
    """Go as far as the papers."""
    fill_person(visitor, limb)
    visitor.send("/apply/employer", employer="某公司", employer_kind="registered-or-taxed", post="")
    visitor.send("/apply/ground", ground=limb)


def send_paper(visitor, key, data=None, **values):
    """Send what is told of a paper, and a file of it."""
    if data is not None:
        values["file"] = (BytesIO(data), "C:\\papers\\..\\..\\名字.jpg")
    return visitor.send(f"/apply/papers/{key}", form="/apply/papers", **values)


def all_papers(visitor):
    """Send everything that gold-6 needs."""
    send_paper(visitor, "application-form", pdf(), check_0="y", check_1="y")
    send_paper(visitor, "identity", photo(form="PNG"))
    send_paper(visitor, "degree", pdf())
    send_paper(visitor, "contract", pdf(), begins="2026-01-01", ends="2028-12-31")
    insured = {"variant": "personal-insurance", "begins": "2026-07-01", "ends": "2026-09-30"}
    send_paper(visitor, "insurance-or-tax", pdf(), **insured)
    send_paper(visitor, "photo", photo(716, 882))


def receipt_of(visitor):
    """Return the receipt number and the secret code that are shown."""
    page = visitor.get("/apply/receipt").get_data(as_text=True)
    return re.search(r'id="receipt">([^<]+)', page)[1], re.search(r'id="code">([^<]+)', page)[1]


def test_the_self_check_names_tier_ground_and_papers(visitor):
    """Groups, then limbs, then the answer; all in the address, nothing asked of a person."""
    assert "学历学位" in text_of(visitor.get("/apply"))
    assert "博士以上学位" in text_of(visitor.get("/apply?group=degree"))
    answer = text_of(visitor.get("/apply?group=degree&limb=gold-6.a&employer=yes"))
    for said in ("可申领", "金卡", "申请表", "加盖单位公章", "以审核结果为准"):
        assert said in answer
    assert visitor.client.get_cookie("yunju_forms") is None or "application" not in answer


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("group=company&limb=silver-7.a&employer=yes&m-district-tax=10000001", "钻石卡"),
        ("group=company&limb=diamond-17.a&employer=yes&m-district-tax=8000001", "金卡"),
        ("group=company&limb=silver-7.a&employer=yes&m-district-tax=5000000", "还不符合"),
        ("group=company&limb=silver-7.a&employer=yes&m-district-tax=abc", "请填写整数"),
        ("group=degree&limb=gold-6.a", "请选择所在单位"),
        ("group=degree&limb=gold-6.a&employer=no", "申领人所在单位应为"),
        ("group=special&limb=special.a&employer=yes", "一事一议"),
        ("group=project&limb=diamond-4.c&employer=yes", "产业高端和急需紧缺人才"),
        ("group=nothing&limb=gold-99.z&employer=perhaps&m-x=1", "您属于哪一类"),
    ],
)
def test_the_self_check_answers_whatever_it_is_asked(visitor, query, said):
    """Each figure gives its tier, each fault its sentence; nonsense is left out."""
    response = visitor.get(f"/apply?{query}")
    assert response.status_code == 200
    assert said in text_of(response)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_application_goes_all_the_way_without_a_script(site, visitor, language):
    """Person, employer, ground, papers, hand in, status; the office has it then."""
    visitor.get(f"/apply?lang={language}")
    begun(visitor)
    receipt, code = receipt_of(visitor)
    assert visitor.get("/apply/papers").status_code == 200
    pdf = visitor.get("/apply/form.pdf").data
    assert_fonts_inside(pdf)
    form = PdfReader(BytesIO(pdf)).pages[0].extract_text()
    assert "何嘉欣" in form
    assert receipt in form
    all_papers(visitor)
    assert 'id="complete"' in visitor.get("/apply/papers").get_data(as_text=True)
    assert visitor.send("/apply/hand-in", form="/apply/papers").headers["Location"] == "/apply/status"
    status = text_of(visitor.get("/apply/status"))
    assert receipt in status
    assert ("待接件" if language == "zh" else "waiting for review") in status
    assert code not in visitor.get("/apply/receipt").get_data(as_text=True)
    (line,) = listed(site.office.desk, Filter(text=receipt), limit=9)
    assert (line.state, line.ground, line.department) == (State.SUBMITTED, "gold-6", "hrss")


def test_another_browser_goes_on_with_receipt_and_code(site, visitor):
    """Half filled in on a phone, finished at a desk; a wrong code opens nothing."""
    begun(visitor)
    receipt, code = receipt_of(visitor)
    other = Browser(site.app, site.base, "198.51.100.251")
    wrong = other.send("/apply/status", receipt=receipt, code="0000-0000-0000-0000")
    assert wrong.status_code == 403
    assert "不符" in text_of(wrong)
    assert other.send("/apply/status", receipt=receipt, code=code.lower()).status_code == 303
    assert receipt in text_of(other.get("/apply/papers"))


def test_guesses_are_slowed_down(site):
    """Whoever tries receipts from one place is told to wait; others are not."""
    guesser, other = (Browser(site.app, site.base, f"203.0.113.{number}") for number in (9, 10))
    answers = [guesser.send("/apply/status", receipt="BY20261110-000001", code="guess").status_code for _ in range(12)]
    assert answers[-1] == 429
    assert other.send("/apply/status", receipt="BY20261110-000001", code="guess").status_code == 403


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "请填写此项"),
        ("id_number", "440111199003070000", "证件号码有误"),
        ("phone", "none", "电话号码有误"),
        ("email", "nobody", "邮箱格式"),
        ("id_type", "library-card", ""),
    ],
)
def test_each_fault_of_a_person_stands_at_its_field(visitor, field, value, said):
    """Nothing is begun; the fault names the field and what was typed in the others is kept."""
    response = fill_person(visitor, **{field: value})
    assert response.status_code == 422
    assert said in text_of(response)
    assert f'href="#{field}' in response.get_data(as_text=True)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"#!/bin/sh\nrm -rf /", "只收 PDF"),
        (b"<script>alert(1)</script>", "只收 PDF"),
        (b"%PDF-1.4\n<script>alert(1)</script>\n%%EOF", "不是单纯的 PDF"),
        (pdf() + b"PK\x03\x04" + b"\0" * 200, "不是单纯的 PDF"),
        (b"\xff\xd8\xff\xe0broken", "无法读取"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused_beside_its_paper(visitor, data, said):
    """A script named .jpg, a document that is two things, a broken picture."""
    begun(visitor)
    response = send_paper(visitor, "degree", data)
    assert response.status_code == 422
    assert said in text_of(response)


def test_a_body_beyond_the_bound_is_not_read(site, visitor):
    """Two gigabytes are refused by their length, before a byte of them was read."""
    begun(visitor)
    response = visitor.client.post(
        "/apply/papers/degree",
        base_url=site.base,
        input_stream=BytesIO(b""),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
        environ_overrides={"REMOTE_ADDR": visitor.address, "CONTENT_LENGTH": str(2 << 30)},
    )
    assert response.status_code == 413


@pytest.mark.parametrize("path", ["/apply/new", "/apply/status", "/apply/hand-in", "/apply/withdraw", "/apply/leave"])
def test_a_form_without_the_token_is_refused(site, visitor, path):
    """Another site's page can send nothing in a visitor's name."""
    begun(visitor)
    answer = visitor.client.post(
        path, data={"name": "x"}, base_url=site.base, headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 400


def test_a_cookie_of_before_does_not_open_what_is_begun_after(site, visitor):
    """Beginning and opening put a new cookie in place of the old one."""
    visitor.get("/apply/new")
    before = visitor.client.get_cookie("yunju_forms")
    fill_person(visitor)
    after = visitor.client.get_cookie("yunju_forms")
    assert before is None or before.value != after.value
    stranger = Browser(site.app, site.base)
    if before is not None:
        stranger.client.set_cookie("yunju_forms", before.value)
    assert stranger.get("/apply/papers").status_code == 303


def test_an_incomplete_application_is_not_handed_in(visitor):
    """Sending the form all the same leads back to what is missing."""
    begun(visitor)
    assert visitor.send("/apply/hand-in", form="/apply/papers").headers["Location"] == "/apply/papers"
    page = text_of(visitor.get("/apply/papers"))
    assert "没有办成" in page
    assert "还差 6 处" in page


def test_a_withdrawal_wants_a_tick(visitor):
    """Without the tick nothing happens, with it the application ends."""
    begun(visitor)
    visitor.send("/apply/withdraw", form="/apply/status")
    assert "还没有提交" in text_of(visitor.get("/apply/status"))
    visitor.send("/apply/withdraw", form="/apply/status", sure="yes")
    assert "已撤回" in text_of(visitor.get("/apply/status"))


def test_pages_of_an_application_are_kept_by_nobody_and_show_no_number(visitor):
    """No cache keeps them, and the identity number is on none of them."""
    number = resident_id(sequence=950)
    fill_person(visitor, id_number=number)
    for path in ("/apply/receipt", "/apply/employer", "/apply/ground", "/apply/status"):
        response = visitor.get(path)
        assert response.headers["Cache-Control"] == "no-store"
        assert number not in response.get_data(as_text=True)
