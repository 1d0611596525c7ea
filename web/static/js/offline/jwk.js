// P-256 public keys as JWK and their thumbprints (RFC 7638), held to what keys/jwk.py takes. Never a private key.

import { b64u, sha256, unb64u, utf8 } from "../encoding.js";
import { isObject } from "./strictjson.js";

const NEEDED = ["kty", "crv", "x", "y"];
const ALLOWED = new Set([...NEEDED, "kid", "use", "alg", "key_ops"]);
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

const has = (object, name) => Object.hasOwn(object, name);

/** Whether a value is canonical base64url of `size` bytes. */
export function isOctets(value, size) {
  return octets(value)?.length === size;
}

/** The bytes of canonical base64url, or null. */
export function octets(value) {
  if (typeof value !== "string") return null;
  try {
    return unb64u(value);
  } catch {
    return null;
  }
}

export const isThumbprint = (value) => typeof value === "string" && value.length === 43 && isOctets(value, 32);

/** Whether an object is a P-256 public key for ES256 signatures and nothing else, its point on the curve. */
export function isKey(jwk) {
  if (typeof jwk !== "object" || jwk === null || !NEEDED.every((name) => has(jwk, name))) return false;
  if (!Object.keys(jwk).every((name) => ALLOWED.has(name)) || jwk.kty !== "EC" || jwk.crv !== "P-256") return false;
  if (has(jwk, "kid") && !(typeof jwk.kid === "string" && jwk.kid && [...jwk.kid].length <= 128)) return false;
  if ((has(jwk, "use") && jwk.use !== "sig") || (has(jwk, "alg") && jwk.alg !== "ES256")) return false;
  if (has(jwk, "key_ops") && !(Array.isArray(jwk.key_ops) && jwk.key_ops.length === 1 && jwk.key_ops[0] === "verify")) return false;
  return isThumbprint(jwk.x) && isThumbprint(jwk.y) && isOnCurve(numberOf(jwk.x), numberOf(jwk.y));
}

/** @param {string} text @returns {bigint} */
const numberOf = (text) => [...unb64u(text)].reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

/** @param {bigint} x @param {bigint} y */
function isOnCurve(x, y) {
  return x < P && y < P && (y * y - (x * x * x - 3n * x + B)) % P === 0n;
}

/** The RFC 7638 thumbprint of a key that `isKey`. @returns {Promise<string>} 43 characters */
export async function thumbprint({ x, y }) {
  return b64u(await sha256(utf8(JSON.stringify({ crv: "P-256", kty: "EC", x, y }))));
}

/** A key to verify with. @returns {Promise<CryptoKey>} */
export async function importKey({ x, y }) {
  return crypto.subtle.importKey("jwk", { kty: "EC", crv: "P-256", x, y }, ALGORITHM, true, ["verify"]);
}

const MEMBERS = ["exp", "jwk", "kid", "nbf", "purpose"];
const PURPOSES = new Set(["root", "card", "status", "log", "receipt"]);
const TIME_BOUND = 253402300800;
const isTime = (value) => Number.isInteger(value) && value >= -62135596800 && value < TIME_BOUND;

/**
 * Reads one key of a bundle: `kid`, `purpose`, `nbf`, `exp`, `jwk`. @returns {Promise<Record<string, any>|null>} null unless it is
 * held to what keys/keyset.py takes
 */
export async function keyOf(value) {
  if (!isObject(value) || Object.keys(value).sort().join() !== MEMBERS.join()) return null;
  const { kid, purpose, nbf, exp, jwk } = value;
  if (!PURPOSES.has(purpose) || !isTime(nbf) || !isTime(exp) || nbf >= exp || !isKey(jwk)) return null;
  return kid === (await thumbprint(jwk)) ? { kid, purpose, nbf, exp, jwk } : null;
}

/** The key of this id, for this purpose, in its validity at `at` (milliseconds), or null. */
export function findKey(keys, kid, purpose, at) {
  const found = keys.get(kid);
  const inTime = found && found.nbf * 1000 <= at && at < found.exp * 1000;
  return inTime && found.purpose === purpose ? found : null;
}
