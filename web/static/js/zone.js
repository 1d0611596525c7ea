// Local times of a time zone and the instants that they name, wherever the device is: pure, the zone is a parameter.
// The one place that asks the browser for a zone's offset.

const SECOND = 1000;
const DAY = 86_400_000;

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @param {string} zone */
function formatOf(zone) {
  const kept = formats.get(zone);
  if (kept) return kept;
  const made = new Intl.DateTimeFormat("en-US", {
    year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
    hourCycle: "h23", calendar: "gregory", timeZone: zone,
  });
  formats.set(zone, made);
  return made;
}

/**
 * The local time at an instant, written as if it were UTC.
 * @param {number} at milliseconds
 * @param {string} zone IANA name
 */
export function localAt(at, zone) {
  /** @type {Record<string, number>} */
  const parts = {};
  for (const { type, value } of formatOf(zone).formatToParts(at)) parts[type] = Number(value);
  return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second);
}

/** By how much local time is ahead of UTC. @param {number} at @param {string} zone */
export const offsetAt = (at, zone) => localAt(at, zone) - Math.floor(at / SECOND) * SECOND;

/** {date: "2026-11-08", time: "20:30", seconds: "20:30:07"} of an instant. @param {number} at @param {string} zone */
export function partsAt(at, zone) {
  const [date, seconds] = new Date(localAt(at, zone)).toISOString().split(/[T.]/);
  return { date, time: seconds.slice(0, 5), seconds };
}

/**
 * The instant (milliseconds) of a local date and time; null for none. An hour that the clocks leave out becomes the next.
 * @param {string} date @param {string} time HH:MM @param {string} zone
 */
export function instantOf(date, time, zone) {
  const wanted = Date.parse(`${date}T${time}:00Z`);
  if (!Number.isFinite(wanted)) return null;
  let instant = wanted;
  for (let round = 0; round < 2; round += 1) instant += wanted - localAt(instant, zone);
  return instant;
}

/** The last local day of what ends before an instant: what a card's face shows. @param {number} end @param {string} zone */
export const lastDay = (end, zone) => partsAt(end - SECOND, zone).date;

/**
 * The first instant of a local month: midnight of the 1st, the earlier one where it comes twice; where the clock jumps
 * over it, the instant of the jump.
 * @param {number} year @param {number} month 1 to 12 @param {string} zone
 */
export function firstInstant(year, month, zone) {
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
