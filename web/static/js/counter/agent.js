// The agent on this PC, where one runs (docs/devices.md): what it reads from card readers and scanners is shown here.
// It checks in by itself, as a device of its own; this page shows its answers and passes on the operator's choices.

import { said } from "../words.js";

const BASE = "http://127.0.0.1:8765"; // the one address beside its own that the policy lets this page call
const REMEMBERED = "yunju-agent";
const FOLLOW_MS = 1000;

// `/counter?agent=on` asks for it once on this PC, `?agent=off` ends it: a tablet never calls its own loopback.
export function wantsAgent() {
  const asked = new URLSearchParams(location.search).get("agent");
  if (asked === "on") localStorage.setItem(REMEMBERED, "on");
  if (asked === "off") localStorage.removeItem(REMEMBERED);
  return localStorage.getItem(REMEMBERED) === "on";
}

export function listenToAgent(desk) {
  const events = new EventSource(`${BASE}/events`);
  events.addEventListener("verdict", (event) => show(desk, JSON.parse(event.data)));
  let told = null;
  setInterval(async () => {
    const { service, matter } = desk.services.asked() ?? {};
    const chosen = JSON.stringify({ service, matter });
    if (chosen === told || !service || events.readyState !== EventSource.OPEN) return;
    if (await tell("/service", { service, matter })) told = chosen;
  }, FOLLOW_MS);
  return events;
}

function show(desk, verdict) {
  if (desk.busy) return;
  if (verdict.kind === "ask" && verdict.answer.expires_at) {
    const answerWith = (checked) => tell("/confirm", { lane: verdict.lane, id_checked: checked });
    desk.identify(verdict.answer, { service: verdict.service }, {
      onConfirm: () => answerWith(true),
      onRefuse: () => { answerWith(false); desk.next(); },
    });
    return;
  }
  if (verdict.answer.id) {
    desk.answered(verdict.answer, {}, {});
    return;
  }
  desk.next();
  desk.note([said(verdict.message), said(verdict.hint)].filter(Boolean).join(" "));
}

async function tell(path, body) {
  try {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(BASE + path, { method: "POST", headers, body: JSON.stringify(body) });
    return answer.ok;
  } catch {
    return false; // the agent is gone; its events say so by their silence
  }
}
