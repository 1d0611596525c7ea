// What every page of auditors starts from: calls with the session's cookie, parts that load, fail and load again.

import { byId, element, icon } from "../page.js";
import { ProblemError, Unconfirmed } from "../calls.js";
import { has, loadWords, onLanguage, said, word } from "../words.js";

const PATIENCE_MS = 30000;
const WAIT_MS = 300;
const drawn = new Map();

// Calls the API; a session that has ended leads to the sign-in page and back.
export async function ask(method, path, { body, operation } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (operation) headers["Idempotency-Key"] = operation;
  const response = await send(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE_MS) });
  return response.json().catch(() => null);
}

// An answer of many lines that ended before its last one.
export class BrokenOff extends Error {}

// Posts, and reads an answer of JSON lines as it comes: `onLine` gets each, the last is returned.
export async function askLines(path, onLine) {
  const response = await send(path, { method: "POST", headers: {} });
  let rest = "", last = null;
  try {
    for await (const piece of piecesOf(response.body.pipeThrough(new TextDecoderStream()).getReader())) {
      const lines = (rest + piece).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        last = JSON.parse(line);
        if (!last.state) onLine(last);
      }
    }
  } catch {
    throw new BrokenOff(path);
  }
  if (!last?.state) throw new BrokenOff(path);
  return last;
}

async function* piecesOf(reader) {
  for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
}

async function send(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch {
    throw new Unconfirmed(null);
  }
  if (response.ok) return response;
  const problem = new ProblemError(response.status, (await response.json().catch(() => null)) ?? {});
  problem.after = Number(response.headers.get("Retry-After")) || 0;
  if (problem.code === "confirm-again") {
    location.assign(`/sign-in/again?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  if (response.status === 401) {
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  throw problem;
}

export const get = (path, values = {}) => ask("GET", `${path}?${given(values)}`);

// A query without what is empty.
export function given(values) {
  const found = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return new URLSearchParams(found).toString();
}

// Fills a part of the page: bones while it waits, what was found, or why not and a button to try again.
export async function fill(name, find, draw) {
  const part = document.querySelector(`[data-part="${name}"]`);
  const body = part.querySelector(".body");
  part.setAttribute("aria-busy", "true");
  part.dataset.state = "loading";
  const waiting = setTimeout(() => body.replaceChildren(bones(), element("p", { class: "second" }, word("audit.loading"))), WAIT_MS);
  try {
    const found = await find();
    part.dataset.state = "shown";
    show(name, () => body.replaceChildren(...[draw(found)].flat(9).filter(Boolean)));
  } catch (error) {
    if (!(error instanceof ProblemError) && !(error instanceof Unconfirmed)) throw error;
    part.dataset.state = "failed";
    show(name, () => body.replaceChildren(fault(error, () => fill(name, find, draw))));
  } finally {
    clearTimeout(waiting);
    part.setAttribute("aria-busy", "false");
  }
}

function show(name, redraw) {
  drawn.set(name, redraw);
  redraw();
}

// Something that is written in the page's language and written again when that changes.
export function keepDrawn(name, redraw) {
  show(name, redraw);
}

const bones = () => element("div", { class: "bones", "aria-hidden": "true" },
  element("div", { class: "bone" }), element("div", { class: "bone" }));

export function reasonOf(error) {
  if (error instanceof Unconfirmed) return word("audit.no-answer");
  return said(error.document.message) || word("audit.failed");
}

function fault(error, again) {
  const number = error.document?.instance ? word("shared.number", { id: error.document.instance }) : null;
  return element("div", { class: "state", role: "alert" },
    icon("warning"),
    element("p", {}, element("strong", {}, reasonOf(error))),
    element("button", { class: "button", type: "button", onclick: again }, word("shared.retry")),
    number ? element("p", { class: "second mono small" }, [error.status, error.code, number].filter(Boolean).join(" · ")) : null);
}

// An empty part says why it is empty and what to do next.
export const empty = (text, more = null, action = null) =>
  element("div", { class: "state" }, icon("list"), element("p", {}, text), more ? element("p", { class: "second" }, more) : null, action);

export const announce = (text) => {
  byId("said").textContent = text;
};

export async function begin() {
  await loadWords("audit");
  onLanguage(() => {
    for (const redraw of drawn.values()) redraw();
  });
}

export const known = (key, code) => (has(`${key}${code}`) ? word(`${key}${code}`) : code);
