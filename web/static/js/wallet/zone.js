// Local dates and times of the programme's zone, wherever the phone is, and the instants that they name.

import { config } from "../page.js";

const PARTS = new Intl.DateTimeFormat("en-CA", {
  timeZone: config.zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
});

// {date: "2026-11-08", time: "20:30"} of an instant.
export function partsOf(instant) {
  const found = Object.fromEntries(PARTS.formatToParts(new Date(instant)).map(({ type, value }) => [type, value]));
  return { date: `${found.year}-${found.month}-${found.day}`, time: `${found.hour}:${found.minute}` };
}

// The instant (RFC 3339) of a local date and time; null for none. An hour that the clocks leave out becomes the next.
export function instantAt(date, time) {
  const wanted = Date.parse(`${date}T${time}:00Z`);
  if (!Number.isFinite(wanted)) return null;
  let instant = wanted;
  for (let round = 0; round < 2; round += 1) {
    const local = partsOf(instant);
    instant += wanted - Date.parse(`${local.date}T${local.time}:00Z`);
  }
  return new Date(instant).toISOString().replace(".000Z", "Z");
}
