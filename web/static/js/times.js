// Dates and times as people at the counter read them, in the programme's zone.

import { now } from "./clock.js";
import { config } from "./page.js";
import { currentLanguage } from "./words.js";

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

export const fullDateOf = (when) => format({ year: "numeric", month: "2-digit", day: "2-digit" }, "zh").format(instant(when)).replaceAll("/", "-");

export const minutesUntil = (when) => Math.max(0, Math.ceil((instant(when) - now()) / 60000));
export const secondsUntil = (when) => Math.max(0, Math.ceil((instant(when) - now()) / 1000));

// The instant (RFC 3339) of a time of day HH:MM today in the programme's zone, as the counter's clock has today.
export function todayAt(clockTime) {
  const [hours, minutes] = clockTime.split(":").map(Number);
  const [nowHours, nowMinutes, nowSeconds] = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" }, "en")
    .format(now()).split(":").map(Number);
  const difference = ((hours - nowHours) * 60 + (minutes - nowMinutes)) * 60 - nowSeconds;
  return new Date(Math.floor(now() / 1000) * 1000 + difference * 1000).toISOString().replace(".000Z", "Z");
}
