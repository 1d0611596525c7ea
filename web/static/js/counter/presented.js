// What a scanned or pasted text is, as far as the counter must know before it asks the server: nothing is verified here.

import { fromBase45 } from "../base45.js";
import { fromUtf8, unb64u } from "../encoding.js";
import { undone } from "../transport.js";

const PACKED = /^YJ\d\d:/i;
const DIGITS = /^93\d{19,}$/;
const TOKEN = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+/;
const LINK = /^https?:\/\/[!-~]{1,160}\?p=[0-9A-Fa-f]{32}&c=[0-9A-Fa-f]{16}$/; // a counting tag's
const DELEGATED = /^71(?:[\s·.-]*\d){18}$/; // a code that a holder gave an employer's clerk
const GARBLED = 60; // nobody types so much by hand
const [ABSENT, PACKED_PART] = [0, 1];
const PROOF_BYTES = 84; // time, id and signature; 32 more name the card where it does not stand beside the proof
const DIGEST_BYTES = 32;
const SIGNATURE = /^[A-Za-z0-9_-]{86}$/;
const TURNED = /^EYj/; // a token's `eyJ` typed under caps lock

// What an input method, a scanner or a message did to the text on its way is undone.
export const clean = undone;

export const looksPresented = (text) => PACKED.test(text) || DIGITS.test(text) || TOKEN.test(text) || LINK.test(text)
  || DELEGATED.test(text);

export const isDelegated = (text) => DELEGATED.test(text);

// Why a text that a scanner typed may be no code: the key of the sentence that says so, or null.
export function whyUnreadable(text) {
  if (TURNED.test(text)) return "problem.caps";
  return text.length >= GARBLED && !/\s\s/.test(text) ? "problem.layout" : null;
}

export const looksTurned = (text) => TURNED.test(text);

// Whether the text is a card without any proof, one that may be a copy, or a tag that only counts: then a look comes
// before the check-in.
export function isBareCard(text) {
  const first = bodyOf(text)?.[0];
  if (first !== undefined) return hasNoProof(first);
  if (LINK.test(text) || isDelegated(text)) return true;
  return !text.includes("~") && typeOf(text) === "card+jwt";
}

const hasNoProof = (first) => ((first >> 2) & 3) === ABSENT && (first & 3) !== ABSENT;

// The bytes of a wire form; undefined for any other text, and for one that a bad read has cut.
function bodyOf(text) {
  if (PACKED.test(text)) return fromBase45(text.slice(5).toUpperCase()) ?? firstOf(fromBase45(text.slice(5, 8).toUpperCase()));
  return DIGITS.test(text) ? Uint8Array.of(firstByteOfDigits(text.slice(4, 21))) : undefined;
}

const firstOf = (bytes) => (bytes?.length ? bytes.subarray(0, 1) : undefined);

function firstByteOfDigits(chunk) {
  return Number(BigInt(chunk) >> 48n);
}

// What names the card of a text, so that the next code of the same card is known for the same visitor's: a phone shows
// another text every fifteen seconds. The text itself where that cannot be told.
export function cardIn(text) {
  const body = PACKED.test(text) ? fromBase45(text.slice(5).toUpperCase()) : null;
  if (body?.length) return cardInBody(body, text);
  const [first, second] = text.split("~");
  if (second !== undefined) return first;
  return claimsOf(first)?.ath ?? text;
}

function cardInBody(body, text) {
  const [card, proof] = [body[0] & 3, (body[0] >> 2) & 3];
  if (proof !== PACKED_PART) return text;
  const at = 1 + 4 + 16;
  const named = card === ABSENT ? body.subarray(at, at + DIGEST_BYTES) : body.subarray(1 + PROOF_BYTES);
  return named.join(".");
}

// Whether a text that came without Enter can be whole: a scanner may only have paused.
export function looksWhole(text) {
  if (isDelegated(text) || LINK.test(text)) return true;
  if (DIGITS.test(text)) return false;
  if (PACKED.test(text)) {
    const body = fromBase45(text.slice(5).toUpperCase());
    return body !== null && (body[0] & 3) === ABSENT && body.length === 1 + PROOF_BYTES + DIGEST_BYTES;
  }
  return text.split("~").every((token) => SIGNATURE.test(token.split(".")[2] ?? ""));
}

const typeOf = (token) => partOf(token, 0)?.typ ?? null;
const claimsOf = (token) => partOf(token, 1);

function partOf(token, place) {
  try {
    return JSON.parse(fromUtf8(unb64u(token.split(".")[place])));
  } catch {
    return null;
  }
}
