// What the log names by code, in words; and instants as the programme's clock shows them.

import { config, element, icon } from "../page.js";
import { instantAt, partsOf } from "../times.js";
import { currentLanguage, said, word } from "../words.js";
import { known } from "./frame.js";

const nameIn = (table) => (code) => said(config[table][code]?.name) || code;

export const pointName = nameIn("points");
export const serviceName = nameIn("services");
export const departmentName = nameIn("departments");
export const tierName = (code) => (code ? nameIn("tiers")(code) : word("audit.no-tier"));
// A desk by its label and point, a department's own server by its label; an id that nobody knows any more stays an id.
export const deskName = (id) => {
  const desk = config.desks[id];
  if (!desk) return short(id);
  return desk.point ? `${pointName(desk.point)} · ${desk.label}` : desk.label;
};
export const deskLabel = (id) => config.desks[id]?.label ?? short(id);
export const staffNumber = (id) => config.operators[id] ?? short(id);
export const reasonName = (code) => {
  const name = known("reason.", code);
  return name === code ? known("void.", code) : name;
};
export const kindName = (kind) => known("audit.kind-", kind);
export const markName = (mark) => {
  const name = known("audit.mark-", mark.replace(":", "-"));
  return name === mark.replace(":", "-") ? mark : name;
};
const wasChecked = (leaf) => leaf.id_checked || leaf.marks?.includes("id-checked");
// Entries of before the word `delegated` say by a mark that a clerk's code was shown.
const assuranceOf = (leaf) => (leaf.marks?.includes("by-code") ? "delegated" : leaf.assurance);
export const assuranceName = (leaf) => (leaf.assurance
  ? known("audit.assurance-", assuranceOf(leaf)) + (wasChecked(leaf) ? word("audit.id-checked") : "") : "—");

// A limit may name a member or a tier after its code: `annual-health/union`, `certificate@gold`.
export function quotaName(limit) {
  const [code, member] = limit.split(/[/@]/);
  const name = nameIn("quotas")(code);
  if (!member) return name;
  const of = config.members[member] ? nameIn("members")(member) : tierName(member);
  return currentLanguage() === "zh" ? `${name}（${of}）` : `${name} (${of})`;
}

// 2026-11-10 09:03:22, in the programme's zone.
export function moment(when) {
  const { date, seconds } = partsOf(when);
  return `${date} ${seconds}`;
}

// The instant (RFC 3339) at which a local day, or an hour of it, begins.
export const startOf = (day, hour = 0) => instantAt(day, `${String(hour).padStart(2, "0")}:00`);

export const addDays = (day, count) => new Date(Date.parse(`${day}T00:00:00Z`) + count * 86400000).toISOString().slice(0, 10);
export const daysBetween = (since, until) => (Date.parse(until) - Date.parse(since)) / 86400000 + 1;
export const lastDayOf = (month) => addDays(`${nextMonth(month)}-01`, -1);

export function nextMonth(month, count = 1) {
  const [year, number] = month.split("-").map(Number);
  return new Date(Date.UTC(year, number - 1 + count, 1)).toISOString().slice(0, 7);
}

// The same without the year, where all that is shown is of one year.
export const momentWithin = (when, since, until) => (since.slice(0, 4) === until.slice(0, 4) ? moment(when).slice(5) : moment(when));

export const figure = (number) => new Intl.NumberFormat(currentLanguage() === "zh" ? "zh-CN" : "en-GB").format(number);
export const percent = (part, whole) => (whole ? `${(100 * part / whole).toFixed(1)}%` : "—");
export const short = (code) => `${code.slice(0, 6)}…`;
export const entryPath = (id) => `/audit/entries/${id}`;

// Green is for a use alone: a booking that was taken is no use.
const USES = ["check-in", "offline"];

export function outcomeMark(leaf, voided = false) {
  if (leaf.outcome === "granted" && !USES.includes(leaf.kind)) {
    return element("span", { class: "mark-other" }, word("audit.taken"),
      voided ? element("span", { class: "pill amber" }, word("audit.voided")) : null);
  }
  if (!leaf.outcome) return element("span", { class: "mark-other" }, kindName(leaf.kind));
  const granted = leaf.outcome === "granted";
  return element("span", { class: granted ? "mark-ok" : "mark-no" },
    icon(granted ? "granted" : "refused"), word(granted ? "audit.granted" : "audit.denied"),
    voided ? element("span", { class: "pill amber" }, word("audit.voided")) : null);
}

// A table with a caption for those who do not see it; `heads`: texts, `rows`: arrays of cells, the first a heading.
export function table(caption, heads, rows, kind = "") {
  const isNumber = (cell) => typeof cell === "number" || /^[\d.]+%$/.test(cell);
  const numbers = heads.map((_, place) => place > 0 && rows.some((cells) => isNumber(cells[place])));
  return element("div", { class: "scroll", role: "group", tabindex: "0", "aria-label": caption },
    element("table", { class: kind },
      element("thead", {}, element("tr", {}, heads.map((head, place) =>
        element("th", { scope: "col", class: numbers[place] && "number" }, head)))),
      element("tbody", {}, rows.map((cells) => element("tr", {}, cells.map((cell, place) =>
        element(place === 0 ? "th" : "td", place === 0 ? { scope: "row" } : { class: numbers[place] && "number" },
          typeof cell === "number" ? figure(cell) : cell)))))));
}
