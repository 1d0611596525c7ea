// How the log proves itself: what is published, a check of all of it now, and how to check without this server.

import { byId, element, icon } from "../page.js";
import { currentLanguage, word } from "../words.js";
import { announce, ask, askLines, begin, BrokenOff, fill, keepDrawn, known, reasonOf } from "./frame.js";
import { figure, moment, table } from "./labels.js";
import { logStatus, statusList } from "./integrity-parts.js";

const SIGNS = { sound: ["granted", "ok"], damaged: ["refused", "no"], "too-large": ["clock", "check"], empty: ["list", "check"] };

function verdict(found) {
  const [sign, kind] = SIGNS[found.state];
  const values = { count: figure(found.entries), at: moment(found.server_time), findings: figure(found.findings.length) };
  return [
    element("p", { class: `note ${kind}`, id: "verdict", "data-state": found.state }, icon(sign), element("span", {},
      element("strong", {}, word(`audit-integrity.${found.state}`, values)), element("br"), word(`audit-integrity.${found.state}-more`, values))),
    found.root ? element("p", { class: "second small" }, word("audit-integrity.root"), " ", element("span", { class: "mono" }, found.root)) : null,
    found.keys.length ? element("details", { open: found.state === "too-large" }, element("summary", {}, word("audit-integrity.by-hand")),
      element("pre", { class: "code", tabindex: "0" }, found.keys.map((key) => `${found.command} LOG --key "${key}"`).join("\n"))) : null,
    found.findings.length ? table(word("audit-integrity.findings"),
      [word("audit-integrity.place"), word("audit-integrity.fault"), word("audit-integrity.message")],
      found.findings.map((one) => [one.place, word(`audit-integrity.fault-${one.kind}`), one.message])) : null,
  ].filter(Boolean);
}

async function verify() {
  const button = byId("verify"), shown = byId("verified");
  const bar = element("progress", { max: 1, value: 0, "aria-label": word("audit-integrity.verifying") });
  const text = element("span", {}, word("audit-integrity.verifying"));
  button.disabled = true;
  shown.replaceChildren(element("p", { class: "second row" }, bar, text));
  try {
    const found = await askLines("/v1/audit/verifications", ({ entries, of }) => {
      bar.value = entries / of;
      text.textContent = word("audit-integrity.progress", { entries: figure(entries), of: figure(of) });
    });
    keepDrawn("verified", () => shown.replaceChildren(...verdict(found)));
    announce(word(`audit-integrity.${found.state}`, { count: figure(found.entries), at: moment(found.server_time), findings: found.findings.length }));
  } catch (error) {
    shown.replaceChildren(element("p", { class: "note amber", role: "alert" }, icon("warning"),
      element("span", {}, error instanceof BrokenOff ? word("audit-integrity.broken-off") : reasonOf(error))));
  } finally {
    button.disabled = false;
  }
}

await begin();
byId("verify").addEventListener("click", verify);
const LISTS = ["log", "reported", "refuted", "cards"];
const incidentsOf = (list, older) => ask("GET", `/v1/log/incidents?list=${list}${older ? `&older=${older}` : ""}`);

function incidentTable(list, found) {
  const heads = ["when", "fault", "place", "message"].map((name) => word(`audit-integrity.${name}`));
  return table(word(`audit-integrity.${list === "log" ? "incidents" : list}`), heads,
    found.incidents.map((one) => [moment(one.at), known("audit-integrity.incident-", one.kind), element("span", { class: "mono" }, one.place),
      currentLanguage() === "zh" && one.detail_zh ? one.detail_zh : one.detail]));
}

// A list and a button for the page after; each page stands below the one before.
function incidentPages(list, found) {
  const shown = element("div", { "data-list": list }, incidentTable(list, found));
  if (!found.older) return shown;
  const more = element("button", { type: "button", class: "quiet" }, word("audit-integrity.older"));
  more.addEventListener("click", async () => {
    more.disabled = true;
    try {
      more.replaceWith(incidentPages(list, await incidentsOf(list, found.older)));
    } catch (error) {
      announce(reasonOf(error));
      more.disabled = false;
    }
  });
  shown.append(more);
  return shown;
}

const incidents = () => Promise.all(LISTS.map((list) => incidentsOf(list)));

function drawIncidents(found) {
  const told = LISTS.map((list, at) => [list, found[at]]).filter(([, page]) => page.incidents.length);
  if (!told.length) return element("p", { class: "note ok" }, icon("granted"), element("span", {}, word("audit-integrity.no-incident")));
  return element("div", {}, told.map(([list, page]) => incidentPages(list, page)));
}

await Promise.all([fill("incidents", incidents, drawIncidents), fill("status", logStatus, (found) => statusList(found, { whole: true }))]);
