// A booking taken at the counter or on the telephone, and one given up: the phone's own form, sent in this desk's name.
// The form and its words are fetched when somebody first books here.

import { Unconfirmed } from "../calls.js";
import { randomId } from "../encoding.js";
import { byId, element } from "../page.js";
import { said, word, wordsToo } from "../words.js";
import { bookable, titleOf } from "./booked.js";
import { clean, isBareCard, looksPresented } from "./presented.js";
import { sentence } from "./problem.js";

const REASONS = ["by-holder", "carrier-cancelled", "organiser-cancelled", "mistake", "other"];
const SHEET = "/static/css/fields.css";

let loading = null;

function loaded() {
  loading ??= Promise.all([import("../wallet/booking-form.js"), wordsToo("wallet")]).then(([made]) => {
    document.head.append(element("link", { rel: "stylesheet", href: SHEET }));
    return made;
  });
  return loading;
}

export class Booking {
  // `onDone(message, booking)`: something was booked or given up.
  constructor(desk, onDone) {
    Object.assign(this, { desk, onDone, sent: null, given: null });
    byId("book-card").addEventListener("input", () => this.shown());
    byId("cancel-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.cancel();
    });
    byId("cancel").querySelector("[data-close]").addEventListener("click", () => byId("cancel").close());
  }

  async open() {
    Object.assign(this, { sent: null });
    byId("book-card").value = "";
    byId("book-sure").checked = false;
    byId("book-fault").textContent = "";
    byId("book-place").replaceChildren();
    this.shown();
    byId("book").showModal();
    byId("book-card").focus();
    try {
      this.draw(await loaded());
    } catch {
      loading = null;
      byId("book-fault").textContent = word("shared.unreachable");
    }
  }

  draw({ BookingForm, openEvents }) {
    const { point } = this.desk;
    const told = { booking_rules: point.booking_rules, items: { 0: point.name } };
    const kinds = new Map(bookable(this.desk).map((service) => [service.booking, service.booking]));
    const [first] = bookable(this.desk);
    const services = bookable(this.desk).filter((service) => kinds.size > 1 || service.booking === first.booking).map((service) => ({ ...service, item: 0 }));
    const form = new BookingForm({
      told, services, service: services[0], before: null, cardName: "—",
      submit: (service, fields) => this.send(form, service, fields), back: () => byId("book").close(),
    });
    byId("book-place").replaceChildren(form.root);
    if (told.booking_rules[services[0].booking].basis === "event") openEvents(services[0].code).then((events) => events && form.offer(events));
  }

  // A card shown here is compared; for a number that was read out the holder is called back.
  shown() {
    const text = clean(byId("book-card").value);
    const key = looksPresented(text) ? "bookings.book-compared" : "bookings.book-called";
    byId("book-sure-text").dataset.t = key;
    byId("book-sure-text").textContent = word(key);
  }

  // A hand scanner or a tap while the form stands here.
  take(text) {
    byId("book-card").value = clean(text);
    this.shown();
  }

  whose() {
    const text = clean(byId("book-card").value);
    const sure = byId("book-sure").checked;
    if (!text) return { fault: word("bookings.book-need-card") };
    if (looksPresented(text)) return isBareCard(text) && !sure ? { fault: word("override.need-check") } : { body: { presentation: text, ...(sure ? { id_checked: true } : {}) } };
    return sure ? { body: { card_number: text, called_back: true } } : { fault: word("bookings.book-need-call") };
  }

  async send(form, service, fields) {
    const { fault, body: whose } = this.whose();
    byId("book-fault").textContent = fault ?? "";
    if (fault) {
      byId("book-card").focus();
      return;
    }
    const body = { service: service.code, point: this.desk.point.code, fields, ...whose };
    const text = JSON.stringify(body);
    if (this.sent?.text !== text) this.sent = { text, operation: randomId() };
    try {
      const answer = await this.desk.device.call("POST", "/v1/bookings", { body, operation: this.sent.operation });
      if (answer.outcome === "denied") {
        form.denied(answer);
        return;
      }
      byId("book").close();
      this.onDone([said(answer.message), said(answer.hint)].join(" "), answer.booking);
    } catch (error) {
      if (!(error instanceof Unconfirmed)) this.sent = null;
      const own = (error.document?.fields ?? []).filter(({ path }) => path.startsWith("$.fields"));
      if (error.code === "invalid-field" && own.length) form.refused(own);
      else byId("book-fault").textContent = error.code === "invalid-field" ? word("bookings.book-wrong-card") : sentence(error);
    }
  }

  askCancel(booking) {
    this.given = { booking, operation: randomId(), reason: null, busy: false };
    byId("cancel-heading").textContent = word("bookings.cancel-of", { name: titleOf(booking) });
    byId("cancel-reasons").replaceChildren(...REASONS.map((reason) => element("label", { class: "choice" },
      element("input", { type: "radio", name: "reason", value: reason }), element("span", {}, word(`bookings.ended-${reason}`)))));
    byId("cancel-fault").textContent = "";
    byId("cancel").showModal();
  }

  async cancel() {
    const { given } = this;
    const reason = byId("cancel-form").elements.reason.value;
    byId("cancel-fault").textContent = reason ? "" : word("void.choose");
    if (!given || given.busy || !reason) return;
    if (given.reason && given.reason !== reason) given.operation = randomId(); // another reason is another intention
    Object.assign(given, { busy: true, reason });
    try {
      const answer = await this.desk.device.call("DELETE", `/v1/bookings/${given.booking.id}?reason=${reason}`, { operation: given.operation });
      if (answer.outcome === "denied") throw Object.assign(new Error(answer.reason), { document: answer });
      byId("cancel").close();
      this.onDone([said(answer.message), said(answer.hint)].join(" "), null);
    } catch (error) {
      byId("cancel-fault").textContent = sentence(error);
    } finally {
      given.busy = false;
    }
  }
}
