// Which service the next visitor is checked in for, and what goes with it. One tap; none where a point has one service.

import { byId, config, element } from "../page.js";
import { currentLanguage, said, word } from "../words.js";
import { clean, looksPresented } from "./presented.js";

const CHOSEN = "yunju-service";

export class Services {
  constructor(point, { onReady, onScan }) {
    this.all = point.services ?? [];
    this.onReady = onReady;
    const open = this.all.filter((service) => !service.closed);
    const kept = localStorage.getItem(CHOSEN);
    this.chosen = open.length === 1 ? open[0] : open.find((service) => service.code === kept) ?? null;
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

  find(code) {
    return this.all.find((service) => service.code === code);
  }

  // What a check-in of now says beside the presentation; null while something is missing.
  asked() {
    if (!this.chosen) return null;
    const asked = { service: this.chosen.code };
    const reference = byId("reference")?.value.trim();
    if (this.chosen.reference_required && !reference) return null;
    if (reference) asked.reference = reference;
    const who = byId("services").elements.beneficiary?.value;
    if (who && who !== "holder") asked.beneficiary = who;
    if (byId("not-holder")?.checked) asked.not_holder = true;
    return asked;
  }

  // What keeps a visitor waiting: a word for the note, and where to put the focus.
  missing() {
    if (!this.chosen) return { note: word("scan.choose"), at: byId("service-list").querySelector("input:enabled") };
    return { note: word("scan.fill", { label: said(this.chosen.reference) }), at: byId("reference") };
  }

  // What belonged to one visitor alone goes with that visitor.
  reset() {
    this.renderMore();
  }

  render() {
    byId("service-list").replaceChildren(...this.all.map((service) => this.option(service)));
    this.renderMore();
  }

  option(service) {
    const closed = Boolean(service.closed);
    const input = element("input", {
      type: "radio", name: "service", value: service.code, disabled: closed, onchange: () => this.choose(service),
    });
    input.checked = service === this.chosen;
    const under = closed ? said(service.closed) : describe(service);
    return element("label", { class: closed ? "option closed" : "option" }, input,
      element("span", { class: "grow" }, element("strong", {}, said(service.name)), element("small", {}, under)));
  }

  choose(service) {
    this.chosen = service;
    localStorage.setItem(CHOSEN, service.code);
    this.renderMore();
    if (this.asked()) this.onReady();
  }

  renderMore() {
    const service = this.chosen;
    byId("service-more").replaceChildren(...(service ? [reference(service), beneficiaries(service), notHolder()] : [])
      .filter(Boolean));
  }
}

function describe(service) {
  const names = service.tiers.map((code) => said(config.tiers[code]?.name) || code).join(currentLanguage() === "zh" ? "、" : ", ");
  const all = Object.keys(config.tiers).every((code) => service.tiers.includes(code));
  const tiers = word(all ? "scan.all-tiers" : "scan.only-tiers", { tiers: names });
  return service.visit_minutes ? `${tiers} · ${word("scan.visit", { minutes: service.visit_minutes })}` : tiers;
}

function reference(service) {
  if (!service.reference) return null;
  const label = said(service.reference);
  return element("div", { class: "field" },
    element("label", { for: "reference" }, service.reference_required ? label : word("scan.optional", { label })),
    element("input", { id: "reference", autocomplete: "off", maxlength: "8192", required: service.reference_required }));
}

function beneficiaries(service) {
  if (service.beneficiaries.length < 2) return null;
  const order = ["holder", "spouse", "dependent-child", "child", "employer"];
  const shown = order.filter((who) => service.beneficiaries.includes(who));
  return element("div", { class: "field" },
    element("label", { for: "beneficiary" }, word("scan.for")),
    element("select", { id: "beneficiary", name: "beneficiary" },
      shown.map((who) => element("option", { value: who }, word(`who.${who}`)))));
}

function notHolder() {
  return element("label", { class: "choice" },
    element("input", { type: "checkbox", id: "not-holder" }), element("span", {}, word("scan.not-holder")));
}
