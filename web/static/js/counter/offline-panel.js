// What staff see of it: the striped bar, how many records wait, how old the lists are, what cannot be known, and what became
// of each record.

import { now } from "../clock.js";
import { byId, config, element, icon } from "../page.js";
import { dateOf, timeOf } from "../times.js";
import { has, said, word } from "../words.js";
import * as store from "./offline-store.js";

const RECENT = 3;
const LISTED = 200;
const DAY_S = 86400;

// `view`: {lostAt, state, waiting, rows, progress, stopped}, `act`: {retry, seen}.
export class OfflinePanel {
  constructor(services, act) {
    this.services = services;
    this.view = null;
    byId("offbar-retry").addEventListener("click", act.retry);
    byId("show-records").addEventListener("click", () => {
      act.seen();
      byId("records").showModal();
    });
  }

  render(view = this.view) {
    if (view === null) return;
    this.view = view;
    const isLost = view.lostAt !== null;
    document.body.classList.toggle("lost", isLost);
    byId("offbar").hidden = !isLost;
    for (const id of ["away", "away-note"]) byId(id).hidden = !isLost;
    byId("ready").hidden = isLost;
    if (isLost) this.renderLost(view);
    this.renderButton(view);
    this.renderRecords(view);
  }

  renderLost({ lostAt, state, rows, waiting }) {
    const usable = isUsable(state);
    byId("offbar").classList.toggle("stuck", !usable);
    byId("offbar-word").textContent = word(usable ? "offline.working" : "offline.stopped");
    byId("offbar-more").textContent = usable
      ? word("offline.working-more", { time: timeOf(lostAt) })
      : word(`offline.${whyNot(state)}`);
    byId("away-panels").replaceChildren(this.queue(rows, waiting), ages(state));
    byId("away-unknown").replaceChildren(...unknown(state));
  }

  queue(rows, waiting) {
    const shown = rows.filter((row) => row.state === store.WAITING);
    const oldest = shown.at(-1);
    return element("section", { class: "panel tight", "aria-labelledby": "queue-heading" },
      element("div", { class: "row" },
        element("h2", { class: "grow", id: "queue-heading" }, word("offline.queue", { count: waiting })),
        oldest ? element("span", { class: "pill" }, icon("clock"), word("offline.oldest", { time: timeOf(oldest.at) })) : null),
      element("ul", { class: "entries", id: "queue" }, shown.length
        ? shown.slice(0, RECENT).map((row) => this.row(row))
        : element("li", { class: "second" }, word("offline.queue-empty"))));
  }

  row(row) {
    const tier = config.tiers[row.tier];
    const service = this.services.all.length > 1 ? said(this.services.find(row.service)?.name) || row.service : "";
    const about = row.outcome === "denied" && has(`reason.${row.reason}`) ? word(`reason.${row.reason}`) : tier ? said(tier.name) : "";
    return element("li", {},
      element("span", { class: "mono small" }, `№ ${row.seq}`),
      element("span", { class: "grow" }, [`${timeOf(row.at)} ${service}`.trim(), about].filter(Boolean).join(" · ")),
      toldPill(row));
  }

  renderButton({ rows, waiting, lostAt, progress, stopped }) {
    const button = byId("show-records");
    const news = rows.filter((row) => row.unseen && needsEyes(row)).length;
    button.hidden = !rows.length;
    button.classList.toggle("alert", lostAt === null && (news > 0 || stopped !== null));
    const key = progress ? "sending" : lostAt === null && waiting ? "waits" : news ? "news" : "records";
    button.textContent = word(`offline.${key}`, { count: news && key === "news" ? news : waiting, ...(progress ?? {}) });
  }

  renderRecords({ rows, waiting, progress, stopped }) {
    const shownRows = rows.slice(0, LISTED);
    byId("records-state").textContent = progress
      ? word("offline.sending", progress)
      : stopped ? word(`offline.stop-${has(`offline.stop-${stopped}`) ? stopped : "other"}`, { count: waiting })
        : word(waiting ? "offline.kept" : "offline.all-taken", { count: waiting });
    const bar = byId("records-progress");
    bar.hidden = progress === null;
    if (progress) Object.assign(bar, { max: progress.total, value: progress.done });
    byId("records-list").replaceChildren(...shownRows.map((row) => this.record(row)));
  }

  record(row) {
    const service = said(this.services.find(row.service)?.name) || row.service;
    const tier = said(config.tiers[row.tier]?.name);
    const told = row.outcome === "granted" ? word("offline.told-granted") : word("offline.told-denied");
    const reason = row.reason && has(`reason.${row.reason}`) ? word(`reason.${row.reason}`) : "";
    return element("li", { class: "record", "data-seq": String(row.seq), "data-state": row.state },
      element("span", { class: "mono small" }, `№ ${row.seq}`),
      element("div", { class: "grow" },
        element("p", {}, [`${dateOf(row.at)} ${timeOf(row.at)} ${service}`, tier, [told, reason].filter(Boolean).join(" · ")].filter(Boolean).join(" · ")),
        sentences(row).map((text) => element("p", { class: "second" }, text))),
      statePill(row));
  }
}

// Marks that every check-in may bear and nobody needs to look at.
const USUAL = new Set(["id-checked", "represented", "delegated"]);

function marksOf({ answer }) {
  const marks = (answer?.marks ?? []).filter((mark) => !USUAL.has(mark));
  return answer?.linked ? [...marks, "linked"] : marks;
}

// Staff look at what was not simply entered as it was told.
export const needsEyes = (row) => row.state === "refused" || row.state === "held" || marksOf(row).length > 0;

export const isUsable = (state) => state?.usable === true && state.freshness !== "expired";

// Why nothing can be judged here: one of a closed set of words.
function whyNot(state) {
  if (state === null) return "no-documents";
  if (state.problem) return has(`offline.${state.problem}`) ? state.problem : "no-documents";
  return "lists-over";
}

function toldPill(row) {
  const granted = row.outcome === "granted";
  return element("span", { class: granted ? "pill ok" : "pill no" },
    icon(granted ? "granted" : "refused"), word(granted ? "offline.let-in" : "today.denied"));
}

const STATES = { waiting: ["", "clock"], applied: ["ok", "granted"], held: ["amber", "warning"], dismissed: ["", "refused"], refused: ["no", "refused"] };

function statePill(row) {
  const eyes = row.state === "applied" && needsEyes(row);
  const [kind, sign] = eyes ? ["amber", "warning"] : STATES[row.state];
  return element("span", { class: `pill ${kind}` }, icon(sign), word(`offline.state-${row.state}`));
}

// In plain words: each mark of the answer, or why it waits or was not taken.
function sentences(row) {
  const said_ = marksOf(row).map((mark) => word(has(`offline.mark-${mark}`) ? `offline.mark-${mark}` : "offline.mark-other", { mark }));
  const why = row.why ?? row.answer?.why;
  if (why) said_.push(whyWaits(why));
  return said_;
}

function whyWaits(why) {
  const key = [`offline.why-${why}`, `reason.${why}`].find(has);
  return word(key ?? "offline.why-other", { why });
}

function ages(state) {
  return element("section", { class: "panel tight", "aria-labelledby": "ages-heading" },
    element("h2", { id: "ages-heading" }, word("offline.ages")),
    element("dl", { class: "ages" },
      line("offline.status-list", statusAge(state)),
      line("offline.bundle", bundleAge(state)),
      line("offline.clock", clockAge(state))));
}

const line = (key, [kind, sign, text, more]) => [
  element("dt", {}, word(key)),
  element("dd", {}, element("span", { class: `pill ${kind}` }, icon(sign), text), more ? element("span", { class: "second" }, more) : null),
];

const OK = ["ok", "granted"];
const AMBER = ["amber", "warning"];
const NO = ["no", "refused"];

function statusAge(state) {
  if (!state || state.ages.refresh === null) return [...NO, word("offline.missing"), ""];
  const fetched = moment(now() - state.ages.refresh * 1000);
  if (state.freshness === "expired") return [...NO, word("offline.over"), word("offline.fetched", { time: fetched })];
  const until = moment(state.ends.lists);
  return [...(state.freshness === "stale" ? AMBER : OK), ago(state.ages.lists), word("offline.usable-until", { until })];
}

function bundleAge(state) {
  if (!state || state.ends.bundle === null || !state.programme) return [...NO, word("offline.missing"), ""];
  if (state.problem === "programme-changed") return [...NO, word("offline.over"), ""];
  return [...OK, word("offline.in-force"), word("offline.until", { until: dateOf(state.ends.bundle) })];
}

function clockAge(state) {
  if (!state || state.ages.time === null) return [...AMBER, word("offline.clock-never"), ""];
  if (state.clock === "back") return [...NO, word("offline.clock-back-short"), ""];
  const time = moment(now() - state.ages.time * 1000);
  return [...(state.clock === "believed" ? OK : AMBER), word("offline.clock-held", { time }), ""];
}

function ago(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return word("offline.minutes-ago", { minutes });
  return word("offline.hours-ago", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}

// A time of day, with its date where that is not today's.
function moment(at) {
  return Math.abs(at - now()) < DAY_S * 1000 && dateOf(at) === dateOf(now()) ? timeOf(at) : `${dateOf(at)} ${timeOf(at)}`;
}

function unknown(state) {
  const since = state?.ages.lists ?? state?.ages.refresh ?? null;
  const time = since === null ? "—" : moment(now() - since * 1000);
  return [
    element("h2", { id: "unknown-heading" }, word("offline.unknown")),
    element("ul", {},
      element("li", {}, word("offline.unknown-uses")),
      element("li", {}, word("offline.unknown-blocked", { time })),
      element("li", {}, word("offline.unknown-codes"))),
    element("p", { class: "second small" }, word("offline.unknown-more")),
  ];
}
