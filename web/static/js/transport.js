// What scanners, keyboards and messages do to a code on its way is undone; what the code says is left alone. The same
// steps as cards/transport.py, held to it by shared cases (tests/cards/transport_cases.json).

// White space as Python strips it: JavaScript's own list has a byte order mark more and five separators fewer.
const SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
const AROUND = new RegExp(`^${SPACE}|${SPACE}$`, "g");
// eslint-disable-next-line no-control-regex -- line breaks and separators that a scanner puts between
const INSIDE = /[\x00-\x1f\x7f\u200b\u200e\u200f\u2060\ufeff]/g;
const QUOTES = /^["'\u2018-\u201f\u300c\u300d]+|["'\u2018-\u201f\u300c\u300d]+$/g;
const SYMBOLOGY = /^\][A-Za-z][0-9A-Fa-f]/;
const PACKED = /YJ\d\d(?::|%3A)/i;
const BEFORE_MOST = 40;
const TEXT_MOST = 4096;

/**
 * @param {string} text as it arrived
 * @returns {string} full-width letters made plain, what stands around the code gone, a scanner's prefix cut, and
 *   line breaks dropped from inside a wire form
 */
export function undone(text) {
  if (text.length > TEXT_MOST) return text.replace(AROUND, "");
  const plain = text.normalize("NFKC").replace(AROUND, "").replace(QUOTES, "").replace(SYMBOLOGY, "");
  const found = PACKED.exec(plain);
  if (found === null || found.index > BEFORE_MOST) return plain;
  const code = plain.slice(found.index).replace(INSIDE, "");
  return (found[0].endsWith(":") ? code : unescaped(code)).replace(AROUND, "");
}

/** A text whose blanks were written as in an address; null where there is none of it. @param {string} text */
export const withBlanks = (text) => (text.includes("%20") ? text.replaceAll("%20", " ") : null);

/** @param {string} text */
const unescaped = (text) =>
  text.replace(/%([0-7][0-9A-Fa-f])/g, (_, code) => String.fromCharCode(Number.parseInt(code, 16)));
