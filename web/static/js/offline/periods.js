// Calendar periods in a programme's zone, as cards/periods.py counts them: half-open, and never 30 or 360 days.

const SECOND = 1000;
const DAY = 86_400_000;
const formats = new Map();

function formatOf(zone) {
  if (!formats.has(zone)) {
    const options = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" };
    formats.set(zone, new Intl.DateTimeFormat("en-US", { ...options, hourCycle: "h23", calendar: "gregory", timeZone: zone }));
  }
  return formats.get(zone);
}

// The local time at an instant, written as if it were UTC.
function localAt(at, zone) {
  const parts = {};
  for (const { type, value } of formatOf(zone).formatToParts(at)) parts[type] = Number(value);
  return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second);
}

const offsetAt = (at, zone) => localAt(at, zone) - Math.floor(at / SECOND) * SECOND;

// The first instant of a local month: midnight of the 1st, the earlier one where it comes twice; where the clock jumps
// over it, the instant of the jump.
function firstInstant(year, month, zone) {
  const midnight = Date.UTC(year, month - 1, 1);
  const offsets = [midnight - DAY, midnight + DAY].map((at) => offsetAt(at, zone));
  const candidates = offsets.map((offset) => midnight - offset).sort((one, other) => one - other);
  const exact = candidates.find((at) => localAt(at, zone) === midnight);
  if (exact !== undefined) return exact;
  let [before, after] = candidates;
  while (after - before > SECOND) {
    const middle = before + Math.floor((after - before) / 2 / SECOND) * SECOND;
    if (localAt(middle, zone) < midnight) before = middle;
    else after = middle;
  }
  return after;
}

const nextStart = (unit, year, month) => (unit === "year" || month === 12 ? [year + 1, 1] : [year, month + 1]);

function named(unit, year, month, zone) {
  const key = unit === "month" ? `${year}-${String(month).padStart(2, "0")}` : String(year);
  const startsAt = firstInstant(year, unit === "month" ? month : 1, zone);
  return { unit, key, startsAt, endsAt: firstInstant(...nextStart(unit, year, month), zone) };
}

/**
 * @param {"month"|"year"|"ever"} unit
 * @param {number} at milliseconds
 * @param {string} zone IANA name
 * @returns {{unit: string, key: string, startsAt: number|null, endsAt: number|null}} `key` as in the log (`2026-10`,
 *   `2026`, `ever`); "ever" has neither bound
 */
export function periodOf(unit, at, zone) {
  if (unit === "ever") return { unit, key: "ever", startsAt: null, endsAt: null };
  const local = new Date(localAt(at, zone));
  const [year, month] = [local.getUTCFullYear(), local.getUTCMonth() + 1];
  const found = named(unit, year, month, zone);
  // Where clocks go back over the midnight between two periods, the repeated hour stays in the later one.
  return isIn(found, at) ? found : named(unit, ...nextStart(unit, year, month), zone);
}

/** Whether an instant lies in a period. */
export const isIn = ({ startsAt, endsAt }, at) => (startsAt === null || startsAt <= at) && (endsAt === null || at < endsAt);
