"""The wallet page in a real browser: a phone becomes a card, shows it, and a counter takes what it shows."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from cards.presentation import read
from cards.wire import dictionary_of, pack, unpack
from issuer.issuing.issuing import find_card
from issuer.issuing.lifecycle import revoke, suspend
from tests.web.counter import Tablet
from tests.web.phone import Phone, copied

pytestmark = pytest.mark.browser


@pytest.fixture
def phone(opened, site):
    """A diamond holder's phone."""
    return Phone(opened, site)


def dictionaries(site):
    """Return the programme's dictionary as readers want it."""
    dictionary = dictionary_of(site.office.desk.programme)
    return {dictionary.number: dictionary}


def card_on(phone):
    """Return the register's card of a phone."""
    return find_card(phone.site.office.desk, phone.page.locator("#card-number").text_content())


def test_the_phones_code_is_taken_at_the_counter(phone, opened, site):
    """Rendered, photographed, decoded, presented: granted without an ID check, by the short code alone."""
    tablet = Tablet(opened, site)
    text = phone.scanned()
    tablet.wedge(text)
    assert tablet.outcome() == ("granted", "")
    expect(tablet.page.locator("[data-view=outcome]")).to_contain_text("本人手机动态码")
    expect(tablet.page.locator(".tier")).to_have_text("钻石卡")


def test_the_short_code_is_small_and_a_proof_alone(phone, site):
    """At most 49 modules a side (docs/design.md §4); no card in it."""
    presented = read(phone.scanned(), dictionaries(site))
    assert presented.card is None
    assert presented.proof is not None
    assert phone.modules <= 49


def test_the_full_code_unpacks_to_the_very_card_and_proof(phone, site):
    """What the phone packs, the server's reader unpacks byte for byte; at most 77 modules."""
    phone.choose("full")
    text = phone.scanned()
    presented = unpack(text, dictionaries(site))
    assert presented.card == card_on(phone).token
    assert phone.modules <= 77
    (dictionary,) = dictionaries(site).values()
    assert abs(len(pack(presented, dictionary)) - len(text)) < 30


def test_other_forms_of_the_code_stand_behind_one_question(opened, site):
    """The counter's help names 扫不出来？; nobody meets 完整码 and 数字码 before asking."""
    page = Phone(opened, site).page
    expect(page.locator("#forms summary")).to_have_text("扫不出来？")
    expect(page.get_by_text("数字码", exact=True)).not_to_be_visible()
    page.click("#forms summary")
    expect(page.get_by_text("数字码", exact=True)).to_be_visible()
    tablet = Tablet(opened, site)
    tablet.page.click("#show-help")
    expect(tablet.page.locator("#help")).to_contain_text("扫不出来？")


def test_the_digits_code_reads_under_any_keyboard(phone, opened, site):
    """Digits alone, and granted."""
    phone.choose("digits")
    text = phone.scanned()
    assert text.isdigit()
    tablet = Tablet(opened, site, "hosp-mch")
    tablet.page.click("text=优先挂号")
    tablet.wedge(text)
    assert tablet.outcome() == ("granted", "")


def test_a_card_that_the_counter_does_not_know_is_shown_in_full(opened, site):
    """`card-unknown` says what to tap; the full code is then granted."""
    unregistered = []
    site.trouble += [("/v1/cards", "429 Too Many Requests")]
    page = opened(f"/wallet#code={site.wallet_code('gold')}", viewport={"width": 390, "height": 844})
    page.fill("#id-last4", site.last_four)
    page.click("#enrol-do")
    page.click("#recovery-do")
    expect(page.locator("#registered")).to_contain_text("还没有")
    unregistered.append(copied(page))
    page.click("#forms summary")
    page.check("input[value=full]", force=True)
    unregistered.append(copied(page))
    tablet = Tablet(opened, site)
    tablet.paste(unregistered[0])
    assert tablet.problem() == "card-unknown"
    expect(tablet.page.locator("[data-view=problem]")).to_contain_text("完整码")
    tablet.page.click("#back")
    tablet.paste(unregistered[1])
    assert tablet.outcome() == ("granted", "")


def test_a_screenshot_is_worthless_after_45_seconds(phone, opened, site):
    """The same picture is refused as out of date."""
    tablet = Tablet(opened, site)
    text = phone.scanned()
    site.clock.advance(timedelta(seconds=51))
    tablet.paste(text)
    assert tablet.outcome() == ("denied", "stale-proof")


def test_a_screenshot_is_worthless_once_the_code_was_used(phone, opened, site):
    """A second counter refuses it, a moment later."""
    first, second = Tablet(opened, site, "hosp-mch"), Tablet(opened, site, "hosp-2")
    for tablet in (first, second):
        tablet.page.click("text=优先挂号")
    text = phone.scanned()
    first.paste(text)
    assert first.outcome() == ("granted", "")
    second.paste(text)
    assert second.outcome() == ("denied", "proof-used")


def test_the_code_is_new_every_fifteen_seconds(phone):
    """Without a touch; the ring and the figure count down."""
    before = phone.scanned()
    drawn = phone.page.locator("#code").get_attribute("data-renewed")
    phone.page.clock.install()
    phone.page.clock.run_for(16_000)
    expect(phone.page.locator("#code")).not_to_have_attribute("data-renewed", drawn)
    assert phone.scanned() != before


def test_the_key_never_leaves_the_phone(phone):
    """It signs, but nobody can export it: not from the page either."""
    extracted = phone.page.evaluate(
        """async () => {
          const { read } = await import('/static/js/store.js');
          const { privateKey } = await read('wallet-key');
          return crypto.subtle.exportKey('jwk', privateKey).then(() => 'out', (error) => error.name);
        }"""
    )
    assert extracted == "InvalidAccessError"


def test_the_code_of_the_link_leaves_the_address_bar(opened, site):
    """No server, history or screenshot keeps it."""
    page = opened(f"/wallet#code={site.wallet_code('gold')}")
    expect(page.locator("#enrol-code")).not_to_have_value("")
    assert page.url.endswith("/wallet")


def test_a_wrong_id_or_code_says_one_thing(opened, site):
    """Nobody learns which of the two was wrong."""
    code = site.wallet_code("gold")
    page = opened(f"/wallet#code={code}")
    page.click("#enrol-do")
    expect(page.locator("#enrol-fault")).to_have_text("请填写激活码和后四位。")
    page.fill("#id-last4", "0000")
    page.click("#enrol-do")
    expect(page.locator("#enrol-fault")).to_have_text("激活码无效、已使用，或证件后四位不符")
    page.fill("#id-last4", site.last_four)
    page.click("#enrol-do")
    expect(page.locator("#recovery-code")).not_to_be_empty()


def test_an_enrolment_whose_answer_was_lost_is_sent_again_with_the_same_key(opened, site):
    """The server did the work, the network lost the answer: the phone still becomes the card."""
    page = opened(f"/wallet#code={site.wallet_code('gold')}")
    lost = []

    def lose(route):
        answer = route.fetch()
        if answer.status == 201 and not lost:
            lost.append(answer.status)
            route.abort()
        else:
            route.fulfill(response=answer)

    page.route("**/v1/wallet/enrolments", lose)
    page.fill("#id-last4", site.last_four)
    page.click("#enrol-do")
    expect(page.locator("#recovery-code")).not_to_be_empty()
    assert lost == [201]


def test_the_recovery_code_is_shown_once(phone):
    """After a reload there is the card, and no code anywhere in the page or in what it keeps."""
    phone.page.reload()
    expect(phone.page.locator("#pass-name")).to_have_text("张*明")
    assert phone.recovery_code not in phone.page.content()
    kept = phone.page.evaluate(
        "async () => JSON.stringify(await (await import('/static/js/store.js')).read('wallet-card'))"
    )
    assert "recovery" not in kept


def test_the_card_is_shown_without_a_network(phone, opened, site):
    """Only the page itself must have been loaded; the code made then is good at the counter."""
    phone.page.context.set_offline(True)
    drawn = phone.page.locator("#code").get_attribute("data-renewed")
    phone.choose("digits")
    phone.choose("short")
    expect(phone.page.locator("#code")).not_to_have_attribute("data-renewed", drawn)
    text = phone.scanned()
    phone.page.context.set_offline(False)
    tablet = Tablet(opened, site)
    tablet.paste(text)
    assert tablet.outcome() == ("granted", "")


def test_from_day_seven_the_card_renews_itself(phone, site):
    """On opening the page: a later end, the same card; the counters learn the new token."""
    until = phone.page.locator("#token-until").text_content()
    site.go(days=8)
    phone.page.reload()
    expect(phone.page.locator("#token-until")).not_to_have_text(until)
    expect(phone.page.locator("#registered")).to_have_text("是")


def test_a_card_that_ended_is_said_to_have_ended(phone, site):
    """With the reason and whom to call; no code is shown any more."""
    card = card_on(phone)
    revoke(site.office.desk, card.id, because="left", by="test", at=site.clock.now())
    site.go(hours=2)
    phone.page.reload()
    expect(phone.page.locator("[data-view=ended]")).to_be_visible()
    expect(phone.page.locator("#ended-reason")).to_contain_text("卡已作废")
    expect(phone.page.locator("#ended-call")).to_have_attribute("href", re.compile("tel:"))
    expect(phone.page.locator("#code")).not_to_be_visible()


def test_a_lost_phones_card_is_stopped_and_resumed_with_the_recovery_code(phone, opened, site):
    """From any browser; a wrong code says one thing."""
    number = card_on(phone).number
    page = opened("/wallet")
    page.click("#lost-open")
    page.fill("#lost-number", number)
    page.fill("#lost-code", "AAAA-AAAA-AAAA-AAAA")
    page.click("[value=block]")
    expect(page.locator("#lost-answer")).to_contain_text("卡号与恢复码不符")
    page.fill("#lost-code", phone.recovery_code)
    page.click("[value=block]")
    expect(page.locator("#lost-answer")).to_contain_text("已挂失")
    site.clock.advance(timedelta(seconds=2))
    tablet = Tablet(opened, site)
    phone.choose("digits")
    tablet.paste(phone.scanned())
    assert tablet.outcome() == ("denied", "suspended")
    page.click("[value=unblock]")
    expect(page.locator("#lost-answer")).to_contain_text("现在有效")


def test_the_code_is_dark_on_white_in_dark_mode_too(opened, site):
    """A camera reads it at night as by day."""
    phone = Phone(opened, site, color_scheme="dark")
    assert phone.scanned().startswith("YJ")


def test_a_suspended_card_is_told_at_the_counter(phone, opened, site):
    """The office's change is in force at the next publication."""
    suspend(site.office.desk, card_on(phone).id, because="check", by="test", at=site.clock.now())
    site.publish()
    tablet = Tablet(opened, site)
    tablet.paste(phone.copied())
    assert tablet.outcome() == ("denied", "suspended")
