// The form of a booking, made of the programme's rule: fields in groups, the last time to submit, faults at their field
// and at the button. What is typed survives a change of service, language and a refused sending.

import { call } from "../calls.js";
import { now } from "../clock.js";
import { element, icon } from "../page.js";
import { dateOf, fullDateOf, timeOf } from "../times.js";
import { said, word } from "../words.js";
import { asked, derived, faultsOf, fieldsOf, instantsOf, HOLDER, offerOf, stateOf, takenBetween, timeField } from "./booking-rules.js";
import { choice, fieldInput, showFault } from "./fields.js";
import { Form, spansOf } from "./form.js";
import { noticeOf } from "./notices.js";

const PARTS = [
  ["time", (field) => ["datetime", "date", "text", "choice", "number"].includes(field.kind) && field.code !== HOLDER],
  ["people", (field) => ["names", "phone"].includes(field.kind) || field.code === HOLDER],
  ["rest", (field) => ["plates", "yes-no"].includes(field.kind)],
];
// Faults of the time that are said as soon as it is typed.
const AT_ONCE = new Set(["late", "early", "hours", "closed", "taken"]);
// The time stands first, and the holder before the others.
const RANK = (field) => (field.kind === "datetime" || field.code === HOLDER ? 0 : 1);

// What can be signed up for by name; null without a network: then by its code.
export const openEvents = (service) => call("GET", `/v1/events/open?service=${service}`, { retries: 0 }).then(({ events }) => events, () => null);

export class BookingForm extends Form {
  // `services`: those of one kind, one of which is chosen; `before`: the booking that is changed, or null.
  constructor({ told, services, service, before, state, cardName, submit, back }) {
    super();
    Object.assign(this, { told, services, before, cardName, submit, back });
    this.root.id = "booking-form";
    this.take(service);
    this.state = state ?? stateOf(this.fields, before?.details);
    if (!state) this.suggest();
    this.draw();
  }

  take(service) {
    this.service = service;
    this.rule = this.told.booking_rules[service.booking];
    this.fields = asked(this.rule, service.code);
    Object.assign(this, { day: null, asked: "" });
  }

  // The organiser's events in the place of a code to be typed; where nothing is open the form says so and asks nothing.
  offer(events) {
    const field = this.fields.find((one) => one.kind === "text" && one.code !== HOLDER);
    const open = events.filter((event) => event.left > 0);
    if (!field) return;
    if (!open.length) {
      this.nothing = word(events.length ? "wallet.events-full" : "wallet.events-none");
      this.draw();
      return;
    }
    const choices = open.map(({ code, name, starts_at: at, left }) => [code, (language) => `${said(name, language)} · ${dateOf(at)} ${timeOf(at)} · ${word("wallet.seats", { left }, language)}`]);
    Object.assign(this, { fields: this.fields.map((one) => (one === field
      ? { ...one, kind: "choice", pattern: undefined, choices: Object.fromEntries(choices.map(([code, text]) => [code, { zh: text("zh"), en: text("en") }])) } : one)) });
    this.draw();
  }

  // A notice's year is that of the notice that takes receipts now, until said otherwise.
  suggest() {
    const year = this.rule.basis === "notice" && this.fields.find((field) => field.kind === "number" && !field.party);
    const [notice] = offerOf(this.service, this.rule, now()).notices ?? [];
    if (year) this.state[year.code] ??= notice ? String(notice.year) : fullDateOf(now()).slice(0, 4);
  }

  // The fields as they stand on the page, part by part.
  parts() {
    const shown = this.fields.filter((field) => !derived(field, this.fields)).sort((one, other) => RANK(one) - RANK(other));
    return PARTS.map(([name, holds]) => [name, shown.filter(holds)]).filter(([, fields]) => fields.length);
  }

  draw() {
    const parts = this.parts();
    if (this.nothing) {
      this.root.replaceChildren(...this.heading(word("wallet.book-of", { name: said(this.title()) })),
        element("p", { class: "note", role: "status" }, icon("calendar"), element("span", {}, this.nothing)));
      return;
    }
    this.root.replaceChildren(
      ...this.heading(word(this.before ? "wallet.book-change-of" : this.rule.basis === "notice" ? "wallet.book-receipt-of" : "wallet.book-of", { name: said(this.before?.service_name ?? this.title()) })),
      this.left() ?? "",
      noticeOf(this.service) ? element("p", { class: "note" }, icon("calendar"), element("span", { id: "book-notice" }, noticeOf(this.service))) : "",
      element("form", { class: "stack", novalidate: true, onsubmit: (event) => this.send(event) },
        this.kinds(),
        parts.map(([name, fields], place) => this.part(name, fields, parts.length > 1 ? place + 1 : 0)),
        element("p", { class: "second small" }, [this.personal() ? word("wallet.book-private") : "", word(this.holds())].join("")),
        this.ending(word(this.before ? "wallet.book-change-do" : this.rule.basis === "notice" ? "wallet.book-receipt-do" : "wallet.book-do"))));
    this.timed();
    this.sayDay();
    this.show();
  }

  title() {
    return this.services.length > 1 ? this.rule.basis === "journey" ? this.told.items[this.service.item] : this.rule.name : this.service.name;
  }

  // A change takes no further unit; without a quota it is the hour that is held.
  holds = () => (this.before ? "wallet.book-change-holds" : this.service.quotas?.length ? "wallet.book-takes" : "wallet.book-holds");

  personal = () => this.fields.some((field) => ["names", "phone", "plates"].includes(field.kind));

  left() {
    const quotas = this.service.quotas ?? [];
    if (!quotas.length || this.before) return null;
    const [{ remaining, maximum, name }] = quotas;
    const { state, resets } = offerOf(this.service, this.rule, now());
    if (state === "later") return element("p", { class: "note amber" }, icon("calendar"), element("span", {}, word("wallet.book-later", { date: dateOf(resets) })));
    const text = word(this.rule.basis === "journey" ? "wallet.book-left-journey" : "wallet.book-left", { name: said(name), remaining, maximum });
    return element("p", { class: `note ${remaining ? "check" : "amber"}` }, icon("calendar"), element("span", {}, text));
  }

  kinds() {
    if (this.services.length < 2) return null;
    return element("fieldset", { class: "panel stack field" }, element("legend", { class: "unseen" }, word("wallet.book-kind")),
      choice({ code: "service" }, this.services.map((service) => ({
        text: said(service.name), checked: service.code === this.service.code,
        choose: () => {
          this.take(service);
          this.faults = {};
          this.draw();
          this.root.querySelector("#f-service:checked, [name=f-service]:checked").focus();
        },
      }))));
  }

  part(name, fields, number) {
    return element("section", { class: "panel stack" },
      number ? element("h3", { class: "step" }, element("b", { "aria-hidden": "true" }, String(number)), word(`wallet.part-${name}`)) : null,
      fields.map((field) => fieldInput(field, this)));
  }

  // The time changed: until when it can be submitted.
  timed() {
    const field = timeField(this.fields);
    if (!field || !this.hint) return;
    const [starts] = instantsOf(field, this.state, this.rule);
    this.ask(this.state[field.code]?.date);
    const between = takenBetween(this.rule, starts);
    if (!between) {
      this.hint.textContent = this.lead();
      return;
    }
    const key = now() < between.first ? "wallet.book-from" : "wallet.book-until";
    const at = now() < between.first ? between.first : between.last;
    this.hint.textContent = `${word(key, { date: dateOf(at), time: timeOf(at) })} ${this.lead()}`;
    const fault = faultsOf(this.rule, [field], this.state, now(), this.before, this.day)[field.code];
    if (AT_ONCE.has(fault)) this.faults[field.code] = fault;
    else if (AT_ONCE.has(this.faults[field.code])) delete this.faults[field.code];
    showFault(this.root, field.code, this.faults[field.code] ? this.said(field) : "");
  }

  // Of a day that was chosen: when the place is open and what of it is free. Without an answer the server judges alone.
  async ask(on) {
    const asked = `/v1/slots?service=${this.service.code}&on=${on}`;
    if (this.rule.basis !== "slot" || !on || this.asked === asked) return;
    Object.assign(this, { asked, day: null });
    const told = await call("GET", asked, { retries: 0 }).catch(() => null);
    if (!told || this.asked !== asked) return;
    this.day = told;
    this.sayDay();
    this.timed();
  }

  sayDay() {
    const place = this.root.querySelector("#f-day");
    if (!place) return;
    const told = this.day;
    const free = told && (spansOf(told.free) || word("wallet.day-none"));
    const lines = [told?.bounded && (told.open.length ? word("wallet.day-open", { open: spansOf(told.open) }) : word("wallet.day-closed")), told?.open.length && word("wallet.day-free", { free })];
    place.textContent = lines.filter(Boolean).join(" ");
  }

  lead() {
    const minutes = this.rule.lead_minutes;
    if (!minutes) return "";
    return minutes % 1440 ? word("wallet.lead-hours", { hours: minutes / 60 }) : word("wallet.lead-days", { days: minutes / 1440 });
  }

  values = () => fieldsOf(this.rule, this.fields, this.state);
}
