// The usage log: filters, uses by day, entries page by page, and beside them what is published and what stands out.

import { byId, element, icon } from "../page.js";
import { word } from "../words.js";
import { announce, begin, empty, fill, get, given, keepDrawn } from "./frame.js";
import { anomalyHead } from "./anomaly-parts.js";
import { asked, chip, startFilters, valueName } from "./filters.js";
import { chartPanel, forgetCharts, usesSeries } from "./charts.js";
import { logStatus, statusList } from "./integrity-parts.js";
import {
  addDays, assuranceName, daysBetween, deskLabel, entryPath, figure, kindName, momentWithin, outcomeMark, percent, pointName,
  reasonName, serviceName, short, staffNumber, startOf, table, tierName,
} from "./labels.js";

const DAYS_AS_BARS = 62;
const ANOMALY_DAYS = 62;
const ODD_SHOWN = 3;
const PAGE = 50;
const values = asked();
const FILTERED = ["point", "service", "outcome", "tier", "reason", "department", "kind", "assurance", "beneficiary", "mark", "device", "operator", "holder", "by"];
const TOLD_AS_CHIPS = FILTERED.slice(4);
const filters = Object.fromEntries(FILTERED.map((name) => [name, values[name]]));

// One day may be narrowed to an hour of it.
function bounds() {
  const hour = values.since === values.until && /^\d{1,2}$/.test(values.hour ?? "") ? Number(values.hour) : null;
  if (hour === null || hour > 23) return { since: startOf(values.since), until: startOf(addDays(values.until, 1)) };
  return { since: startOf(values.since, hour), until: hour === 23 ? startOf(addDays(values.until, 1)) : startOf(values.since, hour + 1) };
}

const findEntries = () => get("/v1/log/entries", { ...filters, ...bounds(), before: values.before, limit: PAGE });

function drawEntries(found) {
  announce(word("audit.found", { count: figure(found.entries.length) }));
  if (!found.entries.length && !found.next) return empty(word("audit.none"), word("audit.none-more"), element("a", { class: "button", href: "/audit" }, word("audit.reset")));
  const heads = ["time", "point", "service", "kind", "tier", "outcome", "reason", "assurance", "staff", "holder", "id"].map((name) => word(`audit.head-${name}`));
  return [
    table(word("audit.entries"), heads, found.entries.map(({ id, voided, leaf }) => [
      element("a", { href: entryPath(id) }, whenOf(leaf)),
      pointName(leaf.point),
      serviceName(leaf.service),
      kindName(leaf.kind),
      leaf.tier ? tierName(leaf.tier) : "—",
      leaf.outcome ? outcomeMark(leaf, voided) : "—",
      leaf.reason ? reasonName(leaf.reason) : "—",
      assuranceName(leaf),
      staffOf(leaf),
      leaf.holder ? element("a", { class: "mono", href: `?${given({ ...values, before: "", holder: leaf.holder })}`, title: leaf.holder }, short(leaf.holder)) : "—",
      element("span", { class: "mono" }, id),
    ]), "log"),
    found.next && found.entries.length < PAGE ? element("p", { class: "note amber" }, icon("warning"), element("span", {}, word("audit.partial"))) : null,
    element("nav", { class: "actions", "aria-label": word("audit.pages") },
      values.before ? element("a", { class: "button", href: `?${given({ ...values, before: "" })}` }, word("audit.newest")) : null,
      found.next ? element("a", { class: "button", id: "older", href: `?${given({ ...values, before: found.next })}` }, word("audit.older")) : element("span", { class: "second" }, word("audit.end"))),
  ];
}

// An offline use stands by when it was; when its record came in is told beneath.
function whenOf(leaf) {
  const at = (when) => momentWithin(when, values.since, values.until);
  return leaf.used_at ? [at(leaf.used_at), element("small", {}, word("audit.sent-at", { at: at(leaf.at) }))] : at(leaf.at);
}

// Who was signed in, by number, and at which desk; a desk's point stands in its own column.
function staffOf(leaf) {
  const desk = element("small", {}, deskLabel(leaf.device));
  return leaf.operator ? [staffNumber(leaf.operator), desk] : desk;
}

const COUNTED = ["point", "service", "department", "tier"];
const findFigures = () => get("/v1/audit/figures", { since: values.since, until: values.until, ...Object.fromEntries(COUNTED.map((name) => [name, values[name]])) });

function drawDaily({ figures }) {
  forgetCharts();
  const many = daysBetween(values.since, values.until) > DAYS_AS_BARS;
  const bars = many ? figures.months : figures.days;
  const { granted, denied } = figures.total;
  const rows = bars.map((bar) => ({
    label: many ? bar.key : bar.key.slice(5),
    href: many ? null : `?${given({ ...values, before: "", since: bar.key, until: bar.key })}`,
    values: [bar.granted, bar.denied],
  }));
  const kpi = (number, name) => element("div", {}, element("b", {}, number), element("span", { class: "second small" }, name));
  return [
    element("div", { class: "kpis" }, kpi(figure(granted), word("audit.granted")), kpi(figure(denied), word("audit.denied")),
      kpi(percent(denied, granted + denied), word("audit.denied-share")), kpi(figure(figures.total.voided), word("audit.kind-void"))),
    chartPanel({ id: "daily", heading: word("audit.daily"), what: word(many ? "audit-figures.month" : "audit-figures.day"), rows, series: usesSeries(), plain: true, sparse: true }),
    FILTERED.some((name) => values[name] && !COUNTED.includes(name)) ? element("p", { class: "second small" }, word("audit-figures.not-narrowed")) : null,
    element("p", { class: "second small" }, word("audit-figures.counted", { counted: figure(figures.counted), size: figure(figures.size) })),
  ];
}

async function findOdd() {
  const since = daysBetween(values.since, values.until) > ANOMALY_DAYS ? addDays(values.until, 1 - ANOMALY_DAYS) : values.since;
  return { since, ...(await get("/v1/audit/anomalies", { since, until: values.until })) };
}

function drawOdd({ anomalies, found, since }) {
  const open = anomalies.filter((one) => !one.reviews.length);
  const all = `/audit/anomalies?${given({ since, until: values.until })}`;
  if (!anomalies.length) return element("p", { class: "second" }, word("audit-anomalies.none"));
  return [
    element("p", {}, word("audit-anomalies.count", { count: figure(found), open: figure(open.length + found - anomalies.length) })),
    element("ul", { class: "odd" }, anomalies.slice(0, ODD_SHOWN).map((one) => element("li", {}, anomalyHead(one)))),
    element("div", { class: "actions" }, element("a", { class: "button", href: all }, word("audit-anomalies.all"))),
  ];
}

function drawChips() {
  const label = (name) => (name === "hour"
    ? word("audit.chip-hour", { value: values.hour })
    : word("audit.chip", { name: word(`audit.${name}`), value: name === "holder" ? short(values.holder) : valueName(name, values[name]) }));
  byId("chips").replaceChildren(...[...TOLD_AS_CHIPS, "hour"].filter((name) => values[name]).map((name) => chip(label(name), values, name)));
}

function drawExports() {
  const query = { ...filters, by: "", since: values.since, until: values.until }; // a file has the log's own order
  byId("exports").replaceChildren(...["csv", "xlsx", "jsonl"].map((format) => element("a", {
    class: "button", id: `export-${format}`, download: true, href: `/v1/audit/export?${given({ format, ...query })}`,
  }, icon("download"), word(`audit.export-${format}`))));
}

await begin();
startFilters(values);
keepDrawn("chips", drawChips);
keepDrawn("exports", drawExports);
await Promise.all([
  fill("entries", findEntries, drawEntries),
  fill("daily", findFigures, drawDaily),
  fill("integrity", logStatus, (found) => [statusList(found), element("div", { class: "actions" },
    element("a", { class: "button", href: "/audit/integrity" }, word("audit-integrity.go")))]),
  fill("odd", findOdd, drawOdd),
]);
