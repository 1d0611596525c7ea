// Taking a check-in back, recording that somebody left or what was delivered: small dialogs, each one operation.

import { randomId } from "../encoding.js";
import { byId, element } from "../page.js";
import { todayAt } from "../times.js";
import { said, word } from "../words.js";
import { renderChecklist } from "./checklist.js";
import { nameOf } from "./problem.js";
import { mayCarry, mayNow, signedIn, signedOut, supervisorFields } from "./supervisor.js";

const SUPERVISORS = new Set(["too-late-to-void", "checked-out", "another-must-void", "not-permitted"]);
const REASONS = ["wrong-service", "wrong-person", "left-unused", "double-scan", "service-failed", "other"];

export class ChangeDialogs {
  constructor(device, onDone) {
    this.device = device;
    this.onDone = onDone;
    this.asked = null;
    this.delivered = new Set(); // uses of which it was recorded what was delivered: once each
    this.ticks = new Map(); // what staff have ticked of each use since the page was opened
    for (const kind of ["void", "leave", "deliver"]) {
      byId(`${kind}-form`).addEventListener("submit", (event) => {
        event.preventDefault();
        this.submit(kind);
      });
      byId(kind).querySelector("[data-close]").addEventListener("click", () => byId(kind).close());
    }
  }

  // `late`: staff alone can no longer do it.
  askVoid(entry, { late = false } = {}) {
    byId("void-reasons").replaceChildren(...REASONS.map((reason) => {
      const input = element("input", { type: "radio", name: "reason", value: reason });
      return element("label", { class: "choice" }, input, element("span", {}, word(`void.${reason}`)));
    }));
    byId("void-note").value = "";
    byId("void-who").replaceChildren();
    this.open("void", entry);
    if (late) this.askSupervisor();
  }

  // Past fifteen minutes, or after a check-out, a supervisor takes it back: another than the one who granted it.
  askSupervisor() {
    if (mayNow(this.device, "void-any") || !mayCarry(this.device, "void-any") || byId("void-code")) return;
    byId("void-who").replaceChildren(supervisorFields("void"));
    byId("void-code").focus();
  }

  askLeave(entry) {
    byId("leave-at").value = "";
    this.open("leave", entry);
  }

  ticked(entry) {
    if (!this.ticks.has(entry)) this.ticks.set(entry, new Set());
    return this.ticks.get(entry);
  }

  askDeliver(entry, service) {
    byId("deliver-list").replaceChildren(renderChecklist(service, { ticked: this.ticked(entry) }));
    this.open("deliver", entry);
  }

  body(kind) {
    if (kind === "deliver") return { delivered: [...this.ticked(this.asked.entry)].map((place) => place + 1).sort((a, b) => a - b) };
    return kind === "void" ? voidBody() : leaveBody();
  }

  open(kind, entry) {
    // The id is made with the intention: pressing twice, or again after a lost answer, is the same operation.
    this.asked = { entry, operation: randomId(), sent: "" };
    byId(`${kind}-fault`).textContent = "";
    byId("today").close();
    byId(kind).showModal();
  }

  async submit(kind) {
    const asked = this.asked;
    if (!asked || asked.busy) return;
    const body = this.body(kind);
    const missing = missingIn(kind, body);
    byId(`${kind}-fault`).textContent = missing ? word(missing) : "";
    if (missing) return;
    // Another reason or time is another intention.
    if (asked.sent && asked.sent !== JSON.stringify(body)) asked.operation = randomId();
    asked.sent = JSON.stringify(body);
    asked.busy = true;
    let supervisor = null;
    try {
      const path = `/v1/check-ins/${asked.entry}/${kind === "void" ? "void" : "check-out"}`;
      if (kind === "void") supervisor = await signedIn(this.device, "void");
      const answer = await this.device.call("POST", path, { body, operation: asked.operation, operator: supervisor ?? undefined });
      if (kind === "deliver") this.delivered.add(asked.entry);
      byId(kind).close();
      this.onDone(word(kind === "void" && !answer.quotas?.length ? "void.done-free" : `${kind}.done`), asked.entry, kind);
    } catch (error) {
      byId(`${kind}-fault`).textContent = sentence(error);
      if (kind === "void" && SUPERVISORS.has(error.code)) this.askSupervisor();
    } finally {
      await signedOut(this.device, supervisor);
      asked.busy = false;
    }
  }
}

// Nothing is preset: staff say why, and tick what was delivered.
function missingIn(kind, body) {
  if (kind === "void" && !body.reason) return "void.choose";
  return kind === "deliver" && !body.delivered.length ? "deliver.empty" : null;
}

function voidBody() {
  const note = byId("void-note").value.trim();
  return { reason: byId("void-form").elements.reason.value, ...(note ? { note } : {}) };
}

function leaveBody() {
  const at = byId("leave-at").value;
  return at ? { at: todayAt(at) } : {};
}

// The server's own sentence, in the page's language; the page's words where the server was not reached.
function sentence(error) {
  return said(error.document?.message) || word(`problem.${nameOf(error)}`);
}
