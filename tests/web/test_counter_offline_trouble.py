"""What goes wrong while the server is away: a crash, two tabs, lost answers, a full disk, a revoked tablet."""

import json
from contextlib import suppress

import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import expect

from tests.web.lost import LostTablet, conflicts
from tests.web.site import BY

pytestmark = [pytest.mark.browser, pytest.mark.slow]


FILL = """() => {
  const { add } = IDBObjectStore.prototype;
  const told = Object.getOwnPropertyDescriptor(IDBTransaction.prototype, 'error');
  IDBObjectStore.prototype.add = function (row) {
    const request = add.call(this, row);
    request.addEventListener('success', () => this.transaction.abort());
    return request;
  };
  const full = { get: () => new DOMException('no room', 'QuotaExceededError'), configurable: true };
  Object.defineProperty(IDBTransaction.prototype, 'error', full);
  window.emptied = () => {
    IDBObjectStore.prototype.add = add;
    Object.defineProperty(IDBTransaction.prototype, 'error', told);
  };
}"""
"""Let each transaction that adds a record end as on a full disk: the browser's own quota leaves small writes alone."""


def crash(page) -> None:
    """End the page's renderer as a fault of its own would."""
    with suppress(PlaywrightError):
        page.goto("chrome://crash", timeout=3000)


def test_a_crashed_tab_loses_no_record(opened_offline, served):
    """The renderer is killed right after the answer was told: the record lies on the disk and is sent later."""
    tablet = LostTablet(opened_offline, served)
    served.stop()
    assert tablet.present(served.card("gold")) == ("granted", "")
    context = tablet.page.context
    with tablet.page.expect_event("crash"):
        crash(tablet.page)
    tablet.page.close()
    tablet.page = context.new_page()
    tablet.page.goto("/counter")
    tablet.shows("scan")
    tablet.is_lost()
    assert [row["seq"] for row in tablet.records()] == [1]
    served.start()
    tablet.sent(1)
    tablet.is_back()
    expect(tablet.page.locator("#show-records")).to_have_text("离线记录")


def test_two_tabs_keep_one_chain(opened_offline, served):
    """Both record at once: every number once, each naming the one before, and no incident at the server."""
    tablet = LostTablet(opened_offline, served, "hosp-mch")
    tablet.page.click("text=优先缴费")
    other = tablet.page.context.new_page()
    other.goto("/counter")
    expect(other.locator("[data-view=scan]")).to_be_visible()
    cards = [served.card(tier) for tier in ("gold", "silver", "diamond")]
    before = conflicts(served)["incidents"]
    served.stop()
    write = """async (texts) => {
      const { Device } = await import('/static/js/counter/device.js');
      const { OfflineDesk } = await import('/static/js/counter/offline-desk.js');
      const { randomId } = await import('/static/js/encoding.js');
      const { loadReasons } = await import('/static/js/counter/offline-answer.js');
      await loadReasons();
      const desk = new OfflineDesk(await Device.load());
      const asked = { service: 'hospital-payment', id_checked: true };
      const all = Array.from({ length: 12 }, (_, index) =>
        desk.perform({ operation: randomId(), asked, text: texts[index % texts.length] }));
      return (await Promise.all(all)).map(({ answer }) => answer.outcome);
    }"""
    other.evaluate(f"(given) => {{ window.written = ({write})(given); return null; }}", cards)
    assert tablet.page.evaluate(write, cards) == ["granted"] * 12
    assert other.evaluate("() => window.written") == ["granted"] * 12
    assert [row["seq"] for row in tablet.records()] == list(range(1, 25))
    served.start()
    assert {row["state"] for row in tablet.sent(24)} == {"applied"}
    assert conflicts(served)["incidents"] == before


def test_one_card_shown_in_two_tabs_at_once_is_let_in_once(opened_offline, served):
    """What one tab grants counts for the other before it judges: no limit of offline uses is passed by being quick."""
    tablet = LostTablet(opened_offline, served)
    other = tablet.page.context.new_page()
    other.goto("/counter")
    expect(other.locator("[data-view=scan]")).to_be_visible()
    card = served.card("gold")
    served.stop()
    show = """async (text) => {
      const { Device } = await import('/static/js/counter/device.js');
      const { OfflineDesk } = await import('/static/js/counter/offline-desk.js');
      const { randomId } = await import('/static/js/encoding.js');
      const desk = new OfflineDesk(await Device.load());
      const asked = { service: 'gym-visit', id_checked: true };
      const all = Array.from({ length: 6 }, () => desk.perform({ operation: randomId(), asked, text }));
      return (await Promise.all(all)).map(({ answer }) => answer.outcome);
    }"""
    other.evaluate(f"(given) => {{ window.written = ({show})(given); return null; }}", card)
    outcomes = tablet.page.evaluate(show, card) + other.evaluate("() => window.written")
    assert sorted(outcomes) == ["denied"] * 11 + ["granted"]
    served.start()


def test_an_answer_that_was_lost_is_asked_for_again_and_counts_once(opened_offline, served):
    """Online check-in and upload both reach the server, neither answer reaches the tablet: one use in the end."""
    tablet = LostTablet(opened_offline, served)
    card = served.card("silver")
    asked = []

    def lose_answer(route):
        asked.append(route.request.url)
        route.fetch()
        route.abort()

    tablet.page.route("**/v1/check-ins", lose_answer)
    tablet.page.route("**/v1/points/**", lambda route: route.abort())
    tablet.paste(card)
    tablet.page.click("#id-confirm")
    assert tablet.outcome() == ("granted", "")
    assert asked
    tablet.is_lost()
    tablet.next()
    tablet.page.unroute("**/v1/check-ins")
    uploads = []

    def lose_upload(route):
        uploads.append(route.fetch().json()["answers"][0])
        route.abort()

    tablet.page.route("**/v1/offline-check-ins", lose_upload, times=1)
    tablet.page.unroute("**/v1/points/**")
    row = tablet.sent(1)[0]
    assert uploads[0]["status"] == "applied"
    assert (row["state"], row["answer"]["id"]) == ("applied", uploads[0]["id"])
    tablet.is_back()
    assert tablet.present(card) == ("granted", "")
    expect(tablet.page.locator("[data-view=outcome]")).to_contain_text("已用 2 次，共 2 次")


def test_a_full_disk_lets_nobody_in(opened_offline, served):
    """What cannot be recorded is not told: the screen names the remedy, and after it the same tablet goes on."""
    tablet = LostTablet(opened_offline, served)
    card = served.card("gold")
    served.stop()
    tablet.lose()
    tablet.page.evaluate(FILL)
    tablet.paste(card)
    tablet.page.click("#id-confirm")
    assert tablet.problem() == "storage-full"
    assert tablet.records() == []
    tablet.page.evaluate("() => window.emptied()")
    tablet.page.click("#back")
    assert tablet.present(card) == ("granted", "")
    assert [row["seq"] for row in tablet.records()] == [1]


def test_records_of_a_revoked_tablet_are_kept_until_a_supervisor_brings_them(opened_offline, served):
    """The queue stays, the page says what to do; enrolled anew and a supervisor signed in, they are sent and held."""
    tablet = LostTablet(opened_offline, served)
    card = served.card("gold")
    served.stop()
    assert tablet.present(card) == ("granted", "")
    old = tablet.records()[0]["device"]
    served.office.accounts.devices.revoke(old, by=BY, at=served.clock.now())
    served.start()
    assert tablet.problem() == "device-revoked"
    tablet.page.click("#show-records")
    expect(tablet.page.locator("#records-state")).to_contain_text("1 条")
    tablet.page.click("#records button")
    tablet.page.click("#enrol-again")
    expect(tablet.page.locator("#enrol-code")).to_be_focused()
    tablet.page.fill("#enrol-code", served.supervised_code("gym"))
    tablet.page.click("#enrol-form button")
    tablet.shows("scan")
    expect(tablet.page.locator("#show-records")).to_have_text("待上传 1 条")
    tablet.signs_in()
    row = tablet.sent(1)[0]
    assert (row["state"], row["answer"]["why"]) == ("held", "revoked-device")
    expect(tablet.list()).to_contain_text("等主管处理")


def test_a_busy_day_is_sent_in_batches(opened_offline, served):
    """450 records in calls of at most 200, fewer where the server is slow: each entered once, each answered."""
    tablet = LostTablet(opened_offline, served, "hosp-mch")
    card = served.card("gold")
    served.stop()
    tablet.lose()
    tablet.page.evaluate(
        """async (text) => {
          const { Device } = await import('/static/js/counter/device.js');
          const { OfflineDesk } = await import('/static/js/counter/offline-desk.js');
          const { loadReasons } = await import('/static/js/counter/offline-answer.js');
          const { randomId } = await import('/static/js/encoding.js');
          await loadReasons();
          const desk = new OfflineDesk(await Device.load());
          const asked = { service: 'hospital-payment', id_checked: true };
          for (let index = 0; index < 450; index += 1) await desk.perform({ operation: randomId(), asked, text });
        }""",
        card,
    )
    sizes = []
    tablet.page.on(
        "request",
        lambda request: (
            request.url.endswith("/v1/offline-check-ins")
            and sizes.append(len(json.loads(request.post_data)["records"]))
        ),
    )
    served.start()
    rows = tablet.sent(450)
    assert {row["state"] for row in rows} == {"applied"}
    assert max(sizes) <= 200
    assert len(sizes) >= 3
    assert len({row["answer"]["id"] for row in rows}) == 450
    tablet.is_back()


def test_a_server_that_cannot_write_is_lost_until_it_takes_the_queue(opened_offline, served):
    """It answers every read, and 503 to what must be durable: the tablet stays offline, not now here, now there."""
    tablet = LostTablet(opened_offline, served)

    def refuse(route):
        route.fulfill(status=503, content_type="application/problem+json", body='{"code": "unavailable"}')

    for path in ("**/v1/check-ins", "**/v1/offline-check-ins"):
        tablet.page.route(path, refuse)
    card = served.card("gold")
    assert tablet.present(card) == ("granted", "")
    tablet.is_lost()
    tablet.next()
    tablet.page.click("#offbar-retry")
    expect(tablet.page.locator("#announcement")).to_have_text("还是连不上。")
    tablet.is_lost()
    for path in ("**/v1/check-ins", "**/v1/offline-check-ins"):
        tablet.page.unroute(path)
    assert tablet.sent(1)[0]["state"] == "applied"
    tablet.is_back()
