"""The public check with the server process ended: the page starts by itself and judges by what it keeps."""

import pytest
from playwright.sync_api import expect

from tests.web.test_check import PHONE, ask, prepared

pytestmark = [pytest.mark.browser, pytest.mark.slow]

INSTALLED = "() => navigator.serviceWorker.ready.then((found) => found.scope)"


def test_the_page_starts_and_judges_with_no_server_there(opened_offline, served):
    """Opened once before; then the process ends, the page is opened anew, and answers by its list."""
    valid, revoked = served.printed("gold"), served.revoked_card("silver")
    page = prepared(opened_offline("/check", viewport=PHONE))
    assert page.evaluate(INSTALLED) == f"{served.base}/"
    served.stop()
    page.reload()
    said = ask(page, valid, "valid")
    assert "金卡" in said
    expect(page.locator("#here")).to_contain_text("由本机核对")
    assert "这张卡已作废" in ask(page, revoked, "invalid")
    assert "无法识别" in ask(page, "hello", "malformed")
    served.start()
    ask(page, valid, "valid")
    expect(page.locator("#here")).to_have_count(0)
