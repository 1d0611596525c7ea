// The record of a check-in that this device made while it was offline, exactly as cards/offline_record.py reads it
// (docs/offline.md). Each is signed by the device's own key, numbered, and names the one before it.

/** What a device's first record names as the one before it. */
export const FIRST_PREV = "A".repeat(43);

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
 * @returns {object} the claims, in the order that devices write them; what is absent or false is left out. TokenError
 *   `bad-claims` for values that no server would take.
 */
export function makeRecord(fields) {
  throw new Error(`not written yet: ${fields}`);
}

/** Signs claims. @param {CryptoKey} privateKey @returns {Promise<string>} the record, a compact JWS */
export async function signRecord(claims, privateKey) {
  throw new Error(`not written yet: ${claims} ${privateKey}`);
}

/** What the next record's `prev` names: SHA-256 of header and claims. @returns {Promise<string>} 43 characters */
export async function recordDigest(text) {
  throw new Error(`not written yet: ${text}`);
}
