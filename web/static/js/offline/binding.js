// Binding lists: which card an index of a status list belongs to, as cards/binding.py does. No clock; milliseconds.

import { b64u, sha256, utf8 } from "../encoding.js";
import { must, URI_MOST } from "./claims.js";
import { inflateZlib, InflateError } from "./inflate.js";
import { octets, thumbprint } from "./jwk.js";
import { LEEWAY_MS, TokenError, verifyWithKeys } from "./tokens.js";

const BINDING_BYTES = 10;
const SIZE_MOST = 1 << 20;
const CONTENT_MOST = 1 << 21;

const BINDING_LIST = {
  typ: "bindinglist+jwt",
  headers: ["alg", "kid", "typ"],
  required: { sub: "str", iss: "str", iat: "int", exp: "int", size: "int", content: "str" },
  optional: {},
  maxLength: 2000,
  maxLifetime: 7 * 86400,
};

const bitsOf = (octet) => {
  let count = 0;
  for (let left = octet; left; left &= left - 1) count += 1;
  return count;
};

/**
 * Verifies the signed statement of a binding list.
 * @returns {Promise<{uri: string, issuedAt: number, size: number, content: string}>} `content`: the SHA-256, base64url, of
 *   the octets that belong to it. TokenError with a reason of cards/binding.py
 */
export async function verifyBindings(token, { keys, issuer }, uri, at) {
  const { claims } = await verifyWithKeys(token, BINDING_LIST, keys, "status", at);
  must([...claims.sub].length <= URI_MOST && [...claims.iss].length <= URI_MOST, "sub and iss are short texts");
  must(claims.size > 0 && claims.size <= SIZE_MOST && claims.size % 8 === 0, "size is a multiple of 8");
  must(claims.sub === uri && claims.iss === issuer, "the binding list has another name or another issuer");
  if (at < claims.iat * 1000 - LEEWAY_MS) throw new TokenError("not-yet-valid");
  if (at >= claims.exp * 1000) throw new TokenError("expired");
  return { uri, issuedAt: claims.iat * 1000, size: claims.size, content: claims.content };
}

/**
 * Reads the content that a statement names. @returns {Promise<Record<string, any>>} for `bindingAt`; TokenError `bad-signature` where it
 * is another content, `malformed` where it is none
 */
export async function readBindings(text, { size, content }) {
  const packed = octets(text);
  if (packed === null) throw new TokenError("malformed", "the content is not base64url");
  if (b64u(await sha256(packed)) !== content) throw new TokenError("bad-signature", "another content than was signed");
  const data = inflated(packed);
  const bitmap = data.subarray(0, size / 8);
  const before = new Uint32Array(bitmap.length + 1);
  bitmap.forEach((octet, at) => { before[at + 1] = before[at] + bitsOf(octet); });
  const bindings = data.subarray(bitmap.length);
  if (bitmap.length * 8 !== size || bindings.length !== before[bitmap.length] * BINDING_BYTES) {
    throw new TokenError("malformed", "the bindings are not as many as the bitmap says");
  }
  return { bitmap, before, bindings };
}

function inflated(packed) {
  try {
    return inflateZlib(packed, CONTENT_MOST);
  } catch (error) {
    if (error instanceof InflateError) throw new TokenError("malformed", "the content does not inflate within its bounds");
    throw error;
  }
}

/** The binding of an index, or null where it has none. */
export function bindingAt({ bitmap, before, bindings }, index) {
  const [place, bit] = [index >> 3, index & 7];
  if (index < 0 || place >= bitmap.length || !((bitmap[place] >> bit) & 1)) return null;
  const start = (before[place] + bitsOf(bitmap[place] & ((1 << bit) - 1))) * BINDING_BYTES;
  return bindings.subarray(start, start + BINDING_BYTES);
}

async function isHashOf(binding, parts) {
  const hash = await sha256(utf8(parts.join("\n")));
  return binding.every((byte, at) => byte === hash[at]);
}

/** Whether an index with this binding is the card's own: bound to the whole card, or to its drawn id. */
export async function fits(card, binding) {
  if (binding === null) return false;
  const place = [card.statusUri, card.statusIndex];
  const key = card.key === null ? "" : await thumbprint(card.key);
  const said = [card.issuer, card.subject, card.id, card.tier, card.form, card.name, key];
  return (await isHashOf(binding, ["card", ...place, ...said])) || isHashOf(binding, ["pool", ...place, card.id]);
}
