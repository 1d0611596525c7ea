// The record of a check-in that this device made while it was offline, exactly as cards/offline_record.py reads it
// (docs/offline.md). Each is signed by the device's own key, numbered, and names the one before it.

import { b64u, sha256, utf8 } from "../encoding.js";
import { signToken } from "../keys.js";
import { must, URI_MOST } from "./claims.js";
import { isOctets } from "./jwk.js";
import { TokenError, verifyWithKeys } from "./tokens.js";
import { fromTokens, PresentationError } from "./wire.js";

/** What a device's first record names as the one before it. */
export const FIRST_PREV = "A".repeat(43);

const LENGTH_MOST = 6000;
const SERVER_TIME_MOST = 500;
const SEQ_MOST = 2 ** 31 - 1;
const COMPANIONS_MOST = 500;
const TIME_BOUND = 253402300800;
const OPERATION = /^[A-Za-z0-9_-]{16,64}$/;
const NAME = /^[A-Za-z0-9_.:@-]{1,64}$/;
// eslint-disable-next-line no-control-regex -- a reference holds none
const REFERENCE = /^[^\x00-\x1f\x7f]{1,200}$/u;
const REASON = /^[a-z0-9-]{1,40}$/;
const BENEFICIARIES = ["holder", "spouse", "dependent-child", "child", "employer"];
const HEADER = { alg: "ES256", typ: "offline-check-in+jwt" };

const SERVER_TIME = {
  typ: "time+jwt",
  headers: ["alg", "kid", "typ"],
  required: { iss: "str", iat: "int" },
  optional: {},
  maxLength: SERVER_TIME_MOST,
  maxLifetime: null,
};

const seconds = (at) => Math.floor(at / 1000);
const isTime = (value) => Number.isInteger(value) && value >= 0 && value < TIME_BOUND;
const isText = (value, pattern) => typeof value === "string" && pattern.test(value);
const isWhole = (value, least, most) => Number.isInteger(value) && value >= least && value <= most;

/**
 * @param {object} fields instants in milliseconds
 * @param {{seq: number, digest: string, at: number}|null} fields.last of the record before (`at`: its `at`), null for the first
 * @param {string} fields.device
 * @param {number} fields.at the device's time
 * @param {string} fields.operation
 * @param {string} fields.service
 * @param {string} fields.point
 * @param {string} [fields.beneficiary] `holder` where none is given
 * @param {{card: string, proof: string|null}} fields.presentation plain tokens, as a judgement gives them
 * @param {string|null} fields.reason null for a grant, else the code told
 * @param {string|null} [fields.serverTime] `documents.state().serverTime`
 * @param {string|null} [fields.operator]
 * @param {string|null} [fields.reference]
 * @param {string|null} [fields.booking]
 * @param {number} [fields.companions]
 * @param {boolean} [fields.idChecked]
 * @param {boolean} [fields.notHolder]
 * @returns {Record<string, any>} the claims, in the order that devices write them; what is absent or false is left out. TokenError
 *   `bad-claims` for values that no server would take.
 */
export function makeRecord(fields) {
  const { last, presentation } = fields;
  const claims = { seq: last === null ? 1 : last.seq + 1, prev: last === null ? FIRST_PREV : last.digest };
  if (last !== null) claims.prev_at = seconds(last.at);
  Object.assign(claims, { device: fields.device, iat: seconds(fields.at) });
  Object.assign(claims, { operation: fields.operation, service: fields.service, point: fields.point });
  claims.beneficiary = fields.beneficiary ?? "holder";
  claims.shown = [presentation.card, presentation.proof].filter((part) => part !== null && part !== undefined);
  claims.outcome = fields.reason ? "denied" : "granted";
  const rest = {
    server_time: fields.serverTime, reason: fields.reason, operator: fields.operator, reference: fields.reference,
    booking: fields.booking, companions: fields.companions, id_checked: fields.idChecked, not_holder: fields.notHolder,
  };
  for (const [name, value] of Object.entries(rest)) if (value) claims[name] = value;
  check(claims, presentation);
  return claims;
}

function check(claims, presentation) {
  must(isWhole(claims.seq, 1, SEQ_MOST), "seq is not a number from 1");
  must(isOctets(claims.prev, 32), "prev is no digest");
  const isFirst = claims.seq === 1;
  must(isFirst === (claims.prev === FIRST_PREV), "the first record follows none, every other names the one before");
  must(isFirst ? claims.prev_at === undefined : isTime(claims.prev_at), "prev_at is the time of the one before");
  must(isTime(claims.iat), "iat is no time");
  must(isText(claims.operation, OPERATION), "operation is not written as it should be");
  for (const name of ["device", "service", "point"]) must(isText(claims[name], NAME), `${name} is not written as it should be`);
  must(BENEFICIARIES.includes(claims.beneficiary), "beneficiary is none that the programme knows");
  checkRest(claims);
  checkShown(claims.shown, presentation);
}

function checkRest(claims) {
  const patterns = { reason: REASON, operator: NAME, booking: NAME, reference: REFERENCE };
  for (const [name, pattern] of Object.entries(patterns)) {
    must(claims[name] === undefined || isText(claims[name], pattern), `${name} is not written as it should be`);
  }
  must(isWhole(claims.companions ?? 1, 1, COMPANIONS_MOST), "companions is not a number of people");
  must(claims.server_time === undefined || isText(claims.server_time, /^[^]{1,512}$/u), "server_time is not a text of its length");
  for (const name of ["id_checked", "not_holder"]) must((claims[name] ?? true) === true, `${name} is true or absent`);
}

function checkShown(shown, presentation) {
  try {
    const { card } = fromTokens(shown);
    must(card !== null && card === presentation.card, "shown lacks the card: a device offline grants to cards it knows alone");
  } catch (error) {
    if (error instanceof PresentationError) throw new TokenError("bad-claims", "shown is no presentation");
    throw error;
  }
}

/** Signs claims. @param {CryptoKey} privateKey @returns {Promise<string>} the record, a compact JWS */
export async function signRecord(claims, privateKey) {
  const text = await signToken({ privateKey }, HEADER, claims);
  must(text.length <= LENGTH_MOST, "a record has at most 6000 characters");
  return text;
}

/** What the next record's `prev` names: SHA-256 of header and claims. @returns {Promise<string>} 43 characters */
export async function recordDigest(text) {
  return b64u(await sha256(utf8(text.slice(0, text.lastIndexOf(".")))));
}

/** The instant (milliseconds) that a server signed with a receipt key of the bundle, for its issuer; else TokenError. */
export async function verifyTime(text, { keys, issuer }, at) {
  const { claims } = await verifyWithKeys(text, SERVER_TIME, keys, "receipt", at);
  must(claims.iss === issuer && [...issuer].length <= URI_MOST, "another issuer's time");
  return claims.iat * 1000;
}
