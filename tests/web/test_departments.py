"""`/department` without a script: who sees whom, stages as the holder sees them, terms, call-backs, hand-overs."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pytest
from pypdf import PdfReader

from tests.verifier.booking import Phone
from tests.verifier.offline_devices import Tablet
from tests.web.desks import DeskWorld
from tests.web.staffing import text_of

PAPER = {"recipient": "张晓明", "address": "白云大道南118号七楼", "phone": "13800001234"}
CASE = {"phone": "13800001234", "case": "孩子从外区转来，想在本区读五年级"}


@pytest.fixture
def desks(tmp_path):
    """A verifier with the pages, on Friday 23 October 2026 at ten."""
    made = DeskWorld(tmp_path, "2026-10-23 10:00")
    yield made
    made.close()


@pytest.fixture
def phone(desks):
    """A diamond holder's phone."""
    return Phone(desks, desks.card("diamond"))


def asked(phone, service: str, fields: dict) -> str:
    """Ask by phone; the request's id."""
    response = phone.call("POST", "/v1/wallet/requests", {"service": service, "fields": fields})
    assert response.json["outcome"] == "granted", response.json
    return response.json["id"]


def act(browser, request: str, name: str, **values):
    """Send one act of a request's page, its fields under the act's prefix."""
    path = f"/department/requests/{request}"
    return browser.send(f"{path}/{name}", form=path, **{f"{name}-{field}": value for field, value in values.items()})


def own(phone) -> dict:
    """The holder's newest request, as the phone is told."""
    return phone.call("POST", "/v1/wallet/requests/list").json["requests"][0]


def shown(browser, path: str) -> str:
    """What a page says; it must open."""
    response = browser.get(path)
    assert response.status_code == 200, (path, response.status_code)
    return text_of(response)


def test_a_request_goes_through_its_stages_and_the_holder_sees_each(desks, phone):
    """Taken up with a term in working days, called back, handed over, closed: list, page and phone agree."""
    organisation = desks.browser("desk:organisation")
    case = asked(phone, "steward-case", CASE)
    assert "诉求协调解决" in shown(organisation, "/department?tab=new")
    assert act(organisation, case, "take-up", days="1").status_code == 303
    assert own(phone)["stage"] == "complete"
    page = shown(organisation, f"/department/requests/{case}")
    assert "办结期限 2026-10-26 10:00" in page
    assert CASE["case"] in page
    act(organisation, case, "call-back", result="not-reached", note="下午再打")
    assert own(phone)["stage"] == "followed-up"
    page = organisation.get(f"/department/requests/{case}").get_data(as_text=True)
    assert "没接通" in page
    assert "<p>下午再打</p>" in page, "the note as it was typed, without the salt of its commitment"
    act(organisation, case, "hand-over", department="basic-education", note="请答复")
    assert (own(phone)["stage"], own(phone)["decides"]) == ("forwarded", "basic-education")
    act(organisation, case, "close", outcome="done")
    assert own(phone)["outcome"] == "done"
    assert "诉求协调解决" in shown(organisation, "/department?tab=closed")
    assert case not in organisation.get("/department").get_data(as_text=True)


def test_whom_a_request_was_handed_to_works_on_it_under_its_own_name_for_the_holder(desks, phone):
    """The receiving department sees the telephone and closes; its reference to the holder is another."""
    organisation, education = desks.browser("desk:organisation"), desks.browser("desk:basic-education")
    case = asked(phone, "steward-case", CASE)
    assert education.get(f"/department/requests/{case}").status_code == 404
    act(organisation, case, "hand-over", department="basic-education")
    assert case in education.get("/department").get_data(as_text=True)
    assert CASE["phone"] in shown(education, f"/department/requests/{case}")
    subject, reference = phone.card.claims.subject, desks.verifier.answering.reference
    assert reference("organisation", subject) != reference("basic-education", subject)
    assert act(education, case, "close", outcome="passed-on").status_code == 303
    assert own(phone)["outcome"] == "passed-on"


def test_departments_never_see_each_others_persons(desks, phone):
    """Role by route: each of a department's pages and acts is there for that department alone."""
    roles = {
        "media": ["desk:media"],
        "library": ["desk:library"],
        "all": ["desk"],
        "both": ["desk:media", "desk:library"],
        "auditor": ["auditor"],
        "officer": ["officer"],
    }
    browsers = {name: desks.browser(*grants) for name, grants in roles.items()}
    paper = asked(phone, "steward-newspaper", PAPER)
    path, sees = f"/department/requests/{paper}", {"media", "all", "both"}
    for name, browser in browsers.items():
        works = name not in {"auditor", "officer"}
        listed = browser.get("/department")
        assert listed.status_code == (200 if works else 403), name
        assert (paper in listed.get_data(as_text=True)) == (name in sees), name
        for tab in ("open", "new", "closed"):
            other = browser.get(f"/department?department=media&tab={tab}").get_data(as_text=True)
            assert (paper in other) == (name in sees and tab != "closed"), (name, tab)
        page = browser.get(path)
        assert page.status_code == (200 if name in sees else 404 if works else 403), name
        assert (PAPER["address"] in page.get_data(as_text=True)) == (name in sees), name
        if name not in sees:
            for act_ in ("take-up", "call-back", "hand-over", "close"):
                sent = browser.send(f"{path}/{act_}", form="/sign-out", **{f"{act_}-outcome": "done"})
                assert sent.status_code == (404 if works else 403), (name, act_)
    assert own(phone)["stage"] == "opened"
    read = [line["what"] for line in desks.verifier.store.accesses(kind="requests") if paper in str(line["what"])]
    assert len(read) == len(sees)


def test_nobody_opens_anything_without_signing_in(desks):
    """Strangers are sent to the sign-in; a desk without the second step sees no names."""
    stranger = desks.app.test_client()
    for path in ("/department", "/department/new", "/department/requests/00-000001"):
        assert stranger.get(path).headers["Location"].startswith("/sign-in")


def test_without_the_second_step_names_and_telephones_are_masked(desks, phone):
    """The right to names waits for it: the page masks, and says so."""
    paper = asked(phone, "steward-newspaper", PAPER)
    page = shown(desks.browser("desk:media", factor=False), f"/department/requests/{paper}")
    assert PAPER["phone"] not in page
    assert PAPER["address"] not in page
    assert "已隐去" in page


def test_what_holds_no_content_takes_no_note(desks, phone):
    """Legal advice: no note is asked for, and one that is sent all the same is refused."""
    justice = desks.browser("desk:justice")
    response = phone.call(
        "POST",
        "/v1/wallet/requests",
        {"service": "legal-advice", "fields": {"phone": "13800001234"}, "confirmed": True},
    )
    advice = response.json["id"]
    page = justice.get(f"/department/requests/{advice}")
    assert "本项不记录内容" in text_of(page)
    assert 'name="close-note"' not in page.get_data(as_text=True)
    assert act(justice, advice, "close", outcome="done", note="离婚财产").status_code == 422
    assert act(justice, advice, "close", outcome="done").status_code == 303


def test_a_counted_request_that_is_refused_gives_its_unit_back(desks, phone):
    """Closed as refused, the year's newspaper can be asked for again."""
    media = desks.browser("desk:media")
    paper = asked(phone, "steward-newspaper", PAPER)
    act(media, paper, "close", outcome="refused")
    assert own(phone)["outcome"] == "refused"
    asked(phone, "steward-newspaper", PAPER)


def test_a_form_sent_twice_is_one_step(desks, phone):
    """The form carries its operation: a second click, or a reload, adds nothing to the history."""
    organisation = desks.browser("desk:organisation")
    case = asked(phone, "steward-case", CASE)
    path = f"/department/requests/{case}"
    page = organisation.get(path).get_data(as_text=True)
    operation = re.search(r'name="operation" value="([^"]+)"', page)[1]
    for _ in range(2):
        organisation.send(f"{path}/call-back", form=path, operation=operation, **{"call-back-result": "reached"})
    assert text_of(organisation.get(path)).count("跟进中") == 1


def test_lists_part_by_term(desks, phone):
    """New, due today, late, closed: by office hours and holidays, with the count of each."""
    hrss = desks.browser("desk")
    case = asked(phone, "steward-case", CASE)
    assert act(hrss, case, "take-up", days="0.5").status_code == 303  # 14:30
    tabs = {"today": True, "overdue": False}
    assert {tab: case in hrss.get(f"/department?tab={tab}").get_data(as_text=True) for tab in tabs} == tabs
    assert "今天 14:30" in shown(hrss, "/department")
    desks.clock.advance(timedelta(hours=6))
    hrss = desks.browser("desk")  # the session before has ended meanwhile
    assert {tab: case in hrss.get(f"/department?tab={tab}").get_data(as_text=True) for tab in tabs} == {
        "today": False,
        "overdue": True,
    }
    assert "超 1 天" in shown(hrss, "/department")


@pytest.mark.parametrize("days", ["", "0", "many", "366", "nan"])
def test_a_term_that_is_none_is_told_at_its_field(desks, phone, days):
    """Nothing is recorded; the page comes back with the fault."""
    organisation = desks.browser("desk:organisation")
    case = asked(phone, "steward-case", CASE)
    response = act(organisation, case, "take-up", days=days)
    assert response.status_code == 422
    assert 'id="take-up-days-fault"' in response.get_data(as_text=True)
    assert own(phone)["stage"] == "opened"


def test_a_request_by_telephone_names_the_card_and_the_call(desks):
    """Card number with call-back; each fault stands at its field; the request then lies at the department."""
    media, number = desks.browser("desk:media"), desks.numbered("gold")
    path = "/department/new/steward-newspaper/media"
    assert path in media.get("/department/new").get_data(as_text=True)
    fields = {f"f-{name}": value for name, value in PAPER.items()}
    uncalled = media.send(path, card_number=number, **fields)
    assert (uncalled.status_code, "请先按登记号码回拨" in text_of(uncalled)) == (422, True)
    wrong = media.send(path, card_number="BY 0000 0000 0000", called_back="y", **fields)
    assert 'id="card_number-fault"' in wrong.get_data(as_text=True)
    short = media.send(path, card_number=number, called_back="y", **{**fields, "f-phone": "12"})
    assert 'id="f-phone-fault"' in short.get_data(as_text=True)
    done = media.send(path, card_number=number, called_back="y", **fields)
    assert done.status_code == 303
    assert "电话" in shown(media, done.headers["Location"])
    again = media.send(path, card_number=number, called_back="y", **fields)
    assert again.status_code == 409
    assert media.get("/department/new/promotion/library").status_code == 404


def test_a_counters_matter_stands_in_its_departments_list(desks):
    """A registration window's matter: number and deadline, no person; the department closes it."""
    window = desks.device("gov-registry")
    opened = window.outcome(
        desks.card("silver").shown(), "business-change", beneficiary="employer", reference="GS-2026-7"
    )
    market = desks.browser("desk:market")
    page = shown(market, "/department?reference=GS-2026-7")
    assert "企业变更" in page
    assert act(market, opened["id"], "take-up").status_code == 303
    assert "办结期限 2026-10-26 10:00" in shown(market, f"/department/requests/{opened['id']}")
    assert act(market, opened["id"], "close", outcome="done").status_code == 303


def test_a_green_channel_matter_has_a_notice_for_the_department_that_decides(desks):
    """The PDF names number, kind, department and term, and no person; other matters have none."""
    window, holder = desks.device("gov-green"), Phone(desks, desks.card("gold"))
    matter = {"kind": "construction", "decides": "construction"}
    opened = window.outcome(desks.card("silver").shown(), "green-channel", reference="LT-2026-12", matter=matter)
    desk = desks.browser("desk:gov-service")
    path = f"/department/requests/{opened['id']}"
    assert f"{path}/notice.pdf" in desk.get(path).get_data(as_text=True)
    notice = desk.get(f"{path}/notice.pdf")
    assert (notice.status_code, notice.content_type) == (200, "application/pdf")
    text = PdfReader(io.BytesIO(notice.data)).pages[0].extract_text()
    assert "LT-2026-12" in text
    assert desks.browser("desk:library").get(f"{path}/notice.pdf").status_code == 404
    assert desks.browser("desk:construction").get(f"{path}/notice.pdf").status_code == 200  # it decides
    case = asked(holder, "steward-case", CASE)
    assert desks.browser("desk:organisation").get(f"/department/requests/{case}/notice.pdf").status_code == 404


def test_a_matter_of_an_offline_record_asks_for_its_kind_when_it_is_taken_up(desks):
    """Marked until then; without a kind it is not taken up."""
    desks.go("2026-10-23 10:00")
    tablet = Tablet.at(desks, "gov-green")
    (answer,) = tablet.answers([tablet.record(desks.card("silver"), "green-channel")])
    desk = desks.browser("desk:gov-service")
    path = f"/department/requests/{answer['id']}"
    assert "类别待补" in shown(desk, path)
    assert "张*明" in shown(desk, path)
    assert act(desk, answer["id"], "take-up", days="3").status_code == 422
    assert act(desk, answer["id"], "take-up", days="3", kind="construction").status_code == 303
    assert "类别待补" not in shown(desk, path)
    assert "工程建设" in shown(desk, path)


def test_subscribers_are_listed_for_their_department_and_the_reading_is_logged(desks, phone):
    """With address, without the withdrawn; the file says the same; no other department and nobody masked reads it."""
    media = desks.browser("desk:media")
    asked(phone, "steward-newspaper", PAPER)
    other = Phone(desks, desks.card("gold"))
    desks.clock.advance(timedelta(seconds=2))  # the documents are looked at once a second
    gone = asked(other, "steward-newspaper", {**PAPER, "address": "别处"})
    act(media, gone, "close", outcome="withdrawn")
    page = shown(media, "/department/subscribers?year=2026")
    assert PAPER["address"] in page
    assert "别处" not in page
    file = media.get("/department/subscribers/steward-newspaper/2026.csv")
    assert PAPER["address"] in file.get_data(as_text=True)
    for browser in (desks.browser("desk:library"), desks.browser("desk:media", factor=False)):
        assert browser.get("/department/subscribers").status_code == 403
    assert desks.browser("desk:library").get(file.request.path).status_code == 404
    assert media.get("/department/subscribers/steward-newspaper/x.csv").status_code == 404
    told = [line["what"] for line in desks.verifier.store.accesses(kind="requests")]
    assert told.count("subscribers steward-newspaper 2026") == 2


def test_no_select_shows_a_raw_key(desks, phone):
    """Choices are words of the page's language, on a request's page and on a booking's."""
    organisation, number = desks.browser("desk:organisation", "desk:library"), desks.numbered("gold")
    desks.clock.advance(timedelta(seconds=2))
    case = asked(phone, "steward-case", CASE)
    room = {"f-slot": "2026-10-26T09:00", "f-people": "2", "card_number": number, "called_back": "y"}
    booking = organisation.send("/desk/new/library/library-room", **room).headers["Location"]
    for path in (f"/department/requests/{case}", booking, "/department", "/desk", "/department/new", "/desk/events"):
        page = organisation.get(f"{path}?lang=en")
        assert not re.findall(r"\b(?:department|desk|form|table|door)\.[a-z][a-z.-]+", text_of(page)), path
