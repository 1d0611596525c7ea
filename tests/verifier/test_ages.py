"""Old and expired documents: a warning first, then no readiness, and figures from which alerts are made."""

from datetime import timedelta

from edge.health import health_blueprint
from edge.http import create_frame
from verifier.api.surface import concerns, figures, readiness


def monitored(world):
    """A client of the verifier's health alone."""
    app = create_frame("health", clock=world.clock)
    parts = {
        "warnings": concerns(world.verifier, world.clock),
        "figures": [lambda: figures(world.verifier, world.clock)],
    }
    app.register_blueprint(health_blueprint(readiness(world.verifier, world.clock), **parts))
    return app.test_client()


def test_lists_that_grow_old_warn_and_expired_ones_are_not_ready(world):
    """A server on which every card is refused does not say ok: after six minutes a warning, after a day a failure."""
    client = monitored(world)
    assert client.get("/readyz").json["status"] == "ok"
    documents = world.verifier.published.current(world.clock.now())
    held = documents.lists.get(documents.bundle.status_lists[0])
    world.clock.set(held.issued_at + held.ttl + timedelta(seconds=61))
    told = client.get("/readyz")
    assert (told.status_code, told.json["status"]) == (200, "warning")
    assert "status-list-0" in told.json["warnings"]["documents"]
    world.clock.set(held.expires_at)
    failed = client.get("/readyz")
    assert failed.status_code == 503
    assert failed.json["checks"]["documents"].startswith("expired: status-list-0 since ")
    assert "python -m issuer publish" in failed.json["checks"]["documents"]


def test_figures_tell_the_age_and_the_end_of_every_document(world):
    """For alerts: each document by name, each purpose's key, the records that wait."""
    told = {
        (sample.name, *sample.labels.values()): sample.value
        for family in figures(world.verifier, world.clock)
        for sample in family.samples
    }
    bundle = world.verifier.published.current(world.clock.now()).bundle
    assert told["yunju_document_expires_timestamp_seconds", "trust-bundle"] == bundle.expires_at.timestamp()
    assert told["yunju_document_issued_timestamp_seconds", "status-list-0"] <= world.clock.now().timestamp()
    assert ("yunju_key_expires_timestamp_seconds", "card") in told
    assert told[("yunju_offline_records_held",)] == 0
    assert "yunju_document_issued_timestamp_seconds" in monitored(world).get("/metrics").text


def test_decisions_are_counted_by_outcome_and_reason(world):
    """A retry of the same operation is no second decision."""
    silver, gym = world.card("silver"), world.device("gym")
    client = monitored(world)

    def counted(line: str) -> float:
        lines = [text for text in client.get("/metrics").text.splitlines() if text.startswith(line)]
        return float(lines[0].rpartition(" ")[2]) if lines else 0.0

    granted = 'yunju_check_in_decisions_total{outcome="granted",reason=""}'
    denied = 'yunju_check_in_decisions_total{outcome="denied",reason="already-in"}'
    before = counted(granted), counted(denied)
    shown = silver.shown()
    for _ in range(2):
        gym.outcome(shown, "gym-visit", operation="decision-once-000001")
    gym.outcome(silver.shown(), "gym-visit")
    assert (counted(granted), counted(denied)) == (before[0] + 1, before[1] + 1)
