// One booking as staff see it: what, when, who comes, which cars. Names and plates as the server gives them: masked
// where this counter has no right to names.

import { element, icon } from "../page.js";
import { dateOf, dayOf, fullDateOf, timeOf } from "../times.js";
import { has, said, word } from "../words.js";

const SHOWN_APART = new Set(["holder_name", "flight", "travel_date", "scheduled_at", "passenger_count", "escort_count"]);
const MONTH_MS = 30 * 24 * 60 * 60 * 1000;
const SHOWN_AS_LIST = new Set(["names", "plates"]);

export const isArrival = (booking) => booking.name_board !== undefined;
export const isDelayed = (booking) => booking.kind === "journey" && booking.expected_at !== booking.scheduled_at;

// What a booking is called: the flight where there is one, else its service.
export const titleOf = (booking) => spaced(booking.details?.flight) ?? said(booking.service_name);

const spaced = (flight) => flight?.replace(/^([A-Z0-9]{2})(\d)/, "$1 $2");

// The one time that matters: of a journey the expected one, of a whole day none.
export function timeShown(booking) {
  return booking.kind === "notice" ? "" : timeOf(booking.expected_at);
}

// Passengers report by take-off: until when a used-late booking still counts is the office's to know.
const departs = (booking) => booking.kind === "journey" && !isArrival(booking);

export function windowOf(booking) {
  if (departs(booking)) return word("bookings.report", { opens: timeOf(booking.opens_at), time: timeOf(booking.expected_at) });
  if (booking.kind === "notice" && Date.parse(booking.closes_at) - Date.parse(booking.opens_at) > MONTH_MS) return word("bookings.day-follows");
  const closesLater = fullDateOf(booking.closes_at) !== fullDateOf(booking.opens_at);
  const closes = closesLater ? `${dateOf(booking.closes_at)} ${timeOf(booking.closes_at)}` : timeOf(booking.closes_at);
  return `${timeOf(booking.opens_at)}–${closes}`;
}

export function statePill(booking, now) {
  const missed = booking.state === "missed" || (booking.state === "held" && now > Date.parse(booking.closes_at));
  const state = missed ? "missed" : booking.state;
  const kinds = { held: "check", used: "ok", missed: "amber", cancelled: "" };
  return element("span", { class: `pill ${kinds[state] ?? ""}` }, has(`bookings.${state}`) ? word(`bookings.${state}`) : state);
}

export function renderJourney(booking) {
  const when = dayOf(booking.scheduled_at);
  const moment = booking.kind === "journey"
    ? word(isArrival(booking) ? "bookings.lands" : "bookings.leaves") : "";
  return element("section", { class: "panel tight journey", "aria-label": word("bookings.journey") },
    element("div", { class: "row" },
      element("p", { class: "flight grow" }, titleOf(booking)),
      element("p", { class: "flight" }, timeShown(booking), " ", element("small", {}, moment))),
    element("div", { class: "row" },
      element("span", { class: "second grow" }, `${when} · ${said(booking.service_name)}`),
      element("span", { class: "pill ok" }, icon("clock"), departs(booking) ? windowOf(booking) : word("bookings.window", { times: windowOf(booking) }))),
    isDelayed(booking) ? element("p", { class: "note amber" }, icon("warning"),
      element("span", {}, word("bookings.delayed", { time: timeOf(booking.scheduled_at), expected: timeOf(booking.expected_at) }))) : null);
}

// `count`: a field for how many came along, or null.
export function renderPeople(booking, count = null) {
  const { passengers = [], escorts = [], holder_name: holder } = booking.details ?? {};
  if (!passengers.length) return partyOnly(booking, count);
  let holderSeen = false;
  const rows = passengers.map((name, index) => {
    const isHolder = !holderSeen && name === holder;
    holderSeen ||= isHolder;
    return person(String(index + 1), name, isHolder
      ? element("span", { class: "pill check" }, word("bookings.holder")) : element("span", { class: "second" }, word("bookings.along")));
  });
  const role = isArrival(booking) ? "meets" : "sees-off";
  const others = escorts.map((name) => person(word(`bookings.${role}-short`), name,
    element("span", { class: "second" }, word(`bookings.${role}`)), "other"));
  return element("section", { class: "panel tight grow", "aria-label": word("bookings.who") },
    element("div", { class: "row party" }, element("h2", { class: "grow" }, word("bookings.people", { count: passengers.length })), count),
    element("ul", { class: "people" }, rows, others));
}

function partyOnly(booking, count) {
  if (!booking.party) return null;
  return element("section", { class: "panel tight grow" },
    element("div", { class: "row party" }, element("h2", { class: "grow" }, word("bookings.people", { count: booking.party })), count));
}

const person = (mark, name, about, kind = "") => element("li", { class: kind },
  element("span", { class: "num", "aria-hidden": "true" }, mark), element("span", { class: "grow name" }, name), about);

// Everything else that was booked, by the programme's own labels; plates stand large beside it.
export function renderDetails(booking, fields = []) {
  const details = booking.details ?? {};
  const rows = fields
    .filter(({ code, kind }) => !SHOWN_APART.has(code) && !SHOWN_AS_LIST.has(kind) && details[code] !== undefined && details[code] !== null)
    .flatMap(({ code, label }) => [element("dt", {}, said(label)), element("dd", {}, valueOf(details[code], code))]);
  const plates = details.plates ?? [];
  if (!rows.length && !plates.length) return null;
  return element("section", { class: "panel tight row wrap", "aria-label": word("bookings.more") },
    element("dl", { class: "pairs grow" }, rows),
    plates.map((plate) => element("span", { class: "plate" }, plate)));
}

function valueOf(value, code) {
  if (value === true) return code === "name_board" ? word("bookings.board") : word("bookings.yes");
  if (value === false) return word("bookings.no");
  return /^\d{4}-\d\d-\d\dT/.test(String(value)) ? `${dateOf(String(value))} ${timeOf(String(value))}` : String(value);
}

// The services of this desk that somebody can book here.
export function bookable({ point, services }) {
  const rules = point.booking_rules ?? {};
  return services.all.filter((service) => rules[service.booking] && !service.closed);
}
