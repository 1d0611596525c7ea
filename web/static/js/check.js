// Anyone may ask whether a card is valid. No account, no name, no quota; nothing is used up. While the server is away the
// page judges by the documents it keeps, and says so and how old they are.

import { Camera } from "./counter/camera.js";
import { call, Unconfirmed } from "./calls.js";
import { PublicCheck } from "./offline/public.js";
import { byId, clouds, config, element, icon } from "./page.js";
import { dateOf, lastDateOf, lastDayOf } from "./times.js";
import { loadWords, onLanguage, said, word } from "./words.js";

const KNOWN = new Set(["malformed", "card-unknown", "too-many-requests"]);
const PATIENCE_MS = 4000;

const kept = new PublicCheck(config.offline);
let reasons = {};
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
    const how = { body: { presentation }, retries: 1, patience: PATIENCE_MS };
    show({ state: "answered", answer: await call("POST", "/v1/public-checks", how) });
    kept.refresh();
  } catch (error) {
    const state = stateOf(error);
    show(state === "away" ? await judgedHere(presentation) : { state, seconds: error.after || 60 });
  } finally {
    asking = false;
    byId("check-do").disabled = false;
    byId("presented").value = "";
  }
}

// The server is away: what this page can say by itself, or why it cannot.
async function judgedHere(presentation) {
  const found = await kept.check(presentation);
  if (found.problem) return KNOWN.has(found.problem) ? { state: found.problem, here: found } : { state: "away", why: found.problem };
  const { valid, reason, proved, tier, validUntil, validFrom } = found;
  const answer = { valid, reason, proved, tier, tier_name: config.tiers[tier]?.name, valid_until: validUntil, valid_from: validFrom };
  return { state: "answered", answer, here: found };
}

function show(what) {
  shown = what;
  byId("answer").replaceChildren(...(what ? [drawn(what)] : []));
  byId("answer").dataset.state = what ? nameOf(what) : "";
  if (what && what.state !== "busy") byId("answer").scrollIntoView({ block: "nearest" });
}

// A list that is too old says nothing of the card: neither valid nor not.
const UNSURE = new Set(["status-unknown"]);
const verdictOf = ({ valid, reason }) => (valid ? "valid" : UNSURE.has(reason) ? "unsure" : "invalid");
const nameOf = ({ state, answer }) => (state === "answered" ? verdictOf(answer) : state);

function drawn({ state, answer, seconds, here, why }) {
  if (state === "busy") return element("p", { class: "note" }, icon("wait", "icon spin"), element("span", {}, word("busy.checking")));
  const doubts = here?.ages ? judgedOffline(here) : [];
  if (state === "answered") return DRAWN[verdictOf(answer)](answer, doubts);
  if (why && why !== "no-documents") return box("amber", "warning", word("check.away"), [word(`check.${why}`), word("check.not-the-card")]);
  return box("amber", "warning", word(`check.${state}`), [word(`check.${state}-more`, { seconds })]);
}

function valid(answer, doubts) {
  const tier = config.tiers[answer.tier];
  const count = tier?.clouds ?? 0;
  return box("ok", "granted", word("check.valid"), [
    element("span", { class: `tier clouds-${Math.min(count, 3)}` }, clouds(count), said(answer.tier_name)),
    answer.valid_until ? element("span", { class: "until" }, word("check.until", { date: lastDayOf(answer.valid_until) })) : null,
    word(answer.proved ? "check.proved" : "check.copyable"),
  ], doubts);
}

const unsure = (answer, doubts) =>
  box("amber", "warning", word("check.unsure"), [sentence(answer), word("check.not-the-card")], doubts);
const invalid = (answer, doubts) => box("no", "refused", word("check.invalid"), [sentence(answer)], doubts);

const DRAWN = { valid, unsure, invalid };

// The server's sentence, or the same one filled here.
function sentence(answer) {
  if (answer.message) return said(answer.message);
  const values = {
    expired: answer.valid_until && lastDateOf(answer.valid_until),
    starts: answer.valid_from && dateOf(answer.valid_from),
  };
  return said(reasons[answer.reason]).replace(/\{(\w+)\}/g, (_, name) => values[name] || "—");
}

// What somebody must know who goes by an answer that no server gave.
function judgedOffline({ ages, freshness, clock }) {
  const lists = word(freshness === "fresh" ? "check.offline" : "check.offline-stale", { age: ageOf(ages.lists) });
  return clock === "unsure" ? [lists, word("check.clock-unsure")] : [lists];
}

function ageOf(seconds) {
  const minutes = Math.floor((seconds ?? 0) / 60);
  if (minutes < 60) return word("check.minutes", { minutes });
  return word("check.hours", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}

function box(kind, sign, title, lines, doubts = []) {
  return element("div", { class: `answer ${kind}` },
    element("div", { class: "line" }, icon(sign, "sign"), element("h2", {}, title)),
    lines.map((line) => element("p", {}, line)),
    doubts.length ? element("div", { class: "doubts", id: "here" }, icon("warning"),
      element("div", {}, element("strong", {}, word("check.here")), doubts.map((doubt) => element("p", {}, doubt)))) : null,
    element("button", { class: "button", type: "button", id: "another", onclick: another }, word("check.another")));
}

function another() {
  show(null);
  camera.resume();
  byId("presented").focus();
}

async function main() {
  await loadWords("check");
  byId("check-form").addEventListener("submit", (event) => {
    event.preventDefault();
    check(byId("presented").value);
  });
  camera = new Camera(check);
  onLanguage(() => shown && show(shown));
  byId("check-do").disabled = false;
  // What an outage will need is fetched once the page can be used.
  kept.refresh();
  reasons = await fetch("/words/sentences.json").then((response) => response.json()).catch(() => ({}));
}

await main();
