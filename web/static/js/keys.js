// A P-256 key of this device: made by WebCrypto, not extractable, kept in IndexedDB. It signs compact JWS tokens.

import { b64u, randomBytes, utf8 } from "./encoding.js";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" };

export const canKeepKeys = () => Boolean(globalThis.crypto?.subtle && globalThis.indexedDB);

export async function makeKey() {
  const pair = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  return { privateKey: pair.privateKey, jwk: { kty, crv, x, y } };
}

export async function signBytes(key, bytes) {
  return new Uint8Array(await crypto.subtle.sign(SIGNATURE, key.privateKey, bytes));
}

export async function signToken(key, header, claims) {
  const input = `${b64u(utf8(JSON.stringify(header)))}.${b64u(utf8(JSON.stringify(claims)))}`;
  return `${input}.${b64u(await signBytes(key, utf8(input)))}`;
}

export const newTokenId = () => b64u(randomBytes(16));
