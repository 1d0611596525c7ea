// What the wallet's forms share: faults at the field, in a line at the button, and from the server; one sending at a time.

import { now } from "../clock.js";
import { element, icon } from "../page.js";
import { timeOf } from "../times.js";
import { currentLanguage, said, word } from "../words.js";
import { derived, faultsOf, HOLDER, partyList, timeField } from "./booking-rules.js";
import { focusField, showFault } from "./fields.js";

// Hours as people say them: 9:00–12:00、14:00–17:00.
export const spansOf = (spans = []) => spans.map(({ starts_at: from, ends_at: to }) => `${timeOf(from)}–${timeOf(to)}`).join(currentLanguage() === "zh" ? "、" : ", ");

// A form has `fields` and the `rule` they belong to, `state` (what was typed), `parts()` (the fields as they stand on the
// page), `values()` (what is sent) and `root` with #form-do and #form-fault in it.
export class Form {
  constructor() {
    this.faults = {};
    this.before = null;
    this.day = null;
    this.root = element("div", { class: "stack fields" });
  }

  heading(text) {
    return [
      element("button", { class: "button quiet back", type: "button", onclick: () => this.back() }, icon("back"), word("wallet.book-back")),
      element("h2", { tabindex: "-1" }, text),
    ];
  }

  ending = (text) => [
    element("button", { class: "button main", id: "form-do" }, text),
    element("div", { class: "fault center", id: "form-fault", role: "alert" }),
  ];

  timed() {}

  said = (field) => word(`wallet.fault-${this.faults[field.code]}`, {
    name: this.cardName, most: this.rule.party_most, hours: (this.rule.slot_most_minutes ?? 0) / 60, open: spansOf(this.day?.open), free: spansOf(this.day?.free),
  });

  show(focus = false) {
    const wrong = this.parts().flatMap(([, fields]) => fields).filter((field) => this.faults[field.code]);
    for (const field of this.fields) showFault(this.root, field.code, this.faults[field.code] ? this.said(field) : "");
    const summary = wrong.length ? word("wallet.book-faults", { count: wrong.length, names: wrong.map((field) => said(field.label)).join("、") }) : "";
    this.root.querySelector("#form-fault").textContent = summary;
    if (focus && wrong.length) focusField(this.root, wrong[0].code);
  }

  async send(event) {
    event.preventDefault();
    const button = this.root.querySelector("#form-do");
    if (button.disabled) return;
    this.faults = faultsOf(this.rule, this.fields, this.state, now(), this.before, this.day);
    this.show(true);
    if (Object.keys(this.faults).length) return;
    const text = button.textContent;
    button.disabled = true;
    button.textContent = word("wallet.sending");
    try {
      await this.submit(this.service, this.values());
    } finally {
      button.disabled = false;
      button.textContent = text;
    }
  }

  // What the server found, at the fields it names; what belongs to none stands at the button.
  refused(faults) {
    const list = this.fields.find((field) => field.party);
    for (const { path } of faults) {
      const code = path.replace(/^\$\.(fields\.)?/, "");
      const named = this.fields.find((field) => field.code === code);
      const field = named && derived(named, this.fields) ? this.fields.find((one) => one.code === named.counts) ?? timeField(this.fields) : named;
      if (field) this.faults[field.code] = field.code === HOLDER ? "holder" : { phone: "phone", plates: "plates" }[field.kind] ?? "form";
      else if (list) this.faults[partyList(this.fields) ?? list.code] = "party";
    }
    this.show(true);
    if (!Object.keys(this.faults).length) this.problem(word("problem.invalid-field"));
  }

  // A refusal by the rules: in its own words at the button, and at the time where the time is the reason.
  denied(answer) {
    const fault = { "booking-too-late": "late", "booking-too-early": "early" }[answer.reason];
    const time = timeField(this.fields);
    if (fault && time) this.faults[time.code] = fault;
    this.show();
    const { call } = answer;
    const place = this.root.querySelector("#form-fault");
    place.replaceChildren(element("p", {}, said(answer.message)), call ? element("a", { class: "telephone", href: `tel:${call.phone.replace(/[^\d+]/g, "")}` },
      icon("call"), element("span", { class: "grow" }, said(call.department)), element("b", {}, call.phone)) : "");
    place.scrollIntoView({ block: "nearest" });
  }

  problem(text) {
    this.root.querySelector("#form-fault").textContent = text;
  }
}
