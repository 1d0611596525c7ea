"""A new version of the programme holds from an instant: at midnight counters, cards and quotas follow by themselves."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from accounts.rights import EVERYWHERE, Right
from edge.settings import SettingsError, load_settings
from tests.issuer.builders import BAIYUN
from tests.web.site import BY, SHANGHAI, Site
from web.starting import ChangingApplication, start

pytestmark = pytest.mark.slow
MIDNIGHT = datetime(2026, 11, 15, tzinfo=SHANGHAI)


@pytest.fixture
def next_version(tmp_path):
    """The shipped programme with three gym visits a month instead of two."""
    text = BAIYUN.read_text("utf-8")
    version = next(line for line in text.splitlines() if line.startswith("version"))
    head, gym, rest = text.partition("[quotas.gym]")
    changed = head.replace(version, 'version = "2026.99"', 1) + gym + rest.replace("maximum = 2", "maximum = 3", 1)
    file = tmp_path / "next.toml"
    file.write_text(changed, "utf-8")
    return file


@pytest.fixture
def site(tmp_path, next_version):
    """A machine on the afternoon before, told of the next version."""
    more = {"YUNJU_PROGRAMME_NEXT": str(next_version), "YUNJU_PROGRAMME_FROM": MIDNIGHT.isoformat()}
    made = Site(tmp_path / "var", (MIDNIGHT - timedelta(hours=9)).astimezone(UTC), more=more)
    yield made
    made.close()


class Gym:
    """The gym's own server at an application that changes."""

    def __init__(self, site: Site) -> None:
        self.site, self.app = site, ChangingApplication(site.environ, site.settings, site.clock)
        rights = {EVERYWHERE: frozenset({Right.CHECK_IN})}
        at = site.clock.now()
        until = at + timedelta(days=9)
        self.token = site.office.accounts.integrators.add("gym", rights, expires_at=until, by=BY, at=at)[1]

    def client(self):
        """A client of the application as it is now: the first request of the new day changes it."""
        self.app({"REQUEST_METHOD": "GET", "PATH_INFO": "/healthz", **WSGI}, lambda *_: None)
        return self.app.application.test_client()

    def use(self, card: str) -> tuple[str, str | None]:
        """One visit; the outcome and the reason."""
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": uuid.uuid4().hex}
        body = {"service": "gym-visit", "point": "gym", "presentation": card, "id_checked": True}
        answer = self.client().post("/v1/check-ins", json=body, headers=headers).json
        return answer["outcome"], answer.get("reason")

    def version(self) -> str:
        """The programme that pages and counters are served."""
        return self.client().get("/v1/programme").json["version"]


WSGI = {
    "SERVER_NAME": "127.0.0.1",
    "SERVER_PORT": "8000",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "wsgi.url_scheme": "http",
    "wsgi.input": None,
    "wsgi.errors": None,
    "wsgi.version": (1, 0),
}


def test_at_midnight_the_new_version_holds_everywhere_and_not_before(site):
    """Two visits and a refusal until midnight; the third visit from midnight on, with the same card, and no fourth."""
    gym, card = Gym(site), site.printed("silver")
    before = gym.version()
    for expected in (("granted", None), ("granted", None), ("denied", "quota-spent")):
        outcome, reason = gym.use(card)
        assert (outcome, reason if outcome == "denied" else None) == expected
        site.go(hours=2, minutes=10)
    left = MIDNIGHT - site.clock.now() - timedelta(seconds=30)
    site.clock.advance(left)
    assert gym.use(card)[0] == "denied"
    assert gym.version() == before
    site.clock.advance(timedelta(seconds=31))
    assert gym.use(card)[0] == "granted"
    assert gym.version() == "2026.99"
    assert gym.client().get("/readyz").status_code == 200
    site.clock.advance(timedelta(hours=2, minutes=10))
    assert gym.use(card) == ("denied", "quota-spent")


def test_a_server_started_after_the_instant_runs_the_new_version(site, next_version):
    """Whatever the settings still say of the old file; before the instant it runs the old one."""
    assert load_settings(site.environ, site.clock).programme != next_version
    site.clock.advance(timedelta(hours=10))
    assert load_settings(site.environ, site.clock).programme == next_version


def test_a_fault_in_the_next_version_is_told_at_the_start(site, tmp_path, capsys):
    """Not at its instant, at midnight, with nobody there."""
    broken = tmp_path / "broken.toml"
    broken.write_text("version = 1")
    with pytest.raises(SystemExit):
        start(site.environ | {"YUNJU_PROGRAMME_NEXT": str(broken)}, site.clock)
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "told",
    [
        {"YUNJU_PROGRAMME_NEXT": "x.toml"},
        {"YUNJU_PROGRAMME_FROM": "2027-01-01T00:00:00+08:00"},
        {"YUNJU_PROGRAMME_NEXT": "x.toml", "YUNJU_PROGRAMME_FROM": "2027-01-01"},
    ],
)
def test_a_version_without_its_instant_is_refused(told):
    """Both or neither, and an instant with its offset."""
    with pytest.raises(SettingsError, match="YUNJU_PROGRAMME_FROM"):
        load_settings(told)
