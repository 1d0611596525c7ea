// Calendar periods in a programme's zone, as cards/periods.py counts them: half-open, and never 30 or 360 days.

import { firstInstant, localAt } from "../zone.js";

/** @returns {[number, number]} */
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
