// Whether a presentation holds: steps 2 to 6 of docs/design.md §5, as cards/verify.py takes them. Stops at the first that fails.

import { bindingAt, fits } from "./binding.js";
import { CARD, CHIP_PROOF, parseCard, parseChipProof, parseProof, PROOF } from "./claims.js";
import { freshnessOf, statusAt } from "./status.js";
import { digest, LEEWAY_MS, TokenError, verifyText, verifyWithKeys } from "./tokens.js";

const PROOF_MOST_MS = 45_000;
const CHALLENGE_MOST_MS = 30_000;
const AHEAD_MOST_MS = 5_000;

/** How far a presentation proves that the card itself is here, least first. */
export const ASSURANCES = ["copyable", "counted", "proved"];

class Refusal extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

async function believed(text, trust, at) {
  try {
    // 2. and 3. Header, key, signature; 4. what of the claims never changes.
    const token = await verifyWithKeys(text, CARD, trust.keys, "card", at);
    return parseCard(token.claims);
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    throw new Refusal(error.reason === "malformed" ? "bad-signature" : error.reason);
  }
}

// 4. Issuer and time. The leeway is for two clocks at a card's birth; its end is exact (RFC 7519 §4.1.4).
function checkClaims(card, trust, at) {
  if (card.issuer !== trust.issuer) throw new Refusal("bad-claims");
  if (at < Math.max(card.notBefore, card.issuedAt) - LEEWAY_MS) throw new Refusal("not-yet-valid");
  if (at >= card.expiresAt) throw new Refusal("expired");
}

// 5. Status list, and whether the index is this card's own; gives the list's freshness.
async function checkStatus(card, trust, at) {
  const list = trust.lists.get(card.statusUri);
  const freshness = list === undefined ? "expired" : freshnessOf(list, at);
  const status = list === undefined ? null : statusAt(list, card.statusIndex);
  if (status === null || freshness === "expired") throw new Refusal("status-unknown");
  // When an older list was made, nobody had this card, and an index without a card is listed as revoked.
  if (status === "revoked" && card.issuedAt > list.issuedAt) throw new Refusal("status-unknown");
  if (status !== "valid") throw new Refusal(status);
  const bound = list.bindings ?? null;
  if (bound !== null && !(await fits(card, bindingAt(bound, card.statusIndex)))) throw new Refusal("revoked");
  return freshness;
}

function checkAge(issuedAt, at, most) {
  if (issuedAt - at > AHEAD_MOST_MS) throw new Refusal("clock-ahead");
  if (at - issuedAt > most) throw new Refusal("stale-proof");
}

// 6. The proof where the card names a key; null where the card can have none.
async function checkedProof(card, presentation, trust, at, outstanding) {
  if (card.key === null) {
    if (presentation.proof !== null) throw new Refusal("bad-proof");
    return null;
  }
  if (presentation.proof === null) throw new Refusal("proof-missing");
  const isChip = card.form === "chip";
  const proof = await signedProof(presentation.proof, card.key, isChip);
  const bound = proof.audience === trust.audience && proof.cardDigest === (await digest(presentation.card));
  if (!bound || (isChip && outstanding === null)) throw new Refusal("bad-proof");
  checkAge(proof.issuedAt, at, isChip ? CHALLENGE_MOST_MS : PROOF_MOST_MS);
  if (isChip && !outstanding(/** @type {any} */ (proof).reader, proof.id)) throw new Refusal("bad-proof");
  return proof;
}

async function signedProof(text, key, isChip) {
  try {
    const { claims } = await verifyText(text, isChip ? CHIP_PROOF : PROOF, key);
    return isChip ? parseChipProof(claims) : parseProof(claims);
  } catch (error) {
    if (error instanceof TokenError) throw new Refusal("bad-proof");
    throw error;
  }
}

/**
 * @param {{card: string, proof: string|null}} presentation the card found, where a proof stood alone
 * @param {Record<string, any>} trust of a documents' state
 * @param {number} at milliseconds
 * @param {object} [how]
 * @param {boolean} [how.idChecked]
 * @param {boolean} [how.provisional] a look: goes on without the ID compared
 * @param {string} [how.least] the least assurance the service takes
 * @param {((reader: string, nonce: string) => boolean)|null} [how.outstanding] whom a chip may answer; without it every
 *   chip's answer is refused
 * @returns {Promise<{reason: string|null, card: Record<string, any>|null, proof: Record<string, any>|null, assurance: string|null,
 *   freshness: string|null, needsIdCheck: boolean}>} `card` is known from step 4 on; `reason` null where it holds
 */
export async function verifyPresentation(presentation, trust, at, how = {}) {
  const { idChecked = false, provisional = false, least = "copyable", outstanding = null } = how;
  const found = { reason: null, card: null, proof: null, assurance: null, freshness: null, needsIdCheck: false };
  try {
    found.card = await believed(presentation.card, trust, at);
    checkClaims(found.card, trust, at);
    found.freshness = await checkStatus(found.card, trust, at);
    found.proof = await checkedProof(found.card, presentation, trust, at, outstanding);
    found.assurance = found.proof === null ? "copyable" : "proved";
    found.needsIdCheck = found.assurance !== "proved" && !idChecked;
    if (found.needsIdCheck && !provisional) throw new Refusal("id-check-needed");
    if (ASSURANCES.indexOf(found.assurance) < ASSURANCES.indexOf(least)) throw new Refusal("assurance-too-low");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    found.reason = error.reason;
  }
  return found;
}
