// A check-in judged without the server: steps 1 to 8 of docs/design.md §5 as cards/verify.py and verifier/rules/entitlement.py take them,
// then the rules of a device that is offline. Writes nothing: record first, then tell (docs/offline.md).

import { CHIP_PROOF, PROOF } from "./claims.js";
import { isIn, periodOf } from "./periods.js";
import { parse, TokenError } from "./tokens.js";
import { verifyPresentation } from "./verify.js";
import { PresentationError, read } from "./wire.js";

/**
 * @typedef {object} Use One check-in of this device, online or offline.
 * @property {string} service
 * @property {string} subject the card's `sub` (`card.subject` of the judgement)
 * @property {string} [point]
 * @property {number} at milliseconds
 * @property {boolean} granted
 * @property {boolean} [offline] judged here (counts to `offline_limit`)
 * @property {boolean} [voided]
 * @property {boolean} [checkedOut]
 * @property {string|null} [card] the card's id (`card.id`), with `proof`: what a proof used before is known by
 * @property {string|null} [proof] `used.proof` of its judgement: the proof's jti or the chip's nonce
 * @property {boolean} [reEntry] `reEntry` of its judgement: a way back in during a visit, which costs nothing
 *
 * @typedef {object} Figure What an online answer said of a quota: `quotas[]` of it, with the answer's instant as `at`.
 * @property {string} limit
 * @property {string} period
 * @property {number} used
 * @property {number} at milliseconds
 *
 * @typedef {object} Judgement
 * @property {"granted"|"denied"} outcome
 * @property {string|null} reason a code of docs/reasons.md
 * @property {string[]} needs `id_check`: an operator has still to compare the person's ID (then `outcome` is `denied`
 *   with `id-check-needed`: ask, and judge again with `idChecked`)
 * @property {{id: string, subject: string, tier: string, name: string, form: string, expiresAt: number}|null} card known
 *   from step 4 on
 * @property {"proved"|"counted"|"copyable"|null} assurance of a card that held
 * @property {{card: string, proof: string|null}} presentation plain tokens, for the record's `shown`
 * @property {"fresh"|"stale"|"expired"} freshness of the status list relied on
 * @property {"believed"|"unsure"} clock
 * @property {{startedAt: number, endsAt: number}|null} visit of a grant; with `already-in` the one that is running
 * @property {boolean} reEntry
 * @property {{limit: number|null, used: number, left: number|null, unit: string, period: string}|null} offline of what
 *   this device may still grant this holder, after this use; null before step 7
 * @property {{card: string, proof: string|null}} used what to keep with the use (see `Use`)
 */

// A counting tag's link (docs/devices.md): its counter lies with the server, and only there.
const TAG_LINK = /^https?:\/\/[!-~]{1,160}\?p=[0-9A-Fa-f]{32}&c=[0-9A-Fa-f]{16}$/;

// A code that a holder gave an employer's clerk (verifier/rules/delegations.py): which holder's, the server alone knows.
const DELEGATION = /^71(?:[\s·.-]*[0-9]){18}$/;

const atTheServer = (text) => TAG_LINK.test(text.trim()) || DELEGATION.test(text.trim());

// Of several reasons of steps 7 to 10, the first here is given: what cannot be mended here and now, then what the
// visitor can most easily change.
const ORDER = [
  "not-entitled", "service-not-open", "not-offered-here", "not-for-beneficiary", "not-holder", "already-in", "quota-spent",
];

/**
 * @param {object} asked
 * @param {string} asked.text as scanned
 * @param {string} asked.service code
 * @param {string} [asked.beneficiary] `holder` where none is given
 * @param {boolean} [asked.idChecked]
 * @param {boolean} [asked.notHolder]
 * @param {number} asked.at milliseconds, by the clock corrected as well as this device can
 * @param {import("./documents.js").State} asked.documents `await documents.state(at)`
 * @param {(ath: string) => Promise<string|null>} asked.seen the text of a card seen before, by the digest (43 characters)
 *   that proofs name it with; keep each card under `await digest(text)` of tokens.js
 * @param {Use[]} asked.uses this device's uses of (at least) this holder, or all of them
 * @param {(subject: string) => Promise<Figure[]>} [asked.figures] what online answers said of this holder's quotas
 * @param {string} asked.point code
 * @returns {Promise<{problem: "malformed"|"card-unknown"|"needs-server"|"no-documents"|"clock-back"|"service-unknown"}|Judgement>}
 *   a problem is no entry and says nothing against the card; `needs-server`: a counting tag or a clerk's code
 */
export async function judge(asked) {
  const { documents, at } = asked;
  const problem = problemOf(documents);
  if (problem) return { problem };
  const service = Object.hasOwn(documents.programme.services, asked.service) ? documents.programme.services[asked.service] : null;
  if (service === null) return { problem: "service-unknown" };
  const presentation = await presented(asked);
  if (presentation.problem) return presentation;
  const how = { idChecked: asked.idChecked === true, least: service.least_assurance };
  const verdict = await verifyPresentation(presentation, documents.trust, at, how);
  const judged = judgement(verdict, presentation, documents);
  if (verdict.reason !== null) return /** @type {any} */ (judged);
  return ruled(judged, await standing(asked, service, verdict), asked, service);
}

function problemOf({ usable, problem }) {
  if (usable) return null;
  return problem === "clock-back" ? problem : "no-documents";
}

// Step 1: what was shown, and the card that a proof alone names.
/** @param {Record<string, any>} asked */
async function presented({ text, documents, seen }) {
  let found;
  try {
    found = await read(text, documents.dictionaries);
  } catch (error) {
    if (error instanceof PresentationError) return { problem: atTheServer(text) ? "needs-server" : "malformed" };
    throw error;
  }
  if (found.card !== null) return found;
  const name = namedBy(found.proof);
  const card = name === null || seen === undefined ? null : await seen(name);
  return card ? { card, proof: found.proof } : { problem: "card-unknown" };
}

function namedBy(proof) {
  for (const form of [PROOF, CHIP_PROOF]) {
    try {
      return parse(proof, form).claims.ath;
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
    }
  }
  return null;
}

function judgement(verdict, presentation, documents) {
  const { card, reason } = verdict;
  return {
    outcome: reason === null ? "granted" : "denied",
    reason,
    needs: reason === "id-check-needed" ? ["id_check"] : [],
    card: card && {
      id: card.id, subject: card.subject, tier: card.tier, name: card.name, form: card.form, expiresAt: card.expiresAt,
    },
    assurance: reason === null ? verdict.assurance : null,
    presentation: { card: presentation.card, proof: presentation.proof },
    freshness: verdict.freshness ?? documents.freshness,
    clock: documents.clock,
    visit: null,
    reEntry: false,
    offline: null,
    used: { card: card?.id ?? null, proof: verdict.proof?.id ?? null },
  };
}

// What this device knows of the holder: its own uses, a visit that runs, what is counted.
async function standing(asked, service, { card, proof }) {
  const { at, point, documents: { programme } } = asked;
  const own = asked.uses.filter((use) => use.subject === card.subject && use.granted && !use.voided);
  const visit = running(own.filter((use) => use.service === service.code && use.point === point), service, at);
  const reEntry = visit !== null && visit.left && visit.reEntries < service.visit.re_entries;
  const unit = service.quota === null ? "ever" : programme.quotas[service.quota].unit;
  const period = periodOf(unit, at, programme.zone);
  const counted = own.filter((use) => !use.reEntry && isIn(period, use.at));
  const figures = (await asked.figures?.(card.subject)) ?? [];
  return {
    card, visit, reEntry, period,
    proofUsed: proof !== null && own.some((use) => use.card === card.id && use.proof === proof.id),
    spent: isSpent({ programme, service, tier: card.tier, period, counted, figures }),
    granted: counted.filter((use) => use.offline && use.service === service.code).length,
  };
}

// The visit of this service at this point whose time still runs; at exactly its end it is over.
function running(uses, service, at) {
  if (service.visit === null) return null;
  const lengthMs = service.visit.length_seconds * 1000;
  const latest = (some) => some.reduce((one, other) => (one === null || other.at > one.at ? other : one), null);
  const opened = latest(uses.filter((use) => !use.reEntry && use.at <= at && at < use.at + lengthMs));
  if (opened === null) return null;
  const back = uses.filter((use) => use.reEntry && use.at >= opened.at);
  const left = Boolean((latest(back) ?? opened).checkedOut);
  return { startedAt: opened.at, endsAt: opened.at + lengthMs, left, reEntries: back.length };
}

// The name under which a use is counted, as verifier/rules/entitlement.py gives it.
function limitOf(service, quota, tier) {
  const member = service.exclusion === null ? quota.code : `${quota.code}/${service.exclusion[1]}`;
  return quota.scope === "tier" ? `${member}@${tier}` : member;
}

// Whether the quota is spent for all this device knows: the last figures the server told, and what it granted since.
function isSpent({ programme, service, tier, period, counted, figures }) {
  if (service.quota === null) return false;
  const quota = programme.quotas[service.quota];
  const limit = limitOf(service, quota, tier);
  const isThis = (figure) => figure.limit === limit && figure.period === period.key;
  const told = figures.filter(isThis).reduce((one, other) => (other.at > one.at ? other : one), { used: 0, at: -Infinity });
  const since = counted.filter((use) => {
    const other = programme.services[use.service];
    return use.at > told.at && other?.quota === service.quota && limitOf(other, quota, tier) === limit;
  });
  return told.used + since.length >= quota.maximum;
}

// 7. and 8., and of 10 what can be known here. A booking (9) cannot be looked up: such a service needs the server.
function reasonOf(known, { beneficiary = "holder", notHolder = false, point, documents: { programme } }, service) {
  if (known.proofUsed) return "proof-used";
  const offered = Object.hasOwn(programme.points, point) ? programme.points[point].services : [];
  const against = {
    "service-not-open": service.closed !== null,
    "not-offered-here": !offered.includes(service.code),
    "not-for-beneficiary": !service.beneficiaries.includes(beneficiary),
    "not-holder": notHolder === true,
    "not-entitled": !service.tiers.includes(known.card.tier),
    "already-in": known.visit !== null && !known.reEntry,
    "quota-spent": known.spent && !known.reEntry,
  };
  const found = ORDER.find((reason) => against[reason]);
  if (found) return found;
  if (service.offline_limit === 0 || service.booking !== null) return "online-only";
  const isFull = service.offline_limit !== null && known.granted >= service.offline_limit && !known.reEntry;
  return isFull ? "offline-limit" : null;
}

function ruled(judged, known, asked, service) {
  const reason = reasonOf(known, asked, service);
  const reEntry = reason === null && known.reEntry;
  const limit = service.offline_limit;
  const used = known.granted + (reason === null && !reEntry ? 1 : 0);
  const left = limit === null ? null : Math.max(0, limit - used);
  return {
    ...judged,
    outcome: reason === null ? "granted" : "denied",
    reason,
    visit: reason === null || reason === "already-in" ? visitOf(known, asked.at, service) : null,
    reEntry,
    offline: { limit, used, left, unit: known.period.unit, period: known.period.key },
  };
}

function visitOf({ visit }, at, service) {
  if (visit !== null) return { startedAt: visit.startedAt, endsAt: visit.endsAt };
  return service.visit === null ? null : { startedAt: at, endsAt: at + service.visit.length_seconds * 1000 };
}

/**
 * Steps 1 to 6 alone, as anyone may ask (POST /v1/public-checks): a phone's card without its proof is valid, not proved.
 * A phone's token ends long before the card it stands for, so that it says nothing of `validUntil`.
 * @returns {Promise<{problem: string}|{valid: boolean, reason: string|null, tier: string|null, validUntil: number|null,
 *   proved: boolean, freshness: string, validFrom: number|null}>} of a card that is not valid, `validFrom` and `validUntil`
 *   are told where time is the reason
 */
export async function check({ text, at, documents }) {
  const problem = problemOf(documents);
  if (problem) return { problem };
  const presentation = await presented({ text, documents });
  // Nobody is told more of a tag's link than the server tells.
  if (presentation.problem) return { problem: presentation.problem === "needs-server" ? "malformed" : presentation.problem };
  const { reason, card, proof, freshness } = await verifyPresentation(presentation, documents.trust, at, { provisional: true });
  const isValid = reason === null || reason === "proof-missing";
  return {
    freshness: freshness ?? documents.freshness,
    valid: isValid,
    reason: isValid ? null : reason,
    tier: isValid ? card.tier : null,
    validFrom: reason === "not-yet-valid" ? card.notBefore : null,
    validUntil: (isValid && card.form !== "phone") || reason === "expired" ? card.expiresAt : null,
    proved: isValid && proof !== null,
  };
}
