// A check-in judged without the server: steps 1 to 8 of DESIGN §5 as cards/verify.py and verifier/rules.py take them,
// then the rules of a device that is offline. Writes nothing: record first, then tell (docs/offline.md).

/**
 * @typedef {object} Use One check-in of this device, online or offline.
 * @property {string} service
 * @property {string} subject the card's `sub` (`card.subject` of the judgement)
 * @property {string} [point]
 * @property {number} at milliseconds
 * @property {boolean} granted
 * @property {boolean} [offline] judged here (counts to `offline_limit`)
 * @property {boolean} [voided]
 * @property {boolean} [checkedOut]
 * @property {string|null} [card] the card's id (`card.id`), with `proof`: what a proof used before is known by
 * @property {string|null} [proof] `used.proof` of its judgement: the proof's jti or the chip's nonce
 * @property {number|null} [visitEndsAt] milliseconds
 *
 * @typedef {object} Judgement
 * @property {"granted"|"denied"} outcome
 * @property {string|null} reason a code of docs/reasons.md
 * @property {string[]} needs `id_check`: an operator has still to compare the person's ID (then `outcome` is `denied`
 *   with `id-check-needed`: ask, and judge again with `idChecked`)
 * @property {{id: string, subject: string, tier: string, name: string, form: string, expiresAt: number}|null} card known
 *   from step 4 on
 * @property {"proved"|"counted"|"copyable"|null} assurance of a card that held
 * @property {{card: string, proof: string|null}} presentation plain tokens, for the record's `shown`
 * @property {"fresh"|"stale"|"expired"} freshness of the status list relied on
 * @property {"believed"|"unsure"} clock
 * @property {{startedAt: number, endsAt: number}} [visit] of a grant; with `already-in` the one that is running
 * @property {{limit: number|null, used: number, left: number|null, unit: string, period: string}} [offline] of what this
 *   device may still grant this holder, after this use
 * @property {{card: string, proof: string|null}} used what to keep with the use (see `Use`)
 */

/**
 * @param {object} asked
 * @param {string} asked.text as scanned
 * @param {string} asked.service code
 * @param {string} [asked.beneficiary] `holder` where none is given
 * @param {boolean} [asked.idChecked]
 * @param {boolean} [asked.notHolder]
 * @param {number} asked.at milliseconds, by the clock corrected as well as this device can
 * @param {import("./documents.js").State} asked.documents `await documents.state(at)`
 * @param {(ath: string) => Promise<string|null>} asked.seen the text of a card seen before, by the digest (43 characters)
 *   that proofs name it with; keep each card under `await digest(text)` of tokens.js
 * @param {Use[]} asked.uses this device's uses of (at least) this holder, or all of them
 * @param {string} asked.point code
 * @returns {Promise<{problem: "malformed"|"card-unknown"|"no-documents"|"clock-back"|"service-unknown"}|Judgement>}
 *   a problem is no entry and says nothing against the card
 */
export async function judge(asked) {
  throw new Error(`not written yet: ${asked}`);
}

/**
 * Steps 1 to 6 alone, as anyone may ask (POST /v1/public-checks): a phone's card without its proof is valid, not proved.
 * @returns {Promise<{problem: string}|{valid: boolean, reason: string|null, tier: string|null, validUntil: number|null,
 *   proved: boolean, freshness: string}>}
 */
export async function check({ text, at, documents }) {
  throw new Error(`not written yet: ${text} ${at} ${documents}`);
}
