// The public check without the server: the same documents as a counter's, fetched while the server is there.

import { askTime } from "../calls.js";
import { now } from "../clock.js";
import * as store from "../store.js";
import { Documents } from "./documents.js";
import { check } from "./judge.js";

const REFRESH_MS = 5 * 60_000;
const PATIENCE_MS = 8000;
const PREFIX = "check-";

async function fetchText(path) {
  const response = await fetch(path, { cache: "no-cache", credentials: "omit", signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!response.ok) throw Object.assign(new Error(String(response.status)), { missing: response.status === 404 });
  return response.text();
}

export class PublicCheck {
  #documents;
  #due = 0;
  #running = null;

  /** @param {{root: string|null, rules: object}} given what the page was told (web/checking.py) */
  constructor({ root, rules }) {
    const kept = {
      get: (key) => store.read(PREFIX + key),
      put: (key, value) => store.write(PREFIX + key, value),
    };
    this.#documents = new Documents({ store: kept, fetchText, root, programme: rules });
  }

  /** Fetches everything anew where that is due; a browser that keeps nothing, or a server away, is no fault. */
  async refresh() {
    if (this.#running === null && Date.now() >= this.#due) {
      this.#running = this.#fetched().finally(() => { this.#running = null; });
    }
    await this.#running;
  }

  async #fetched() {
    try {
      await askTime(); // a clock that is minutes off would find every document too new or too old
      const { ok } = await this.#documents.refresh(now());
      if (ok) this.#due = Date.now() + REFRESH_MS;
    } catch {
      // Private windows keep nothing: this page then needs the server for every check.
    }
  }

  /**
   * @returns {Promise<Record<string, any>>} what `judge.check` says, with `ages` and `clock` of the documents; `{problem}` where nothing
   *   can be said: `no-documents`, `lists-over`, `clock-back`, or what is wrong with the text
   */
  async check(text) {
    const at = now();
    try {
      const documents = await this.#documents.state(at);
      const found = /** @type {Record<string, any>} */ (await check({ text, at, documents }));
      if (found.reason === "status-unknown" && documents.freshness === "expired") return { problem: "lists-over" };
      return { ...found, ages: documents.ages, clock: documents.clock };
    } catch {
      return { problem: "no-documents" };
    }
  }
}
