"""Sending webhooks to real receivers that are killed, slow, failing, redirecting or gone: no event is lost, and each
keeps its id.
"""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from edge.instants import to_epoch
from hooks.events import HookEvent
from hooks.following import follow
from hooks.queue import DELAYS, JITTER, RESTS, delay
from hooks.registry import RefusedHook
from hooks.sending import Sender
from hooks.tables import DELIVERIES
from tests.hooks.conftest import BY, a_place
from tests.hooks.receiver import Receiver, cut, verified
from tests.waiting import until

MINUTE = timedelta(minutes=1)


class Told:
    """A log that tells what a test says."""

    log = "usage"

    def __init__(self, clock) -> None:
        self.clock, self.lines = clock, []

    def add(self, number: int = 1, *, point: str = "gym") -> None:
        """Let something happen now, a number of times."""
        for _ in range(number):
            sequence = len(self.lines) + 1
            told = {"point": point}
            event = HookEvent("check_in.granted", "usage", f"00-{sequence:06d}", 0, sequence, self.clock.now(), told,
                          ("holder", "h" * 43), point, "gym-visit")  # fmt: skip
            self.lines.append((sequence, event))

    def starts(self, since):
        return {0: sum(event.at < since for _, event in self.lines)}

    def ends(self):
        return {0: len(self.lines)}

    def read(self, partition, after, limit):
        return self.lines[after : after + limit]


@pytest.fixture
def log(clock):
    """A log without a line."""
    return Told(clock)


@pytest.fixture
def happens(place, log):
    """Lets something happen and queues it."""

    def happen(number: int = 1) -> None:
        log.add(number)
        follow(place.hooks, log, place.clock.now())

    return happen


def rows(place):
    """Every delivery as it is kept."""
    with place.hooks._database.read() as connection:
        return connection.execute(sa.select(DELIVERIES).order_by(DELIVERIES.c.id)).all()


def test_an_event_is_signed_told_once_and_in_order(place, receiver, happens):
    """Three headers of the standard, JSON whose bytes are signed, the order told by partition and number."""
    hook, secret = place.hook(receiver.url)
    happens(3)
    place.send(rounds=2)
    assert [told["data"]["sequence"] for told in receiver.got] == [1, 2, 3]
    assert receiver.names == [f"msg_{hook.id}_00-00000{number}" for number in (1, 2, 3)]
    for headers, body in receiver.calls:
        assert verified(secret, headers, body)
        assert not verified("whsec_" + "A" * 44, headers, body)
        assert int(headers["webhook-timestamp"]) == to_epoch(place.clock.now())
        assert headers["content-type"] == "application/json"
    assert "." not in receiver.names[0].replace("msg_", "")
    told = receiver.got[0]
    assert (told["type"], told["timestamp"]) == ("check_in.granted", "2026-10-31T01:00:00Z")
    assert set(told["data"]) == {"log", "entry", "partition", "sequence", "point", "holder"}
    assert "h" * 43 not in json.dumps(told)
    place.later(days=1)
    assert len(receiver.calls) == 3


@pytest.mark.parametrize(
    "answer",
    [500, 404, 429, (302, {"Location": "http://127.0.0.1:1/"}), cut],
    ids=["500", "404", "429", "redirected", "cut"],
)
def test_a_failed_call_is_made_again_under_the_same_name(place, receiver, happens, answer):
    """Whatever is no 2xx, a redirection and a line that is cut among it: the same id and body, a later time."""
    hook, secret = place.hook(receiver.url)
    receiver.answers = [answer]
    happens()
    place.send(rounds=3)
    assert len(receiver.calls) == 1  # it waits: rounds that come at once try nothing
    assert place.find(hook).failures == 1
    place.later(seconds=13)
    (first, body), (again, same) = receiver.calls
    assert (first["webhook-id"], body) == (again["webhook-id"], same)
    assert int(again["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 13
    assert verified(secret, again, same)
    assert [(row.sent_at is not None, row.tries, row.fault) for row in rows(place)] == [(True, 2, None)]
    assert place.find(hook).failures == 0


def test_a_redirection_is_followed_nowhere(place, receiver, happens):
    """Another server on this machine is named, and hears nothing."""
    other = Receiver()
    try:
        place.hook(receiver.url)
        receiver.answers = [(307, {"Location": other.url})]
        happens()
        place.send()
        assert (len(receiver.calls), other.calls) == (1, [])
    finally:
        other.end()


def test_a_receiver_that_is_down_for_hours_gets_everything_once_it_is_back(place, happens):
    """Nothing is lost and nothing comes twice; what waited longest for its next try does not wait for it any more."""
    first = Receiver()
    hook, _ = place.hook(first.url)
    first.end()
    happens(5)
    for _ in range(12):
        place.later(minutes=30)
    stood = place.find(hook)
    assert stood.failures >= 3
    assert stood.fault == "ConnectionRefusedError"
    assert stood.rest_until > place.clock.now()
    back = Receiver(first.port)
    try:
        place.later(minutes=31)
        place.later(seconds=1)
        assert sorted(back.entries) == [f"00-00000{number}" for number in range(1, 6)]
        assert place.hooks.queue.standing() == {}
    finally:
        back.end()


def test_a_slow_receiver_holds_up_nobody_else(tmp_path, clock, log, receiver):
    """While a receiver keeps its call open, another one gets its events; rounds in between open no second call."""
    place = a_place(tmp_path, clock, seconds=60)
    slow, released = Receiver(), threading.Event()
    slow.always = lambda handler: (released.wait(60), cut(handler))
    try:
        dull, _ = place.hook(slow.url)
        place.hook(receiver.url)
        log.add(20)
        follow(place.hooks, log, clock.now())
        place.sender.once()
        until(lambda: len(receiver.got) == 20)
        until(lambda: len(slow.calls) == 1)
        place.sender.once()
        assert (len(slow.calls), place.find(dull).failures) == (1, 0)
        released.set()
        until(lambda: place.find(dull).failures)
    finally:
        released.set()
        place.sender.close()
        place.hooks.close()
        slow.end()


def test_a_receiver_that_is_gone_is_stopped_and_goes_on_where_it_stood(place, receiver, happens, log):
    """410 stops the webhook for good; resumed by hand, it gets what waited and what happened since."""
    hook, _ = place.hook(receiver.url)
    receiver.answers = [410]
    happens(2)
    place.send()
    assert place.find(hook).stopped_why == "gone"
    log.add(2)
    for _ in range(3):
        follow(place.hooks, log, place.clock.now())
        place.later(days=2)
    assert len(receiver.calls) == 1
    assert "gone" in place.hooks.complaint(place.clock.now())
    place.hooks.registry.resume(hook.id, by=BY, at=place.clock.now())
    follow(place.hooks, log, place.clock.now())
    place.send()
    assert receiver.entries == [f"00-00000{number}" for number in range(1, 5)]
    assert place.hooks.complaint(place.clock.now()) is None


def test_what_is_never_taken_is_given_up_after_days_and_sent_again_by_hand(place, receiver, happens):
    """A dead letter is listed, complained of, counted, and sent again under the same name when somebody says so."""
    hook, _ = place.hook(receiver.url)
    receiver.always = 500
    happens()
    began = place.clock.now()
    for _ in range(400):
        place.later(hours=1)
        if place.hooks.queue.dead():
            break
    (dead,) = place.hooks.queue.dead(hook.id)
    assert (dead.tries, dead.fault) == (len(DELAYS) + 1, "answered 500")
    assert timedelta(days=2.9) < dead.dead_at - began < timedelta(days=5)
    assert len(set(receiver.names)) == 1
    told = {sample.name: sample.value for family in place.hooks.figures() for sample in family.samples}
    assert (told["yunju_hook_dead"], told["yunju_hook_waiting"]) == (1.0, 0.0)
    assert told["yunju_hook_fault_timestamp_seconds"] == to_epoch(dead.dead_at)
    assert "given up" in place.hooks.complaint(place.clock.now())
    place.later(days=20)
    assert len(receiver.calls) == len(DELAYS) + 1
    receiver.always = 204
    assert place.hooks.queue.again(names=[dead.name], by=BY, at=place.clock.now()) == 1
    place.send()
    assert receiver.entries == ["00-000001"]
    assert receiver.names[-1] == dead.name
    assert place.hooks.queue.again(hook=hook.id, by=BY, at=place.clock.now()) == 0


def test_one_event_that_is_never_taken_holds_up_no_other(place, receiver, happens):
    """The rest goes through between its tries; the webhook does not rest for it."""
    place.hook(receiver.url)
    receiver.answers = [500]
    happens(3)
    place.send()
    assert receiver.entries == ["00-000002", "00-000003"]


def test_a_busy_receiver_is_asked_again_when_it_says(place, receiver, happens):
    """Retry-After of 503 is heeded for the whole webhook, nonsense in it is not."""
    hook, _ = place.hook(receiver.url)
    receiver.answers = [(503, {"Retry-After": "600"}), (503, {"Retry-After": "soon"})]
    happens(2)
    place.send()
    assert len(receiver.calls) == 1
    place.later(minutes=9)
    assert len(receiver.calls) == 1
    place.later(minutes=2)
    assert len(receiver.calls) == 3
    assert place.find(hook).failures == 0


def test_delays_grow_and_differ():
    """Days in all; what failed at the same moment does not come back at the same moment; and always the same delay."""
    grown = [delay("msg_a", number) for number in range(1, len(DELAYS) + 1)]
    assert grown == sorted(grown)
    assert all(least <= one <= least * (1 + JITTER) for least, one in zip(DELAYS, grown, strict=True))
    assert sum(grown, timedelta()) > timedelta(days=2.9)
    assert len({delay(f"msg_{number}", 5) for number in range(50)}) == 50
    assert delay("msg_a", 3) == delay("msg_a", 3)
    assert list(RESTS) == sorted(RESTS)


def test_a_process_that_dies_between_sending_and_noting_sends_again(place, receiver, happens, clock):
    """The claim was written before the call: the event comes once more, under its name, and no third time."""
    place.hook(receiver.url)
    happens()
    dying = Sender(place.hooks, clock)
    dying._note = lambda *_: (_ for _ in ()).throw(SystemExit)
    (hook,) = place.hooks.queue.due(clock.now())
    with pytest.raises(SystemExit):
        dying._serve(hook)
    dying.close()
    place.send(rounds=2)
    assert len(receiver.calls) == 1
    place.later(seconds=13)
    assert len(receiver.calls) == 2
    assert len(set(receiver.names)) == 1
    place.later(days=4)
    assert len(receiver.calls) == 2


def test_both_secrets_sign_while_a_secret_is_changed(place, receiver, happens):
    """The old secret goes on signing for a day, and not a moment longer; a new one each time."""
    hook, old = place.hook(receiver.url)
    new = place.hooks.registry.rotate(hook.id, by=BY, at=place.clock.now())
    assert old != new
    happens()
    place.send()
    headers, body = receiver.calls[-1]
    assert headers["webhook-signature"].count("v1,") == 2
    assert verified(old, headers, body)
    assert verified(new, headers, body)
    place.clock.advance(timedelta(days=1))
    happens()
    place.send()
    headers, body = receiver.calls[-1]
    assert verified(new, headers, body)
    assert not verified(old, headers, body)


REFUSED = (
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://169.254.169.254/latest",
    "https://10.0.0.8/",
    "https://[::ffff:10.0.0.8]/",
    "https://user:pw@host.example/",
    "https://host.example/#part",
    "ftp://host.example/",
    "https:///nowhere",
)


def test_a_private_address_is_never_called(tmp_path, clock, log, receiver, monkeypatch):
    """A name that leads into this house is refused at every call, whatever it led to when it was registered."""
    place = a_place(tmp_path, clock, networks="")
    try:
        for url in (receiver.url, *REFUSED):
            with pytest.raises(RefusedHook):
                place.hook(url)
        hook, _ = place.hook(f"https://localhost:{receiver.port}/hook")
        log.add()
        follow(place.hooks, log, clock.now())
        place.send()
        assert place.find(hook).fault == "the address is private"
        assert receiver.calls == []
    finally:
        place.sender.close()
        place.hooks.close()


def test_nothing_is_sent_for_an_integrator_that_was_revoked(place, receiver, happens):
    """What was queued before stays where it is: the right went with the token."""
    integrator = place.integrator()
    place.hook(receiver.url, integrator=integrator)
    happens()
    place.hooks._accounts.integrators.revoke(integrator, by=BY, at=place.clock.now())
    happens()
    place.later(days=1)
    assert receiver.calls == []


def test_what_was_sent_is_forgotten_after_a_week(place, receiver, happens):
    """Sent events after seven days, given up ones after ninety; what waits never."""
    place.hook(receiver.url)
    happens()
    place.send()
    for days, left in ((6, 1), (2, 0)):
        place.clock.advance(timedelta(days=days))
        place.hooks.queue.tidy(place.clock.now())
        assert len(rows(place)) == left


@pytest.mark.slow
def test_a_test_event_tells_whether_a_receiver_takes_it(place, receiver):
    """Queued by hand, signed like any other, and it tells nothing."""
    hook, secret = place.hook(receiver.url)
    name = place.hooks.queue.try_out(hook.id, at=place.clock.now())
    place.send()
    headers, body = receiver.calls[0]
    assert headers["webhook-id"] == name
    assert verified(secret, headers, body)
    assert receiver.got == [{"type": "hook.test", "timestamp": "2026-10-31T01:00:00Z", "data": {}}]
