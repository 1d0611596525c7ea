// One entry: what happened in a sentence, its facts, its proof step by step, and the name behind it where that may be asked.

import { byId, config, element, icon } from "../page.js";
import { word } from "../words.js";
import { ask, begin, fill, given, known, reasonOf } from "./frame.js";
import { facts } from "./integrity-parts.js";
import {
  assuranceName, departmentName, deskName, entryPath, figure, kindName, markName, moment, outcomeMark, pointName, quotaName, reasonName, serviceName, staffNumber, tierName,
} from "./labels.js";

const find = () => ask("GET", `/v1/audit/entries/${encodeURIComponent(config.entry)}`);

function draw(found) {
  const { leaf } = found;
  return [
    element("section", { class: "panel stack", "aria-labelledby": "what" },
      element("h2", { id: "what" }, word("audit-entry.what")),
      element("p", { class: "sentence" }, sentence(leaf)),
      element("p", {}, outcomeMark(leaf, found.voided)),
      facts(factsOf(found))),
    proofPanel(found),
    notePanel(leaf),
    namePanel(leaf),
    element("section", { class: "panel stack", "aria-labelledby": "raw" },
      element("h2", { id: "raw" }, word("audit-entry.raw")),
      element("p", { class: "second" }, word("audit-entry.raw-why")),
      element("pre", { class: "code", tabindex: "0" }, JSON.stringify(leaf, null, 2))),
  ];
}

function sentence(leaf) {
  const values = {
    at: moment(leaf.used_at ?? leaf.at), point: pointName(leaf.point), service: serviceName(leaf.service),
    tier: tierName(leaf.tier), reason: leaf.reason ? reasonName(leaf.reason) : "—", kind: kindName(leaf.kind), target: leaf.target,
  };
  if (leaf.outcome === "granted") return word(`audit-entry.granted`, values);
  if (leaf.outcome === "denied") return word(`audit-entry.denied`, values);
  return word(leaf.kind === "void" ? "audit-entry.void" : "audit-entry.other", values);
}

function factsOf({ id, leaf }) {
  const link = (href, text) => element("a", { href }, text);
  const inLog = (values) => `/audit?${given({ since: moment(leaf.at).slice(0, 7) + "-01", ...values })}`;
  return [
    [word("audit.head-id"), element("span", { class: "mono" }, id)],
    [word("audit-entry.kind"), kindName(leaf.kind)],
    [word("audit.head-time"), moment(leaf.at)],
    leaf.used_at ? [word("audit-entry.used-at"), moment(leaf.used_at)] : null,
    [word("audit.head-point"), `${pointName(leaf.point)} (${departmentName(leaf.department)})`],
    [word("audit.head-service"), serviceName(leaf.service)],
    leaf.tier ? [word("audit.head-tier"), tierName(leaf.tier)] : null,
    leaf.reason ? [word("audit.head-reason"), reasonName(leaf.reason)] : null,
    leaf.assurance ? [word("audit.head-assurance"), assuranceName(leaf)] : null,
    leaf.holder ? [word("audit.head-holder"), [element("span", { class: "mono" }, leaf.holder), " ", link(inLog({ holder: leaf.holder }), word("audit-entry.same-holder"))]] : null,
    [word("audit-entry.device"), [deskName(leaf.device), " ", link(inLog({ device: leaf.device }), word("audit-entry.same-device"))]],
    leaf.operator ? [word("audit-entry.operator"), [staffNumber(leaf.operator), " ", link(inLog({ operator: leaf.operator }), word("audit-entry.same-operator"))]] : null,
    leaf.target ? [word("audit-entry.target"), link(entryPath(leaf.target), leaf.target)] : null,
    leaf.linked ? [word("audit-entry.linked"), link(entryPath(leaf.linked), leaf.linked)] : null,
    leaf.charges ? [word("audit-entry.charges"), leaf.charges.map((charge) => `${quotaName(charge.limit)} ${charge.period}: ${charge.units} / ${charge.maximum}`).join("; ")] : null,
    leaf.beneficiary ? [word("audit.beneficiary"), known("audit.beneficiary-", leaf.beneficiary)] : null,
    leaf.marks ? [word("audit-entry.marks"), leaf.marks.map(markName).join(", ")] : null,
  ].filter(Boolean);
}

const STATES = { proved: ["granted", "ok"], pending: ["clock", "amber"], contradicted: ["refused", "no"] };

function proofPanel({ id, proof }) {
  const [sign, kind] = STATES[proof.state];
  return element("section", { class: "panel stack", id: "proof", "data-proof": proof.state, "aria-labelledby": "proof-heading" },
    element("h2", { id: "proof-heading" }, word("audit-entry.proof")),
    element("p", { class: `note ${kind}` }, icon(sign), element("span", {},
      element("strong", {}, word(`audit-entry.${proof.state}`)), element("br"), word(`audit-entry.${proof.state}-more`, { message: proof.message }))),
    proof.state === "proved" ? element("ol", { class: "proof" }, proofSteps(proof)) : null,
    proof.text ? element("details", {}, element("summary", {}, word("audit-entry.proof-text")),
      element("pre", { class: "code", tabindex: "0" }, proof.text),
      element("button", { class: "button", type: "button", onclick: () => save(`${id}.tlog-proof`, proof.text) }, icon("download"), word("audit-entry.proof-save"))) : null);
}

function proofSteps(proof) {
  const witnesses = proof.signed.filter((one) => one.witness);
  const step = (heading, text, more = null, sign = "granted") => element("li", {}, icon(sign),
    element("span", { class: "grow" }, element("strong", {}, heading), element("br"), text, more ? [element("br"), element("span", { class: "mono second" }, more)] : null));
  return [
    step(word("audit-entry.step-leaf"), word("audit-entry.step-leaf-more"), proof.leaf_hash),
    step(word("audit-entry.step-tree", { index: figure(proof.index + 1), size: figure(proof.size) }), word("audit-entry.step-tree-more", { steps: figure(proof.steps) }), proof.root),
    step(word("audit-entry.step-signed"), word("audit-entry.step-signed-more"), proof.signed.find((one) => !one.witness)?.name),
    witnesses.length
      ? step(word("audit-entry.step-witness"), word("audit-entry.step-witness-more"), witnesses.map((one) => `${one.name} ${one.at ? moment(one.at) : ""}`).join(", "))
      : step(word("audit-entry.step-no-witness"), word("audit-entry.step-no-witness-more"), null, "warning"),
  ];
}

function save(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

function namePanel(leaf) {
  if (!leaf.holder) return null;
  const inside = config.names ? nameForm() : element("p", { class: "second" }, word("audit-entry.name-no-right"));
  return element("section", { class: "panel stack", "aria-labelledby": "name-heading" },
    element("h2", { id: "name-heading" }, word("audit-entry.name")), element("p", {}, word("audit-entry.name-why")), inside,
    element("p", {}, element("a", { href: "/audit/names" }, word("audit-entry.name-log"))));
}

// The free text of a void or an override: asked for by a button, since each reading is logged.
function notePanel(leaf) {
  if (!leaf.note) return null;
  const told = element("p", { role: "status", id: "note-said" });
  const shown = async (event) => {
    event.currentTarget.disabled = true;
    told.textContent = await noteSaid();
  };
  return element("section", { class: "panel stack", "aria-labelledby": "note-heading" },
    element("h2", { id: "note-heading" }, word("audit-entry.note")), element("p", {}, word("audit-entry.note-why")),
    config.names
      ? element("p", {}, element("button", { class: "button", type: "button", id: "show-note", onclick: shown }, word("audit-entry.note-show")))
      : element("p", { class: "second" }, word("audit-entry.note-no-right")),
    told);
}

async function noteSaid() {
  try {
    const found = await ask("GET", `/v1/log/entries/${encodeURIComponent(config.entry)}/note`);
    return word(`audit-entry.note-${found.state}`, { note: found.note });
  } catch (error) {
    return reasonOf(error);
  }
}

const PURPOSE_LEAST = 4;

function nameForm() {
  const told = element("p", { role: "status", id: "name-said" });
  const form = element("form", { class: "note-form", id: "ask-name" },
    element("div", { class: "field grow" }, element("label", { for: "purpose" }, word("audit-entry.purpose")),
      element("input", { id: "purpose", name: "purpose", maxlength: "200", required: true, autocomplete: "off", "aria-describedby": "name-said" })),
    element("button", { class: "button", type: "submit" }, word("audit-entry.name-ask")), told);
  form.noValidate = true;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const purpose = form.elements.purpose.value.trim();
    told.textContent = purpose.length < PURPOSE_LEAST ? word("audit-entry.name-purpose-empty") : "";
    if (told.textContent) form.elements.purpose.focus();
    else told.textContent = await nameFor(purpose);
  });
  return form;
}

async function nameFor(purpose) {
  try {
    const found = await ask("POST", `/v1/log/entries/${encodeURIComponent(config.entry)}/name`, { body: { purpose } });
    return word(`audit-entry.name-${found.state}`, { name: found.name });
  } catch (error) {
    return error.status === 429 ? word("audit-entry.name-later", { seconds: error.after || 60 }) : reasonOf(error);
  }
}

await begin();
if (document.referrer.startsWith(`${location.origin}/audit`)) byId("back").addEventListener("click", (event) => {
  event.preventDefault();
  history.back();
});
await fill("entry", find, draw);
