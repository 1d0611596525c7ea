"""The pages in WebKit and Firefox: a phone shows its code, a tablet checks cards in, anyone checks a card."""

from __future__ import annotations

import pytest

from tests.web.counter import Tablet
from tests.web.engines import EnginePage
from tests.web.screen import scanned

pytestmark = pytest.mark.browser

ENTER = "\ue007"
SEEN = "(selector) => document.querySelector(selector)?.offsetParent != null"


def enrolled(page: EnginePage, site, tier: str = "gold") -> EnginePage:
    """Enrol a phone by its link; returns once its card was registered and its code is drawn."""
    page.goto(f"/wallet#code={site.wallet_code(tier)}")
    page.wait(SEEN, "#id-last4")
    page.type("#id-last4", site.last_four)
    page.click("#enrol-do")
    page.wait("() => document.querySelector('#recovery-code')?.innerText.includes('-')")
    page.click("#recovery-do")
    page.wait("() => document.querySelector('#registered')?.textContent === '是'")
    page.wait("() => document.querySelector('#code')?.dataset.modules > 0")
    return page


def test_a_phones_code_is_granted_at_a_counter_once(engine, opened, site):
    """Key, card and proof are made by the engine; a tablet in Chromium takes what the screen shows, once."""
    code = scanned(enrolled(engine, site).screenshot)
    assert code.startswith("YJ01:")
    tablet = Tablet(opened, site)
    tablet.paste(code)
    assert tablet.outcome()[0] == "granted"
    tablet.next()
    tablet.paste(code)
    assert tablet.outcome() == ("denied", "proof-used")


def test_a_phones_key_cannot_be_taken_out_of_it(engine, site):
    """Kept in the engine's IndexedDB as a key that no script can export, and the card is there after a reload."""
    enrolled(engine, site)
    told = engine.evaluate(
        """async () => {
          const { Phone } = await import("/static/js/wallet/phone.js");
          const [phone] = await Phone.all();
          const exported = await crypto.subtle.exportKey("jwk", phone.key.privateKey).then(() => true, () => false);
          return { exported, extractable: phone.key.privateKey.extractable };
        }"""
    )
    assert told == {"exported": False, "extractable": False}
    engine.goto("/wallet")
    engine.wait("() => document.querySelector('#code')?.dataset.modules > 0")
    assert scanned(engine.screenshot).startswith("YJ01:")


def test_the_full_code_is_smaller_than_77_modules_and_is_proved(engine, opened, site):
    """Deflated there with the preset dictionary; the public check reads it and finds the proof."""
    enrolled(engine, site)
    engine.evaluate("() => document.querySelector('input[name=form][value=full]').click()")
    drawn = engine.wait("() => ((modules) => modules > 49 && modules)(document.querySelector('#code').dataset.modules)")
    assert int(drawn) <= 77
    text = scanned(engine.screenshot)
    told = site.app.test_client().post("/v1/public-checks", json={"presentation": text}).json
    assert (told["valid"], told["proved"], told["tier"]) == (True, True, "gold")


def test_a_tablet_checks_a_printed_card_in(engine, site):
    """Enrolled by its code; the ID compared; the outcome fills the screen."""
    card = site.printed("silver")
    engine.goto("/counter")
    engine.wait(SEEN, "#enrol-code")
    engine.type("#enrol-code", site.device_code("gym"))
    engine.click("#enrol-form button")
    engine.wait(SEEN, "#presented")
    engine.type("#presented", card + ENTER)
    engine.wait(SEEN, "#id-confirm")
    engine.click("#id-confirm")
    engine.wait(SEEN, "[data-view=outcome]")
    said = engine.evaluate("() => document.querySelector('[data-view=outcome]').dataset.outcome")
    assert said == "granted"


def test_anyone_checks_a_card_with_the_server_and_without_it(engine, site):
    """What the page fetched serves while the server answers 503: judged here, and said so."""
    site.go(minutes=3)
    card = site.printed("diamond")
    engine.goto("/check")
    engine.wait("() => !document.querySelector('#check-do').disabled")
    kept = """async () => {
      const { read } = await import("/static/js/store.js");
      return (await read("check-offline-documents")) !== undefined;
    }"""
    engine.wait(kept)
    state = "(state) => document.querySelector('#answer').dataset.state === state"
    engine.type("#presented", card + ENTER)
    engine.wait(state, "valid")
    engine.click("#another")
    site.trouble += [("/v1/public-checks", "503 Service Unavailable")] * 2
    engine.type("#presented", card + ENTER)
    engine.wait(SEEN, "#here")
    assert "由本机核对" in engine.text("#answer")
    assert engine.evaluate("() => document.querySelector('#answer').dataset.state") == "valid"
    site.go(minutes=3)
