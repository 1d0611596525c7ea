// When something can be booked and what its fields must hold, by the rules that the programme told this phone. Pure:
// the server judges anew; this only says the fault where it is made.

import { instantAt, partsOf } from "../times.js";
import * as typed from "../typed.js";

const PLATE = /^[\u4e00-\u9fffA-Z0-9]{4,10}$/;
export const HOLDER = "holder_name";

// A day that the organiser sets is not the holder's to give. A field may be called otherwise for one service alone.
export const asked = (rule, service) => rule.fields
  .filter((field) => (!field.services || field.services.includes(service)) && !(field.kind === "date" && !field.required))
  .map((field) => (field.labels?.[service] ? { ...field, label: field.labels[service] } : field));

// The years whose notice takes receipts now: of a year that is spent or chosen otherwise none is taken.
function openYears(service, now, shut) {
  const year = Number(partsOf(now).date.slice(0, 4));
  return (service.notices ?? []).filter((one) => Date.parse(one.opens_at) <= now && now < Date.parse(one.closes_at) && !(shut && one.year === year));
}

// Whether one more can be booked: "open"; "later" where only what lies past the period's end counts; "spent"; "taken";
// "awaited" where the notice that a receipt answers is not out.
export function offerOf(service, rule, now) {
  const offer = limitOf(service, rule, now);
  if (rule.basis !== "notice") return offer;
  const notices = openYears(service, now, offer.state !== "open");
  if (notices.length) return { state: "open", notices };
  return offer.state === "open" ? { state: "awaited" } : offer;
}

function limitOf(service, rule, now) {
  const spent = service.quotas?.find((quota) => quota.remaining === 0);
  if (!spent && !service.taken) return { state: "open" };
  const { resets_at: resets } = spent ?? service.quotas?.[0] ?? {};
  if (rule.basis === "journey" && resets && Date.parse(resets) - now < rule.ahead_minutes * 60000) return { state: "later", resets };
  return { state: service.taken ? "taken" : "spent", resets };
}

export const isOpen = ({ state }) => state === "open" || state === "later";

const within = (spans, starts, ends) => spans.some(({ starts_at: opens, ends_at: closes }) =>
  opens <= starts && starts < closes && (!ends || ends <= closes));

export const timeField = (fields) => fields.find((field) => field.kind === "datetime");

// The list of those who come, where the holder's own name is asked for besides: it begins with the holder.
export function partyList(fields) {
  const counter = fields.find((field) => field.party === "all" && field.counts);
  return fields.some((field) => field.code === HOLDER) ? counter?.counts : undefined;
}

// What is worked out of another field is not asked for: counts of lists, the date of a time.
export const derived = (field, fields) => Boolean(field.counts) || (field.kind === "date" && Boolean(timeField(fields)));

// What a person wrote in own words stays as it was written.
const own = (text) => (text ?? "").normalize("NFC").trim();

export function spelled(field, value) {
  if (field.kind === "phone") return typed.phone(value) ?? own(value);
  return field.code === HOLDER ? typed.name(value) : typed.byPattern(value, field.pattern);
}

const filled = (list, spell) => (list ?? []).map(spell).filter(Boolean);

export function listOf(field, state, fields) {
  const found = filled(state[field.code], field.kind === "plates" ? typed.plate : typed.name);
  return field.code === partyList(fields) ? [typed.name(state[HOLDER]), ...found] : found;
}

export function instantsOf(field, state, rule) {
  const { date, from, to } = state[field.code] ?? {};
  const starts = date && from ? instantAt(date, from) : null;
  if (!rule.slot_most_minutes) return starts ? [starts] : [];
  const ends = date && to ? instantAt(date, to) : null;
  return starts && ends ? [starts, ends] : [];
}

// From when and until when a booking for an instant is taken; null where the rule counts from no time.
export function takenBetween(rule, instant) {
  if (!instant || !["journey", "slot"].includes(rule.basis)) return null;
  const at = Date.parse(instant);
  return { first: at - rule.ahead_minutes * 60000, last: at - rule.lead_minutes * 60000 };
}

// Whether a change to another time needs the lead anew.
export function needsLead(rule, before, instant) {
  if (!before) return true;
  const moved = Date.parse(instant) - Date.parse(before.scheduled_at);
  return (moved < 0 && rule.change_needs_lead.includes("earlier")) || (moved > 0 && rule.change_needs_lead.includes("later"))
    || (before.lead_minutes < rule.lead_minutes && rule.change_needs_lead.includes("stricter-rule"));
}

// The fields as the server wants them.
export function fieldsOf(rule, fields, state) {
  const made = {};
  for (const field of fields) {
    const value = valueOf(field, fields, state, rule);
    if (value !== null && value !== "") made[field.code] = value;
  }
  return made;
}

function valueOf(field, fields, state, rule) {
  const value = state[field.code];
  if (field.counts) return listOf(fields.find((other) => other.code === field.counts), state, fields).length;
  if (field.kind === "names" || field.kind === "plates") {
    const list = listOf(field, state, fields);
    return list.length || field.required ? list : null;
  }
  if (field.kind === "datetime") return instantsOf(field, state, rule).join("/");
  if (field.kind === "date") return (state[timeField(fields)?.code] ?? {}).date ?? value ?? null;
  if (field.kind === "number") return /^\d{1,4}$/.test(typed.digits(String(value ?? ""))) ? Number(typed.digits(String(value))) : null;
  if (["yes-no", "choice", "confirm"].includes(field.kind)) return value ?? null;
  if (field.kind === "note") return own(value);
  return spelled(field, value);
}

// {code: name of the fault} of what is missing or wrong, as far as a phone can tell.
// `day`: what the point told of the chosen day (open and free hours), where it was asked.
export function faultsOf(rule, fields, state, now, before, day = null) {
  const faults = {};
  for (const field of fields.filter((one) => !derived(one, fields))) {
    const fault = fault_(field, fields, state, rule, now, before, day);
    if (fault) faults[field.code] = fault;
  }
  return faults;
}

function fault_(field, fields, state, rule, now, before, day) {
  const value = valueOf(field, fields, state, rule);
  if (field.kind === "number" && value === null && own(String(state[field.code] ?? ""))) return "number";
  const missing = value === null || value === "" || (Array.isArray(value) && field.required && !value.filter(Boolean).length);
  if (missing) return field.required && field.code !== partyList(fields) ? "missing" : null;
  const text = String(value);
  if (field.kind === "phone" && typed.phone(text) === null) return "phone";
  if (field.kind === "plates" && !value.every((one) => PLATE.test(one))) return "plates";
  if (field.kind === "text" && field.pattern && !new RegExp(`^(?:${field.pattern})$`).test(text)) return "form";
  if (field.kind === "number" && field.party && (value < 1 || value > rule.party_most)) return "party";
  if (field.code === partyList(fields) && value.length > rule.party_most) return "party";
  if (field.kind !== "datetime") return null;
  const instants = instantsOf(field, state, rule);
  return timeFault(instants, rule, now, before) ?? dayFault(instants, state[field.code], before, day);
}

// Outside the hours of the point, or booked by somebody else: only of the day that was asked about.
function dayFault([starts, ends], { date } = {}, before, day) {
  if (!starts || !day || day.on !== date) return null;
  if (day.bounded && !within(day.open, starts, ends)) return day.open.length ? "hours" : "closed";
  return before || within(day.free, starts, ends) ? null : "taken";
}

function timeFault([starts, ends], rule, now, before) {
  if (ends && ends <= starts) return "order";
  if (ends && Date.parse(ends) - Date.parse(starts) > rule.slot_most_minutes * 60000) return "slot";
  const between = takenBetween(rule, starts);
  if (between && now < between.first) return "early";
  return between && now > between.last && needsLead(rule, before, starts) ? "late" : null;
}

// What a form begins with: the values of a booking, or nothing.
export function stateOf(fields, details = {}) {
  const state = {};
  for (const field of fields) {
    const value = details[field.code];
    if (field.kind === "datetime" && typeof value === "string") {
      const [starts, ends] = value.split("/").map(partsOf);
      state[field.code] = { date: starts.date, from: starts.time, to: ends?.time };
    } else if (Array.isArray(value)) {
      const party = field.code === partyList(fields);
      state[field.code] = party ? value.filter((name, place) => value.indexOf(details[HOLDER]) !== place) : [...value];
    } else if (value !== undefined) {
      state[field.code] = value;
    }
  }
  return state;
}
