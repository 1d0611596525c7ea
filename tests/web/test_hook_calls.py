"""`/v1/webhooks`: an integrator lists its own webhooks and dead letters and has these sent again; nobody else's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.journal import AccountAction
from accounts.rights import Right
from hooks.queue import DELAYS
from hooks.registry import NewHook
from hooks.service import Hooks
from tests.web.site import BY, Site


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine with every surface."""
    made = Site(tmp_path_factory.mktemp("hook-calls"))
    yield made
    made.close()


@pytest.fixture
def hooks(site):
    """The webhooks as another process sees them."""
    opened = Hooks.open(site.settings)
    yield opened
    opened.close()


class Asking:
    """An integrator at the gym with a webhook."""

    def __init__(self, site, hooks, label: str) -> None:
        self._site, self._hooks, at = site, hooks, site.clock.now()
        rights = {"gym": frozenset({Right.CHECK_IN})}
        who, self._token = site.office.accounts.integrators.add(
            label, rights, expires_at=at + timedelta(days=90), by=BY, at=at
        )
        new = NewHook(who.id, "https://host.example/in", ("check_in",))
        self.id, self.hook = who.id, hooks.registry.add(new, by=BY, at=at)[0]

    def call(self, method: str, path: str, body: object = None):
        """Call with the integrator's token."""
        headers = {"Authorization": f"Bearer {self._token}"}
        sent = {} if body is None else {"json": body}
        client = self._site.app.test_client()
        return client.open(path, method=method, headers=headers, base_url=self._site.base, **sent)

    def dead(self, count: int) -> list[str]:
        """Give so many events up; their webhook-ids."""
        at = self._site.clock.now()
        names = [self._hooks.queue.try_out(self.hook.id, at=at) for _ in range(count)]
        for _ in names:
            for number in range(len(DELAYS) + 1):
                one = self._hooks.queue.claim(self.hook.id, at + timedelta(days=10 * number))
                self._hooks.queue.failed(one, "answered 500", at)
        return names

    @property
    def letters(self) -> str:
        """The path of the dead letters."""
        return f"/v1/webhooks/{self.hook.id}/dead-letters"


def test_dead_letters_are_listed_and_sent_again_by_their_integrator(site, hooks):
    """Some by their webhook-id, then all; what was sent again is none any more, and asking twice changes nothing."""
    gym = Asking(site, hooks, "Gym")
    names = gym.dead(3)
    (own,) = gym.call("GET", "/v1/webhooks").json["webhooks"]
    assert (own["id"], own["dead"], own["waiting"], own["stopped"]) == (gym.hook.id, 3, 0, None)
    assert own["fault"] == "answered 500"
    assert "secret" not in str(own)
    first = gym.call("GET", f"{gym.letters}?limit=2").json
    second = gym.call("GET", f"{gym.letters}?limit=2&offset=2").json
    assert first["dead"] == 3
    found = first["dead_letters"] + second["dead_letters"]
    assert {one["webhook_id"] for one in found} == set(names)
    assert {(one["type"], one["tries"], one["fault"]) for one in found} == {
        ("hook.test", len(DELAYS) + 1, "answered 500")
    }
    assert gym.call("POST", gym.letters, {"webhook_ids": [names[0], "msg_unknown"]}).json["sent_again"] == 1
    assert gym.call("POST", gym.letters, {"webhook_ids": []}).json["sent_again"] == 0
    assert hooks.queue.standing()[gym.hook.id].waiting == 1
    assert gym.call("POST", gym.letters, {}).json["sent_again"] == 2
    assert gym.call("POST", gym.letters, {}).json["sent_again"] == 0
    assert gym.call("GET", gym.letters).json["dead_letters"] == []
    lines = [one for one in site.office.accounts.log(20) if one.action is AccountAction.HOOK_SENT_AGAIN]
    assert [(one.actor, one.subject) for one in lines] == [(f"integrator:{gym.id}", gym.hook.id)] * 2


def test_another_integrators_webhook_is_not_there(site, hooks):
    """Neither listed nor found nor sent again, whoever knows its id."""
    own, other = Asking(site, hooks, "Own"), Asking(site, hooks, "Other")
    names = other.dead(1)
    assert [one["id"] for one in own.call("GET", "/v1/webhooks").json["webhooks"]] == [own.hook.id]
    for method, body in (("GET", None), ("POST", {}), ("POST", {"webhook_ids": names})):
        refused = own.call(method, other.letters, body)
        assert (refused.status_code, refused.json["code"]) == (404, "not-found")
    assert own.call("POST", own.letters, {"webhook_ids": names}).json["sent_again"] == 0
    assert hooks.queue.standing()[other.hook.id].dead == 1


@pytest.mark.parametrize(
    "body", [{"webhook_ids": [1]}, {"webhook_ids": ["x" * 81]}, {"other": 1}, [], {"webhook_ids": ["x"] * 201}]
)
def test_a_malformed_body_sends_nothing(site, hooks, body):
    """Refused as a whole."""
    gym = Asking(site, hooks, "Malformed")
    gym.dead(1)
    assert gym.call("POST", gym.letters, body).status_code == 422
    assert hooks.queue.standing()[gym.hook.id].dead == 1
