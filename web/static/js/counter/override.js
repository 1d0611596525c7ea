// A supervisor's word that a visitor would be refused wrongly: reason, note and name go into the log with the check-in.

import { randomId } from "../encoding.js";
import { byId, element } from "../page.js";
import { said, word } from "../words.js";
import { nameOf } from "./problem.js";
import { mayCarry, mayNow, signedIn, signedOut, supervisorFields } from "./supervisor.js";

const REASONS = ["phone-dead", "card-unreadable", "came-early", "left-unrecorded", "other"];
// What an override lifts (docs/reasons.md): how the card was shown, an hour, a visit nobody closed. No tier, no quota.
const HELPS = new Map([
  ["proof-missing", "phone-dead"], ["stale-proof", "phone-dead"], ["clock-ahead", "phone-dead"],
  ["assurance-too-low", "card-unreadable"], ["booking-too-early", "came-early"], ["already-in", "left-unrecorded"],
]);

export class Overriding {
  constructor(desk) {
    this.desk = desk;
    this.asked = null;
    byId("override-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    byId("override").querySelector("[data-close]").addEventListener("click", () => byId("override").close());
  }

  // What a refused visitor's screen offers: a way to ask, or null where no supervisor's word would change the answer.
  way(answer, body) {
    const shown = body.presentation || body.look;
    if (answer.outcome === "granted" || !HELPS.has(answer.reason) || !shown || body.override) return null;
    if (!mayCarry(this.desk.device, "override")) return null;
    return () => this.ask(body, { reason: HELPS.get(answer.reason), checked: Boolean(body.id_checked) });
  }

  // `body` is the check-in to be sent again as a new operation, or one that names a booking alone.
  ask(body, { reason, checked = false }) {
    this.asked = { body, busy: false };
    byId("override-reasons").replaceChildren(...REASONS.map((code) => {
      const input = element("input", { type: "radio", name: "reason", value: code });
      input.checked = code === reason;
      return element("label", { class: "choice" }, input, element("span", {}, word(`override.${code}`)));
    }));
    byId("override-who").replaceChildren(...(mayNow(this.desk.device, "override") ? [] : [supervisorFields("override")]));
    byId("override-note").value = "";
    byId("override-checked").checked = checked;
    byId("override-fault").textContent = "";
    byId("override").showModal();
  }

  async submit() {
    const { asked, desk } = this;
    if (!asked || asked.busy) return;
    const note = byId("override-note").value.trim();
    const fault = this.fault(note);
    byId("override-fault").textContent = fault ?? "";
    if (fault) return;
    asked.busy = true;
    try {
      const supervisor = await signedIn(desk.device, "override");
      const body = { ...asked.body, id_checked: true, override: { reason: byId("override-form").elements.reason.value, note } };
      byId("override").close();
      await desk.guard(() => desk.perform({ id: randomId(), body, operator: supervisor ?? undefined }, {}));
      if (!desk.pending) await signedOut(desk.device, supervisor);
    } catch (error) {
      byId("override-fault").textContent = said(error.document?.message) || word(`problem.${nameOf(error)}`);
    } finally {
      asked.busy = false;
    }
  }

  fault(note) {
    if (!byId("override-checked").checked) return word("override.need-check");
    if (!note) return word("override.need-note");
    if (byId("override-code") && !byId("override-code").value.trim()) return word("override.need-who");
    return null;
  }
}
