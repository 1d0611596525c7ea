// What deserves a second look: each with its explanation, the entries behind it, and a note of who looked.

import { byId, element } from "../page.js";
import { word } from "../words.js";
import { announce, ask, begin, empty, fill, get, reasonOf } from "./frame.js";
import { anomalyHead, anomalyWhy } from "./anomaly-parts.js";
import { asked, startFilters } from "./filters.js";
import { entryPath, figure, moment } from "./labels.js";

const DAYS_MOST = 62;
const values = asked();
const open = () => byId("open-only").checked;
let found = null;

const operation = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

async function find() {
  found ??= await get("/v1/audit/anomalies", { since: values.since, until: values.until });
  return found;
}

function draw({ anomalies, found: all, searched, complete }) {
  const shown = anomalies.filter((one) => !open() || !one.reviews.length);
  announce(word("audit-anomalies.count", { count: figure(anomalies.length), open: figure(anomalies.filter((one) => !one.reviews.length).length) }));
  return [
    complete ? null : element("p", { class: "note amber" }, word("audit-anomalies.partial", { count: figure(searched) })),
    all > anomalies.length ? element("p", { class: "note amber" }, word("audit-anomalies.many", { count: figure(all), shown: figure(anomalies.length) })) : null,
    element("p", { class: "second" }, word("audit-anomalies.searched", { count: figure(searched), shown: figure(shown.length) })),
    shown.length ? element("ul", { class: "cards" }, shown.map(card)) : empty(word("audit-anomalies.none"), word("audit-anomalies.none-more")),
  ];
}

function card(one, place) {
  return element("li", { class: "panel stack", "data-anomaly": one.id },
    element("h2", { class: "row top", id: `anomaly-${place}` }, anomalyHead(one)),
    element("p", {}, element("strong", {}, word("audit-anomalies.reason")), " ", anomalyWhy(one)),
    element("div", {}, element("p", { class: "second small" }, word("audit-anomalies.entries", { count: figure(one.count) })),
      element("ul", { class: "chips" }, one.entries.map((id) => element("li", {}, element("a", { class: "chip mono", href: entryPath(id) }, id))))),
    one.reviews.length ? element("ul", { class: "reviews" }, one.reviews.map((review) => element("li", {},
      element("span", { class: "second small" }, `${moment(review.at)} · ${review.by || "—"}`), element("br"), review.note || "—"))) : null,
    noteForm(one, place));
}

function noteForm(one, place) {
  const wrong = element("p", { class: "fault", role: "alert" });
  const sent = operation();
  const form = element("form", { class: "note-form", "aria-labelledby": `anomaly-${place}` },
    element("div", { class: "field grow" },
      element("label", { for: `note-${place}` }, word("audit-anomalies.note")),
      element("textarea", { id: `note-${place}`, name: "note", rows: "2", maxlength: "1000", required: true })),
    element("button", { class: "button", type: "submit" }, word("audit-anomalies.save")), wrong);
  form.noValidate = true;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const note = form.elements.note.value.trim();
    wrong.textContent = note ? "" : word("audit-anomalies.note-empty");
    if (!note) {
      form.elements.note.focus();
      return;
    }
    try {
      one.reviews.push(await ask("POST", "/v1/audit/reviews", { body: { anomaly: one.id, note }, operation: sent }));
      await show();
      announce(word("audit-anomalies.marked"));
      document.querySelector(`[data-anomaly="${CSS.escape(one.id)}"] summary`)?.focus();
    } catch (error) {
      wrong.textContent = reasonOf(error);
    }
  });
  return element("details", {}, element("summary", {}, word(one.reviews.length ? "audit-anomalies.add" : "audit-anomalies.mark")), form);
}

const show = () => fill("anomalies", find, draw);

await begin();
startFilters(values, { most: DAYS_MOST });
byId("open-only").addEventListener("change", show);
await show();
