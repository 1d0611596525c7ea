"""The daily mail of what is due, by a real mail server: one a department and working day, no person in it."""

from __future__ import annotations

from datetime import time

import pytest

from edge.mail import MailServer, server_of
from edge.settings import SettingsError, load_settings
from tests.issuer.test_notices import SENDER, post
from tests.verifier.booking import Phone
from tests.verifier.test_requests import paper
from tests.verifier.world import at
from verifier.desks.due_mail import LISTED_MOST, DueMails, DueMailsAway, due_mailing, send_due_mails
from verifier.rules.matters import Matter

__all__ = ["post"]

DESK = "desk@media.example"
PAGE = "https://card.example.org/department"


@pytest.fixture
def phone(world):
    """A diamond holder's phone, on a Friday."""
    world.go("2026-10-30 10:00")
    return Phone(world, world.card("diamond"))


def mails(post, *recipients: tuple[str, str]) -> DueMails:
    """From half past eight on, to the media centre unless the test says otherwise."""
    return DueMails(recipients or (("media", DESK),), time(8, 30), MailServer(post.url, SENDER), PAGE)


def send(world, told: DueMails) -> None:
    """What the background work does at every round."""
    send_due_mails(world.programme, world.verifier.store, told, world.clock.now())


def test_a_department_is_told_what_is_due_and_of_no_person(world, phone, post):
    """Counts, numbers, deadlines in the office's own zone, Chinese first; nobody's name, telephone, address or card."""
    request = paper(phone)["id"]
    world.go("2026-11-02 08:30")
    send(world, mails(post))
    (letter,) = post.letters
    assert (letter["To"], letter["From"], letter["Auto-Submitted"]) == (DESK, SENDER, "auto-generated")
    assert "区融媒体中心2026-11-02待办，超期0项，今天到期0项，新1项" in letter["Subject"]
    text = letter.get_content()
    assert text.index("申请和事项：超期0项，今天到期0项，新1项。待核定的离线记录：0条。") < text.index("0 overdue")
    assert request in text
    assert "白云时事报" in text
    assert PAGE in text
    said = str(letter) + text
    for person in ("张", "晓明", "13800001234", "白云大道", phone.card.claims.subject, phone.card.token):
        assert person not in said


def keep(world, number: int, *, deadline: str | None = None, stage: str = "opened", closed: str | None = None) -> str:
    """Put a request of the justice department into the list of matters; its id."""
    until, ended = (None if text is None else at(text) for text in (deadline, closed))
    what = ("dept-justice", "justice", "legal-advice", "legal-advice", at("2026-10-30 10:00"), 1)
    matter = Matter(f"7f-{number:06d}", *what, stage=stage, deadline=until, closed_at=ended)
    world.verifier.store.matters.apply(matter.id, lambda _: matter)
    return matter.id


def test_deadlines_part_what_is_due_today_from_what_is_late(world, post):
    """Late, due today, due later, new, closed: each is told once, under its head, the most urgent first."""
    late = keep(world, 1, deadline="2026-10-30 17:30", stage="contacted")
    today = keep(world, 2, deadline="2026-11-02 17:30", stage="contacted")
    later = keep(world, 3, deadline="2026-11-05 17:30", stage="contacted")
    new = keep(world, 4)
    closed = keep(world, 5, deadline="2026-10-29 17:30", stage="closed", closed="2026-10-29 09:00")
    world.clock.set(at("2026-11-02 09:00"))
    send(world, mails(post, ("justice", DESK)))
    (letter,) = post.letters
    assert "区司法局法制与律师管理科2026-11-02待办，超期1项，今天到期1项，新1项" in letter["Subject"]
    chinese = letter.get_content().replace("\r\n", "\n").split("申请和事项：")[1].split("全部事项")[0]
    assert chinese.split("\n\n")[1:4] == [
        f"超期\n{late}  2026-10-30 17:30  免费法律咨询",
        f"今天到期\n{today}  2026-11-02 17:30  免费法律咨询",
        f"新\n{new}  无期限  免费法律咨询",
    ]
    assert later not in letter.get_content()
    assert closed not in letter.get_content()


@pytest.mark.slow
def test_one_mail_a_working_day_and_never_a_second_one_after_a_restart(world, post):
    """Rounds every minute, an opened store anew, a weekend and a holiday between: one mail on each working day."""
    told = mails(post, ("media", DESK), ("media", "second@media.example"), ("justice", "desk@justice.example"))
    days = {"2026-09-30": 3, "2026-10-01": 0, "2026-10-10": 3, "2026-10-17": 0, "2026-11-02": 3}
    for day, number in days.items():
        del post.letters[:]
        for moment in ("07:00", "08:29", "08:30", "08:31", "12:00", "23:59"):
            world.clock.set(at(f"{day} {moment}"))
            send(world, told)
            assert len(post.letters) == (number if moment >= "08:30" else 0), (day, moment)
            world.restart()
    assert len({letter["Message-ID"] for letter in post.letters}) == 2  # one a department and day


def test_a_process_that_dies_while_it_hands_a_mail_over_does_not_send_it_again(world, post):
    """Begun is begun: rather no mail than two. The next day has its own."""
    told = mails(post)
    world.clock.set(at("2026-11-02 09:00"))
    assert world.verifier.store.due_mails.begin("media", DESK, at("2026-11-02 09:00").date(), world.clock.now())
    world.restart()
    send(world, told)
    assert post.letters == []
    world.clock.set(at("2026-11-03 09:00"))
    send(world, told)
    assert len(post.letters) == 1


def test_a_mail_server_that_is_away_is_tried_again_and_told(world, post):
    """Every five minutes, for each department apart; the job's fault names the department and never the address."""
    told = mails(post, ("media", DESK), ("justice", "desk@justice.example"))
    post.answers = ["451 later"]
    world.clock.set(at("2026-11-02 09:00"))
    with pytest.raises(DueMailsAway, match="media: refused with 451") as caught:
        send(world, told)
    assert DESK not in str(caught.value)
    assert [letter["To"] for letter in post.letters] == ["desk@justice.example"]
    world.clock.set(at("2026-11-02 09:04"))
    with pytest.raises(DueMailsAway):
        send(world, told)
    world.clock.set(at("2026-11-02 09:05"))
    send(world, told)
    assert [letter["To"] for letter in post.letters] == ["desk@justice.example", DESK]


def test_an_address_that_is_refused_is_not_tried_again_that_day(world, post):
    """And the job goes on failing, so that somebody sees it."""
    told = mails(post)
    post.answers = ["550 no such user"]
    for moment in ("09:00", "10:00"):
        world.clock.set(at(f"2026-11-02 {moment}"))
        with pytest.raises(DueMailsAway, match="refused with 550"):
            send(world, told)
    assert (post.answers, post.letters) == ([], [])


def test_records_that_wait_are_counted_where_they_are_decided(world, post, silver, tablet):
    """A late record of the gym waits for the department that answers for the service, and for no other."""
    tablet.record(silver, when="2026-10-31 09:10")
    world.go("2026-11-23 09:00")
    tablet.answers()
    owner = world.programme.services["gym-visit"].departments[0]
    send(world, mails(post, (owner, DESK), ("media", DESK)))
    assert [letter.get_content().count("离线记录：1条") for letter in post.letters] == [1, 0]


def test_a_long_list_is_cut_and_says_so(world, post):
    """The most urgent ones; the page has all of them."""
    for number in range(LISTED_MOST + 2):
        keep(world, number + 1)
    world.clock.set(at("2026-11-02 09:00"))
    send(world, mails(post, ("justice", DESK)))
    text = post.letters[0].get_content()
    assert f"新{LISTED_MOST + 2}项" in text
    assert "另有2项，见网页" in text


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"YUNJU_DUE_MAIL": "media=desk@media.example"}, "YUNJU_MAIL_URL"),
        ({"YUNJU_DUE_MAIL": "media"}, "department=address"),
        ({"YUNJU_DUE_MAIL": "media=nobody"}, "not an address"),
        ({"YUNJU_DUE_MAIL_AT": "8"}, "time of day"),
        ({"YUNJU_DUE_MAIL_AT": "24:00"}, "time of day"),
    ],
)
def test_settings_that_cannot_be_followed_are_refused(told, said):
    """Without a mail server, without an address, at no hour."""
    with pytest.raises(SettingsError, match=said):
        load_settings(told)


def test_the_settings_name_departments_hour_and_server(world, post):
    """Two addresses of one department; a department that the programme does not know is refused as the work begins."""
    told = {"YUNJU_DUE_MAIL": "media=a@media.example, media=b@media.example", "YUNJU_DUE_MAIL_AT": "17:05",
            "YUNJU_MAIL_URL": post.url, "YUNJU_MAIL_FROM": SENDER}  # fmt: skip
    settings = load_settings(told)
    assert settings.due_mails == (("media", "a@media.example"), ("media", "b@media.example"))
    assert settings.due_mail_at == time(17, 5)
    assert server_of(settings) == MailServer(post.url, SENDER)
    assert server_of(load_settings({})) is None
    with pytest.raises(SettingsError, match="no department nobody"):
        due_mailing(world.programme, world.verifier.store, mails(post, ("nobody", DESK)), world.clock)
