// Which service the next visitor is checked in for, and what goes with it. One tap; none where a point has one service,
// and none where its services are booked: the visitor's booking says which it is.

import { byId, config, element } from "../page.js";
import { currentLanguage, said, word } from "../words.js";
import { renderAbout } from "./about.js";
import { clean, looksPresented } from "./presented.js";
import { beneficiaryField, companionsField, matches, lacksKind, matterAsked, matterFields, notHolderField, referenceField, shapeOf } from "./asked.js";

const CHOSEN = "yunju-service";
const LOOK_FIRST = "yunju-look-first";
const BY_BOOKING = "by-booking";

export class Services {
  constructor(point, { onReady, onScan }) {
    this.all = point.services ?? [];
    if (point.digits_only) askForDigits();
    this.onReady = onReady;
    const open = this.all.filter((service) => !service.closed);
    const booked = open.filter((service) => service.mode === "booked");
    this.booked = booked.length > 1 ? booked : [];
    const kept = localStorage.getItem(CHOSEN);
    this.chosen = this.firstChoice(open, kept);
    byId("services").addEventListener("submit", (event) => {
      event.preventDefault();
      const typed = clean(byId("reference")?.value ?? "");
      if (looksPresented(typed)) {
        // A hand scanner typed a card into the field that had the focus.
        byId("reference").value = "";
        onScan(typed);
      } else {
        this.onReady();
      }
    });
  }

  firstChoice(open, kept) {
    if (open.length === 1) return open[0];
    if (this.booked.length && (kept === BY_BOOKING || this.booked.length === open.length)) return this.byBookingChoice();
    return open.find((service) => service.code === kept) ?? null;
  }

  // Stands in the list beside the services: whichever of them the visitor has booked.
  byBookingChoice() {
    return { code: BY_BOOKING, byBooking: true, tiers: this.booked[0].tiers, beneficiaries: ["holder"], look_first: true };
  }

  find(code) {
    return this.all.find((service) => service.code === code);
  }

  // Whether the visitor's booking chooses the service.
  get byBooking() {
    return Boolean(this.chosen?.byBooking);
  }

  // Whether a look comes before the check-in: the programme wants it for this service, or this counter for all.
  get looksFirst() {
    return Boolean(this.chosen?.look_first) || localStorage.getItem(LOOK_FIRST) !== null;
  }

  // What a check-in of now says beside the presentation; null while something is missing.
  asked() {
    if (!this.chosen) return null;
    if (this.chosen.byBooking) return { service: this.booked[0].code };
    const asked = { service: this.chosen.code };
    const reference = this.reference();
    if (!this.referenceFits(reference)) return null;
    if (reference) asked.reference = reference;
    const who = byId("services").elements.beneficiary?.value;
    if (who && who !== "holder") asked.beneficiary = who;
    const companions = Number(byId("companions")?.value ?? 0);
    if (companions > 0) asked.companions = Math.min(companions, this.chosen.companions_most);
    if (byId("not-holder")?.checked) asked.not_holder = true;
    if (!this.takes && lacksKind(this.chosen)) return null;
    const matter = matterAsked();
    if (matter && !this.takes) asked.matter = matter; // a record made offline holds none: the window adds it later
    return asked;
  }

  reference() {
    const typed = clean(byId("reference")?.value ?? "");
    if (!typed || matches(this.chosen, typed)) return typed;
    const upper = typed.toUpperCase();
    return matches(this.chosen, upper) ? upper : typed;
  }

  referenceFits(reference) {
    return reference ? matches(this.chosen, reference) : !this.chosen.reference_required;
  }

  // What keeps a visitor waiting: a word for the note, and where to put the focus.
  missing() {
    if (!this.chosen) return { note: word("scan.choose"), at: byId("service-list").querySelector("input:enabled") };
    if (!this.takes && this.referenceFits(this.reference())) return { note: word("scan.fill", { label: word("scan.matter-kind") }), at: byId("matter-kind") };
    const label = said(this.chosen.reference);
    if (!this.reference()) return { note: word("scan.fill", { label }), at: byId("reference") };
    return { note: word("scan.form", { label, shape: shapeOf(this.chosen.reference_pattern) }), at: byId("reference") };
  }

  // What belonged to one visitor alone goes with that visitor.
  reset() {
    this.renderMore();
  }

  render() {
    this.renderList();
    this.renderMore();
  }

  renderList() {
    const listed = this.booked.length ? [this.byBookingChoice(), ...this.all] : this.all;
    byId("service-list").replaceChildren(...listed.map((service) => this.option(service)));
  }

  option(service) {
    const away = this.takes?.(service.byBooking ? this.booked[0].code : service.code) === false;
    const closed = Boolean(service.closed) || away;
    const input = element("input", {
      type: "radio", name: "service", value: service.code, disabled: closed, onchange: () => this.choose(service),
    });
    input.checked = service.code === this.chosen?.code;
    const name = service.byBooking ? word("scan.by-booking") : said(service.name);
    return element("label", { class: closed ? "option closed" : "option" }, input,
      element("span", { class: "grow" }, element("strong", {}, name), element("small", {}, away ? word("offline.not-here") : under(service))));
  }

  choose(service) {
    this.chosen = service;
    localStorage.setItem(CHOSEN, service.code);
    this.renderMore();
    if (this.asked()) this.onReady();
  }

  renderMore() {
    const service = this.chosen;
    const fields = !service || service.byBooking ? [] : [
      referenceField(service, () => this.asked() && this.onReady()), beneficiaryField(service), companionsField(service),
      ...matterFields(service, () => this.asked() && this.onReady()),
    ];
    const choices = [
      ...(service && !service.byBooking ? [notHolderField()] : []), ...(service?.look_first ? [] : [lookFirstField()]),
    ];
    const about = renderAbout(service?.byBooking ? this.booked[0] : service);
    byId("service-more").replaceChildren(...fields.filter(Boolean), element("div", { class: "choices" }, choices), ...(about ? [about] : []));
  }
}

// At this point letters do not survive the scanners: phones are asked for the form in digits.
function askForDigits() {
  const how = document.querySelector(".camera .how");
  how.dataset.t = "scan.how-digits";
  how.textContent = word("scan.how-digits");
}

function under(service) {
  if (service.byBooking) return word("scan.by-booking-more");
  return service.closed ? said(service.closed) : describe(service);
}

function describe(service) {
  const names = service.tiers.map((code) => said(config.tiers[code]?.name) || code).join(currentLanguage() === "zh" ? "、" : ", ");
  const all = Object.keys(config.tiers).every((code) => service.tiers.includes(code));
  const tiers = word(all ? "scan.all-tiers" : "scan.only-tiers", { tiers: names });
  return service.visit_minutes ? `${tiers} · ${lasting(service.visit_minutes)}` : tiers;
}

const lasting = (minutes) =>
  (minutes % 60 ? word("scan.visit", { minutes }) : word("scan.visit-hours", { hours: minutes / 60 }));

// This counter's own wish, kept on the tablet.
function lookFirstField() {
  const input = element("input", { type: "checkbox", id: "look-first", onchange: (event) => {
    if (event.target.checked) localStorage.setItem(LOOK_FIRST, "on");
    else localStorage.removeItem(LOOK_FIRST);
  } });
  input.checked = localStorage.getItem(LOOK_FIRST) !== null;
  return element("label", { class: "choice" }, input, element("span", {}, word("scan.look-first")));
}
