// What a scanned or pasted text is, as far as the counter must know before it asks the server: nothing is verified here.

import { fromUtf8, unb64u } from "../encoding.js";

const BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const PACKED = /^YJ\d\d:/i;
const DIGITS = /^93\d{19,}$/;
const TOKEN = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+/;
const TURNED = /^EYj/; // a token's `eyJ` typed under caps lock

// Full-width characters come from an input method; white space around the text from a scanner.
export const clean = (text) => text.normalize("NFKC").trim();

export const looksPresented = (text) => PACKED.test(text) || DIGITS.test(text) || TOKEN.test(text);

export const looksTurned = (text) => TURNED.test(text);

// Whether the text is a card without any proof, one that may be a copy: then a look comes before the check-in.
export function isBareCard(text) {
  if (PACKED.test(text)) return hasNoProof(firstByteOfBase45(text.slice(5, 8).toUpperCase()));
  if (DIGITS.test(text)) return hasNoProof(firstByteOfDigits(text.slice(4, 21)));
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
