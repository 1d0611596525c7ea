// The published log in short: how large, when, who cosigned. The seal says until when, not "safe".

import { element, icon } from "../page.js";
import { word } from "../words.js";
import { figure, moment } from "./labels.js";
import { ask } from "./frame.js";

// The log's status; null before the first checkpoint.
export async function logStatus() {
  try {
    return await ask("GET", "/v1/log/status");
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

export function statusList(found, { whole = false } = {}) {
  if (!found) return element("p", { class: "second" }, word("audit-integrity.none"));
  const rows = [
    [word("audit-integrity.size"), word("audit.entries-count", { count: figure(found.size) })],
    [word("audit-integrity.at"), moment(found.at)],
    [word("audit-integrity.root"), element("span", { class: "mono" }, whole ? found.root : `${found.root.slice(0, 8)}…`)],
    whole ? [word("audit-integrity.origin"), element("span", { class: "mono" }, found.origin)] : null,
  ].filter(Boolean);
  return [heldNote(found), facts(rows), witnessList(found)].filter(Boolean);
}

function heldNote({ held }) {
  if (!held) return null;
  return element("p", { class: "note amber" }, icon("warning"), element("span", {}, word("audit-integrity.held", { count: figure(held) })));
}

export const facts = (rows) => element("dl", { class: "facts" },
  rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));

function witnessList(found) {
  if (!found.witnesses.length) return element("p", { class: "note amber" }, icon("warning"), element("span", {}, word("audit-integrity.no-witness")));
  return element("ul", { class: "witnesses" }, found.witnesses.map((witness) => element("li", { class: witness.late ? "amber-ink" : "" },
    icon(witness.late ? "warning" : "granted"),
    element("span", { class: "grow" }, element("span", { class: "mono" }, witness.name), element("br"),
      element("span", { class: "second" }, witness.at
        ? `${word("audit.entries-count", { count: figure(witness.size) })} · ${moment(witness.at)}` : word("audit-integrity.never"))),
    element("strong", {}, word(witness.late ? "audit-integrity.late" : "audit-integrity.cosigned")))));
}
