// What a scanned or pasted text is, as far as the counter must know before it asks the server: nothing is verified here.

import { fromUtf8, unb64u } from "../encoding.js";

const BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const PACKED = /^YJ\d\d:/i;
const DIGITS = /^93\d{19,}$/;
const TOKEN = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+/;
const LINK = /^https?:\/\/[!-~]{1,160}\?p=[0-9A-Fa-f]{32}&c=[0-9A-Fa-f]{16}$/; // a counting tag's
const DELEGATED = /^71(?:[\s·.-]*\d){18}$/; // a code that a holder gave an employer's clerk
const GARBLED = 60; // nobody types so much by hand
const TURNED = /^EYj/; // a token's `eyJ` typed under caps lock

// Full-width characters come from an input method; white space around the text from a scanner.
export const clean = (text) => text.normalize("NFKC").trim();

export const looksPresented = (text) => PACKED.test(text) || DIGITS.test(text) || TOKEN.test(text) || LINK.test(text)
  || DELEGATED.test(text);

// Why a text that a scanner typed may be no code: the key of the sentence that says so, or null.
export function whyUnreadable(text) {
  if (TURNED.test(text)) return "problem.caps";
  return text.length >= GARBLED && !/\s\s/.test(text) ? "problem.layout" : null;
}

export const looksTurned = (text) => TURNED.test(text);

// Whether the text is a card without any proof, one that may be a copy, or a tag that only counts: then a look comes
// before the check-in.
export function isBareCard(text) {
  if (PACKED.test(text)) return hasNoProof(firstByteOfBase45(text.slice(5, 8).toUpperCase()));
  if (DIGITS.test(text)) return hasNoProof(firstByteOfDigits(text.slice(4, 21)));
  if (LINK.test(text) || DELEGATED.test(text)) return true;
  return !text.includes("~") && typeOf(text) === "card+jwt";
}

const hasNoProof = (first) => ((first >> 2) & 3) === 0 && (first & 3) !== 0;

function firstByteOfBase45(triple) {
  const [low, middle, high] = [...triple].map((character) => BASE45.indexOf(character));
  return (low + middle * 45 + high * 2025) >> 8;
}

function firstByteOfDigits(chunk) {
  return Number(BigInt(chunk) >> 48n);
}

function typeOf(token) {
  try {
    return JSON.parse(fromUtf8(unb64u(token.split(".")[0]))).typ;
  } catch {
    return null;
  }
}
