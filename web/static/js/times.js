// Dates and times as people at the counter read them, in the programme's zone.

import { now } from "./clock.js";
import { config } from "./page.js";
import { currentLanguage } from "./words.js";
import { instantOf, lastDay, partsAt } from "./zone.js";

const made = new Map();

function format(options, language = currentLanguage()) {
  const key = language + JSON.stringify(options);
  if (!made.has(key)) {
    const locale = language === "zh" ? "zh-CN" : "en-GB";
    made.set(key, new Intl.DateTimeFormat(locale, { timeZone: config.zone, hourCycle: "h23", ...options }));
  }
  return made.get(key);
}

const instant = (when) => (typeof when === "number" ? when : Date.parse(when));
const year = (when) => format({ year: "numeric" }, "en").format(instant(when));

export const timeOf = (when) => format({ hour: "2-digit", minute: "2-digit" }).format(instant(when));
export const weekdayOf = (when) => format({ weekday: "short" }).format(instant(when));

// The year is left out when it is this one.
export function dateOf(when, language = currentLanguage()) {
  const options = { month: "long", day: "numeric" };
  if (year(when) !== year(now())) options.year = "numeric";
  return format(options, language).format(instant(when));
}

// A day with its weekday, in each language's order: 12月1日 周二, Tue 1 December.
export const dayOf = (when) => (currentLanguage() === "zh"
  ? `${dateOf(when)} ${weekdayOf(when)}` : `${weekdayOf(when)} ${dateOf(when)}`);

const rfc3339 = (at) => new Date(at).toISOString().replace(".000Z", "Z");

// {date: "2026-11-08", time: "20:30"} of an instant.
export const partsOf = (when) => partsAt(instant(when), config.zone);
export const fullDateOf = (when) => partsOf(when).date;

// Of something that ends before an instant the last day: what the card's face and everybody else calls "until".
export const lastDayOf = (end) => lastDay(instant(end), config.zone);
export const lastDateOf = (end) => dateOf(instant(end) - 1000);

// The instant (RFC 3339) of a local date and time; null for none.
export function instantAt(date, time) {
  const at = instantOf(date, time, config.zone);
  return at === null ? null : rfc3339(at);
}

// A length of time in the largest unit that says it well: 90秒, 21天, 3 hours.
export function lengthOf(seconds) {
  const [unit, size] = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]].find(([, each]) => seconds >= 2 * each || each === 1);
  const locale = currentLanguage() === "zh" ? "zh-CN" : "en-GB";
  return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" }).format(Math.round(seconds / size));
}

export const minutesUntil = (when) => Math.max(0, Math.ceil((instant(when) - now()) / 60000));
export const secondsUntil = (when) => Math.max(0, Math.ceil((instant(when) - now()) / 1000));

// The instant (RFC 3339) of a time of day HH:MM today in the programme's zone, as the counter's clock has today.
export const todayAt = (clockTime) => instantAt(fullDateOf(now()), clockTime);
