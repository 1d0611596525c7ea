// The answer to a check-in, filling the screen: one word, its own shape, then what people ask next.

import { config, clouds, element, icon } from "../page.js";
import { dateOf, minutesUntil, timeOf, weekdayOf } from "../times.js";
import { otherLanguage, said, word } from "../words.js";
import { ownExpense, renderChecklist } from "./checklist.js";

// Nobody at the counter is at fault: amber, and no "refused".
const NOT_NOW = new Set(["clock-ahead", "status-unknown"]);
const SIGNS = { ok: "granted", no: "refused", amber: "warning", check: "identity" };

// {kind, word}: what colour, sign and word an answer has.
export function verdictOf(answer) {
  if (answer.outcome === "granted") return { kind: "ok", word: "outcome.granted" };
  if (answer.reason === "already-in") return { kind: "amber", word: "outcome.already-in" };
  if (NOT_NOW.has(answer.reason)) return { kind: "amber", word: "outcome.not-now" };
  return { kind: "no", word: "outcome.denied" };
}

// `ways` beside what each button does: `service` (its checklist is shown after a grant), `ticked` (what of it staff have
// ticked), `override` (the supervisor's reason that this grant rests on), `onOverride` (null where none may help).
export function renderOutcome(answer, ways) {
  const verdict = verdictOf(answer);
  const granted = answer.outcome === "granted";
  const other = otherLanguage();
  const lines = {
    why: granted ? servedAs(answer) : said(answer.message),
    role: answer.represented ? word("outcome.by") : null,
    other: `${word(verdict.word, {}, other)}${other === "zh" ? "：" : ": "}${otherLine(answer, other)}`,
  };
  const checklist = granted ? renderChecklist(ways.service, ways) : null;
  const body = granted ? facts(answer) : explanation(answer);
  return [
    band(verdict.kind, word(verdict.word), lines, answer, checklist ? "mid" : ""),
    element("div", { class: "after" },
      checklist ? element("div", { class: "served" }, body, checklist) : body,
      granted && !checklist ? ownExpense(ways.service) : null,
      notes(answer, ways.override),
      actions(answer, ways)),
  ];
}

function otherLine(answer, language) {
  const text = said(answer.outcome === "granted" ? answer.service_name : answer.message, language);
  if (answer.outcome !== "granted" || !answer.visit) return text;
  return language === "en" ? `${text}, until ${timeOf(answer.visit.ends_at)}` : `${text}，至 ${timeOf(answer.visit.ends_at)}`;
}

// What is granted; a clerk's use says that it is the employer's.
function servedAs(answer) {
  const service = said(answer.service_name);
  return answer.represented ? word("outcome.for-employer", { service }) : service;
}

// `role`: what the person named on the right is here, where not the visitor.
export function band(kind, title, { why, other, role = null }, { holder, tier, tier_name: tierName } = {}, extra = "", sign = SIGNS[kind]) {
  return element("div", { class: `band ${kind} ${extra}` },
    icon(sign, "sign"),
    element("div", {},
      element("h2", { class: "word", tabindex: "-1" }, title),
      element("p", { class: "why" }, why),
      other ? element("p", { class: "other", lang: otherLanguage() === "zh" ? "zh-CN" : "en" }, other) : null),
    holder ? element("div", { class: "who" },
      role ? element("span", { class: "role" }, role) : null,
      element("span", { class: `name ${lengthOf(holder.name)}` }, holder.name),
      tierChip(tier, tierName)) : null);
}

// Long names are set smaller and wrap between words: the verdict keeps its place whatever somebody is called.
export function lengthOf(name) {
  const width = [...name].reduce((sum, letter) => sum + (/[\u2e80-\uffff]/.test(letter) ? 2 : 1), 0);
  return width > 24 ? "longest" : width > 10 ? "long" : "";
}

export function tierChip(code, name) {
  const known = config.tiers[code];
  const count = known?.clouds ?? 0;
  return element("span", { class: `tier clouds-${Math.min(count, 3)}` }, clouds(count), said(name ?? known?.name) || code);
}

const fact = (key, value, detail, wordy = false) =>
  element("dl", { class: "fact" },
    element("dt", {}, key),
    element("dd", { class: wordy ? "value words" : "value" }, value),
    detail ? element("dd", { class: "detail" }, detail) : null);

export function facts(answer) {
  const shown = answer.quotas?.map(quotaFact) ?? [];
  if (answer.represented) shown.push(fact(word("outcome.employer"), answer.represented.employer, null, true));
  if (answer.offline) shown.push(hereFact(answer.offline));
  if (!shown.length) shown.push(fact(word("outcome.count"), word("outcome.unlimited"), null, true));
  if (answer.visit) {
    const entered = answer.visit.re_entry ? "outcome.re-entry" : "outcome.entered";
    const detail = word(entered, { time: timeOf(answer.visit.started_at) });
    shown.push(fact(word("outcome.until"), timeOf(answer.visit.ends_at), detail));
  }
  if (answer.assurance) {
    const more = { proved: "outcome.proved-more", delegated: "outcome.delegated-more" };
    const detail = word(more[answer.assurance] ?? "outcome.checked-more");
    shown.push(fact(word("outcome.how"), word(`outcome.${answer.assurance}`), detail, true));
  }
  return element("div", { class: "facts" }, shown);
}

// What this device may still grant while the server is away; what was used elsewhere it cannot know.
function hereFact({ limit, left, unit }) {
  if (limit === null || limit === undefined) return fact(word("outcome.count"), word("offline.no-limit"), null, true);
  if (left === 0) return fact(word("offline.after"), word("offline.no-more"), word("offline.left-more", { limit }), true);
  const value = [String(left), " ", element("small", {}, word("outcome.times"))];
  return fact(word(`offline.left-${unit}`), value, word("offline.left-more", { limit }));
}

function quotaFact(quota) {
  const figures = { used: quota.used, maximum: quota.maximum };
  const detail = quota.resets_at
    ? word("outcome.used-until", { ...figures, date: dateOf(quota.resets_at) })
    : word("outcome.used", figures);
  const value = [String(quota.remaining), " ", element("small", {}, word("outcome.times"))];
  return fact(word(`outcome.left-${quota.unit}`), value, detail);
}

function explanation(answer) {
  const aside = asideOf(answer);
  const order = answer.reason === "already-in" ? "outcome.order" : "outcome.say";
  const say = element("div", { class: "say" },
    element("h2", {}, word(order)),
    element("p", { class: "hint" }, said(answer.hint)),
    answer.call ? element("p", { class: "call" },
      word("outcome.call", { department: said(answer.call.department) }), element("b", {}, answer.call.phone)) : null);
  return element("div", { class: aside ? "pair" : "pair single" }, aside, say);
}

// The one figure beside a refusal: until when, where to, what was chosen; null where there is none.
function asideOf(answer) {
  if (answer.visit) {
    const detail = word("outcome.remaining", { minutes: minutesUntil(answer.visit.ends_at) });
    return fact(word("outcome.until"), timeOf(answer.visit.ends_at), detail);
  }
  if (answer.go_to) return fact(word("outcome.go-to"), said(answer.go_to.name), answer.go_to.phone, true);
  if (answer.excluded_by) {
    return fact(word("outcome.taken"), said(answer.excluded_by.name), dateOf(answer.excluded_by.at), true);
  }
  const spent = answer.quotas?.find((quota) => quota.remaining === 0 && quota.resets_at);
  if (!spent) return null;
  const detail = word("outcome.again-more", { weekday: weekdayOf(spent.resets_at), maximum: spent.maximum });
  return fact(word("outcome.again"), dateOf(spent.resets_at), detail);
}

function notes(answer, override = null) {
  const said_ = [];
  if (override && answer.outcome === "granted") said_.push(word("override.mark", { reason: word(`override.${override.reason}`) }));
  if (answer.status_freshness === "stale") said_.push(word("outcome.stale-list"));
  if (answer.offline?.clock === "unsure") said_.push(word("offline.clock-unsure"));
  if (answer.clock_off_by) said_.push(word("outcome.clock", { seconds: answer.clock_off_by }));
  return said_.map((text) => element("p", { class: "note amber" }, text));
}

function actions(answer, { left, canVoid, onNext, onVoid, onLeave, onOverride, onDeliver, service, delivered }) {
  const granted = answer.outcome === "granted";
  const next = left === null ? word("outcome.next") : word("outcome.next-in", { seconds: left });
  return element("div", { class: "actions" },
    element("button", { class: "button main", type: "button", id: "next", onclick: onNext }, next),
    granted && canVoid && answer.void_until
      ? element("button", { class: "button", type: "button", id: "void-this", onclick: onVoid },
        word("outcome.void", { time: timeOf(answer.void_until) }))
      : null,
    answer.reason === "already-in" && answer.visit && !answer.offline
      ? element("button", { class: "button", type: "button", id: "leave-this", onclick: onLeave }, word("outcome.check-out"))
      : null,
    granted && !answer.offline && service?.includes?.length && !delivered
      ? element("button", { class: "button", type: "button", id: "deliver-this", onclick: onDeliver }, icon("list"), word("deliver.ask"))
      : null,
    onOverride
      ? element("button", { class: "button", type: "button", id: "override-this", onclick: onOverride }, icon("shield"), word("override.ask"))
      : null,
    trace(answer, granted));
}

function trace(answer, granted) {
  if (answer.offline) {
    return element("p", { class: "trace" }, element("span", {}, word("offline.stored", { seq: answer.offline.seq })), element("br"),
      element("span", {}, granted ? word("offline.stored-more") : word("outcome.code", { code: answer.reason })));
  }
  const second = granted ? word("outcome.stored") : word("outcome.code", { code: answer.reason });
  const first = word(granted ? "outcome.logged" : "outcome.nothing", { id: answer.id });
  return element("p", { class: "trace" }, element("span", {}, first), element("br"), element("span", { class: granted ? null : "mono" }, second));
}
