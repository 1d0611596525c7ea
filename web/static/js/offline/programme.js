// What of a programme's JSON (GET /v1/programme) this device goes by, checked when it is fetched: a shape that it does not
// understand is refused then, and what was held stays in force. Never half understood at the counter.

import { must } from "./claims.js";
import { ASSURANCES } from "./verify.js";

const UNITS = ["month", "year", "ever"];

const isTable = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isTexts = (value) => Array.isArray(value) && value.every((one) => typeof one === "string");
const isCount = (value) => Number.isInteger(value) && value >= 0;
const has = (table, name) => Object.hasOwn(table, name);

/** Throws TokenError `bad-claims` unless codes can be read with it: what the public check goes by. */
export function checkWire(programme) {
  must(isTable(programme), "the programme is no table");
  const texts = [programme.issuer, programme.audience, programme.status_base, programme.sha256];
  must(isTexts(texts) && isCount(programme.wire_dictionary) && programme.wire_dictionary <= 99, "the programme's codes");
}

/** Throws TokenError `bad-claims` unless services can be judged by it. */
export function checkRules(programme) {
  checkWire(programme);
  const { zone, services, quotas, points } = programme;
  must(isZone(zone), "the programme's zone");
  must(isTable(services) && isTable(quotas) && isTable(points), "services, quotas and points are tables");
  must(Object.values(quotas).every(isQuota), "a quota");
  must(Object.values(points).every((point) => isTable(point) && isTexts(point.services)), "a point");
  for (const [code, service] of Object.entries(services)) must(isService(code, service, quotas), `service ${code}`);
}

function isZone(zone) {
  try {
    return typeof zone === "string" && Boolean(new Intl.DateTimeFormat("en", { timeZone: zone }));
  } catch {
    return false;
  }
}

const isQuota = (quota) => isTable(quota) && typeof quota.code === "string" && isCount(quota.maximum) && UNITS.includes(quota.unit);

function isService(code, service, quotas) {
  return isTable(service) && service.code === code
    && isTexts(service.tiers) && isTexts(service.beneficiaries)
    && (service.quota === null || (typeof service.quota === "string" && has(quotas, service.quota)))
    && (service.exclusion === null || isTexts(service.exclusion))
    && (service.visit === null || (isTable(service.visit) && isCount(service.visit.length_seconds) && isCount(service.visit.re_entries)))
    && (service.booking === null || typeof service.booking === "string")
    && (service.offline_limit === null || isCount(service.offline_limit))
    && (service.closed === null || isTable(service.closed))
    && ASSURANCES.includes(service.least_assurance);
}
