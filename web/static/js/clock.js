// The server's time as far as this device knows it: its own clock and the offset learned from answers.

const NAME = "yunju-clock-offset";
// A Date header counts whole seconds: a smaller difference says nothing.
const NOTICED_MS = 2000;

let offset = Number(localStorage.getItem(NAME)) || 0;

export const now = () => Date.now() + offset;
export const nowSeconds = () => Math.floor(now() / 1000);
export const offsetSeconds = () => Math.round(offset / 1000);

// Learns from a server's time (milliseconds or any text that Date reads); tells whether that moved the clock.
export function learn(serverTime) {
  const instant = typeof serverTime === "number" ? serverTime : Date.parse(serverTime);
  if (!Number.isFinite(instant)) return false;
  const found = instant - Date.now();
  if (Math.abs(found - offset) < NOTICED_MS) return false;
  offset = Math.abs(found) < NOTICED_MS ? 0 : found;
  localStorage.setItem(NAME, String(offset));
  return true;
}
