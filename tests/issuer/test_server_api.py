"""What an issuer tells other servers: all it signs, a card by its number, until when it holds. Nothing to others."""

from datetime import timedelta

import pytest

from accounts.http import Authenticator
from accounts.rights import EVERYWHERE, Right
from accounts.store import AccountStore
from edge.clock import FixedClock
from edge.http import create_frame
from issuer.api.servers import server_blueprint
from issuer.issuing.lifecycle import revoke
from tests.issuer.builders import BASE_URL, BY, NOON, make_desk, person, print_card

DOCUMENTS = {EVERYWHERE: frozenset({Right.DOCUMENTS})}


class Asking:
    """Servers that ask one issuer, each with rights of its own."""

    def __init__(self, desk, folder):
        self.accounts = AccountStore.open(f"sqlite:///{folder}/accounts.db")
        clock = FixedClock(NOON)
        app = create_frame("servers", clock=clock)
        app.register_blueprint(server_blueprint(desk, Authenticator(self.accounts, clock, (BASE_URL,))))
        self.client = app.test_client()

    def __call__(self, path, rights=DOCUMENTS, **headers):
        until = NOON + timedelta(days=1)
        _, token = self.accounts.integrators.add("verifier", rights, expires_at=until, by=BY, at=NOON)
        return self.client.get(path, headers={"Authorization": f"Bearer {token}"} | headers)


@pytest.fixture
def ask(desk, tmp_path):
    """Ask this desk."""
    made = Asking(desk, tmp_path)
    yield made
    made.accounts.close()


def test_a_server_gets_all_that_is_published_and_once(desk, ask):
    """Byte for byte as it lies in the folder; what has not changed is not sent again."""
    answer = ask("/v1/published")
    given = answer.json["documents"]
    assert {"trust-bundle.jwt", "holder-marks.jwt", "jwks.json", "programme.toml", "status-lists/0.jwt"} <= given.keys()
    assert all((desk.published / name).read_text("utf-8") == text for name, text in given.items())
    again = ask("/v1/published", **{"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("path", ["/v1/published", "/v1/cards/by-number/1", "/v1/cards/x/entitlement"])
@pytest.mark.parametrize(
    "rights",
    [{EVERYWHERE: frozenset({Right.CHECK_IN, Right.BOOKINGS, Right.NAMES})}, {"gym": frozenset({Right.DOCUMENTS})}],
)
def test_other_rights_and_other_places_get_nothing(ask, path, rights):
    """A gym's server books and checks in; it is no verifier of the district."""
    assert ask(path, rights).json["code"] == "not-permitted"


def test_a_stranger_gets_nothing(ask):
    """No token, a wrong one."""
    assert ask.client.get("/v1/published").json["code"] == "unauthenticated"
    assert ask.client.get("/v1/published", headers={"Authorization": "Bearer yj_x"}).json["code"] == "bad-token"


def test_nothing_is_told_before_the_first_publication(tmp_path):
    """A problem that says so, not an empty set that a verifier would take."""
    asking = Asking(make_desk(tmp_path, ready=False), tmp_path)
    assert asking("/v1/published").json["code"] == "not-found"
    asking.accounts.close()


def test_a_card_is_told_by_its_number(desk, ask):
    """As it is typed, spaces and all; a slip finds nobody."""
    card = print_card(desk, person(desk))
    answer = ask(f"/v1/cards/by-number/{card.number}")
    assert answer.json == {"card": card.token}
    assert answer.headers["Cache-Control"] == "no-store"
    assert ask("/v1/cards/by-number/BY-1234").status_code == 404


def test_an_entitlement_is_told_until_the_card_ends(desk, ask):
    """Null where there is nothing: the wallet then says nothing rather than something old."""
    card = print_card(desk, person(desk))
    assert ask(f"/v1/cards/{card.id}/entitlement").json["entitled_until"].endswith("Z")
    assert ask("/v1/cards/nobody/entitlement").json == {"entitled_until": None}
    revoke(desk, card.id, because="lost", by=BY, at=NOON)
    assert ask(f"/v1/cards/{card.id}/entitlement").status_code == 200
