// What could not be judged: no answer, no red word, and never the holder's fault. Each says what to do next.

import { element, icon } from "../page.js";
import { has, said, word } from "../words.js";
import { Unconfirmed } from "../calls.js";

const ICONS = {
  "clock-off": "clock", malformed: "camera", "card-unknown": "camera", unconfirmed: "warning", "device-revoked": "offline",
  "operator-signed-out": "person", "operator-needed": "person", "not-permitted": "shield", "card-unknown-here": "camera", "clock-back": "clock",
};
const SAME = { "bad-token": "device-revoked", "bad-dpop-proof": "device-revoked", unauthenticated: "device-revoked", "not-found": "look-over", unavailable: "unconfirmed" };

// The name under which the words and actions of an error stand.
export function nameOf(error) {
  if (error instanceof Unconfirmed) return error.problem?.code === "not-trusted" ? "not-trusted" : "unconfirmed";
  const code = SAME[error.code] ?? error.code;
  return code && has(`problem.${code}`) && has(`problem.${code}-more`) ? code : "other";
}

// What an answer itself says of an error, or what stands here for its kind.
export const sentence = (error) => said(error.document?.message) || word(`problem.${nameOf(error)}`);

// `actions`: [{id, label, main, act}]; `hint`: one more sentence, or null.
export function renderProblem(error, { name, hint, actions }) {
  const document_ = error.document ?? error.problem?.document ?? {};
  const values = { seconds: error.after || 30 };
  const number = document_.instance ? word("shared.number", { id: document_.instance }) : null;
  const code = [error.status ?? error.problem?.status, error.code ?? error.problem?.code].filter(Boolean).join(" · ");
  return element("div", { class: "panel" },
    icon(ICONS[name] ?? "warning"),
    element("h2", { tabindex: "-1" }, word(`problem.${name}`)),
    element("p", {}, word(`problem.${name}-more`, values)),
    hint ? element("p", { class: "note amber" }, hint) : null,
    element("div", { class: "actions" }, actions.map(({ id, label, main, act }) =>
      element("button", { class: main ? "button main" : "button", type: "button", id, onclick: act }, label))),
    element("p", { class: "second mono small" }, [code, number].filter(Boolean).join(" · ")));
}
