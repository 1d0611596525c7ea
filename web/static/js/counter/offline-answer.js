// What a judgement made here says on the screen: the shape of the server's own answer, with the sentences of the same
// reasons, so that staff read the same words whether the server was asked or not.

import { periodOf } from "../offline/periods.js";
import { config } from "../page.js";
import { dateOf, timeOf } from "../times.js";
import { word } from "../words.js";

const LANGUAGES = ["zh", "en"];
const both = (make) => Object.fromEntries(LANGUAGES.map((language) => [language, make(language)]));
const text = (pair, language) => pair?.[language] || pair?.zh || pair?.en || "";

let reasons = null;

export async function loadReasons() {
  reasons ??= await (await fetch("/words/reasons.json")).json();
}

// Of one who waits for the ID check: what a look would have said.
export function lookOf(judgement, at) {
  return { holder: { name: judgement.card.name }, ...tierOf(judgement), expires_at: new Date(at + 120000).toISOString(), offline: true };
}

// `row`: the record on the disk. `programme`: GET /v1/programme.
export function answerOf(judgement, row, programme) {
  const service = programme.services[row.service];
  const granted = row.outcome === "granted";
  const values = valuesOf(judgement, row, programme, service);
  return {
    id: null, outcome: row.outcome, reason: row.reason,
    message: granted ? grantedWords(judgement, service) : filled(reasons?.[row.reason]?.sentence, values),
    hint: granted ? hintOf(service) : refusedHint(row.reason, values),
    service: service.code, service_name: service.name,
    ...(judgement.card ? { holder: { name: judgement.card.name }, ...tierOf(judgement) } : {}),
    assurance: judgement.assurance ?? undefined,
    quotas: [],
    visit: judgement.visit ? visitOf(judgement) : undefined,
    call: granted ? undefined : callOf(reasons?.[row.reason]?.call, service, programme),
    status_freshness: judgement.freshness,
    offline: { seq: row.seq, at: row.at, clock: judgement.clock, ...(judgement.offline ?? {}) },
  };
}

function tierOf({ card }) {
  return { tier: card.tier, tier_name: config.tiers[card.tier]?.name ?? { zh: card.tier, en: card.tier } };
}

const visitOf = ({ visit, reEntry }) => ({
  started_at: new Date(visit.startedAt).toISOString(), ends_at: new Date(visit.endsAt).toISOString(), re_entry: reEntry,
});

function grantedWords({ visit }, service) {
  return both((language) => {
    const name = text(service.name, language);
    return visit
      ? word("offline.granted-until", { service: name, time: timeOf(visit.endsAt) }, language)
      : word("offline.granted", { service: name }, language);
  });
}

const hintOf = (service) => both((language) => text(service.notes[0], language) || word("offline.serve", {}, language));

// A check-out is the server's to take: what its hint says cannot be done here.
const refusedHint = (reason, values) => (reason === "already-in"
  ? both((language) => word("offline.already-in", {}, language)) : filled(reasons?.[reason]?.hint, values));

// `{names}` as the server fills them; what is not known reads as a dash.
function filled(pair, values) {
  return both((language) => text(pair, language).replace(/\{(\w+)\}/g, (_, name) => values[language][name] ?? "—"));
}

function valuesOf(judgement, row, programme, service) {
  return both((language) => {
    const named = (code) => text(programme.tiers[code]?.name, language) || code;
    const listed = (names) => names.join(language === "zh" ? "、" : ", ");
    const place = programme.points[service.points?.[0]] ?? null;
    const ranked = [...service.tiers].sort((one, other) => programme.tiers[other].rank - programme.tiers[one].rank);
    return {
      service: text(service.name, language),
      tiers: listed(ranked.map(named)),
      beneficiaries: listed(service.beneficiaries.map((who) => word(`who.${who}`, {}, language))),
      go_to: text(place?.name, language) || undefined,
      ...cardValues(judgement, named, language),
      ...quotaValues(row, programme, service, language),
    };
  });
}

function cardValues({ card, visit }, named, language) {
  return {
    tier: card ? named(card.tier) : undefined,
    expired: card ? dateOf(card.expiresAt - 1000, language) : undefined,
    started: visit ? timeOf(visit.startedAt) : undefined,
    ends: visit ? timeOf(visit.endsAt) : undefined,
  };
}

function quotaValues(row, programme, service, language) {
  const quota = programme.quotas[service.quota];
  if (!quota) return {};
  const { endsAt } = periodOf(quota.unit, row.at, programme.zone);
  return {
    maximum: String(quota.maximum),
    unit: word(`offline.unit-${quota.unit}`, {}, language),
    resets: endsAt === null ? undefined : dateOf(endsAt, language),
  };
}

function callOf(call, service, programme) {
  if (call !== "department" && call !== "general") return undefined;
  const found = call === "department" ? service.departments.map((code) => programme.departments[code]).find((one) => one.phones.length) : null;
  if (found) return { department: found.name, phone: found.phones[0].number };
  return { department: programme.general_contact.label, phone: programme.general_contact.number };
}
