// Figures: uses by day or month, service, point, hour, tier; refusals by reason; take-up of limits. Each leads to the log.

import { config, element } from "../page.js";
import { word } from "../words.js";
import { announce, begin, empty, fill, get, given } from "./frame.js";
import { asked, startFilters } from "./filters.js";
import { chartPanel, forgetCharts, usesSeries } from "./charts.js";
import { daysBetween, figure, lastDayOf, pointName, quotaName, reasonName, serviceName, tierName } from "./labels.js";

const DAYS_AS_BARS = 62;
const values = asked();
const span = Object.fromEntries(["since", "until", "department", "point", "service", "tier"].map((name) => [name, values[name]]));

const find = () => get("/v1/audit/figures", span);

const inLog = (more) => `/audit?${given({ ...span, ...more })}`;
const uses = (bars, label, more) => bars.map((bar) => ({
  label: label(bar.key), href: more && bar.key ? inLog(more(bar.key)) : null, values: [bar.granted, bar.denied],
}));

function draw({ figures }) {
  forgetCharts();
  const { granted, denied } = figures.total;
  announce(word("audit.found", { count: figure(granted + denied) }));
  const counted = element("p", { class: "second small" }, word("audit-figures.counted", { counted: figure(figures.counted), size: figure(figures.size) }));
  if (granted + denied === 0) return [empty(word("audit-figures.none"), word("audit.none-more"), element("a", { class: "button", href: "/audit/figures" }, word("audit.reset"))), counted];
  return [element("div", { class: "grid" }, [...usePanels(figures), ...otherPanels(figures)]), counted];
}

function usePanels(figures) {
  const many = daysBetween(values.since, values.until) > DAYS_AS_BARS;
  const series = usesSeries();
  const panel = (id, rows, what, more = {}) => chartPanel({ id, heading: word(`audit-figures.by-${id}`), what: word(`audit-figures.${what}`), rows, series, ...more });
  const within = (month) => ({ since: later(`${month}-01`, values.since), until: earlier(lastDayOf(month), values.until) });
  return [
    panel("service", uses(figures.services, serviceName, (code) => ({ service: code })), "service", { sideways: true }),
    panel("point", uses(figures.points, pointName, (code) => ({ point: code })), "point", { sideways: true }),
    many ? null : panel("day", uses(figures.days, (day) => day.slice(5), (day) => ({ since: day, until: day })), "day", { sparse: true }),
    panel("month", uses(figures.months, String, within), "month"),
  ].filter(Boolean);
}

const later = (one, other) => (one > other ? one : other);
const earlier = (one, other) => (one < other ? one : other);

function otherPanels(figures) {
  const oneDay = values.since === values.until;
  const hours = Array.from({ length: 24 }, (_, hour) => figures.hours.find((bar) => Number(bar.key) === hour) ?? { key: String(hour), granted: 0, denied: 0 });
  const reasons = figures.reasons.map((bar) => ({ label: reasonName(bar.key), href: inLog({ outcome: "denied", reason: bar.key }), values: [bar.denied] }));
  return [
    reasons.length ? chartPanel({
      id: "reason", heading: word("audit-figures.by-reason"), what: word("audit-figures.reason"), rows: reasons,
      series: [{ label: word("audit.denied"), kind: "denied" }], sideways: true,
    }) : null,
    chartPanel({
      id: "hour", heading: word("audit-figures.by-hour"), what: word("audit-figures.hour"), series: usesSeries(),
      rows: uses(hours, (hour) => `${hour.padStart(2, "0")}:00`, oneDay ? (hour) => ({ hour }) : null),
      note: oneDay ? null : word("audit-figures.hour-note"), sparse: true,
    }),
    chartPanel({ id: "tier", heading: word("audit-figures.by-tier"), what: word("audit-figures.tier"), rows: uses(figures.tiers, tierName, (code) => ({ tier: code })), series: usesSeries(), sideways: true }),
    figures.taken.length ? takeUp(figures.taken) : null,
  ].filter(Boolean);
}

function takeUp(taken) {
  const heads = [word("audit-figures.holders"), word("audit-figures.units")];
  return chartPanel({
    id: "taken", heading: word("audit-figures.taken"), what: word("audit-figures.limit"), unit: "%", sideways: true,
    series: [{ label: word("audit-figures.share"), kind: "granted" }],
    rows: taken.map((one) => ({
      label: `${quotaName(one.quota)} · ${tierName(one.tier)} · ${one.period === "ever" ? word("audit-figures.ever") : one.period}`,
      href: serviceOf(one.quota) ? inLog({ service: serviceOf(one.quota) }) : null,
      values: [one.possible ? Math.round((1000 * one.units) / one.possible) / 10 : 0],
      more: [one.holders, one.units], heads,
    })),
    note: word("audit-figures.taken-note"),
  });
}

// The service that counts against a limit, where there is only one.
function serviceOf(quota) {
  const found = Object.entries(config.services).filter(([, service]) => service.quota === quota.split(/[/@]/)[0]);
  return found.length === 1 ? found[0][0] : null;
}

await begin();
startFilters(values);
await fill("figures", find, draw);
