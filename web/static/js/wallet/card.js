// The card on the screen: its code, new every fifteen seconds, in the form the holder chose, kept awake while seen.

import { byId, clouds, config } from "../page.js";
import { dateOf, lastDayOf, lengthOf, timeOf } from "../times.js";
import { now, offsetSeconds } from "../clock.js";
import { currentLanguage, onLanguage, said, word } from "../words.js";
import { drawCode } from "./code.js";
import { fullForm, packCard, shortForm } from "./wire.js";

const RENEW_MS = 15000;
const ROOM = 300;
const CLOCK_OFF_S = 30;
const NEAR_MS = 2 * 24 * 60 * 60 * 1000;

export class CardView {
  constructor(phone) {
    this.phone = phone;
    this.form = "short";
    this.made = 0;
    this.text = "";
    this.packed = null;
    for (const choice of document.querySelectorAll('input[name="form"]')) {
      choice.addEventListener("change", () => {
        this.form = choice.value;
        this.renew();
      });
    }
    document.addEventListener("visibilitychange", () => this.seen());
    onLanguage(() => this.show());
    setInterval(() => this.tick(), 250);
  }

  // Another card of this phone.
  use(phone) {
    this.phone = phone;
    this.changed();
  }

  start() {
    this.show();
    this.renew();
    this.seen();
  }

  // The card token changed: what was packed of it is of no use.
  changed() {
    this.packed = null;
    this.show();
    this.renew();
  }

  // What is booked next, if it is near.
  async next() {
    const mine = this.phone;
    const soon = (await mine.keptBookings())?.filter(({ state, kind, closes_at: closes, expected_at: at }) =>
      state === "held" && ["journey", "slot"].includes(kind) && Date.parse(closes) > now() && Date.parse(at) - now() < NEAR_MS);
    if (mine !== this.phone) return;
    const [booking] = (soon ?? []).sort((one, other) => Date.parse(one.expected_at) - Date.parse(other.expected_at));
    byId("next-booking").hidden = !booking;
    if (!booking) return;
    byId("next-when").textContent = `${dateOf(booking.expected_at)} ${timeOf(booking.expected_at)} ${said(booking.service_name)}`;
    byId("next-where").textContent = [booking.details?.flight, said(booking.point_name)].filter(Boolean).join(" · ");
  }

  show() {
    this.next();
    const { claims, kept } = this.phone;
    const tier = config.tiers[claims.tier];
    const count = tier?.clouds ?? 0;
    byId("pass").className = `pass clouds-${Math.min(count, 3)}`;
    byId("pass-clouds").replaceChildren(clouds(count));
    byId("pass-tier").textContent = said(tier?.name) || claims.tier;
    byId("pass-name").textContent = claims.name;
    byId("pass-district").textContent = config.programme.district[currentLanguage()];
    const until = word("wallet.entitled-until", { date: lastDayOf(kept.valid_until) });
    byId("pass-until").textContent = `${word("wallet.valid")} · ${until}`;
    byId("card-number").textContent = kept.number;
    byId("token-until").textContent = lastDayOf(claims.exp * 1000);
    byId("registered").textContent = word(kept.registered ? "wallet.registered-yes" : "wallet.registered-no");
    byId("code").setAttribute("aria-label", word("wallet.code-of", { name: claims.name }));
    const off = offsetSeconds();
    byId("clock-note").hidden = Math.abs(off) < CLOCK_OFF_S;
    byId("clock-note").textContent = word("wallet.clock", { length: lengthOf(Math.abs(off)) });
  }

  async renew() {
    this.made = performance.now();
    const { fields } = await this.phone.prove();
    this.text = await this.write(fields);
    const size = drawCode(byId("code"), this.text, Math.min(ROOM, byId("ring").clientWidth - 28 || ROOM));
    byId("code").dataset.modules = String(size);
    byId("code").dataset.renewed = String(Number(byId("code").dataset.renewed ?? 0) + 1);
  }

  async write(fields) {
    if (this.form === "short") return shortForm(fields);
    if (this.form === "digits") return shortForm(fields, { digits: true });
    // The compressor is loaded when the full form is first asked for: the short one, shown first, does without.
    this.packed ??= packCard(this.phone.kept.card, await import("../../vendor/fflate/browser.js"));
    return fullForm(fields, this.packed);
  }

  tick() {
    const age = performance.now() - this.made;
    if (age >= RENEW_MS && !document.hidden) this.renew();
    const left = Math.max(0, RENEW_MS - age);
    byId("seconds").textContent = String(Math.ceil(left / 1000));
    byId("ring-run").setAttribute("stroke-dashoffset", String(100 - (left / RENEW_MS) * 100));
  }

  // Back on the screen: a new code at once, and the screen stays awake.
  async seen() {
    if (document.hidden) return;
    if (performance.now() - this.made >= RENEW_MS) this.renew();
    try {
      this.lock = await navigator.wakeLock?.request("screen");
    } catch {
      this.lock = null; // low battery or an old browser: the screen may dim
    }
  }
}
