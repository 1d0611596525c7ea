"""Issuer and verifier as two machines behind one https address: each with its own keys, joined by hand, once."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from cards.promise import PROMISE
from keys.bundle import verify_bundle
from keys.keyset import Purpose
from keys.tokens import verify_with_keys
from tests.web.split import Front, Host, Phone, Tablet, until
from tools.ports import free_port
from verifier.trust.issuer_relay import IssuerRelay

pytestmark = pytest.mark.slow


class District:
    """The two machines and the front, joined as docs/deployment.md tells."""

    def __init__(self, folder) -> None:
        self.port = free_port()
        self.base = f"https://127.0.0.1:{self.port}"
        self.roots = folder / "off-line"
        self.issuer = self._host(folder / "issuer", "issuer")
        self.verifier = self._host(folder / "verifier", "verifier,counter,wallet,audit")
        self._join()
        self.issuer.start()
        self.verifier.environ["YUNJU_ISSUER_URL"] = f"http://127.0.0.1:{self.issuer.port}"
        self.told = self.verifier.command("verifier", "fetch").stdout
        self.verifier.start()
        self.front = Front(folder / "front", self.port, self.issuer.port, [self.verifier.port])

    def _host(self, folder, surfaces) -> Host:
        folder.mkdir()
        return Host(
            folder,
            {
                "YUNJU_VAR": str(folder / "var"),
                "YUNJU_SURFACES": surfaces,
                "YUNJU_BASE_URL": self.base,
                "YUNJU_STATUS_TTL": "10",
                "YUNJU_TRUSTED_PROXIES": "127.0.0.1/32",
            },
        )

    def _join(self) -> None:
        issuer, verifier = self.issuer, self.verifier
        issuer.command("issuer", "init", "--root-keys", str(self.roots))
        for purpose in ("receipt", "log"):
            issuer.admit_key_of(verifier, purpose)
        issuer.command("issuer", "publish", "--root-keys", str(self.roots))
        root = verifier.folder / "root.jwk"
        root.write_bytes((issuer.var / "published" / "root.jwk").read_bytes())
        verifier.environ["YUNJU_ROOT"] = str(root)
        issuer.command("accounts", "init")
        verifier.command("accounts", "init")
        verifier.command("verifier", "init")
        added = issuer.command("accounts", "integrator", "add", "counter server", "--grant", "*=documents", "--json")
        self.keep_token(json.loads(added.stdout)["token"])

    def keep_token(self, token: str) -> None:
        """Lay the token where the verifier reads it."""
        path = self.verifier.var / "issuer-token"
        path.unlink(missing_ok=True)
        path.write_text(token)
        path.chmod(0o600)

    def close(self) -> None:
        self.front.stop()
        self.verifier.stop()
        self.issuer.stop()


@pytest.fixture(scope="module")
def district(tmp_path_factory):
    """A district with two machines."""
    made = District(tmp_path_factory.mktemp("district"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def phone(district):
    """A holder's phone, enrolled through the front."""
    return Phone(district)


@pytest.fixture(scope="module")
def tablet(district):
    """A tablet at a hospital desk, enrolled through the front."""
    return Tablet(district)


def test_a_card_of_the_issuer_is_granted_at_the_verifier(district, phone, tablet):
    """Enrolled at the one machine, granted at the other; the promise is believed by the bundle that both show."""
    answer = tablet.check_in(phone.shown())
    assert (answer.status, answer.json["outcome"]) == (201, "granted"), answer.body
    text = district.front.send("GET", "/v1/trust-bundle").body.decode()
    root = json.loads((district.verifier.folder / "root.jwk").read_text())
    now = datetime.now(UTC)
    bundle = verify_bundle(text, root, now)
    promise = verify_with_keys(answer.json["promise"], PROMISE, bundle.key_set(), Purpose.RECEIPT, now)
    assert promise.claims["id"] == answer.json["id"]


def test_a_phone_shows_its_benefits_and_its_small_code(district, phone, tablet):
    """One address serves both halves of a phone: its card is the issuer's, what it was used for the verifier's."""
    assert phone.call("/v1/cards", {"presentation": phone.shown()}).status == 200
    assert tablet.check_in(phone.shown(whole=False)).json["outcome"] == "granted"
    usage = phone.call("/v1/wallet/usage", {"card": phone.card})
    assert usage.status == 200
    assert usage.json["entitled_until"], "the issuer was asked"
    assert phone.call("/v1/wallet/refresh", {"card": phone.card}).status == 200


def test_each_machine_holds_its_own_keys_alone(district):
    """A counter server that is stolen mints no card and tells of nobody (docs/design.md §3)."""
    own = json.loads(district.verifier.command("keys", "list", "--json").stdout)
    assert {key["purpose"] for key in own} == {"receipt", "log"}
    assert not (district.verifier.var / "register.db").exists()
    of_issuer = json.loads(district.issuer.command("keys", "list", "--json").stdout)
    assert {key["purpose"]: key["now"] for key in of_issuer} == {
        "card": "signing", "status": "signing", "receipt": "admitted", "log": "admitted",
    }  # fmt: skip
    assert not (district.issuer.var / "ledger.db").exists()


def test_the_documents_are_for_servers_alone(district):
    """Holder marks are no device's business: not through the front, not without a token, not with another's."""
    assert district.front.send("GET", "/v1/published").status == 404
    assert district.front.send("GET", "/metrics").status == 404
    direct = f"http://127.0.0.1:{district.issuer.port}"
    kept = (district.verifier.var / "issuer-token").read_text()
    added = district.issuer.command("accounts", "integrator", "add", "a gym", "--grant", "gym=documents", "--json")
    try:
        for token in ("yj_nonsense", json.loads(added.stdout)["token"]):
            district.keep_token(token)
            done = district.verifier.command("verifier", "fetch", code=1)
            assert "its token does not allow it" in done.stderr, direct
            assert "hint: docs/deployment.md" in done.stderr
    finally:
        district.keep_token(kept)
    assert "trust bundle" in district.verifier.command("verifier", "fetch").stdout


def test_a_card_is_found_by_its_number_through_the_issuer(district, phone):
    """A booking by telephone has nothing to scan; the number leads to the card, for the server alone."""
    direct = f"http://127.0.0.1:{district.issuer.port}"
    relay = IssuerRelay(direct, district.verifier.var / "issuer-token")
    assert relay.card_by_number(phone.enrolled.json["number"]) == phone.card
    assert relay.card_by_number("0000") is None
    number = phone.enrolled.json["number"]
    assert district.front.send("GET", f"/v1/cards/by-number/{number}").status == 404


def test_a_verifier_goes_on_while_its_issuer_is_away(district, phone, tablet):
    """What was last good stays on disk: also for a verifier that starts while the issuer is down."""
    district.issuer.stop()
    district.verifier.stop()
    try:
        done = district.verifier.command("verifier", "fetch", code=1)
        assert "cannot be reached" in done.stderr
        district.verifier.start()
        assert tablet.check_in(phone.shown()).json["outcome"] == "granted"
    finally:
        district.issuer.start()


def test_a_card_blocked_at_the_issuer_is_refused_at_the_verifier(district, phone, tablet):
    """The verifier fetches the new status list by itself, within its `ttl`."""
    answer = phone.call(
        "/v1/wallet/block",
        {"number": phone.enrolled.json["number"], "recovery_code": phone.enrolled.json["recovery_code"]},
    )
    assert answer.status == 200, answer.body
    seen = []

    def refused():
        seen.append(tablet.check_in(phone.shown()).json)
        return seen[-1]["outcome"] == "denied"

    until(refused, lambda: seen[-1])
    assert seen[-1]["reason"] == "suspended"
