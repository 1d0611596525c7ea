// Base45 (RFC 9285), both ways: bytes in the characters of a QR code's alphanumeric mode.

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

/** @param {Uint8Array} bytes */
export function toBase45(bytes) {
  let text = "";
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    const value = bytes[at] * 256 + bytes[at + 1];
    text += ALPHABET[value % 45] + ALPHABET[Math.floor(value / 45) % 45] + ALPHABET[Math.floor(value / 2025)];
  }
  if (bytes.length % 2) {
    const value = bytes[bytes.length - 1];
    text += ALPHABET[value % 45] + ALPHABET[Math.floor(value / 45)];
  }
  return text;
}

/**
 * The bytes of a text in upper case; null for one that is not base45.
 * @param {string} text
 * @returns {Uint8Array|null}
 */
export function fromBase45(text) {
  if (text.length % 3 === 1) return null;
  const values = [...text].map((character) => ALPHABET.indexOf(character));
  if (values.includes(-1)) return null;
  const bytes = [];
  for (let at = 0; at < values.length; at += 3) {
    const whole = at + 2 < values.length;
    const number = values[at] + values[at + 1] * 45 + (whole ? values[at + 2] * 2025 : 0);
    if (number > (whole ? 0xffff : 0xff)) return null;
    if (whole) bytes.push(number >> 8);
    bytes.push(number & 0xff);
  }
  return Uint8Array.from(bytes);
}
