// The holder's bookings: made, changed, cancelled, moved by a late carrier. Lists and rules are kept for when there is no
// network.

import { now } from "../clock.js";
import { byId, element, icon } from "../page.js";
import { dateOf, dayOf, instantAt, partsOf, timeOf } from "../times.js";
import { currentLanguage, said, word } from "../words.js";
import { asked, derived, isOpen, offerOf } from "./booking-rules.js";
import { BookingForm, openEvents } from "./booking-form.js";
import { noticeOf } from "./notices.js";
import { Doing, door, own, rowsOf, shutDoor } from "./doing.js";

const LIST = "/v1/wallet/bookings";
const MARK = { held: "check", used: "ok", missed: "amber", cancelled: "" };
const DAY_MS = 24 * 60 * 60 * 1000;

// A departure's passengers report by take-off; of everything else both bounds are told.
function windowOf(booking) {
  const opens = `${dateOf(booking.opens_at)} ${timeOf(booking.opens_at)}`;
  if (booking.kind === "journey" && booking.name_board === undefined) return word("wallet.book-report", { opens, time: timeOf(booking.expected_at) });
  return `${opens} – ${dateOf(booking.closes_at)} ${timeOf(booking.closes_at)}`;
}

export class BookingsView extends Doing {
  constructor(phone, problemText) {
    super("bookings", phone, problemText);
  }

  kept = () => this.phone.keptBookings();

  load = () => this.phone.bookings();

  // `item`: the benefit that the holder wishes to book, if one was tapped.
  async show(item = null) {
    this.form = null;
    const shown = super.show();
    if (item !== null) {
      await shown;
      const kind = this.kinds().find(([service]) => service.item === item);
      const open = kind?.filter((service) => isOpen(this.offer(service))) ?? [];
      if (open.length && !this.intent) this.open(open);
    }
    await shown;
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

  offer = (service) => offerOf(service, this.told.booking_rules[service.booking], now());

  async open(services, before = null) {
    const service = services.find((one) => one.code === before?.service) ?? services[0];
    const form = new BookingForm({
      told: this.told, services, service, before, cardName: this.phone.claims.name,
      submit: (...wish) => this.submit(before, ...wish), back: () => this.close(),
    });
    this.fill(form);
    const events = this.told.booking_rules[service.booking].basis === "event" ? await openEvents(service.code) : null;
    if (events) form.offer(events);
  }

  drawHome(able) {
    const { own: listed } = this;
    byId("bookings-own").replaceChildren(...(listed ?? []).map((booking) => this.booking(booking)),
      listed?.length === 0 ? element("p", { class: "second" }, word("wallet.book-none")) : "");
    const kinds = able ? this.kinds() : [];
    byId("bookings-new").replaceChildren(...kinds.map((kind) => this.door(kind)));
    byId("bookings-new-heading").hidden = !kinds.length;
  }

  door(kind) {
    const [service] = kind;
    const rule = this.told.booking_rules[service.booking];
    const name = kind.length > 1 ? (rule.basis === "journey" ? this.told.items[service.item] : rule.name) : service.name;
    const open = kind.filter((one) => isOpen(this.offer(one)));
    if (!open.length) return shutDoor({ code: service.code, name, about: whyShut(kind, this.offer(service)) });
    const [{ quotas: [quota] = [] }] = open;
    const { state, resets } = this.offer(open[0]);
    const about = state === "later" ? word("wallet.door-later", { date: dateOf(resets) })
      : quota ? word("wallet.left-of", { left: quota.remaining, maximum: quota.maximum }) : "";
    return door({ code: open[0].code, name, about, open: () => this.open(open) });
  }

  submit(before, service, fields) {
    if (!before) return this.make("POST", LIST, { service: service.code, fields }, service.name);
    const other = service.code === before.service ? {} : { service: service.code };
    return this.make("PATCH", `${LIST}/${before.id}`, { fields, ...other }, service.name);
  }

  booking(booking) {
    const { id, state, kind, expected_at: at, scheduled_at: scheduled } = booking;
    const held = state === "held";
    const when = ["notice", "event"].includes(kind) && !held ? dateOf(booking.booked_at) : this.when(booking);
    return own({ id, name: said(booking.service_name), when, state: word(`wallet.book-${state}`), kind: MARK[state] ?? "", opened: this.opened },
      booking.told === "card-ended" ? element("p", { class: "note amber" }, word("wallet.book-card-ended")) : "",
      at !== scheduled && kind === "journey" ? element("p", { class: "note amber" }, icon("clock"),
        element("span", {}, word("wallet.book-late-by", { scheduled: timeOf(scheduled), date: dateOf(at), time: timeOf(at) }))) : "",
      this.facts(booking),
      held ? this.actions(booking) : "");
  }

  // A receipt stands for its year until the organiser sets the day; an event until its own day is known.
  when(booking) {
    if (booking.kind === "notice" && booking.details?.year && !booking.details.day && booking.expected_at === booking.scheduled_at) return word("wallet.book-year", { year: booking.details.year });
    if (booking.kind === "event" && booking.scheduled_at === booking.booked_at) return booking.details?.event ?? "";
    const at = booking.expected_at;
    return booking.kind === "notice" ? dateOf(at) : `${dayOf(at)} ${timeOf(at)}`;
  }

  facts(booking) {
    const service = this.told?.services.find((one) => one.code === booking.service);
    const rule = this.told?.booking_rules?.[service?.booking];
    const fields = rule && booking.details ? asked(rule, booking.service).filter((field) => field.kind === "datetime" || !derived(field, rule.fields)) : [];
    const rows = fields.map((field) => [said(field.label), shown(field, booking.details[field.code])]).filter(([, text]) => text);
    rows.push([word("wallet.book-where"), said(booking.point_name)]);
    if (booking.state === "held" && ["journey", "slot"].includes(booking.kind)) {
      rows.push([word("wallet.book-window"), windowOf(booking)]);
    }
    return rowsOf(rows);
  }

  actions(booking) {
    if (this.intent) return null;
    const over = now() > Date.parse(booking.closes_at);
    const cancellable = booking.cancel_until && now() <= Date.parse(booking.cancel_until);
    const kind = this.kinds().find((services) => services.some((one) => one.code === booking.service)) ?? [];
    const lead = this.told?.booking_rules?.[kind[0]?.booking]?.lead_minutes;
    const changeable = kind.length && !over && booking.details && booking.kind !== "event";
    return element("div", { class: "stack" },
      this.late?.id === booking.id ? this.delay(booking) : null,
      element("div", { class: "actions two" },
        changeable ? element("button", { class: "button", type: "button", "data-act": "change", onclick: () => this.open(kind, { ...booking, lead_minutes: lead }) }, word("wallet.book-change")) : null,
        booking.kind === "journey" && !over && this.late?.id !== booking.id ? element("button", { class: "button", type: "button", "data-act": "late", onclick: () => { this.late = { id: booking.id, ...partsOf(booking.expected_at) }; this.draw(); } }, word("wallet.book-late")) : null,
        cancellable ? element("button", { class: "button danger", type: "button", "data-act": "cancel", onclick: () => this.cancel(booking) }, word(this.sure === booking.id ? "wallet.book-cancel-sure" : "wallet.book-cancel")) : null),
      cancellable ? element("p", { class: "second small" }, word("wallet.book-cancel-until", { date: dateOf(booking.cancel_until), time: timeOf(booking.cancel_until) }))
        : element("p", { class: "second small" }, word("wallet.book-cancel-over")));
  }

  cancel(booking) {
    if (this.certain(booking.id, "cancel")) this.make("POST", `${LIST}/${booking.id}/cancel`, {}, booking.service_name);
  }

  delay(booking) {
    const typed = this.late; // kept through a list that is drawn anew meanwhile
    const part = (key, type) => element("div", { class: "field" }, element("label", { for: `late-${key}` }, word(`wallet.${key}`)),
      element("input", { id: `late-${key}`, type, value: typed[key], oninput: (event) => { typed[key] = event.target.value; } }));
    const fault = element("p", { class: "fault", role: "alert" });
    const send = async (event) => {
      event.preventDefault();
      const expected = instantAt(typed.date, typed.time);
      const by = expected && Date.parse(expected) - Date.parse(booking.scheduled_at);
      fault.textContent = by === null || by < 0 || by > DAY_MS ? word("wallet.fault-delay") : "";
      if (fault.textContent) byId("late-time").focus();
      else await this.make("POST", `${LIST}/${booking.id}/delay`, { expected_at: expected }, booking.service_name);
    };
    return element("form", { class: "stack way fields", novalidate: true, onsubmit: send },
      element("p", { class: "second" }, word("wallet.book-late-why")),
      element("div", { class: "pair" }, part("date", "date"), part("time", "time")),
      fault,
      element("button", { class: "button main" }, word("wallet.book-late-do")));
  }
}

// Why nothing of a kind can be booked now: another was chosen, or all was used.
function whyShut(kind, { state, resets }) {
  if (state === "awaited") return noticeOf(kind[0]);
  const { taken } = kind.find((service) => service.taken) ?? {};
  if (taken) return word("wallet.taken", { name: said(taken.name), date: dateOf(taken.at) });
  return resets ? word("wallet.door-spent", { date: dateOf(resets) }) : word("wallet.door-spent-never");
}

function shown(field, value) {
  if (value === undefined || value === null) return "";
  if (field.kind === "yes-no") return word(value ? "wallet.yes" : "wallet.no");
  if (Array.isArray(value)) return value.join(currentLanguage() === "zh" ? "、" : ", ");
  if (field.kind !== "datetime") return String(value);
  const [starts, ends] = value.split("/");
  return `${dateOf(starts)} ${timeOf(starts)}${ends ? `–${timeOf(ends)}` : ""}`;
}
