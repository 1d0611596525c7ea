// Status lists (IETF Token Status List): signed, held and asked as cards/status.py does. No clock; milliseconds.

import { must, URI_MOST } from "./claims.js";
import { inflateZlib, InflateError } from "./inflate.js";
import { octets } from "./jwk.js";
import { isObject } from "./strictjson.js";
import { LEEWAY_MS, TokenError, verifyWithKeys } from "./tokens.js";

const DAY = 86400;
const TTL_MOST = DAY;
const GRACE_MS = 60_000;
const INFLATED_MOST = 1 << 20;

const STATUS_LIST = {
  typ: "statuslist+jwt",
  headers: ["alg", "kid", "typ"],
  required: { sub: "str", iss: "str", iat: "int", exp: "int", ttl: "int", status_list: "dict", bundle: "int" },
  optional: {},
  maxLength: 131072,
  maxLifetime: 7 * DAY,
};

function octetsOf(claim) {
  must(isObject(claim) && Object.keys(claim).sort().join() === "bits,lst", "a status list is bits and lst");
  const packed = octets(claim.lst);
  must(Number.isInteger(claim.bits) && packed !== null, "bits is a number and lst base64url");
  must([1, 2, 4, 8].includes(claim.bits), "a list has 1, 2, 4 or 8 bits a status");
  try {
    const found = inflateZlib(packed, INFLATED_MOST);
    must(found.length > 0, "a list holds something");
    return found;
  } catch (error) {
    if (error instanceof InflateError) throw new TokenError("bad-claims", "lst does not inflate within its bounds");
    throw error;
  }
}

/**
 * Verifies a status list token. `seen`: the `iat` of the newest list of this name taken so far, in milliseconds.
 * @returns {Promise<{uri: string, issuedAt: number, expiresAt: number, ttlMs: number, bits: number, octets: Uint8Array}>}
 *   TokenError with a reason of cards/status.py: also `not-yet-valid`, `expired`, `rolled-back`, `bundle-too-old`
 */
export async function verifyStatusList(text, { keys, issuer, version }, uri, at, seen = null) {
  const { claims } = await verifyWithKeys(text, STATUS_LIST, keys, "status", at);
  must([...claims.sub].length <= URI_MOST && [...claims.iss].length <= URI_MOST, "sub and iss are short texts");
  must(claims.ttl > 0 && claims.ttl <= TTL_MOST && claims.bundle >= 1, "ttl is 1 to 86400, bundle a version from 1");
  const bytes = octetsOf(claims.status_list);
  must(claims.sub === uri && claims.iss === issuer, "the list has another name or another issuer");
  const [issuedAt, expiresAt] = [claims.iat * 1000, claims.exp * 1000];
  if (at < issuedAt - LEEWAY_MS) throw new TokenError("not-yet-valid");
  if (at >= expiresAt) throw new TokenError("expired");
  if (seen !== null && issuedAt < seen) throw new TokenError("rolled-back");
  if (version < claims.bundle) throw new TokenError("bundle-too-old");
  return { uri, issuedAt, expiresAt, ttlMs: claims.ttl * 1000, bits: claims.status_list.bits, octets: bytes };
}

/** How far a list may be relied on at `at`: `fresh`, `stale` (amber) or `expired`. */
export function freshnessOf(list, at) {
  if (at >= list.expiresAt) return "expired";
  return at - list.issuedAt <= list.ttlMs + GRACE_MS ? "fresh" : "stale";
}

/** What a list says of one card: `valid`, `revoked`, `suspended`, or null outside the list and for other numbers. */
export function statusAt({ bits, octets: bytes }, index) {
  if (index < 0 || index >= (bytes.length * 8) / bits) return null;
  const at = index * bits;
  const value = (bytes[Math.floor(at / 8)] >> at % 8) & ((1 << bits) - 1);
  return ["valid", "revoked", "suspended"][value] ?? null;
}
