// Strict JWS tokens, as keys/tokens.py reads them: nothing of a token is guessed at, and nothing of it chooses a key.
// Instants are milliseconds since 1970 wherever a name says `Ms` or `at`; claims keep their whole seconds.

import { b64u, sha256, utf8 } from "../encoding.js";
import { findKey, importKey, isThumbprint, octets, thumbprint } from "./jwk.js";
import { isObject, JsonError, readJson } from "./strictjson.js";

/**
 * A token is refused. `reason`: `malformed`, `unknown-key`, `bad-signature` or `bad-claims`.
 */
export class TokenError extends Error {
  constructor(reason, detail = "") {
    super(detail || reason);
    this.reason = reason;
  }
}

/** How far two honest clocks may differ, in milliseconds: the one figure for every comparison of a token's time. */
export const LEEWAY_MS = 5000;

const HEADER_MOST = 1024;
const TEXT_MOST = 512;
const DEPTH_MOST = 8;
const INTEGER_BOUND = 2 ** 53;
const TIME_BOUND = 253402300800;
const TIMES = ["iat", "nbf", "exp"];
const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{86})$/;
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" };
const IS = {
  str: (value) => typeof value === "string",
  int: (value) => Number.isInteger(value),
  bool: (value) => typeof value === "boolean",
  list: Array.isArray,
  dict: isObject,
};

/**
 * @typedef {object} Form What one kind of token looks like.
 * @property {string} typ
 * @property {string[]} headers exactly these members
 * @property {Object<string, "str"|"int"|"bool"|"list"|"dict">} required
 * @property {Object<string, "str"|"int"|"bool"|"list"|"dict">} optional
 * @property {number} maxLength characters of the compact text
 * @property {number|null} maxLifetime seconds from `iat` to `exp`
 *
 * @typedef {{header: Record<string, any>, claims: Record<string, any>, text: string}} Token
 */

const malformed = (detail) => new TokenError("malformed", detail);
const badClaims = (detail) => new TokenError("bad-claims", detail);

function split(text, form) {
  if (typeof text !== "string" || text.length > form.maxLength) throw malformed("no text, or too long");
  // `$` of JavaScript without the flag m forgives no line feed.
  const parts = COMPACT.exec(text);
  if (parts === null) throw malformed("not three base64url segments, the last of 64 bytes");
  return parts;
}

function objectOf(segment, maxBytes) {
  const bytes = octets(segment);
  if (bytes === null) return null;
  try {
    const value = readJson(bytes, { maxBytes, maxDepth: DEPTH_MOST });
    return isObject(value) ? value : null;
  } catch (error) {
    if (error instanceof JsonError) return null;
    throw error;
  }
}

function headerOf(segment, form) {
  const header = segment.length > HEADER_MOST ? null : objectOf(segment, HEADER_MOST);
  if (header === null) throw malformed("the header is no JSON object");
  const same = Object.keys(header).sort().join() === [...form.headers].sort().join();
  if (!same || header.alg !== "ES256" || header.typ !== form.typ) throw malformed("another header");
  if (form.headers.includes("kid") && !isThumbprint(header.kid)) throw malformed("kid is no thumbprint");
  return header;
}

function claimsOf(segment, form) {
  const claims = objectOf(segment, form.maxLength);
  if (claims === null) throw badClaims("the claims are no JSON object, or one with a key given twice");
  checkClaims(claims, form);
  return claims;
}

/** Throws TokenError `bad-claims` unless every claim is expected, present, typed and in bounds, and the times agree. */
export function checkClaims(claims, form) {
  if (!Object.keys(form.required).every((name) => Object.hasOwn(claims, name))) throw badClaims("a claim is missing");
  for (const [name, value] of Object.entries(claims)) {
    const known = [form.required, form.optional].find((kinds) => Object.hasOwn(kinds, name));
    if (known === undefined) throw badClaims("a claim that this form does not know");
    const kind = known[name];
    checkValue(name, value, kind);
  }
  checkTimes(claims, form.maxLifetime);
}

function checkValue(name, value, kind) {
  if (!IS[kind](value)) throw badClaims(`${name} is not of type ${kind}`);
  if (kind === "str" && (value === "" || [...value].length > TEXT_MOST)) throw badClaims(`${name} is empty or too long`);
  const bound = TIMES.includes(name) ? TIME_BOUND : INTEGER_BOUND;
  if (kind === "int" && (value < 0 || value >= bound)) throw badClaims(`${name} is out of bounds`);
}

function checkTimes({ iat, nbf, exp }, maxLifetime) {
  if (exp === undefined) return;
  if (iat >= exp || nbf >= exp) throw badClaims("exp is not after iat and nbf");
  if (maxLifetime !== null && exp - iat > maxLifetime) throw badClaims("lives too long");
}

async function checkSignature(parts, key) {
  const signature = octets(parts[3]);
  if (signature === null) throw malformed("the signature is not canonical base64url");
  const input = utf8(parts[0].slice(0, parts[0].lastIndexOf(".")));
  if (!(await crypto.subtle.verify(SIGNATURE, key, signature, input))) throw new TokenError("bad-signature");
}

const isCryptoKey = (key) => key instanceof CryptoKey;

// A key in hand is a JWK or a CryptoKey that may be read: `kid`, where the form has it, must name that very key.
async function checkKid(header, key) {
  if (header.kid === undefined) return;
  const jwk = isCryptoKey(key) ? await crypto.subtle.exportKey("jwk", key) : key;
  if (header.kid !== (await thumbprint(jwk))) throw new TokenError("unknown-key", "the token names another key");
}

const usable = async (key) => (isCryptoKey(key) ? key : importKey(key));

/** @returns {Token} of a text whose signature nobody has checked; TokenError `malformed` or `bad-claims`. */
export function parse(text, form) {
  const parts = split(text, form);
  return { header: headerOf(parts[1], form), claims: claimsOf(parts[2], form), text };
}

/**
 * Verifies a parsed token against a JWK that `isKey`, or a CryptoKey. @returns {Promise<Token>} the same token; TokenError
 * `malformed` (its signature is not written canonically), `unknown-key` (`kid` is another key's) or `bad-signature`.
 */
export async function verify(token, key) {
  await checkKid(token.header, key);
  await checkSignature(COMPACT.exec(token.text), await usable(key));
  return token;
}

/** Verifies a text against one key in hand, in the order header, key, signature, claims. @returns {Promise<Token>} */
export async function verifyText(text, form, key) {
  const parts = split(text, form);
  const header = headerOf(parts[1], form);
  await checkKid(header, key);
  await checkSignature(parts, await usable(key));
  return { header, claims: claimsOf(parts[2], form), text };
}

/**
 * Verifies a text against the key of a bundle that its `kid` names, of this purpose, valid at `at`.
 * @param {Map<string, object>} keys by kid, as `bundle.js` gives them
 * @returns {Promise<Token>} TokenError as `verifyText`
 */
export async function verifyWithKeys(text, form, keys, purpose, at) {
  const parts = split(text, form);
  const header = headerOf(parts[1], form);
  const found = findKey(keys, header.kid, purpose, at);
  if (found === null) throw new TokenError("unknown-key");
  await checkSignature(parts, await importKey(found.jwk));
  return { header, claims: claimsOf(parts[2], form), text };
}

/** The header of any token, read and not checked further: an object or null. */
export function headerIn(text) {
  const segment = text.split(".", 1)[0];
  return segment.length > HEADER_MOST ? null : objectOf(segment, HEADER_MOST);
}

/** Whether a token's last 86 characters are a signature written canonically. */
export const hasCanonicalSignature = (text) => octets(text.slice(-86)) !== null;

/** SHA-256 of a token's ASCII text, base64url: what `ath` names. @returns {Promise<string>} 43 characters */
export async function digest(text) {
  return b64u(await sha256(utf8(text)));
}

