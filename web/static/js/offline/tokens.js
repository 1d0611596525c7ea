// Strict JWS tokens, as keys/tokens.py reads them: nothing of a token is guessed at, and nothing of it chooses a key.
// Instants are milliseconds since 1970 wherever a name says `Ms` or `at`; claims keep their whole seconds.

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

/**
 * @typedef {object} Form What one kind of token looks like.
 * @property {string} typ
 * @property {string[]} headers exactly these members
 * @property {Object<string, "str"|"int"|"bool"|"list"|"dict">} required
 * @property {Object<string, "str"|"int"|"bool"|"list"|"dict">} optional
 * @property {number} maxLength characters of the compact text
 * @property {number|null} maxLifetime seconds from `iat` to `exp`
 *
 * @typedef {{header: object, claims: object, text: string}} Token
 */

/** @returns {Token} of a text whose signature nobody has checked; TokenError `malformed` or `bad-claims`. */
export function parse(text, form) {
  throw new Error(`not written yet: ${text} ${form}`);
}

/** Verifies a parsed token against a JWK or a CryptoKey. @returns {Promise<Token>} TokenError as `verifyText`. */
export async function verify(token, jwk) {
  throw new Error(`not written yet: ${token} ${jwk}`);
}

/** SHA-256 of a token's ASCII text, base64url: what `ath` names. @returns {Promise<string>} 43 characters */
export async function digest(text) {
  throw new Error(`not written yet: ${text}`);
}
