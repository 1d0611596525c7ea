// The holder's bookings: made, changed, cancelled, moved by a late carrier. Lists and rules are kept for when there is no
// network; a change that was not answered is kept and sent again as the same one.

import { Unconfirmed } from "../calls.js";
import { now } from "../clock.js";
import { byId, element, icon } from "../page.js";
import { dateOf, timeOf, weekdayOf } from "../times.js";
import { currentLanguage, onLanguage, said, word } from "../words.js";
import { asked, derived, timeField } from "./booking-rules.js";
import { BookingForm } from "./booking-form.js";
import { Intents } from "./intents.js";
import { instantAt, partsOf } from "./zone.js";

const LIST = "/v1/wallet/bookings";
const MARK = { held: "check", used: "ok", missed: "amber", cancelled: "" };

export class BookingsView {
  constructor(phone, problemText) {
    Object.assign(this, { phone, problemText, intents: new Intents(phone) });
    Object.assign(this, { told: null, own: null, form: null, intent: null, note: null, state: "loading", sure: null, late: null });
    onLanguage(() => this.redraw());
  }

  use(phone) {
    Object.assign(this, { phone, told: null, own: null, form: null, intent: null, note: null, sure: null, late: null });
    this.intents.phone = phone;
  }

  redraw() {
    this.form?.draw();
    this.draw();
  }

  // `item`: the benefit that the holder wishes to book, if one was tapped.
  async show(item = null) {
    this.told ??= await this.phone.keptUsage();
    this.own ??= await this.phone.keptBookings();
    this.intent = await this.intents.waiting();
    this.state = "loading";
    if (item !== null && this.told && !this.intent) this.open(this.kinds().find((kind) => kind[0].item === item) ?? []);
    this.draw();
    await this.load();
    this.draw();
  }

  async load() {
    try {
      [this.told, this.own] = await Promise.all([this.phone.usage(), this.phone.bookings()]);
      this.state = "told";
    } catch {
      this.state = "away";
    }
  }

  // What can be booked, services of one kind together: the four of the airport, two rooms.
  kinds() {
    const found = new Map();
    for (const service of this.told?.services.filter((one) => one.booking) ?? []) {
      const { basis } = this.told.booking_rules[service.booking];
      const key = `${service.item} ${basis === "journey" ? basis : service.booking}`;
      found.set(key, [...(found.get(key) ?? []), service]);
    }
    return [...found.values()];
  }

  open(services, before = null) {
    if (!services.length) return;
    this.note = null;
    const service = services.find((one) => one.code === before?.service) ?? services[0];
    this.form = new BookingForm({
      told: this.told, services, service, before, cardName: this.phone.claims.name,
      submit: (...wish) => this.submit(before, ...wish), back: () => this.close(),
    });
    this.draw();
    this.form.root.querySelector("h2").focus();
    scrollTo(0, 0);
  }

  close(note = null) {
    Object.assign(this, { form: null, note, sure: null, late: null });
    this.draw();
    byId("bookings-heading").focus();
    scrollTo(0, 0);
  }

  draw() {
    const { form, state, own, told } = this;
    byId("bookings-home").hidden = Boolean(form);
    byId("booking-place").hidden = !form;
    byId("booking-place").replaceChildren(...(form ? [form.root] : []));
    byId("bookings-loading").hidden = state !== "loading" || own !== null;
    byId("bookings-away").hidden = state !== "away";
    byId("bookings-note").replaceChildren(...this.notes());
    const valid = told?.valid ?? false;
    byId("bookings-own").replaceChildren(...(own ?? []).map((booking) => this.booking(booking)),
      own?.length === 0 ? element("p", { class: "second" }, word("wallet.book-none")) : "");
    byId("bookings-new").replaceChildren(...(valid && !this.intent ? this.kinds().map((kind) => this.door(kind)) : []));
    byId("bookings-new-heading").hidden = !valid || Boolean(this.intent) || !this.kinds().length;
  }

  notes() {
    if (this.intent) return [this.unconfirmed()];
    return this.note ? [element("div", { class: `note ${this.note.kind}`, role: "status" }, icon(this.note.kind === "ok" ? "granted" : "warning"),
      element("div", {}, this.note.lines.filter(Boolean).map((line) => element("p", {}, said(line)))))] : [];
  }

  unconfirmed() {
    return element("div", { class: "panel stack", id: "book-unconfirmed" },
      element("p", { class: "note amber", role: "alert" }, icon("warning"), element("span", {}, word("wallet.unconfirmed", { name: said(this.intent.about) }))),
      element("button", { class: "button main", type: "button", id: "book-again", onclick: () => this.again() }, word("wallet.unconfirmed-retry")),
      element("button", { class: "button", type: "button", onclick: () => this.giveUp() }, word("wallet.unconfirmed-drop")));
  }

  async again() {
    byId("book-again").disabled = true;
    await this.settle(this.intents.send(this.intent));
  }

  async giveUp() {
    await this.intents.drop();
    this.intent = null;
    await this.show();
  }

  door(kind) {
    const [service] = kind;
    const rule = this.told.booking_rules[service.booking];
    const name = kind.length > 1 ? (rule.basis === "journey" ? this.told.items[service.item] : rule.name) : service.name;
    const quota = service.quotas?.[0];
    const left = quota ? word("wallet.left-of", { left: quota.remaining, maximum: quota.maximum }) : "";
    return element("button", { class: "door", type: "button", "data-book": service.code, onclick: () => this.open(kind) },
      icon("calendar"), element("span", { class: "grow" }, element("strong", {}, said(name)), element("span", { class: "second small" }, left)), icon("next"));
  }

  async submit(before, service, fields) {
    const about = service.name;
    if (!before) await this.settle(this.intents.make("POST", LIST, { service: service.code, fields }, about));
    else {
      const other = service.code === before.service ? {} : { service: service.code };
      await this.settle(this.intents.make("PATCH", `${LIST}/${before.id}`, { fields, ...other }, about));
    }
  }

  // The answer of a change: done, refused by the rules, a fault of its fields, or none yet.
  async settle(answering) {
    try {
      const answer = await answering;
      this.intent = null;
      if (answer.outcome === "denied") this.denied(answer);
      else {
        this.close({ kind: "ok", lines: [answer.message, answer.hint, ...(answer.warnings ?? []).map((one) => one.message)] });
        await this.load();
      }
    } catch (error) {
      if (error instanceof Unconfirmed) {
        this.form = null;
        this.intent = await this.intents.waiting();
      } else {
        this.intent = null;
        if (this.form && error.code === "invalid-field") this.form.refused(error.document.fields ?? []);
        else if (this.form) this.form.problem(this.problemText(error));
        else this.note = { kind: "amber", lines: [error.document?.message] };
      }
    }
    this.draw();
  }

  denied(answer) {
    if (this.form) this.form.denied(answer);
    else this.note = { kind: "amber", lines: [answer.message] };
  }

  booking(booking) {
    const held = booking.state === "held";
    const at = booking.expected_at;
    const whole = booking.kind === "notice" || booking.kind === "event";
    const when = whole && !held ? dateOf(booking.booked_at) : this.when(booking);
    const made = element("details", { class: "panel benefit booking", "data-booking": booking.id, open: this.late === booking.id || this.sure === booking.id },
      element("summary", {}, element("span", { class: "head" },
        element("span", { class: "grow" }, element("strong", {}, said(booking.service_name)), element("span", { class: "second small" }, when)),
        element("span", { class: `pill ${MARK[booking.state] ?? ""}` }, word(`wallet.book-${booking.state}`)))),
      element("div", { class: "stack" },
        booking.told === "card-ended" ? element("p", { class: "note amber" }, word("wallet.book-card-ended")) : null,
        at !== booking.scheduled_at && booking.kind === "journey" ? element("p", { class: "note amber" }, icon("clock"),
          element("span", {}, word("wallet.book-late-by", { scheduled: timeOf(booking.scheduled_at), date: dateOf(at), time: timeOf(at) }))) : null,
        this.facts(booking),
        held ? this.actions(booking) : null));
    return made;
  }

  // A receipt stands for its year until the organiser sets the day; an event until its own day is known.
  when(booking) {
    if (booking.kind === "notice" && booking.details?.year && !booking.details.day && booking.expected_at === booking.scheduled_at) return word("wallet.book-year", { year: booking.details.year });
    if (booking.kind === "event") return booking.details?.event ?? "";
    const at = booking.expected_at;
    return booking.kind === "notice" ? dateOf(at) : `${dateOf(at)} ${weekdayOf(at)} ${timeOf(at)}`;
  }

  facts(booking) {
    const service = this.told?.services.find((one) => one.code === booking.service);
    const rule = this.told?.booking_rules?.[service?.booking];
    const fields = rule && booking.details ? asked(rule, booking.service).filter((field) => field.kind === "datetime" || !derived(field, rule.fields)) : [];
    const rows = fields.map((field) => [said(field.label), shown(field, booking.details[field.code])]).filter(([, text]) => text);
    rows.push([word("wallet.book-where"), said(booking.point_name)]);
    if (booking.state === "held" && ["journey", "slot"].includes(booking.kind)) {
      rows.push([word("wallet.book-window"), `${dateOf(booking.opens_at)} ${timeOf(booking.opens_at)} – ${dateOf(booking.closes_at)} ${timeOf(booking.closes_at)}`]);
    }
    return element("dl", { class: "facts" }, rows.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]));
  }

  actions(booking) {
    if (this.intent) return null;
    const over = now() > Date.parse(booking.closes_at);
    const cancellable = booking.cancel_until && now() <= Date.parse(booking.cancel_until);
    const kind = this.kinds().find((services) => services.some((one) => one.code === booking.service)) ?? [];
    const lead = this.told?.booking_rules?.[kind[0]?.booking]?.lead_minutes;
    const changeable = kind.length && !over && booking.details && booking.kind !== "event";
    return element("div", { class: "stack" },
      this.late === booking.id ? this.delay(booking) : null,
      element("div", { class: "actions two" },
        changeable ? element("button", { class: "button", type: "button", "data-act": "change", onclick: () => this.open(kind, { ...booking, lead_minutes: lead }) }, word("wallet.book-change")) : null,
        booking.kind === "journey" && !over && this.late !== booking.id ? element("button", { class: "button", type: "button", "data-act": "late", onclick: () => { this.late = booking.id; this.draw(); } }, word("wallet.book-late")) : null,
        cancellable ? element("button", { class: "button danger", type: "button", "data-act": "cancel", onclick: () => this.cancel(booking) }, word(this.sure === booking.id ? "wallet.book-cancel-sure" : "wallet.book-cancel")) : null),
      cancellable ? element("p", { class: "second small" }, word("wallet.book-cancel-until", { date: dateOf(booking.cancel_until), time: timeOf(booking.cancel_until) }))
        : element("p", { class: "second small" }, word("wallet.book-cancel-over")));
  }

  // Twice, the second time for good: a unit given back may be gone.
  async cancel(booking) {
    if (this.sure !== booking.id) {
      this.sure = booking.id;
      this.draw();
      document.querySelector(`[data-booking="${booking.id}"] [data-act=cancel]`)?.focus();
      return;
    }
    await this.settle(this.intents.make("POST", `${LIST}/${booking.id}/cancel`, {}, booking.service_name));
  }

  delay(booking) {
    const { date, time } = partsOf(booking.expected_at);
    const fault = element("p", { class: "fault", role: "alert" });
    const send = async (event) => {
      event.preventDefault();
      const expected = instantAt(byId("late-date").value, byId("late-time").value);
      const by = expected && Date.parse(expected) - Date.parse(booking.scheduled_at);
      fault.textContent = by === null || by < 0 || by > 86400000 ? word("wallet.fault-delay") : "";
      if (fault.textContent) byId("late-time").focus();
      else await this.settle(this.intents.make("POST", `${LIST}/${booking.id}/delay`, { expected_at: expected }, booking.service_name));
    };
    return element("form", { class: "stack way", novalidate: true, onsubmit: send },
      element("p", { class: "second" }, word("wallet.book-late-why")),
      element("div", { class: "pair" },
        element("div", { class: "field" }, element("label", { for: "late-date" }, word("wallet.date")), element("input", { id: "late-date", type: "date", value: date })),
        element("div", { class: "field" }, element("label", { for: "late-time" }, word("wallet.time")), element("input", { id: "late-time", type: "time", value: time }))),
      fault,
      element("button", { class: "button main" }, word("wallet.book-late-do")));
  }
}

function shown(field, value) {
  if (value === undefined || value === null) return "";
  if (field.kind === "yes-no") return word(value ? "wallet.yes" : "wallet.no");
  if (Array.isArray(value)) return value.join(currentLanguage() === "zh" ? "、" : ", ");
  if (field.kind !== "datetime") return String(value);
  const [starts, ends] = value.split("/");
  return `${dateOf(starts)} ${timeOf(starts)}${ends ? `–${timeOf(ends)}` : ""}`;
}
