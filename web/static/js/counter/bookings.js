// Today's bookings of this point, in the order in which people are expected: what to prepare, who is late, who was
// missed. Also the way in for somebody with neither phone nor card: found here, answered for by a supervisor.

import { Unconfirmed } from "../calls.js";
import { now } from "../clock.js";
import { randomId } from "../encoding.js";
import { byId, element } from "../page.js";
import { dayOf, fullDateOf, instantAt, timeOf, todayAt } from "../times.js";
import { plain } from "../typed.js";
import { said, word } from "../words.js";
import { bookable, isArrival, isDelayed, renderDetails, renderJourney, renderPeople, statePill, timeShown, titleOf } from "./booked.js";
import { renderChecklist } from "./checklist.js";
import { sentence } from "./problem.js";
import { mayCarry, mayNow, signedIn, signedOut, supervisorFields } from "./supervisor.js";

const REOPEN_MS = 2 * 60 * 60 * 1000;
const DAY_MS = 24 * 60 * 60 * 1000;

export class Bookings {
  constructor(desk) {
    this.desk = desk;
    this.on = null;
    this.found = null;
    this.booking = null;
    this.open = null;
    byId("show-bookings").addEventListener("click", () => this.show());
    byId("bookings-before").addEventListener("click", () => this.turn(-1));
    byId("bookings-after").addEventListener("click", () => this.turn(1));
    byId("bookings-day").addEventListener("change", () => this.go(byId("bookings-day").value));
    byId("bookings-search").addEventListener("input", () => this.render());
    byId("bookings-book").addEventListener("click", () => this.withBooking((booking) => booking.open()));
    byId("delay-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.sendDelay();
    });
    byId("reopen-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.sendReopen();
    });
    for (const name of ["delay", "reopen"]) {
      byId(name).querySelector("[data-close]").addEventListener("click", () => byId(name).close());
    }
  }

  // Booking and giving up are fetched when somebody first does either here.
  async withBooking(act) {
    let booking;
    try {
      this.booking ??= import("./booking.js").then(({ Booking }) => new Booking(this.desk, (message, taken) => this.done(message, taken)));
      booking = await this.booking;
    } catch {
      this.booking = null;
      byId("bookings-fault").textContent = word("shared.unreachable");
      return;
    }
    act(booking); // a fault in here is no lost network, and makes no second form
  }

  // Only where the point has something to book and this counter may read the list.
  get offered() {
    return this.desk.services.all.some((service) => service.mode === "booked") && this.desk.device.may("bookings");
  }

  async show() {
    this.on = today();
    this.open = null;
    byId("bookings-search").value = "";
    byId("bookings-book").hidden = !bookable(this.desk).length;
    byId("bookings").showModal();
    await this.refresh();
  }

  turn = (days) => this.go(fullDateOf(Date.parse(instantAt(this.on, "12:00")) + days * DAY_MS));

  async go(day) {
    this.on = day || today();
    this.found = null;
    await this.refresh();
  }

  async refresh() {
    const { on } = this;
    byId("bookings-fault").textContent = "";
    byId("bookings-day").value = on;
    try {
      const found = await this.read(on);
      if (on === this.on) this.found = found; // another day may have been chosen meanwhile
    } catch (error) {
      byId("bookings-fault").textContent = sentence(error);
    }
    this.render();
  }

  async read(on) {
    const found = await this.desk.device.call("GET", `/v1/bookings?point=${this.desk.device.point}&on=${on}`, { retries: 0 });
    const waiting = found.bookings.filter(({ booking }) => isAwaited(booking)).length;
    if (on === today()) byId("bookings-waiting").textContent = word("bookings.waiting", { count: waiting });
    return found;
  }

  // How many are still expected today, on the button: known from the start, and after each booking that was used.
  async count() {
    if (this.offered && !this.desk.away.isLost) await this.read(today()).catch(() => null);
  }

  async done(message, booking) {
    const fault = byId("bookings-fault");
    if (booking) this.on = fullDateOf(booking.expected_at);
    await this.refresh();
    if (!fault.textContent) this.desk.announce(message);
    byId("bookings-count").textContent = message;
  }

  render() {
    const all = (this.found?.bookings ?? []).filter(({ booking }) => booking.state !== "cancelled");
    const listed = all.filter((one) => fits(one, byId("bookings-search").value));
    byId("bookings-heading").textContent = this.on === today() ? word("bookings.heading") : word("bookings.of-day", { day: dayOf(instantAt(this.on, "12:00")) });
    byId("bookings-count").textContent = word("bookings.count", { held: all.filter(({ booking }) => isAwaited(booking)).length, count: all.length });
    const empty = this.found ? element("li", { class: "second" }, word(all.length ? "bookings.not-found" : "bookings.none")) : "";
    byId("bookings-list").replaceChildren(...(listed.length ? listed.map((one) => this.row(one)) : [empty]));
  }

  row({ booking, holder_name: holder }) {
    const open = this.open === booking.id;
    const time = isDelayed(booking)
      ? [element("s", {}, timeOf(booking.scheduled_at)), " ", element("b", {}, timeShown(booking))]
      : [element("b", {}, timeShown(booking) || word("bookings.all-day"))];
    const facts = [
      holder, booking.party ? word("bookings.party", { count: booking.party }) : null, (booking.details?.plates ?? []).join(" "),
      booking.name_board ? word("bookings.board") : null,
    ].filter(Boolean).join(" · ");
    const button = element("button", {
      class: "booking-row", type: "button", "data-booking": booking.id, "aria-expanded": String(open), onclick: () => this.toggle(booking.id),
    },
    element("span", { class: "time" }, time),
    element("span", { class: "grow" }, element("strong", {}, titleOf(booking)),
      element("small", {}, `${said(booking.service_name)} · ${facts}`)),
    isDelayed(booking) ? element("span", { class: "pill amber" }, word("bookings.late")) : null,
    statePill(booking, now()));
    return element("li", {}, button, open ? this.more(booking) : null);
  }

  toggle(id) {
    this.open = this.open === id ? null : id;
    this.render();
    // The row was drawn anew: whoever came by the keyboard stays where they were.
    byId("bookings-list").querySelector(`[data-booking="${id}"]`)?.focus();
  }

  more(booking) {
    const service = this.desk.services.find(booking.service);
    const held = booking.state === "held" && now() <= Date.parse(booking.closes_at);
    const missed = !held && ["held", "missed"].includes(booking.state);
    return element("div", { class: "stack more" },
      renderJourney(booking), renderPeople(booking), renderDetails(booking, service?.booking_fields),
      renderChecklist(service),
      held ? element("div", { class: "actions" },
        booking.kind === "journey"
          ? element("button", { class: "button", type: "button", onclick: () => this.askDelay(booking) }, word("bookings.delay")) : null,
        mayCarry(this.desk.device, "override")
          ? element("button", { class: "button", type: "button", onclick: () => this.withoutCard(booking) }, word("bookings.without"))
          : null,
        element("button", { class: "button danger", type: "button", "data-act": "cancel", onclick: () => this.withBooking((form) => form.askCancel(booking)) }, word("bookings.cancel-ask"))) : null,
      missed && mayCarry(this.desk.device, "override") ? element("div", { class: "actions" },
        element("button", { class: "button", type: "button", onclick: () => this.askReopen(booking) }, word("bookings.reopen"))) : null);
  }

  // Who came too late may be let in all the same: a supervisor opens the booking again, and says why.
  askReopen(booking) {
    this.reopened = { booking, operation: randomId(), busy: false };
    byId("reopen-who").replaceChildren(...(mayNow(this.desk.device, "override") ? [] : [supervisorFields("reopen")]));
    byId("reopen-note").value = byId("reopen-fault").textContent = "";
    byId("reopen").showModal();
  }

  async sendReopen() {
    const asked = this.reopened;
    const note = byId("reopen-note").value.trim();
    byId("reopen-fault").textContent = note ? "" : word("override.need-note");
    if (!asked || asked.busy || !note) return;
    asked.busy = true;
    let supervisor = null;
    try {
      supervisor = await signedIn(this.desk.device, "reopen");
      const until = new Date(now() + REOPEN_MS).toISOString().replace(/\.\d+Z/, "Z");
      const path = `/v1/bookings/${asked.booking.id}`;
      await this.desk.device.call("PATCH", path, {
        body: { reopen: { until, note } }, operation: asked.operation, operator: supervisor ?? undefined,
      });
      byId("reopen").close();
      await this.refresh();
    } catch (error) {
      if (!(error instanceof Unconfirmed)) asked.operation = randomId();
      byId("reopen-fault").textContent = sentence(error);
    } finally {
      await signedOut(this.desk.device, supervisor);
      asked.busy = false;
    }
  }

  // Neither phone nor card: the booking alone is named, with the original ID compared and a supervisor's word.
  withoutCard(booking) {
    byId("bookings").close();
    this.desk.overriding.ask({ service: booking.service, booking: booking.id, ...party(booking, this.desk.services) },
      { reason: "phone-dead" });
  }

  askDelay(booking) {
    this.delayed = { booking, operation: randomId(), busy: false };
    byId("delay-heading").textContent = word(isArrival(booking) ? "bookings.delay-lands" : "bookings.delay-leaves", { flight: titleOf(booking) });
    byId("delay-at").value = timeOf(booking.expected_at);
    byId("delay-fault").textContent = "";
    byId("delay").showModal();
  }

  async sendDelay() {
    const asked = this.delayed;
    if (!asked || asked.busy) return;
    asked.busy = true;
    const body = { delay: { expected_at: expectedFrom(asked.booking, byId("delay-at").value) } };
    try {
      const path = `/v1/bookings/${asked.booking.id}`;
      const answer = await this.desk.device.call("PATCH", path, { body, operation: asked.operation });
      if (answer.outcome === "denied") throw Object.assign(new Error(answer.reason), { document: answer });
      byId("delay").close();
      if (byId("bookings").open) await this.refresh();
      else this.desk.looking.moved(answer.booking, said(answer.message));
    } catch (error) {
      if (!(error instanceof Unconfirmed)) asked.operation = randomId();
      byId("delay-fault").textContent = sentence(error);
    } finally {
      asked.busy = false;
    }
  }
}

// A time of day is that of the day on which the flight was expected; earlier than scheduled means after midnight.
export function expectedFrom(booking, time) {
  const scheduled = Date.parse(booking.scheduled_at);
  const today = Date.parse(todayAt(time));
  const apart = Date.parse(`${fullDateOf(scheduled)}T00:00Z`) - Date.parse(`${fullDateOf(now())}T00:00Z`);
  const sameDay = today + apart;
  return new Date(sameDay < scheduled ? sameDay + DAY_MS : sameDay).toISOString().replace(".000Z", "Z");
}

function party(booking, services) {
  const most = services.find(booking.service)?.companions_most ?? 0;
  const companions = Math.min(most, Math.max(0, (booking.party ?? 1) - 1));
  return companions ? { companions } : {};
}

const today = () => fullDateOf(now());

const isAwaited = (booking) => booking.state === "held" && now() <= Date.parse(booking.closes_at);

// Whether a booking is the one that somebody asks for: by flight, plate, name, telephone or service.
function fits({ booking, holder_name: holder }, sought) {
  const squeezed = (text) => plain(text).toLowerCase().replace(/[\s·-]+/g, "");
  const { details = {} } = booking;
  const texts = [holder, booking.id, said(booking.service_name), ...Object.values(details).flat()].filter((text) => typeof text === "string");
  return texts.some((text) => squeezed(text).includes(squeezed(sought)));
}
