"""Auditors' calls without a browser: who may ask, what is kept of the asking, what is refused."""

import json
import re
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from accounts.rights import EVERYWHERE, Right, Role
from edge.settings import load_settings
from tests.accounts.builders import opened
from tests.web.auditing import NAME, PASSWORD, add_auditor, fill_log, wait_for_log
from tests.web.site import BY, Site
from verifier.api.audit import review_exports
from verifier.api.audit.seats import AuditSlots
from verifier.records.store import VerifierStore
from web.app import create_application
from web.audit.pages import PAGES
from web.wording import load_wording

NAMED = "auditor.sun"
SPAN = "since=2026-11-01&until=2026-11-30"
READS = [
    f"/v1/audit/figures?{SPAN}",
    f"/v1/audit/anomalies?{SPAN}",
    "/v1/audit/entries/00-000001",
    "/v1/audit/export?format=csv",
    "/v1/audit/names",
    "/v1/audit/report?month=2026-11",
]
WRITES = [
    ("/v1/audit/verifications", None),
    ("/v1/audit/reviews", {"anomaly": "voids:1:2", "note": "x"}),
    ("/v1/log/entries/00-000001/name", {"purpose": "complaint 12"}),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine with a log."""
    made = Site(tmp_path_factory.mktemp("calls"))
    add_auditor(made)
    made.office.accounts.people.add(NAMED, PASSWORD, (Role.NAME_AUDITOR,), by=BY, at=made.clock.now())
    made.counters = fill_log(made)
    made.last = made.counters.use(made.printed("gold"), "gym-visit", "gym")["id"]
    wait_for_log(made, made.counters, made.last)
    yield made
    made.close()


def signed_in(app, name):
    """A client with a person's cookie."""
    client = app.test_client()
    client.set_cookie("yunju_session", session_of(app, name))
    return client


def session_of(app, name):
    """A fresh session, with the second step taken."""
    return opened(app.extensions["staff"].authenticate.store, name, app.clock.now()).token


@pytest.fixture
def auditor(site):
    """A client with an auditor's cookie."""
    return signed_in(site.app, NAME)


@pytest.fixture
def names(site):
    """A client of an auditor who may ask for names."""
    return signed_in(site.app, NAMED)


def verdict(response) -> dict:
    """What a check of the log came to: its last line."""
    return json.loads(response.get_data().splitlines()[-1])


def token(site, rights) -> dict[str, str]:
    """Headers of an integrator with these rights."""
    at = site.clock.now()
    store = site.office.accounts.integrators
    return {"Authorization": f"Bearer {store.add('other', rights, expires_at=at + timedelta(days=1), by=BY, at=at)[1]}"}


def accesses(site, kind: str) -> list[tuple]:
    """What the verifier's store keeps of readings of a kind, newest first."""
    with sqlite3.connect(site.settings.var / "verifier.db") as db:
        found = db.execute("SELECT what, caller, holder FROM accesses WHERE kind = ? ORDER BY id DESC", (kind,))
        return found.fetchall()


@pytest.mark.parametrize("path", READS)
def test_nothing_is_told_without_the_right(site, path):
    """Nobody, somebody with another right, and somebody with the right at one point only."""
    client = site.app.test_client()
    assert client.get(path).status_code == 401
    client.set_cookie("yunju_session", "yjp_" + "A" * 43)
    assert client.get(path).status_code == 401
    client.delete_cookie("yunju_session")
    for rights in ({EVERYWHERE: frozenset({Right.CHECK_IN})}, {"library": frozenset({Right.AUDIT})}):
        assert client.get(path, headers=token(site, rights)).status_code == 403


@pytest.mark.parametrize(("path", "body"), WRITES)
def test_nothing_is_done_without_the_right(site, path, body):
    """Signed out, and with another right."""
    client = site.app.test_client()
    assert client.post(path, json=body).status_code == 401
    headers = token(site, {EVERYWHERE: frozenset({Right.CHECK_IN})}) | {"Idempotency-Key": "a" * 20}
    assert client.post(path, json=body, headers=headers).status_code == 403


@pytest.mark.slow
def test_a_cookie_writes_from_our_own_pages_alone(auditor, site):
    """Another origin is refused, and so is none."""
    for headers in ({}, {"Origin": "http://127.0.0.1:1"}):
        assert auditor.post("/v1/audit/verifications", headers=headers).status_code == 403
    assert verdict(auditor.post("/v1/audit/verifications", headers={"Origin": site.base}))["state"] == "sound"


@pytest.mark.parametrize("path", [path.replace("<entry_id>", "00-000001") for path in PAGES.values()])
def test_every_page_sends_to_the_sign_in_page_whoever_may_not_audit(site, path):
    """Nobody, a wrong cookie, an integrator with the right: pages are for people."""
    client = site.app.test_client()
    for headers in ({}, token(site, {EVERYWHERE: frozenset({Right.AUDIT})})):
        response = client.get(f"{path}?x=1&lang=en", headers=headers)
        assert response.status_code == 303
        assert response.location.startswith("/sign-in?next=%2Faudit")
        assert response.location.endswith("&lang=en")


def test_a_page_names_the_auditor_and_is_kept_by_no_cache(auditor):
    """Strict policy, no entry in the page itself."""
    response = auditor.get("/audit")
    assert response.headers["Cache-Control"] == "no-store"
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    text = response.get_data(as_text=True)
    assert NAME in text
    assert not re.search(r"<script(?![^>]*(?:src=|application/json))|<style|\sstyle=|\son\w+=", text)


@pytest.mark.slow
def test_every_reading_is_itself_kept(auditor, site):
    """What was asked, by whom, and whose entries; an export as such."""
    auditor.get(f"/v1/audit/figures?{SPAN}&point=gym")
    assert '"point":"gym"' in accesses(site, "figures")[0][0]
    auditor.get(f"/v1/audit/anomalies?{SPAN}")
    assert '"since":"2026-11-01"' in accesses(site, "anomalies")[0][0]
    leaf = auditor.get(f"/v1/audit/entries/{site.last}").json["leaf"]
    what, _, holder = accesses(site, "log")[0]
    assert (what, holder) == (site.last, leaf["holder"])
    assert auditor.get("/v1/audit/export?format=csv&point=gym").data.startswith(b"\xef\xbb\xbfindex,")
    assert '"point":"gym"' in accesses(site, "export")[0][0]


def ask_name(site, client, purpose="投诉 12 号", entry=None):
    """Ask for the name behind an entry from our own pages."""
    headers = {"Origin": site.base}
    return client.post(f"/v1/log/entries/{entry or site.last}/name", json={"purpose": purpose}, headers=headers)


def test_a_name_is_told_by_right_with_a_purpose_and_the_asking_is_kept(auditor, names, site):
    """An auditor alone may not; who may is told the name in the register, kept nowhere, and the asking is kept."""
    assert ask_name(site, auditor).status_code == 403
    assert accesses(site, "names") == []
    answer = ask_name(site, names)
    assert (answer.json["state"], answer.json["name"]) == ("told", "张小明")
    assert answer.headers["Cache-Control"] == "no-store"
    what, _, holder = accesses(site, "names")[0]
    assert holder == answer.json["holder"]
    assert "投诉 12 号" in what
    assert "张小明" not in what


def test_a_note_is_shown_to_an_auditor_with_the_right_and_the_reading_is_kept(auditor, names, site):
    """A void's reason in words: by the right `names`, logged, and only what the entry was made with."""
    used = site.counters.use(site.printed("gold"), "library-facilities", "library")["id"]
    voided = site.counters.post(f"/v1/check-ins/{used}/void", {"reason": "other", "note": "家属代述，刷错了人"})
    entry = voided.json["id"]
    assert auditor.get(f"/v1/log/entries/{entry}/note").status_code == 403
    assert names.get(f"/v1/log/entries/{entry}/note").json == {"state": "told", "note": "家属代述，刷错了人"}
    assert accesses(site, "note")[0][0] == entry
    assert names.get(f"/v1/log/entries/{used}/note").json["state"] == "none"
    store = VerifierStore.open(site.settings.verifier_url, site.settings.secret())
    store.erase_notes([entry])
    assert names.get(f"/v1/log/entries/{entry}/note").json == {"state": "erased", "note": None}
    store.keep_note(entry, "salt.别的话", site.clock.now())
    assert names.get(f"/v1/log/entries/{entry}/note").json == {"state": "altered", "note": None}
    store.close()


@pytest.mark.parametrize("purpose", ["", "   ", "    x    ", "查一下", "x" * 201])
def test_a_purpose_says_something(names, site, purpose):
    """Spaces are none, nor is a word of three letters; nothing is told or kept."""
    before = len(accesses(site, "names"))
    assert ask_name(site, names, purpose).status_code == 422
    assert len(accesses(site, "names")) == before


def test_who_asked_for_which_name_is_shown_to_every_auditor(auditor, names, site):
    """Who, when, which entry, what for; and nobody else sees it."""
    ask_name(site, names, "复核申诉 2026-17")
    newest = auditor.get("/v1/audit/names").json["asked"][0]
    assert (newest["by"], newest["entry"], newest["purpose"]) == (NAMED, site.last, "复核申诉 2026-17")
    assert accesses(site, "log")[0][0] == "names asked for"


@pytest.mark.parametrize("purpose", ['"' * 200, "\u0001" * 200, "\\" * 200])
def test_no_purpose_hides_an_asking_from_the_other_auditors(auditor, names, site, purpose):
    """What grows when it is kept would be cut off and shown to nobody: it is refused before a name is told."""
    site.clock.advance(timedelta(hours=1))
    auditor.set_cookie("yunju_session", session_of(site.app, NAME))
    names.set_cookie("yunju_session", session_of(site.app, NAMED))
    before = accesses(site, "names")
    assert ask_name(site, names, purpose).json["fields"][0]["path"] == "$.purpose"
    assert accesses(site, "names") == before
    told = "查" * 180 + '"引号"'
    assert ask_name(site, names, told).status_code == 200
    assert auditor.get("/v1/audit/names").json["asked"][0]["purpose"] == told


def test_names_are_told_one_by_one_and_never_as_a_list(site, names, monkeypatch):
    """Ten, then one a minute."""
    for _ in range(12):
        if (answer := ask_name(site, names)).status_code == 429:
            break
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_an_entry_without_a_holder_and_one_erased_have_no_name(site, names, monkeypatch):
    """A card that could not be read; a holder whose erasure was ordered."""
    from ledger.sqlite import SqliteLedger

    site.clock.advance(timedelta(hours=1))
    names.set_cookie("yunju_session", session_of(site.app, NAMED))
    monkeypatch.setattr(SqliteLedger, "subject_of", lambda *_: None)
    assert ask_name(site, names).json == {
        "state": "erased",
        "holder": ask_name(site, names).json["holder"],
        "name": None,
    }


def test_where_the_register_is_elsewhere_no_name_is_told_and_the_answer_says_so(site, tmp_path):
    """A verifier of its own: the asking is kept all the same."""
    settings = load_settings(
        {
            "YUNJU_VAR": str(site.settings.var),
            "YUNJU_BASE_URL": site.base,
            "YUNJU_SURFACES": "verifier,audit",
        }
    )
    client = signed_in(create_application(settings, site.clock), NAMED)
    site.clock.advance(timedelta(hours=1))
    client.set_cookie("yunju_session", session_of(site.app, NAMED))
    before = len(accesses(site, "names"))
    answer = ask_name(site, client)
    assert (answer.json["state"], answer.json["name"]) == ("elsewhere", None)
    assert len(accesses(site, "names")) == before + 1


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("month=2026-11&department=health", 200),
        ("month=2026-11&lang=en", 200),
        ("month=2026-13", 422),
        ("month=2026-11&department=nobody", 422),
        ("month=2026-11&lang=fr", 422),
        ("department=health", 422),
    ],
)
def test_the_monthly_report_is_made_as_pdf_and_its_making_is_kept(auditor, site, query, status):
    """For a department or all, in two languages; what makes no sense is named."""
    answer = auditor.get(f"/v1/audit/report?{query}")
    assert answer.status_code == status
    if status == 200:
        assert answer.data.startswith(b"%PDF-")
        assert answer.headers["Content-Disposition"].endswith('-2026-11.pdf"')
        assert '"month":"2026-11"' in accesses(site, "report")[0][0]


def test_a_log_that_is_not_counted_up_yet_makes_no_report(auditor, monkeypatch):
    """Never a paper with part of the figures."""
    from audit.figures.usage import UsageFigures

    monkeypatch.setattr(UsageFigures, "count", lambda _: (10, 1_000_000))
    answer = auditor.get("/v1/audit/report?month=2026-11")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")


def test_a_review_sent_again_is_one_review_and_is_sealed(auditor, site):
    """The same operation; the file shows neither name nor note."""
    body = {"anomaly": "clock:x:2026-11-10", "note": "the tablet was reset"}
    headers = {"Origin": site.base, "Idempotency-Key": "r" * 20}
    for _ in range(2):
        assert auditor.post("/v1/audit/reviews", json=body, headers=headers).status_code == 201
    with sqlite3.connect(site.settings.var / "verifier.db") as db:
        rows = db.execute("SELECT note FROM reviews WHERE anomaly = ?", (body["anomaly"],)).fetchall()
    assert len(rows) == 1
    assert b"tablet" not in rows[0][0]
    assert NAME.encode() not in rows[0][0]
    assert auditor.post("/v1/audit/reviews", json=body, headers={"Origin": site.base}).status_code == 400


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("tier=gold", {"tier": "gold"}),
        ("assurance=copyable&tier=silver&outcome=denied", {"outcome": "denied", "tier": "silver"}),
        ("kind=void&department=culture", {"kind": "void", "department": "culture"}),
        ("beneficiary=holder&service=gym-visit", {"service": "gym-visit", "beneficiary": "holder"}),
    ],
)
def test_search_and_export_choose_the_same_entries(auditor, query, wrong):
    """Every filter of the one is one of the other; the reading is kept with it."""
    found = auditor.get(f"/v1/log/entries?{query}&limit=200").json["entries"]
    lines = auditor.get(f"/v1/audit/export?format=jsonl&{query}").get_data().splitlines()[1:-1]
    assert found
    assert {entry["id"] for entry in found} == {json.loads(line)["leaf"]["id"] for line in lines}
    assert all(entry["leaf"][name] == value for entry in found for name, value in wrong.items())
    assert auditor.get("/v1/log/entries?colour=red").status_code == 422
    assert auditor.get("/v1/log/entries?assurance=perfect").status_code == 422


@pytest.mark.parametrize(
    "query",
    [
        "since=2026-11-30&until=2026-11-01",
        "since=2020-01-01&until=2026-11-01",
        "since=2026-02-30&until=2026-03-01",
        "since=yesterday&until=2026-11-01",
        "since=2026-11-01",
        "since=9999-12-31&until=9999-12-31",
        f"{SPAN}&colour=red",
    ],
)
def test_spans_that_make_no_sense_are_named(auditor, query):
    """Backwards, too long, not in the calendar, not a day, half, unknown."""
    for call in ("figures", "anomalies"):
        assert auditor.get(f"/v1/audit/{call}?{query}").status_code == 422


def test_the_last_day_of_the_calendar_exports_nothing(auditor):
    """No day follows it: refused, not broken. Nor does a new line after a month break a report."""
    assert auditor.get("/v1/audit/report?month=2026-11%0A").status_code == 422
    assert auditor.get("/v1/audit/export?format=csv&until=9999-12-31").status_code == 422


def test_an_entry_that_was_altered_in_the_ledger_contradicts_the_log(auditor, site):
    """One letter in the store: the page says that it does not match, and shows what the log has."""
    partition, seq = int(site.last[:2], 16), int(site.last[3:])
    row = partition << 40 | seq
    with sqlite3.connect(site.settings.var / "ledger.db") as db:
        (good,) = db.execute("SELECT leaf FROM entries WHERE n = ?", (row,)).fetchone()
        db.execute("UPDATE entries SET leaf = ? WHERE n = ?", (good.replace(b'"tier":"gold"', b'"tier":"gild"'), row))
        db.commit()
        try:
            proof = auditor.get(f"/v1/audit/entries/{site.last}").json["proof"]
        finally:
            db.execute("UPDATE entries SET leaf = ? WHERE n = ?", (good, row))
    assert proof["state"] == "contradicted"
    assert auditor.get(f"/v1/audit/entries/{site.last}").json["proof"]["state"] == "proved"


def test_an_entry_not_yet_in_the_tree_is_pending(auditor, site, monkeypatch):
    """Until the sequencer has taken it in nothing is proved, and nothing is wrong."""
    from audit.tree.entryindex import EntryIndex

    monkeypatch.setattr(EntryIndex, "find", lambda *_: None)
    assert auditor.get(f"/v1/audit/entries/{site.last}").json["proof"]["state"] == "pending"


def test_a_log_too_large_for_a_page_names_the_command(auditor, site, monkeypatch):
    """Nothing is checked by halves."""
    from verifier.api.audit import review_exports

    monkeypatch.setattr(review_exports, "VERIFIED_HERE", 3)
    answer = verdict(auditor.post("/v1/audit/verifications", headers={"Origin": site.base}))
    assert answer["state"] == "too-large"
    assert answer["command"] == "python -m verifier audit verify"


@pytest.mark.slow
def test_a_check_of_the_log_tells_how_far_it_is_and_is_kept(auditor, site):
    """A line of progress, then the verdict, as it goes."""
    lines = [
        json.loads(line)
        for line in auditor.post("/v1/audit/verifications", headers={"Origin": site.base}).get_data().splitlines()
    ]
    size = lines[-1]["entries"]
    assert lines[0] == {"entries": size, "of": size}
    assert lines[-1]["state"] == "sound"
    assert accesses(site, "verify")[0][0] == f"sound {size}"


def test_damaged_files_are_an_outage_not_a_plain_error(auditor, site):
    """Figures and anomalies say that the log cannot be read."""
    tile = max((site.settings.log / "tile" / "entries").rglob("*"), key=lambda file: file.is_file())
    hidden = tile.with_suffix(".hidden")
    tile.rename(hidden)
    try:
        asked = "since=2026-11-02&until=2026-11-29"  # nothing that was found before
        assert auditor.get(f"/v1/audit/anomalies?{asked}").status_code == 503
    finally:
        hidden.rename(tile)


def test_every_call_is_described(site):
    """The OpenAPI document holds each of them."""
    paths = site.app.test_client().get("/v1/openapi.json").json["paths"]
    assert {path for path in paths if path.startswith("/v1/audit/")} == {
        "/v1/audit/figures",
        "/v1/audit/anomalies",
        "/v1/audit/reviews",
        "/v1/audit/entries/{entry_id}",
        "/v1/audit/verifications",
        "/v1/audit/export",
        "/v1/audit/names",
        "/v1/audit/report",
    }
    assert "/v1/log/entries/{entry_id}/name" in paths


def test_the_pages_words_are_complete():
    """Every key that templates and scripts name, and every one that is put together from a closed set."""
    from audit.evidence import chains
    from audit.figures import anomalies
    from ledger.leaf import KINDS

    web = Path(__file__).parents[2] / "web"
    files = [*web.glob("static/js/audit/*.js"), *web.glob("templates/audit*.html")]
    text = "".join(file.read_text() for file in files)
    asked = set(re.findall(r"""["'`]((?:audit(?:-[a-z-]+)?|anomaly)\.[a-z0-9-]*[a-z0-9])["'`]""", text))
    asked -= {file.name.removesuffix(".html") + ".html" for file in files}
    asked |= {f"anomaly.{kind}{part}" for kind in anomalies.AnomalyKind for part in ("", "-what", "-why")}
    asked |= {f"audit-integrity.fault-{kind}" for kind in chains.FindingKind} | {f"audit.kind-{kind}" for kind in KINDS}
    states = {"audit-integrity": "sound damaged too-large empty", "audit-entry": "proved pending contradicted"}
    for page, names in states.items():
        asked |= {f"{page}.{name}{part}" for name in names.split() for part in ("", "-more")}
    assert len(asked) > 150
    for words in load_wording().values():
        assert asked - words.keys() == set()


def test_every_anomaly_is_explained_with_what_is_known_of_it():
    """What, why, and the threshold passed, in both languages; no value that a finding does not have."""
    from audit.figures.anomalies import AnomalyKind

    known = {"count", "point", "service", "device", "staff", "holder"}
    more = {
        AnomalyKind.TOO_FAR: {"other", "minutes"},
        AnomalyKind.REFUSED_PROOFS: {"minutes"},
        AnomalyKind.CLOCK: {"minutes"},
        AnomalyKind.OFF_HOURS: {"hours"},
        AnomalyKind.MOST_USED: {"times"},
    }
    for words in load_wording().values():
        for kind in AnomalyKind:
            text = words[f"anomaly.{kind}-what"] + words[f"anomaly.{kind}-why"]
            asked = set(re.findall(r"\{(\w+)\}", text))
            assert asked <= known | more.get(kind, set()), kind
            assert more.get(kind, set()) <= asked, kind


@pytest.mark.slow
def test_a_few_slow_downloads_leave_counters_their_threads(site, auditor, monkeypatch):
    """Two long answers at once in a process; a third is told when to come; a seat comes back at the end."""
    monkeypatch.setattr(review_exports, "_SEATS", AuditSlots(2))
    path = "/v1/audit/export?format=csv"
    slow = [auditor.get(path) for _ in range(2)]
    refused = auditor.get(path)
    assert (refused.status_code, refused.json["code"]) == (503, "unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    assert slow[0].data
    slow[1].close()
    assert auditor.get(path).status_code == 200
    assert auditor.head(path).status_code == 200


def test_a_name_is_told_only_soon_after_a_full_sign_in(names, site):
    """A session left open is not enough: after ten minutes its holder signs in again."""
    site.clock.advance(timedelta(minutes=11))
    refused = ask_name(site, names)
    assert (refused.status_code, refused.json["code"]) == (403, "confirm-again")
    names.set_cookie("yunju_session", session_of(site.app, NAMED))
    assert ask_name(site, names).json["state"] == "told"
