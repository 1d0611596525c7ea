// Reading what was scanned, tapped or pasted: plain tokens, the wire form in base45, its digits (docs/card-format.md).
// The reader of cards/presentation.py and cards/wire.py, byte for byte. Nothing is verified here.

import { fromBase45 as decoded } from "../base45.js";
import { b64u, utf8 } from "../encoding.js";
import { undone, withBlanks } from "../transport.js";
import { CARD, CHIP_PROOF, PROOF } from "./claims.js";
import { inflateRaw, InflateError } from "./inflate.js";
import { digest, hasCanonicalSignature, headerIn, parse, TokenError } from "./tokens.js";

/** The text is no presentation; `reason` is always `malformed`. */
export class PresentationError extends Error {
  constructor() {
    super("not a presentation");
    this.reason = "malformed";
  }
}

const TEXT_MOST = 4096;
const INFLATED_MOST = 8192;
// eslint-disable-next-line no-control-regex -- ASCII is what a presentation is made of
const ASCII = /^[\x00-\x7f]*$/;
const PACKED_TEXT = /^YJ(\d\d):([^]*)$/i;
const PACKED_DIGITS = /^93(\d\d)(\d+)$/;
const TOKEN_TEXT = /^[A-Za-z0-9._-]+$/;
const [ABSENT, PACKED, RAW] = [0, 1, 2];
const [ID_BYTES, HASH_BYTES, SIGNATURE_BYTES] = [16, 32, 64];
const [ID_MARK, HASH_MARK, HEADER_END, QUOTE] = [0, 1, 2, 34];
// A last chunk of fewer than seventeen digits holds fewer than seven bytes.
const BYTES_OF = { 3: 1, 5: 2, 8: 3, 10: 4, 13: 5, 15: 6, 17: 7 };
const FORMS = new Map([CARD, PROOF, CHIP_PROOF].map((form) => [form.typ, form]));

/** @returns {never} */
function refuse() {
  throw new PresentationError();
}

/**
 * The preset dictionary of a programme (docs/card-format.md): skeleton 1 with its `iss` and status base written in.
 * @param {{issuer: string, status_base: string, wire_dictionary: number, audience: string}} programme
 */
export function dictionaryOf({ issuer, status_base: base, wire_dictionary: number, audience }) {
  const content =
    '"chip""tag""print"{"alg":"ES256","kid":"\x01","typ":"card+jwt"}\x02' +
    `{"iss":"${issuer}","sub":"\x00","jti":"\x00","tier":"","form":"phone","name":"****************",` +
    '"iat":18,"nbf":18,"exp":18,"cnf":{"jwk":{"kty":"EC","crv":"P-256","x":"\x01","y":"\x01"}},' +
    `"status":{"status_list":{"idx":1,"uri":"${base}0"}}}`;
  return { number, content: utf8(content), audience };
}

/** The bytes of a base45 text (RFC 9285), upper case; PresentationError for any other. */
export const fromBase45 = (text) => decoded(text) ?? refuse();

/** The bytes of the digits variant; PresentationError for a text that no packer wrote so. */
export function fromDigits(digits) {
  const bytes = [];
  for (let at = 0; at < digits.length; at += 17) {
    const chunk = digits.slice(at, at + 17);
    const size = BYTES_OF[chunk.length] ?? refuse();
    const number = BigInt(chunk);
    if (number >> BigInt(8 * size)) refuse();
    for (let place = size - 1; place >= 0; place -= 1) bytes.push(Number((number >> BigInt(8 * place)) & 0xffn));
  }
  return Uint8Array.from(bytes);
}

// Takes a body apart from front to back and never reads beyond it.
class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(size) {
    const piece = this.bytes.subarray(this.at, this.at + size);
    if (piece.length !== size) refuse();
    this.at += size;
    return piece;
  }

  takeCounted() {
    const [high, low] = this.take(2);
    return this.take(high * 256 + low);
  }

  takeRaw() {
    const text = String.fromCharCode(...this.takeCounted());
    return TOKEN_TEXT.test(text) ? text : refuse();
  }

  end() {
    if (this.at !== this.bytes.length) refuse();
  }
}

function takeProof(reader, kind, hasCard) {
  if (kind === ABSENT) return null;
  if (kind === RAW) return reader.takeRaw();
  if (kind !== PACKED) refuse();
  const issuedAt = reader.take(4).reduce((sum, byte) => sum * 256 + byte, 0);
  const id = reader.take(ID_BYTES);
  const ath = hasCard ? null : reader.take(HASH_BYTES);
  return { issuedAt, id, ath, signature: reader.take(SIGNATURE_BYTES) };
}

function takeCard(reader, kind, dictionary) {
  if (kind === ABSENT) return null;
  if (kind === RAW) return reader.takeRaw();
  if (kind !== PACKED) refuse();
  const signature = reader.take(SIGNATURE_BYTES);
  const skeleton = inflated(reader.takeCounted(), dictionary.content);
  const end = skeleton.indexOf(HEADER_END);
  if (end < 1 || end === skeleton.length - 1) refuse();
  const header = putBack(skeleton.subarray(0, end), reader);
  const payload = putBack(skeleton.subarray(end + 1), reader);
  return [header, payload, signature].map(b64u).join(".");
}

function inflated(bytes, dictionary) {
  try {
    return inflateRaw(bytes, INFLATED_MOST, dictionary);
  } catch (error) {
    if (error instanceof InflateError) refuse();
    throw error;
  }
}

// Every mark between its quotes gives way to the text of the next lifted bytes; a mark out of place is refused.
function putBack(bytes, reader) {
  const found = [];
  for (let at = 0; at < bytes.length; at += 1) {
    const [byte, mark, after] = bytes.subarray(at, at + 3);
    if (byte === QUOTE && (mark === ID_MARK || mark === HASH_MARK) && after === QUOTE) {
      found.push(QUOTE, ...utf8(b64u(reader.take(mark === ID_MARK ? ID_BYTES : HASH_BYTES))), QUOTE);
      at += 2;
    } else if (byte <= HEADER_END) {
      refuse();
    } else {
      found.push(byte);
    }
  }
  return Uint8Array.from(found);
}

async function proofText(proof, card, audience) {
  if (proof === null || typeof proof === "string") return proof;
  const ath = card === null ? b64u(proof.ath) : await digest(card);
  const claims = `{"iat":${proof.issuedAt},"aud":${JSON.stringify(audience)},"jti":"${b64u(proof.id)}","ath":"${ath}"}`;
  const header = '{"alg":"ES256","typ":"card-proof+jwt"}';
  return [utf8(header), utf8(claims), proof.signature].map(b64u).join(".");
}

async function unpacked(number, body, dictionaries) {
  const dictionary = dictionaries.get(number);
  if (dictionary === undefined || body.length === 0 || body[0] >> 4) refuse();
  const reader = new Reader(body.subarray(1));
  const [cardKind, proofKind] = [body[0] & 3, (body[0] >> 2) & 3];
  const packedProof = takeProof(reader, proofKind, cardKind !== ABSENT);
  const card = takeCard(reader, cardKind, dictionary);
  reader.end();
  const proof = await proofText(packedProof, card, dictionary.audience);
  return [card, proof].filter((part) => part !== null);
}

// `%20` may be base45 and is read as a blank only where the text as it stands is none.
async function unpackedText(number, body, dictionaries) {
  try {
    return await unpacked(number, fromBase45(body.toUpperCase()), dictionaries);
  } catch (error) {
    const other = withBlanks(body);
    if (!(error instanceof PresentationError) || other === null) throw error;
    return unpacked(number, fromBase45(other.toUpperCase()), dictionaries);
  }
}

// Which token it is, by its header; the outer shape checked, the claims waiting for the signature.
function formOf(token) {
  if (!TOKEN_TEXT.test(token)) refuse();
  const form = FORMS.get(headerIn(token)?.typ) ?? refuse();
  try {
    parse(token, form);
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    // Whether the claims are bad is said only after the signature has held (docs/design.md §5, steps 3 and 4).
    if (error.reason !== "bad-claims") refuse();
  }
  return hasCanonicalSignature(token) ? form : refuse();
}

/** The presentation of one token or two; `typ` says what each is. PresentationError otherwise. */
export function fromTokens(tokens) {
  const forms = tokens.map(formOf);
  if (forms.length === 1) {
    return forms[0] === CARD ? { card: tokens[0], proof: null } : { card: null, proof: tokens[0] };
  }
  if (forms.length === 2 && forms[0] === CARD && forms[1] !== CARD) return { card: tokens[0], proof: tokens[1] };
  return refuse();
}

/**
 * @param {string} text as scanned
 * @param {Map<number, {number: number, content: Uint8Array, audience: string}>} dictionaries as `documents.state()` gives
 * @returns {Promise<{card: string|null, proof: string|null}>} plain tokens; PresentationError for every other text
 */
export async function read(text, dictionaries) {
  if (typeof text !== "string") refuse();
  const trimmed = undone(text);
  if (!trimmed || trimmed.length > TEXT_MOST || !ASCII.test(trimmed)) refuse();
  const packed = PACKED_TEXT.exec(trimmed);
  if (packed) return fromTokens(await unpackedText(Number(packed[1]), packed[2], dictionaries));
  const digits = PACKED_DIGITS.exec(trimmed);
  if (digits) return fromTokens(await unpacked(Number(digits[1]), fromDigits(digits[2]), dictionaries));
  return fromTokens(trimmed.split("~"));
}

