// The trust bundle: whom to trust, where status lists lie, which programme applies (keys/bundle.py, decisions/0010).
// One compact JWS by the pinned root or, during a roll-over, two over the same payload, joined by `~`.

import { isKey, isThumbprint, keyOf, thumbprint } from "./jwk.js";
import { isObject } from "./strictjson.js";
import { LEEWAY_MS, parse, TokenError, verify } from "./tokens.js";

const LIFETIME = 90 * 86400;
const KEYS_MOST = 64;
const LISTS_MOST = 256;
const URI = /^https?:\/\/[!-~]{1,500}$/;
const SHA256_HEX = /^[0-9a-f]{64}$/;

const BUNDLE = {
  typ: "trust-bundle+jwt",
  headers: ["alg", "kid", "typ"],
  required: {
    iss: "str", ver: "int", iat: "int", exp: "int", root: "dict", keys: "list", status_lists: "list", programme: "dict",
  },
  optional: { next_root: "dict" },
  maxLength: 65536,
  maxLifetime: LIFETIME,
};

function must(holds, detail, reason = "bad-claims") {
  if (!holds) throw new TokenError(reason, detail);
}

function tokensOf(text) {
  must(typeof text === "string" && text.length <= 2 * BUNDLE.maxLength + 1, "too long", "malformed");
  const signed = text.split("~");
  must(signed.length <= 2, "a document has one signature, or two during a roll-over", "malformed");
  const tokens = signed.map((part) => parse(part, BUNDLE));
  must(new Set(signed.map((part) => part.split(".")[1])).size === 1, "the two roots signed different payloads", "malformed");
  return tokens;
}

// The roots that a document names, by thumbprint, once they are those of its headers, in their order.
async function rootsOf(tokens) {
  const { root, next_root: next } = tokens[0].claims;
  const named = [root, next].filter((jwk) => jwk !== undefined);
  must(named.every(isKey), "a root's key");
  const kids = await Promise.all(named.map(thumbprint));
  const same = kids.length === tokens.length && kids.every((kid, at) => kid === tokens[at].header.kid);
  must(same && new Set(kids).size === named.length, "the signatures are not those of the roots named", "unknown-root");
  return new Map(kids.map((kid, at) => [kid, named[at]]));
}

async function keysOf(listed) {
  must(listed.length <= KEYS_MOST, "too many keys");
  const keys = await Promise.all(listed.map(keyOf));
  must(keys.every((key) => key !== null && key.purpose !== "root"), "a key of the bundle");
  const byKid = new Map(keys.map((key) => [key.kid, key]));
  must(byKid.size === keys.length, "two keys of a set have one kid");
  return byKid;
}

function checkLists(lists) {
  must(lists.length <= LISTS_MOST && new Set(lists).size === lists.length, "too many status lists, or one named twice");
  must(lists.every((uri) => typeof uri === "string" && URI.test(uri)), "a status list is named by an address");
}

function programmeOf(pin) {
  const members = isObject(pin) && Object.keys(pin).sort().join();
  must(members === "effective_at,sha256,version", "a programme is pinned by version, sha256 and effective_at");
  const { version, sha256, effective_at: effectiveAt } = pin;
  must(typeof version === "string" && version !== "" && [...version].length <= 64, "a programme's version");
  must(typeof sha256 === "string" && SHA256_HEX.test(sha256) && Number.isInteger(effectiveAt), "a programme's sha256");
  return { version, sha256, effectiveAt: effectiveAt * 1000 };
}

/**
 * Verifies a bundle document under the pinned root (a thumbprint), at `at`, no older than `seenVersion`.
 * @returns {Promise<{version: number, issuer: string, issuedAt: number, expiresAt: number, keys: Map<string, object>,
 *   statusLists: string[], programme: {version: string, sha256: string, effectiveAt: number}, pin: string}>} `pin`: the
 *   root to pin from now on. TokenError with a reason of keys/bundle.py: also `unknown-root`, `not-yet-valid`, `expired`,
 *   `rolled-back`
 */
export async function verifyBundle(text, pinnedRoot, at, seenVersion = 0) {
  must(isThumbprint(pinnedRoot), "no root is pinned", "unknown-root");
  const tokens = tokensOf(text);
  const roots = await rootsOf(tokens);
  must(roots.has(pinnedRoot), "the document is not signed by the pinned root", "unknown-root");
  // The pinned root first: until its signature holds, the document has not even said what the other root is.
  const ordered = [...tokens].sort((one, other) => Number(other.header.kid === pinnedRoot) - Number(one.header.kid === pinnedRoot));
  for (const token of ordered) await verify(token, roots.get(token.header.kid));
  const bundle = await bundleOf(tokens[0].claims);
  must(![...bundle.keys.keys()].some((kid) => roots.has(kid)), "a root key serves no other purpose");
  must(bundle.version >= seenVersion, "older than one seen before", "rolled-back");
  must(at >= bundle.issuedAt - LEEWAY_MS, "from the future", "not-yet-valid");
  must(at < bundle.expiresAt, "over", "expired");
  return { ...bundle, pin: [...roots.keys()].at(-1) };
}

async function bundleOf(claims) {
  must(claims.ver >= 1 && claims.exp > claims.iat, "versions count from 1");
  const keys = await keysOf(claims.keys);
  checkLists(claims.status_lists);
  return {
    version: claims.ver, issuer: claims.iss, issuedAt: claims.iat * 1000, expiresAt: claims.exp * 1000, keys,
    statusLists: claims.status_lists, programme: programmeOf(claims.programme),
  };
}
