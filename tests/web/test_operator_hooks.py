"""`/operator/hooks`: a webhook registered on the page, its secret shown once; what was given up, sent again."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from accounts.rights import Right, Role
from hooks.queue import DELAYS
from hooks.service import Hooks
from tests.web.site import BY, Site
from tests.web.staffing import PASSWORD, Browser, text_of


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine with a system operator and an integrator at the gym."""
    made = Site(tmp_path_factory.mktemp("operator-hooks"))
    made.office.accounts.people.add("system.he", PASSWORD, [Role.SYSTEM_OPERATOR], by=BY, at=made.clock.now())
    rights, end = {"gym": frozenset({Right.CHECK_IN})}, made.clock.now() + timedelta(days=90)
    made.integrator = made.office.accounts.integrators.add(
        "健身房系统", rights, expires_at=end, by=BY, at=made.clock.now()
    )[0].id
    yield made
    made.close()


@pytest.fixture
def operator(site):
    """The system operator's browser, a moment after the sign-in."""
    site.clock.advance(timedelta(minutes=1))
    made = Browser(site.app, site.base)
    assert made.sign_in("system.he").status_code == 303
    return made


@pytest.fixture
def hooks(site):
    """The webhooks as another process sees them."""
    opened = Hooks.open(site.settings)
    yield opened
    opened.close()


NEW = "/operator/hooks/new"


def test_a_webhook_is_registered_changed_and_stopped_on_the_page(operator, site, hooks):
    """Its secret is shown once; each fault stands at its field in the page's words; stopped, it goes on by a button."""
    chosen = {"integrator": site.integrator, "kinds": ["check_in", "booking"], "points": "gym"}
    for changed, said in (
        ({"url": "http://host.example/in"}, "地址须以 https:// 开头"),
        ({"url": "https://10.0.0.1/in"}, "不能推送到内部网络地址"),
        ({"url": "host"}, "地址无效"),
        ({"url": "https://host.example/in", "points": "library"}, "没有相应权限"),
    ):
        refused = operator.send(NEW, **(chosen | changed))
        assert (refused.status_code, said in text_of(refused)) == (422, True), text_of(refused)
    made = operator.send(NEW, url="https://host.example/in", **chosen)
    assert made.status_code == 200, text_of(made)
    secret = re.search(r'id="secret">([^<]+)<', made.get_data(as_text=True))[1]
    (hook,) = hooks.registry.listed()
    assert secret in hooks.registry.secrets(hook.id, site.clock.now())
    assert hook.kinds[0] == "check_in.granted"
    page = text_of(operator.get("/operator/hooks"))
    assert "健身房系统" in page
    assert "正常" in page
    assert secret not in page
    path = f"/operator/hooks/{hook.id}"
    again = operator.send(f"{path}/rotate", form="/operator/hooks")
    assert re.search(r'id="secret">([^<]+)<', again.get_data(as_text=True))[1] != secret
    assert operator.send(f"{path}/stop", form="/operator/hooks").status_code == 303
    assert hooks.registry.find(hook.id).stopped_why == "by-hand"
    assert operator.send(f"{path}/resume", form="/operator/hooks").status_code == 303
    assert hooks.registry.find(hook.id).stopped_at is None
    assert operator.send("/operator/hooks/nothing/stop", form="/operator/hooks").status_code == 404
    log = text_of(operator.get("/operator/log"))
    assert all(word in log for word in ("添加事件推送", "更换推送密钥", "停用事件推送", "恢复事件推送"))


def test_dead_letters_are_shown_and_sent_again_by_a_button(operator, site, hooks):
    """With the fault of the last try; the button queues them anew, and a test event tells how it goes."""
    (hook,) = hooks.registry.listed()
    assert operator.send(f"/operator/hooks/{hook.id}/test", form="/operator/hooks").status_code == 303
    at = site.clock.now()
    for number in range(len(DELAYS) + 1):
        one = hooks.queue.claim(hook.id, at + timedelta(days=10 * number))
        hooks.queue.failed(one, "answered 500", at)
    page = text_of(operator.get("/operator/hooks"))
    assert "未能送达的事件" in page
    assert "接收方回答 500" in page
    assert one.name in page
    assert operator.send(f"/operator/hooks/{hook.id}/again", form="/operator/hooks").status_code == 303
    assert hooks.queue.standing()[hook.id].dead == 0
    assert "1 个事件将重新发送" in text_of(operator.get("/operator/hooks"))
    hooks.queue.sent(hooks.queue.claim(hook.id, site.clock.now() + timedelta(days=1)), site.clock.now())
    assert "接收方回答 500" not in text_of(operator.get("/operator/hooks")), "taken since: an old fault is no news"


FAULTS = {
    "answered 410: gone": "接收方回答 410：不再接收",
    "answered 302": "接收方回答 302",
    "too slow": "接收方超时未应答",
    "the answer breaks off": "接收方的应答中断或过长",
    "the address is private": "该地址指向内部网络",
    "SSLCertVerificationError": "接收方的证书不被接受（SSLCertVerificationError）",
    "ConnectionRefusedError": "连不上接收方（ConnectionRefusedError）",
    "a fault of a later release": "a fault of a later release",
}


def test_a_fault_is_told_in_the_words_of_the_page(operator, site, hooks):
    """Whatever the receiver did, an operator reads it in Chinese; words that nobody foresaw stay as they are."""
    (hook,) = hooks.registry.listed()
    for number, (fault, told) in enumerate(FAULTS.items(), 1):
        hooks.queue.try_out(hook.id, at=site.clock.now())
        later = site.clock.now() + timedelta(days=10 * number)
        hooks.queue.failed(hooks.queue.claim(hook.id, later), fault, later)
        assert told in text_of(operator.get("/operator/hooks")), fault
