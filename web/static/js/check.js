// Anyone may ask whether a card is valid. No account, no name, no quota; nothing is used up.

import { Camera } from "./counter/camera.js";
import { call, Unconfirmed } from "./calls.js";
import { byId, clouds, config, element, icon } from "./page.js";
import { fullDateOf } from "./times.js";
import { loadWords, onLanguage, said, word } from "./words.js";

const KNOWN = new Set(["malformed", "card-unknown", "too-many-requests"]);

let camera = null;
let shown = null;
let asking = false;

// What a problem is to whoever asks; whatever passes is "away" and never the card's fault.
const stateOf = (error) => (!(error instanceof Unconfirmed) && KNOWN.has(error.code) ? error.code : "away");

async function check(text) {
  const presentation = text.trim();
  byId("check-fault").textContent = presentation ? "" : word("check.empty");
  byId("presented").setAttribute("aria-invalid", String(!presentation));
  if (!presentation) byId("presented").focus();
  if (!presentation || asking) return;
  asking = true;
  byId("check-do").disabled = true;
  show({ state: "busy" });
  try {
    show({ state: "answered", answer: await call("POST", "/v1/public-checks", { body: { presentation }, retries: 1 }) });
  } catch (error) {
    show({ state: stateOf(error), seconds: error.after || 60 });
  } finally {
    asking = false;
    byId("check-do").disabled = false;
    byId("presented").value = "";
  }
}

function show(what) {
  shown = what;
  byId("answer").replaceChildren(...(what ? [drawn(what)] : []));
  byId("answer").dataset.state = what ? nameOf(what) : "";
  if (what && what.state !== "busy") byId("answer").scrollIntoView({ block: "nearest" });
}

const nameOf = ({ state, answer }) => (state === "answered" ? (answer.valid ? "valid" : "invalid") : state);

function drawn({ state, answer, seconds }) {
  if (state === "busy") return element("p", { class: "note" }, icon("wait", "icon spin"), element("span", {}, word("busy.checking")));
  if (state === "answered") return answer.valid ? valid(answer) : box("no", "refused", word("check.invalid"), said(answer.message));
  return box("amber", "warning", word(`check.${state}`), word(`check.${state}-more`, { seconds }));
}

function valid(answer) {
  const tier = config.tiers[answer.tier];
  const count = tier?.clouds ?? 0;
  return box("ok", "granted", word("check.valid"),
    element("span", { class: `tier clouds-${Math.min(count, 3)}` }, clouds(count), said(answer.tier_name)),
    element("span", { class: "until" }, word("check.until", { date: fullDateOf(answer.valid_until) })),
    word(answer.proved ? "check.proved" : "check.copyable"));
}

function box(kind, sign, title, ...lines) {
  return element("div", { class: `answer ${kind}` },
    element("div", { class: "line" }, icon(sign, "sign"), element("h2", {}, title)),
    lines.map((line) => element("p", {}, line)),
    element("button", { class: "button", type: "button", id: "another", onclick: another }, word("check.another")));
}

function another() {
  show(null);
  camera.resume();
  byId("presented").focus();
}

async function main() {
  await loadWords();
  byId("check-form").addEventListener("submit", (event) => {
    event.preventDefault();
    check(byId("presented").value);
  });
  camera = new Camera(check);
  onLanguage(() => shown && show(shown));
  byId("check-do").disabled = false;
}

await main();
