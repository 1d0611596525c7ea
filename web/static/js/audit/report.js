// A month on paper: figures in tables, what stands out, and what the log's checkpoint says, to be printed and signed.

import { byId, config, element } from "../page.js";
import { currentLanguage, said, word } from "../words.js";
import { begin, fill, get, given, keepDrawn } from "./frame.js";
import { asked, startFilters } from "./filters.js";
import { logStatus, statusList } from "./integrity-parts.js";
import { departmentName, figure, lastDayOf, moment, nextMonth, percent, pointName, quotaName, reasonName, serviceName, table, tierName } from "./labels.js";

const MONTHS = 24;
const values = asked();
const month = /^\d{4}-(?:0[1-9]|1[0-2])$/.test(values.month ?? "") ? values.month : config.today.slice(0, 7);
const span = { since: `${month}-01`, until: lastDayOf(month) };

async function find() {
  const [{ figures, server_time: at }, odd, log] = await Promise.all([
    get("/v1/audit/figures", { ...span, department: values.department }), get("/v1/audit/anomalies", span), logStatus(),
  ]);
  return { figures, at, odd, log };
}

function draw({ figures, at, odd, log }) {
  const { granted, denied, voided } = figures.total;
  const about = values.department ? departmentName(values.department) : word("audit.any-department");
  return [
    element("h2", { class: "report-title" }, word("audit-report.heading", { programme: said(config.programme.name), month })),
    element("p", { class: "second" }, `${about} · ${word("audit-report.made", { at: moment(at), name: config.user })}`),
    element("p", { class: "sentence" }, word("audit-report.summary", { granted: figure(granted), denied: figure(denied), share: percent(denied, granted + denied), voided: figure(voided) })),
    useTable("service", figures.services, serviceName),
    useTable("point", figures.points, pointName),
    useTable("tier", figures.tiers, tierName),
    useTable("day", figures.days.filter((bar) => bar.granted + bar.denied > 0), String),
    figures.reasons.length ? [element("h3", {}, word("audit-figures.by-reason")),
      table(word("audit-figures.by-reason"), [word("audit-figures.reason"), word("audit.denied")], figures.reasons.map((bar) => [reasonName(bar.key), bar.denied]))] : null,
    takenTable(figures.taken),
    element("h3", {}, word("audit-anomalies.title")),
    element("p", {}, word("audit-report.odd", { count: figure(odd.found), open: figure(odd.found - odd.anomalies.filter((one) => one.reviews.length).length) })),
    element("h3", {}, word("audit-integrity.title")),
    element("p", {}, word("audit-figures.counted", { counted: figure(figures.counted), size: figure(figures.size) })),
    statusList(log, { whole: true }),
    element("p", { class: "signatures" }, element("span", {}, word("audit-report.auditor")), element("span", {}, word("audit-report.department")), element("span", {}, word("audit-report.date"))),
  ];
}

function useTable(id, bars, label) {
  const heading = word(`audit-figures.by-${id}`);
  const heads = [word(`audit-figures.${id}`), word("audit.granted"), word("audit.denied"), word("audit.denied-share"), word("audit.kind-void")];
  const rows = bars.map((bar) => [label(bar.key), bar.granted, bar.denied, percent(bar.denied, bar.granted + bar.denied), bar.voided]);
  return [element("h3", {}, heading), rows.length ? table(heading, heads, rows) : element("p", { class: "second" }, word("audit-figures.none"))];
}

function takenTable(taken) {
  if (!taken.length) return null;
  const heading = word("audit-figures.taken");
  const heads = ["limit", "tier", "period", "holders", "units", "share"].map((name) => word(`audit-figures.${name}`));
  const rows = taken.map((one) => [quotaName(one.quota), tierName(one.tier), one.period === "ever" ? word("audit-figures.ever") : one.period, one.holders, one.units, percent(one.units, one.possible)]);
  return [element("h3", {}, heading), table(heading, heads, rows), element("p", { class: "second small" }, word("audit-figures.taken-note"))];
}

await begin();
startFilters({ department: values.department });
keepDrawn("months", () => {
  const months = Array.from({ length: MONTHS }, (_, back) => nextMonth(config.today.slice(0, 7), -back));
  byId("month").replaceChildren(...[...new Set([month, ...months])].map((one) => new Option(one, one)));
  byId("month").value = month;
});
keepDrawn("pdf", () => {
  byId("pdf").href = `/v1/audit/report?${given({ month, department: values.department, lang: currentLanguage() })}`;
});
byId("print").addEventListener("click", () => print());
await fill("report", find, draw);
