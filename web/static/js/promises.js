// Promises and what keeps them (docs/log-format.md): verified here, against the keys of a trust bundle, never by the
// server's word. An entry proof is C2SP tlog-proof; its checkpoint a signed note of the log.

import { b64u, sha256, unb64u, utf8 } from "./encoding.js";
import { verifyWithKeys } from "./offline/tokens.js";

/** A proof, a note or a key is malformed, or proves something else. */
export class ProofError extends Error {}

const PROMISE = {
  typ: "promise+jwt",
  headers: ["alg", "kid", "typ"],
  required: { iss: "str", iat: "int", by: "int", id: "str", leaf: "str" },
  optional: {},
  maxLength: 1024,
  maxLifetime: null,
};
const FIRST_LINE = "c2sp.org/tlog-proof@v1";
const MOST_CHARACTERS = 65536;
const SIGNATURE_LINE = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/;
const NUMBER = /^(?:0|[1-9][0-9]{0,15})$/;
const ED25519 = 1;
const ECDSA = 2;
const HASH_BYTES = 32;

function refuse(unless, message) {
  if (!unless) throw new ProofError(message);
}

function unbase64(text, message) {
  try {
    const bytes = unb64u(text.replaceAll("+", "-").replaceAll("/", "_").replace(/={1,2}$/, ""));
    refuse(text.length % 4 === 0, message);
    return bytes;
  } catch (error) {
    if (error instanceof ProofError) throw error;
    throw new ProofError(message);
  }
}

function joined(...parts) {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const same = (one, other) => one.length === other.length && one.every((byte, index) => byte === other[index]);
const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** The hash of an entry's bytes as the log has it (RFC 6962): base64url. @returns {Promise<string>} */
export const leafHash = async (bytes) => b64u(await sha256(joined(Uint8Array.of(0), bytes)));

/** The log's name for an issuer: its address without the scheme. */
export const originOf = (issuer) => `${issuer.replace(/^[^:]*:\/\//, "")}/v1/log`;

/**
 * The promise of an answer, its signature verified against the receipt keys of a bundle that `bundle.js` verified.
 * @returns {Promise<{id: string, leaf: string, madeAt: number, by: number}>} seconds; TokenError or ProofError otherwise
 */
export async function verifyPromise(text, bundle, atMs) {
  const { claims } = await verifyWithKeys(text, PROMISE, bundle.keys, "receipt", atMs);
  refuse(claims.iss === bundle.issuer, "another issuer's promise");
  refuse(claims.by >= claims.iat, "by is before iat");
  return { id: claims.id, leaf: claims.leaf, madeAt: claims.iat, by: claims.by };
}

/** @typedef {{name: string, id: Uint8Array, kind: number, key: CryptoKey}} NoteKey */

/** The keys by which a bundle lets checkpoints of its issuer's log be believed. @returns {Promise<NoteKey[]>} */
export async function logKeys(bundle) {
  const found = [...bundle.keys.values()].filter((one) => one.purpose === "log");
  return Promise.all(found.map(({ jwk: { x, y } }) => noteKeyOf(originOf(bundle.issuer), { kty: "EC", crv: "P-256", x, y })));
}

async function noteKeyOf(name, jwk) {
  const key = await crypto.subtle.importKey("jwk", jwk, { name: "ECDSA", namedCurve: "P-256" }, true, ["verify"]);
  const spki = new Uint8Array(await crypto.subtle.exportKey("spki", key));
  return { name, id: (await sha256(spki)).slice(0, 4), kind: ECDSA, key };
}

/** Reads a verifier key (`name+id+key`, C2SP signed-note) of either kind. @returns {Promise<NoteKey>} */
export async function parseVerifierKey(text) {
  const [name, id, ...rest] = text.trim().split("+");
  const data = unbase64(rest.join("+"), "not a verifier key");
  refuse(name && id && (data[0] === ED25519 || data[0] === ECDSA), "not a verifier key of a kind known here");
  const raw = data.slice(1);
  const prefixed = data[0] === ECDSA ? raw : joined(utf8(`${name}\n`), data);
  const found = (await sha256(prefixed)).slice(0, 4);
  refuse(hex(found) === id, "the key's id does not follow from the key");
  return { name, id: found, kind: data[0], key: await importNoteKey(data[0], raw) };
}

async function importNoteKey(kind, raw) {
  try {
    if (kind === ED25519) return await crypto.subtle.importKey("raw", raw, { name: "Ed25519" }, true, ["verify"]);
    return await crypto.subtle.importKey("spki", raw, { name: "ECDSA", namedCurve: "P-256" }, true, ["verify"]);
  } catch {
    throw new ProofError("not a key");
  }
}

// A DER signature as WebCrypto wants it: r and s, 32 bytes each. One spelling alone is taken.
function rawSignature(der) {
  refuse(der.length > 8 && der.length < 128 && der[0] === 0x30 && der[1] === der.length - 2, "a signature is malformed");
  const [r, next] = integerAt(der, 2);
  const [s, end] = integerAt(der, next);
  refuse(end === der.length, "a signature is malformed");
  return joined(r, s);
}

function integerAt(der, at) {
  const end = at + 2 + der[at + 1];
  const value = der.slice(at + 2, end);
  const spare = value.length > 1 && value[0] === 0;
  const whole = der[at] === 0x02 && end <= der.length && value.length > 0 && value[0] < 0x80;
  refuse(whole && (!spare || value[1] >= 0x80), "a signature is malformed");
  const bytes = spare ? value.slice(1) : value;
  refuse(bytes.length <= HASH_BYTES, "a signature is malformed");
  return [joined(new Uint8Array(HASH_BYTES - bytes.length), bytes), end];
}

async function holds(key, message, value) {
  if (key.kind === ED25519) return crypto.subtle.verify({ name: "Ed25519" }, key.key, value, message);
  return crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key.key, rawSignature(value), message);
}

function parseNote(note) {
  // eslint-disable-next-line no-control-regex
  refuse(!/[\x00-\x09\x0b-\x1f]/.test(note), "the note holds control characters");
  const cut = note.lastIndexOf("\n\n");
  refuse(cut >= 0 && note.endsWith("\n") && note.length > cut + 2, "the note has no signatures");
  const signatures = note.slice(cut + 2, -1).split("\n").map((line) => {
    const found = SIGNATURE_LINE.exec(line);
    refuse(found !== null, "a signature line is malformed");
    const value = unbase64(found[2], "a signature line is malformed");
    refuse(value.length >= 5, "a signature line is malformed");
    return { name: found[1], id: value.slice(0, 4), value: value.slice(4) };
  });
  return { text: `${note.slice(0, cut)}\n`, signatures };
}

/**
 * Reads a checkpoint that one of these keys signed, under its own origin. A signature of a known key that does not hold
 * spoils it. @returns {Promise<{origin: string, size: number, root: Uint8Array}>} ProofError otherwise
 */
export async function openCheckpoint(note, keys) {
  const { text, signatures } = parseNote(note);
  const signed = [];
  for (const { name, id, value } of signatures) {
    for (const key of keys.filter((one) => one.name === name && same(one.id, id))) {
      refuse(await holds(key, utf8(text), value), `the signature of ${name} does not hold`);
      signed.push(name);
    }
  }
  refuse(signed.length > 0, "no key that is trusted here signed this");
  const [origin, size, root, ...rest] = text.split("\n");
  refuse(origin && NUMBER.test(size) && rest.length === 1 && rest[0] === "", "not a checkpoint of three lines");
  const hash = unbase64(root, "the checkpoint's root is not base64");
  refuse(hash.length === HASH_BYTES, "the checkpoint's root is not 32 bytes long");
  refuse(signed.every((name) => name === origin), "the checkpoint is another log's");
  return { origin, size: Number(size), root: hash };
}

function parseProof(text) {
  refuse(text.length <= MOST_CHARACTERS, "the proof is too long");
  const cut = text.indexOf("\n\n");
  refuse(cut >= 0, "not a tlog-proof");
  const lines = text.slice(0, cut).split("\n");
  refuse(lines.shift() === FIRST_LINE, "not a tlog-proof");
  if (lines[0]?.startsWith("extra ")) lines.shift();
  const index = /^index (.*)$/.exec(lines.shift() ?? "")?.[1] ?? "";
  refuse(NUMBER.test(index), "the proof names no index");
  const path = lines.map((line) => unbase64(line, "a step of the proof is not base64"));
  refuse(path.every((step) => step.length === HASH_BYTES), "a hash is not 32 bytes long");
  return { index: Number(index), path, checkpoint: text.slice(cut + 2) };
}

// RFC 9162 §2.1.3.2. Numbers of entries stay below 2^53: halves are taken by division, since `>>` cuts to 32 bits.
async function climb(leaf, index, size, path) {
  refuse(index < size, "the tree has no such leaf");
  const half = (value) => Math.floor(value / 2);
  let [hash, number, last] = [leaf, index, size - 1];
  for (const step of path) {
    refuse(last > 0, "the proof is too long");
    const left = number % 2 === 1 || number === last;
    hash = await sha256(joined(Uint8Array.of(1), left ? step : hash, left ? hash : step));
    while (left && number % 2 === 0 && number > 0) [number, last] = [half(number), half(last)];
    [number, last] = [half(number), half(last)];
  }
  refuse(last === 0, "the proof is too short");
  return hash;
}

/**
 * Verifies that the entry with this hash (base64url) lies under a checkpoint that one of the keys signed.
 * @returns {Promise<{index: number, size: number, origin: string}>} ProofError otherwise
 */
export async function verifyProof(text, leaf, keys) {
  const { index, path, checkpoint } = parseProof(text);
  const { origin, size, root } = await openCheckpoint(checkpoint, keys);
  const hash = unbase64(`${leaf}=`, "the leaf's hash is no hash");
  refuse(hash.length === HASH_BYTES, "the leaf's hash is no hash");
  refuse(same(await climb(hash, index, size, path), root), "the proof leads to another root");
  return { index, size, origin };
}

/**
 * How a promise stands at `nowSeconds`, given what the server answered to it (`proof` null for none yet).
 * @returns {Promise<{state: "kept"|"pending"|"broken", index?: number, size?: number, why?: string}>}
 */
export async function standing(promise, proof, keys, nowSeconds) {
  if (proof === null) return nowSeconds <= promise.by ? { state: "pending" } : { state: "broken", why: "not in the log" };
  try {
    const { index, size } = await verifyProof(proof, promise.leaf, keys);
    return { state: "kept", index, size };
  } catch (error) {
    if (!(error instanceof ProofError)) throw error;
    return { state: "broken", why: error.message };
  }
}
