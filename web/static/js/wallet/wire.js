// The wire form (docs/card-format.md): a presentation packed into few enough characters for a small QR code.
// Packing only spares room: what does not come back byte for byte is carried raw.

import { toBase45 } from "../base45.js";
import { b64u, fromUtf8, unb64u, utf8 } from "../encoding.js";
import { config } from "../page.js";

const [PACKED, RAW] = [1, 2];
const MARKS = { 16: 0, 32: 1 };
const HEADER_END = 2;
const LIFTABLE = /"([A-Za-z0-9_-]{43}|[A-Za-z0-9_-]{22})"/g;
// eslint-disable-next-line no-control-regex -- the marks of lifted values are such characters
const CONTROL = /[\u0000-\u0002]/;
// Seven bytes as seventeen digits; a last chunk of fewer bytes as the fewest digits that hold it.
const DIGITS_OF = [0, 3, 5, 8, 10, 13, 15, 17];

export function decimal(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 7) {
    const chunk = bytes.subarray(at, at + 7);
    const value = chunk.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    text += value.toString().padStart(DIGITS_OF[chunk.length], "0");
  }
  return text;
}

const joined = (...parts) => {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
};

const counted = (bytes) => joined([bytes.length >> 8, bytes.length & 255], bytes);

// A proof as fixed binary fields. `ath` is left out where the card stands beside it.
export function packProof({ issuedAt, id, cardDigest, signature }, besideCard) {
  const time = new Uint8Array(4);
  new DataView(time.buffer).setUint32(0, issuedAt);
  return joined(time, id, besideCard ? [] : cardDigest, signature);
}

function lift(text, lifted) {
  return text.replace(LIFTABLE, (whole, value) => {
    let bytes;
    try {
      bytes = unb64u(value);
    } catch {
      return whole;
    }
    lifted.push(bytes);
    return `"${String.fromCharCode(MARKS[bytes.length])}"`;
  });
}

function putBack(text, lifted) {
  // eslint-disable-next-line no-control-regex -- the marks of lifted values
  return text.replace(/"([\u0000\u0001])"/g, () => `"${b64u(lifted.shift())}"`);
}

// {kind, bytes} of a card token; raw where packing would not bring the same text back.
export function packCard(token, { deflateSync, inflateSync }) {
  const [header, payload, signature] = token.split(".").map(unb64u);
  const plain = { header: fromUtf8(header), payload: fromUtf8(payload) };
  if (signature.length === 64 && !CONTROL.test(plain.header + plain.payload)) {
    const lifted = [];
    const skeleton = utf8(lift(plain.header, lifted) + String.fromCharCode(HEADER_END) + lift(plain.payload, lifted));
    const dictionary = unb64u(config.wire.content);
    const deflated = deflateSync(skeleton, { level: 9, mem: 8, dictionary });
    const back = fromUtf8(inflateSync(deflated, { dictionary })).split(String.fromCharCode(HEADER_END));
    const values = [...lifted];
    const same = back.map((part) => b64u(utf8(putBack(part, values)))).join(".") === token.slice(0, token.lastIndexOf("."));
    if (same) return { kind: PACKED, bytes: joined(signature, counted(deflated), ...lifted) };
  }
  return { kind: RAW, bytes: counted(utf8(token)) };
}

function written(bytes, digits) {
  const number = String(config.wire.number).padStart(2, "0");
  return digits ? `93${number}${decimal(bytes)}` : `YJ${number}:${toBase45(bytes)}`;
}

export const shortForm = (proof, { digits = false } = {}) =>
  written(joined([PACKED << 2], packProof(proof, false)), digits);

export const fullForm = (proof, card, { digits = false } = {}) =>
  written(joined([card.kind | (PACKED << 2)], packProof(proof, true), card.bytes), digits);
