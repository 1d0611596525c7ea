// What cards and proofs say: their forms and their claims, every one accounted for (cards/claims.py, cards/proof.py).
// No clock, no key store. Instants come as milliseconds.

import { isKey, isOctets } from "./jwk.js";
import { isObject } from "./strictjson.js";
import { checkClaims, TokenError } from "./tokens.js";

const DAY = 86400;
const LIFETIME_MOST = { phone: 31 * DAY, chip: 3653 * DAY, tag: 3653 * DAY, print: 3653 * DAY };
export const URI_MOST = 200;
const NAME_MOST = 100;
const INDEX_MOST = 2 ** 31 - 1;
const TIER = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/;
const URI = /^https?:\/\/[!-~]+$/;
const ISSUER = /^[!-~]+$/;
const READER = /^[A-Za-z0-9_.:-]{1,64}$/;
// None of these sets grows with Unicode's versions: every reader refuses the same names (docs/card-format.md, Names).
const REFUSED_IN_NAMES = /[\p{Cc}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/u;

export const CARD = {
  typ: "card+jwt",
  headers: ["alg", "kid", "typ"],
  required: {
    iss: "str", sub: "str", jti: "str", tier: "str", form: "str", name: "str", iat: "int", nbf: "int", exp: "int",
    status: "dict",
  },
  optional: { cnf: "dict" },
  maxLength: 2000,
  maxLifetime: 3653 * DAY,
};

export const PROOF = {
  typ: "card-proof+jwt",
  headers: ["alg", "typ"],
  required: { iat: "int", aud: "str", jti: "str", ath: "str" },
  optional: {},
  maxLength: 600,
  maxLifetime: null,
};

export const CHIP_PROOF = {
  typ: "chip-proof+jwt",
  headers: ["alg", "typ"],
  required: { aud: "str", rdr: "str", nonce: "str", iat: "int", ath: "str" },
  optional: {},
  maxLength: 700,
  maxLifetime: null,
};

const bad = (detail) => new TokenError("bad-claims", detail);

/** Throws TokenError `bad-claims` where `holds` is false. */
export function must(holds, detail) {
  if (!holds) throw bad(detail);
}

const matches = (value, pattern, most) => [...value].length <= most && pattern.test(value);
const sameMembers = (value, names) => isObject(value) && Object.keys(value).sort().join() === names;

function checkName(name) {
  must(name.trim() !== "" && [...name].length <= NAME_MOST, "name is empty or too long");
  must(!REFUSED_IN_NAMES.test(name), "name holds a character that does not belong in a name");
}

function statusOf(status) {
  const entry = sameMembers(status, "status_list") ? status.status_list : null;
  must(sameMembers(entry, "idx,uri"), "status is not a reference to a status list");
  must(Number.isInteger(entry.idx) && entry.idx >= 0 && entry.idx <= INDEX_MOST, "idx is not an index");
  must(typeof entry.uri === "string" && matches(entry.uri, URI, URI_MOST), "uri is not written as it should be");
  return entry;
}

function keyIn(cnf, form) {
  const holdsKey = form === "phone" || form === "chip";
  if (cnf === undefined && !holdsKey) return null;
  const jwk = sameMembers(cnf, "jwk") ? cnf.jwk : null;
  must(holdsKey && sameMembers(jwk, "crv,kty,x,y"), "a phone and a chip name one P-256 key, a tag and a print none");
  must(isKey(jwk), "cnf is not a P-256 key");
  return jwk;
}

/**
 * The typed claims of a card; TokenError `bad-claims`. Asks nothing about the present instant, issuer or status.
 * @returns {{issuer: string, subject: string, id: string, tier: string, form: string, name: string, issuedAt: number,
 *   notBefore: number, expiresAt: number, key: Record<string, any>|null, statusUri: string, statusIndex: number}}
 */
export function parseCard(claims) {
  checkClaims(claims, CARD);
  const { form } = claims;
  must(Object.hasOwn(LIFETIME_MOST, form), "form is none of phone, chip, tag, print");
  const status = statusOf(claims.status);
  must(matches(claims.iss, ISSUER, URI_MOST), "iss is not written as it should be");
  must(isOctets(claims.sub, 16) && isOctets(claims.jti, 16), "sub and jti are base64url of 16 bytes");
  must(matches(claims.tier, TIER, 32), "tier is not written as it should be");
  checkName(claims.name);
  const key = keyIn(claims.cnf, form);
  must(claims.exp - claims.iat <= LIFETIME_MOST[form], "exp is further from iat than a card of this form may live");
  return {
    issuer: claims.iss, subject: claims.sub, id: claims.jti, tier: claims.tier, form, name: claims.name,
    issuedAt: claims.iat * 1000, notBefore: claims.nbf * 1000, expiresAt: claims.exp * 1000, key,
    statusUri: status.uri, statusIndex: status.idx,
  };
}

function commonOf(claims) {
  must([...claims.aud].length <= URI_MOST, "aud is not an audience");
  must(isOctets(claims.ath, 32), "ath is not base64url of 32 bytes");
  return { audience: claims.aud, issuedAt: claims.iat * 1000, cardDigest: claims.ath };
}

/** The typed claims of a phone's proof. @returns {{issuedAt: number, audience: string, id: string, cardDigest: string}} */
export function parseProof(claims) {
  checkClaims(claims, PROOF);
  must(isOctets(claims.jti, 16), "jti is not base64url of 16 bytes");
  return { ...commonOf(claims), id: claims.jti };
}

/** The typed claims of a chip's answer; `id` is its nonce. */
export function parseChipProof(claims) {
  checkClaims(claims, CHIP_PROOF);
  must(READER.test(claims.rdr), "rdr is not a device's id");
  must(isOctets(claims.nonce, 32), "nonce is not base64url of 32 bytes");
  return { ...commonOf(claims), reader: claims.rdr, id: claims.nonce };
}
