// HTTP calls as the API wants them: JSON in, JSON out, problem documents as errors, a time limit, retries that are the
// same operation. A call that may have reached the server and was not answered is `Unconfirmed`, never a refusal.

import { learn } from "./clock.js";

const PATIENCE_MS = 8000;
const PAUSES_MS = [400, 1200, 3000];
const PASSING = new Set([408, 500, 502, 503, 504]);

export class ProblemError extends Error {
  constructor(status, document) {
    super(document.code ?? String(status));
    this.status = status;
    this.code = document.code ?? "other";
    this.document = document;
    this.after = 0; // seconds to wait before asking again, where the server told them
  }
}

export class Unconfirmed extends Error {
  constructor(problem) {
    super("unconfirmed");
    this.problem = problem;
  }
}

/** @param {string} path @param {Record<string, any>} how */
async function once(path, { method, headers, body, patience = PATIENCE_MS }) {
  let response;
  try {
    const signal = AbortSignal.timeout(patience);
    response = await fetch(path, { method, headers, body, signal, cache: "no-store", credentials: "omit" });
  } catch {
    throw new Unconfirmed(null);
  }
  learn(response.headers.get("Date"));
  const text = await response.text().catch(() => "");
  const document = parse(text);
  if (document?.server_time) learn(document.server_time);
  if (response.ok) return document;
  const problem = new ProblemError(response.status, document ?? {});
  problem.after = Number(response.headers.get("Retry-After")) || 0;
  throw problem;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// `sign(method, path, bodyText)` gives the headers that prove who calls; it is asked anew for every sending. `patience`:
// milliseconds for each sending; none begins after `within`, where somebody can go on without the answer.
/** @param {string} method @param {string} path @param {Record<string, any>} [how] */
export async function call(method, path, { body, operation, sign, retries = PAUSES_MS.length, patience, within = Infinity } = {}) {
  const begun = performance.now();
  const text = body === undefined ? undefined : JSON.stringify(body);
  let corrected = false;
  for (let attempt = 0; ; attempt += 1) {
    const headers = { Accept: "application/json" };
    if (text !== undefined) headers["Content-Type"] = "application/json";
    if (operation) headers["Idempotency-Key"] = operation;
    if (sign) Object.assign(headers, await sign(method, path, text));
    try {
      return await once(path, { method, headers, body: text, patience });
    } catch (error) {
      if (error.code === "clock-off" && !corrected) {
        corrected = true; // once() has learned the server's time
        continue;
      }
      const passing = error instanceof Unconfirmed || PASSING.has(error.status);
      if (!passing) throw error;
      const wait = PAUSES_MS[Math.min(attempt, PAUSES_MS.length - 1)];
      if (attempt >= retries || performance.now() - begun + wait > within) throw error instanceof Unconfirmed ? error : new Unconfirmed(error);
      await pause(wait);
    }
  }
}

// Learns the server's time and nothing else; silent where there is no network.
export const askTime = () => once("/healthz", { method: "GET", headers: {} }).catch(() => null);

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
