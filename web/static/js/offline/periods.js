// Calendar periods in a programme's zone, as cards/periods.py counts them: half-open, and never 30 or 360 days.

/**
 * @param {"month"|"year"|"ever"} unit
 * @param {number} at milliseconds
 * @param {string} zone IANA name
 * @returns {{unit: string, key: string, startsAt: number|null, endsAt: number|null}} `key` as in the log (`2026-10`,
 *   `2026`, `ever`); "ever" has neither bound
 */
export function periodOf(unit, at, zone) {
  throw new Error(`not written yet: ${unit} ${at} ${zone}`);
}
