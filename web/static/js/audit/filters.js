// The filters of a page: what the address says, shown in the form; the form, sent as an address without what is empty.

import { byId, config, element } from "../page.js";
import { word } from "../words.js";
import { keepDrawn, known } from "./frame.js";
import {
  addDays, departmentName, deskName, kindName, markName, pointName, reasonName, serviceName, staffNumber, tierName,
} from "./labels.js";

const LONGEST_DAYS = 400;
const SPAN_DAYS = 30;

// The values of the address; the days default to the last thirty.
export function asked() {
  const values = Object.fromEntries(new URLSearchParams(location.search));
  delete values.lang;
  const until = isDay(values.until) ? values.until : config.today;
  return { ...values, until, since: isDay(values.since) ? values.since : addDays(until, 1 - SPAN_DAYS) };
}

// A desk and a staff member stand in exports with what they are: `device:…`, `operator:…`.
const bare = (name, value) => (["device", "operator"].includes(name) ? value?.replace(/^(device|operator):/, "") : value);

const isDay = (text) => /^\d{4}-\d{2}-\d{2}$/.test(text ?? "") && !Number.isNaN(Date.parse(text));

const CHOICES = {
  point: ["audit.any-point", () => Object.keys(config.points), pointName],
  service: ["audit.any-service", () => Object.keys(config.services), serviceName],
  department: ["audit.any-department", () => departmentsWithPoints(), departmentName],
  outcome: ["audit.any-outcome", () => ["granted", "denied"], (code) => word(`audit.${code}`)],
  reason: ["audit.any-reason", () => [...config.reasons], reasonName],
  tier: ["audit.any-tier", () => Object.keys(config.tiers), tierName],
  kind: ["audit.any-kind", () => [...config.kinds], kindName],
  assurance: ["audit.any-assurance", () => [...config.assurances], (code) => known("audit.assurance-", code)],
  beneficiary: ["audit.any-beneficiary", () => [...config.beneficiaries], (code) => known("audit.beneficiary-", code)],
  mark: ["audit.any-mark", () => [...config.marks], markName],
  device: ["audit.any-device", () => byName(Object.keys(config.desks), deskName), deskName],
  by: ["audit.by-upload", () => ["use"], () => word("audit.by-use")],
  operator: ["audit.any-operator", () => byName(Object.keys(config.operators), staffNumber), staffNumber],
};
const WRITTEN = ["holder"];
const byName = (codes, name) => codes.sort((one, other) => name(one).localeCompare(name(other), "zh-CN", { numeric: true }));

// What a filter's value is called; of what is written rather than chosen, itself.
export const valueName = (name, value) => (CHOICES[name] ? CHOICES[name][2](value) : value);

function departmentsWithPoints() {
  return [...new Set(Object.values(config.points).map((point) => point.department))];
}

// Fills the form's controls and sends them as an address; `most`: how many days may be asked for.
export function startFilters(values, { most = LONGEST_DAYS, path = location.pathname } = {}) {
  const form = byId("filters");
  keepDrawn("filters", () => {
    for (const [name, [any, codes, label]] of Object.entries(CHOICES)) {
      const select = form.elements[name];
      if (!select) continue;
      const chosen = select.value || bare(name, values[name]) || "";
      const offered = codes();
      if (chosen && !offered.includes(chosen)) offered.push(chosen); // as an address may ask
      select.replaceChildren(new Option(word(any), ""), ...offered.map((code) => new Option(label(code), code)));
      select.value = chosen;
    }
  });
  for (const name of ["since", "until", ...WRITTEN]) {
    if (form.elements[name]) form.elements[name].value = values[name] ?? "";
  }
  const more = byId("more");
  if (more) more.open = [...more.querySelectorAll("[name]")].some((control) => values[control.name]);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const filled = [...new FormData(form)].map(([name, value]) => [name, value.trim()]);
    const next = Object.fromEntries(filled.filter(([, value]) => value !== ""));
    const wrong = faultOf(next, most);
    byId("filters-fault").textContent = wrong ?? "";
    if (wrong) form.elements.since.focus();
    else location.assign(`${path}?${new URLSearchParams({ ...kept(values, form), ...next })}`);
  });
}

// What stands in the address and has no control stays, but for the place in the list.
function kept(values, form) {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !form.elements[name] && !["before", "hour"].includes(name)));
}

function faultOf({ since, until }, most) {
  if (since === undefined && until === undefined) return null;
  if (!isDay(since) || !isDay(until) || since > until) return word("audit.days-wrong");
  if (addDays(since, most - 1) < until) return word("audit.days-many", { days: most });
  return null;
}

// A link with a name for each filter that has no control, which takes it away.
export function chip(label, values, name) {
  const rest = { ...values };
  delete rest[name];
  delete rest.before;
  return element("li", {}, element("a", { class: "chip", href: `?${new URLSearchParams(rest)}` },
    label, element("span", { "aria-hidden": "true" }, "×"), element("span", { class: "unseen" }, word("audit.take-away"))));
}
