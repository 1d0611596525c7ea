"""What can be read: a point's day, the log for auditors, public checks, signed documents, a phone's registration."""

from datetime import timedelta

from cards.claims import Form
from cards.status import Status


def test_todays_list_has_counts_and_no_names(world):
    """Counts, last entries, a voided mark; no holder, no reference of one."""
    silver, gym = world.card("silver"), world.device("gym")
    gym.outcome(silver.shown(), "gym-visit")
    gym.outcome(silver.shown(), "gym-visit")
    day = gym.call("GET", "/v1/points/gym/today").json
    assert (day["date"], day["granted"], day["denied"]) == ("2026-10-31", 1, 0)  # who was in already was not refused
    assert [entry["outcome"] for entry in day["entries"]] == ["denied", "granted"]
    assert "张" not in str(day)
    assert gym.call("GET", "/v1/points/hosp-2/today").json["code"] == "not-permitted"


def test_an_auditor_searches_the_log_and_the_reading_is_kept(world):
    """Filters, paging, and a line in the access log for each reading."""
    silver, gym = world.card("silver"), world.device("gym")
    for _ in range(3):
        gym.outcome(silver.shown(), "gym-visit")
    bearer = {"Authorization": f"Bearer {world.auditor()}"}
    page = world.client.get("/v1/log/entries?outcome=denied&limit=1", headers=bearer).json
    assert len(page["entries"]) == 1
    rest = world.client.get(f"/v1/log/entries?outcome=denied&before={page['next']}", headers=bearer).json
    assert [entry["leaf"]["reason"] for entry in rest["entries"]] == ["already-in"]
    one = world.client.get(f"/v1/log/entries/{page['entries'][0]['id']}", headers=bearer).json
    assert one["leaf"]["kind"] == "check-in"
    assert [line["kind"] for line in world.verifier.store.accesses()] == ["log"] * 3


def test_a_counter_cannot_read_the_log(world):
    """The right audit is not among a device's smallest."""
    gym = world.device("gym")
    assert gym.call("GET", "/v1/log/entries").json["code"] == "not-permitted"
    assert world.client.get("/v1/log/entries").json["code"] == "unauthenticated"


def test_a_public_check_tells_validity_alone(world):
    """No name and no quota; a revoked card is said to be so."""
    silver = world.card("silver")
    answer = world.client.post("/v1/public-checks", json={"presentation": silver.shown()}).json
    assert (answer["valid"], answer["tier"], answer["proved"]) == (True, "silver", True)
    assert "张" not in str(answer)
    world.set_status(silver, Status.REVOKED)
    again = world.client.post("/v1/public-checks", json={"presentation": silver.shown()}).json
    assert (again["valid"], again["reason"]) == (False, "revoked")
    assert "tier" not in again


def test_public_checks_are_rate_limited(world):
    """Anyone may ask, not all the time."""
    silver = world.card("silver", Form.PRINT)
    codes = {
        world.client.post("/v1/public-checks", json={"presentation": silver.shown()}).status_code for _ in range(30)
    }
    assert codes == {200, 429}


def test_a_registered_card_is_named_by_its_proof_alone(world):
    """Before: `card-unknown`, and the full form is asked for; after: the short code is enough."""
    silver, gym = world.card("silver"), world.device("gym")
    assert gym.check_in(silver.short(), "gym-visit").json["code"] == "card-unknown"
    registered = world.client.post("/v1/cards", json={"presentation": silver.shown()})
    assert registered.status_code == 200
    assert gym.outcome(silver.short(), "gym-visit")["outcome"] == "granted"


def test_registering_needs_the_key(world):
    """A copy of the card without a proof, or with somebody else's, is refused."""
    silver, other = world.card("silver"), world.card("silver")
    for presentation, code in ((silver.token, "malformed"), (f"{silver.token}~{other.proof()}", "card-refused")):
        response = world.client.post("/v1/cards", json={"presentation": presentation})
        assert (response.status_code, response.json["code"]) == (422, code)


def test_signed_documents_are_served_as_published(world):
    """Byte for byte, cacheable."""
    for path, name in (
        ("/v1/trust-bundle", "trust-bundle.jwt"),
        ("/v1/status-lists/0", "status-lists/0.jwt"),
        ("/.well-known/jwks.json", "jwks.json"),
    ):
        response = world.client.get(path)
        assert response.get_data() == (world.published / name).read_bytes()
        assert "max-age" in response.headers["Cache-Control"]
    assert world.client.get("/v1/status-lists/7").json["code"] == "not-found"


def test_an_expired_list_refuses_and_blames_nobody(world):
    """A day without a new list: `status-unknown`, and staff are told it is not the holder's fault."""
    silver, gym = world.card("silver"), world.device("gym")
    world.clock.advance(timedelta(hours=25))
    answer = gym.outcome(silver.shown(), "gym-visit")
    assert answer["reason"] == "status-unknown"
    assert "不是持卡人的问题" in answer["hint"]["zh"]


def test_a_stale_list_is_said_to_be_stale(world):
    """An hour without a new list: granted, amber."""
    silver, gym = world.card("silver"), world.device("gym")
    world.clock.advance(timedelta(hours=1))
    assert gym.outcome(silver.shown(), "gym-visit")["status_freshness"] == "stale"


def test_points_and_programme_are_public(world):
    """What a counter page needs to choose a service."""
    point = world.client.get("/v1/points/gym").json
    assert point["services"][0] | {"name": None} == {
        "code": "gym-visit",
        "name": None,
        "mode": "scanned",
        "tiers": ["diamond", "gold", "silver"],
        "beneficiaries": ["holder"],
        "visit_minutes": 120,
        "materials": [{"en": "The Yunju Talent Card.", "zh": "白云区云聚英才卡。"}],
        "reference": point["services"][0].get("reference"),
    } | {key: value for key, value in point["services"][0].items() if key.startswith("reference")}
    assert world.client.get("/v1/points/nowhere").json["code"] == "not-found"
    assert len(world.client.get("/v1/programme").json["services"]) >= 40


def test_ready_says_what_is_wrong(world):
    """Ledger and documents; without documents the verifier is not ready and grants nothing."""
    assert world.client.get("/readyz").status_code == 200
    (world.published / "trust-bundle.jwt").write_text("broken")
    world.restart()
    assert world.client.get("/readyz").status_code == 503
    silver = world.device("gym").check_in("x.y.z", "gym-visit")
    assert silver.status_code == 422
