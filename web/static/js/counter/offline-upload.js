// Back online: the records go to the server in batches, one tab at a time. What was not answered stays and goes again;
// the server knows a record that it has seen (docs/offline.md).

import { Unconfirmed } from "../calls.js";
import { nameOf } from "./problem.js";
import * as store from "./offline-store.js";

const LOCK = "yunju-offline-upload";
const BATCH_MOST = 200;
const BATCH_LEAST = 10;
const PATIENCE_MS = 60000;

export class Upload {
  // `onChange()`: progress to show. `onTime(text)`: a time that the server signed.
  constructor(device, { onChange, onTime }) {
    this.device = device;
    this.onChange = onChange;
    this.onTime = onTime;
    this.size = BATCH_MOST;
    this.progress = null; // {done, total} while it runs
    this.stopped = null; // why records wait although the server answers: a code of its problem documents
  }

  // Sends what waits; gives what was answered, or null where another tab is at it. Unconfirmed where the server was lost.
  async run() {
    const act = (lock) => (lock === null ? null : this.all());
    return navigator.locks ? navigator.locks.request(LOCK, { ifAvailable: true }, act) : act(true);
  }

  // Another device's records (this tablet's, before it was enrolled anew) a supervisor brings; else they wait.
  async mine() {
    const waiting = await store.waitingRecords();
    return waiting.filter((row) => row.device === this.device.kept.device || this.device.may("override"));
  }

  async all() {
    const waiting = await this.mine();
    if (!waiting.length) return [];
    const answered = [];
    this.progress = { done: 0, total: waiting.length };
    this.onChange();
    try {
      for (let next = 0; next < waiting.length;) {
        const batch = waiting.slice(next, next + this.size);
        const rows = await this.send(batch);
        if (rows === null) {
          this.size = Math.ceil(batch.length / 2); // one of them is not taken with the others: find it
          continue;
        }
        this.size = Math.min(BATCH_MOST, this.size * 2);
        next += batch.length;
        answered.push(...rows);
        this.progress = { done: next, total: waiting.length };
        this.onChange();
      }
      this.stopped = null;
    } catch (error) {
      if (error instanceof Unconfirmed) {
        this.size = Math.max(BATCH_LEAST, Math.ceil(this.size / 2)); // a slow line or a busy server takes fewer at once
        throw error;
      }
      this.stopped = nameOf(error);
    } finally {
      this.progress = null;
      this.onChange();
    }
    return answered;
  }

  // Gives the rows as they stand now; null where the batch as a whole was not taken and can be divided.
  async send(batch) {
    const own = batch.every((row) => row.device === this.device.kept.device);
    const body = { records: batch.map((row) => row.text) };
    let found;
    try {
      found = await this.device.call("POST", "/v1/offline-check-ins", { body, retries: 0, patience: PATIENCE_MS, ...(own ? { operator: null } : {}) });
    } catch (error) {
      if (error.status !== 413 && error.status !== 422) throw error;
      if (batch.length > 1) return null;
      found = { answers: [{ status: "refused", why: "malformed-record" }] };
    }
    const rows = batch.map((row, index) => settled(row, found.answers[index]));
    await store.keepAnswers(rows);
    if (found.time) await this.onTime(found.time);
    return rows;
  }
}

// A record that only another may bring waits on; whatever else was answered is done, and its text is the server's now.
function settled(row, answer) {
  if (answer.status === "refused" && answer.why === "not-yours") return { ...row, why: answer.why };
  const { status, outcome, reason, marks, why, linked, id } = answer;
  const kept = { ...row, state: status, answer: { outcome, reason, marks: marks ?? [], why, linked, id }, answeredAt: Date.now(), unseen: true };
  if (status !== "refused") delete kept.text;
  return kept;
}
