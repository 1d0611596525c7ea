"""Yearly notices: kept by their organiser; before one is out nobody sends a receipt, and everybody is told when."""

from datetime import date

import pytest

from accounts.rights import Right
from tests.verifier.booking import Phone, lounge, patch
from tests.verifier.world import BY, NOTICED_AT, SHANGHAI, World, at
from verifier.rules.notices import Notice, expected_about, notice_findings

UNION = "union-checkup"
NOTICE = Notice(
    UNION, 2026, date(2026, 3, 10), date(2026, 11, 30), date(2026, 4, 1), date(2026, 12, 15), "云工〔2026〕3号"
)
BOOKING = frozenset({Right.CHECK_IN, Right.BOOKINGS})


@pytest.fixture
def unnoticed(tmp_path):
    """A verifier where no notice is out, at nine on 31 October 2026."""
    made = World(tmp_path, noticed=())
    yield made
    made.close()


def keep(world: World, notice: Notice) -> None:
    """Keep a notice."""
    world.verifier.store.notices.keep(notice, BY, NOTICED_AT)


def told(phone: Phone, service: str = UNION) -> dict:
    """What the wallet tells of a service."""
    usage = phone.call("POST", "/v1/wallet/usage").json
    return next(one for one in usage["services"] if one["code"] == service)


def test_a_receipt_before_the_notice_is_refused_with_its_reason_and_remedy(unnoticed):
    """By the phone and by the desk alike; the unit stays free, the refusal is logged."""
    gold = unnoticed.card("gold")
    refused = Phone(unnoticed, gold).booked(UNION, {"year": 2026})
    assert (refused["outcome"], refused["reason"]) == ("denied", "notice-awaited")
    assert refused["message"]["zh"] == "“工会基础体检”2026年度的通知尚未发布，现在还不能填报回执。"
    assert "请主办单位先登记通知" in refused["hint"]["zh"]
    assert refused["call"]["phone"] == "86385035"
    assert refused["quotas"][0]["used"] == 0
    body = {"service": UNION, "fields": {"year": 2026}, "presentation": gold.shown()}
    at_desk = lounge(unnoticed, "union", BOOKING).call("POST", "/v1/bookings", body).json
    assert at_desk["reason"] == "notice-awaited"
    assert [entry["reason"] for entry in unnoticed.log()] == ["notice-awaited"] * 2


def test_from_the_day_of_the_notice_until_its_last_day_receipts_are_taken(unnoticed):
    """A day before the first: told from when on; on the last day's last minute granted; the day after: too late."""
    keep(unnoticed, NOTICE)
    unnoticed.go("2026-11-30 23:59")
    phone, late = (Phone(unnoticed, unnoticed.card("gold")) for _ in range(2))
    assert phone.booked(UNION, {"year": 2026})["outcome"] == "granted"
    unnoticed.go("2026-12-01 00:00")
    refused = late.booked(UNION, {"year": 2026})
    assert (refused["reason"], "11月30日 23:59" in refused["message"]["zh"]) == ("booking-too-late", True)
    keep(unnoticed, Notice(UNION, 2027, date(2027, 3, 1), date(2027, 11, 30), date(2027, 4, 1), date(2027, 12, 15)))
    early = late.booked(UNION, {"year": 2027})
    assert early["reason"] == "notice-awaited"
    assert "2027年3月1日" in early["message"]["zh"]


def test_a_receipt_is_not_moved_to_a_year_without_a_notice(unnoticed):
    """The change is refused, the receipt of this year stands."""
    keep(unnoticed, NOTICE)
    phone = Phone(unnoticed, unnoticed.card("gold"))
    booking = phone.booked(UNION, {"year": 2026})["booking"]["id"]
    assert phone.change(booking, {"year": 2027})["reason"] == "notice-awaited"
    assert phone.own()[0]["details"]["year"] == 2026


def test_a_day_outside_the_notice_is_refused_at_its_field(unnoticed):
    """By a receipt that names a day, and by the organiser who sets one."""
    keep(unnoticed, NOTICE)
    phone = Phone(unnoticed, unnoticed.card("gold"))
    wrong = phone.book(UNION, {"year": 2026, "day": "2026-12-16"})
    assert (wrong.status_code, wrong.json["fields"][0]["path"]) == (422, "$.fields.day")
    booking = phone.booked(UNION, {"year": 2026})["booking"]["id"]
    desk = lounge(unnoticed, "union", BOOKING)
    body = {"delay": {"expected_at": at("2026-12-16 00:00").isoformat()}}
    outside = desk.call("PATCH", f"/v1/bookings/{booking}", body)
    assert (outside.status_code, outside.json["fields"][0]["path"]) == (422, "$.delay.expected_at")
    assert patch(desk, booking, delay={"expected_at": at("2026-12-15 00:00").isoformat()})["outcome"] == "granted"


def test_the_wallet_tells_when_the_notice_is_expected(unnoticed):
    """Nothing known: awaited; last year's: about the same day; this year's: its days, and next year's about then."""
    phone = Phone(unnoticed, unnoticed.card("gold"))
    assert told(phone)["awaited"] == {"year": 2026}
    assert "notices" not in told(phone)
    keep(unnoticed, Notice(UNION, 2025, date(2025, 3, 3), date(2025, 6, 30), date(2025, 4, 1), date(2025, 9, 30)))
    assert told(phone)["awaited"] == {"year": 2026, "about": at("2026-03-03 00:00").isoformat().replace("+00:00", "Z")}
    assert "约在3月3日" in phone.booked(UNION, {"year": 2026})["hint"]["zh"]
    keep(unnoticed, NOTICE)
    (notice,) = told(phone)["notices"]
    assert (notice["year"], notice["opens_at"], notice["closes_at"]) == (
        2026,
        "2026-03-09T16:00:00Z",
        "2026-11-30T16:00:00Z",
    )
    assert told(phone)["awaited"]["year"] == 2027
    assert "awaited" not in told(phone, "gym-visit")


def test_about_when_a_notice_is_expected():
    """A year after the newest earlier one; a leap day goes to the 28th; without an earlier one nobody knows."""
    assert expected_about([], 2027) is None
    assert expected_about([NOTICE], 2027) == date(2027, 3, 10)
    leap = Notice(UNION, 2028, date(2028, 2, 29), date(2028, 6, 1), date(2028, 6, 1), date(2028, 6, 2))
    assert expected_about([NOTICE, leap], 2029) == date(2029, 2, 28)
    assert notice_findings(NOTICE, at("2026-03-09 23:59"), SHANGHAI) == ("notice-awaited",)
    assert notice_findings(NOTICE, at("2026-03-10 00:00"), SHANGHAI) == ()
