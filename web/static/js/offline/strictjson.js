// JSON (RFC 8259) read without leniency, as edge/strictjson.py reads it: no key twice, no lone surrogate, no deep nest,
// and 1.0 is no integer. Objects come without a prototype; a number that is no safe integer comes as `Inexact`.

/** The text is not JSON as read here. */
export class JsonError extends Error {}

/** A number that is no integer of a double's exact range: nothing in a token is one. */
export class Inexact {}

const LONGEST_NUMBER = 400;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
const SPACE = /[ \t\n\r]*/y;
// eslint-disable-next-line no-control-regex -- control characters are what a JSON text may not hold bare
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
/** @type {[string, boolean|null][]} */
const LITERALS = [["true", true], ["false", false], ["null", null]];

export const isObject = (value) => typeof value === "object" && value !== null && Object.getPrototypeOf(value) === null;

class Reader {
  constructor(text, depth) {
    this.text = text;
    this.at = 0;
    this.left = depth;
  }

  fail() {
    throw new JsonError("not JSON");
  }

  space() {
    SPACE.lastIndex = this.at;
    SPACE.test(this.text);
    this.at = SPACE.lastIndex;
  }

  takes(character) {
    if (this.text[this.at] !== character) return false;
    this.at += 1;
    return true;
  }

  value() {
    const next = this.text[this.at];
    if (next === '"') return this.string();
    if (next === "{") return this.nested(() => this.object());
    if (next === "[") return this.nested(() => this.list());
    for (const [literal, value] of LITERALS) {
      if (this.text.startsWith(literal, this.at)) {
        this.at += literal.length;
        return value;
      }
    }
    return this.number();
  }

  nested(read) {
    if (this.left === 0) this.fail();
    this.left -= 1;
    this.at += 1;
    this.space();
    const value = read();
    this.left += 1;
    return value;
  }

  object() {
    const found = Object.create(null);
    if (this.takes("}")) return found;
    for (;;) {
      if (this.text[this.at] !== '"') this.fail();
      const key = this.string();
      this.space();
      if (key in found || !this.takes(":")) this.fail();
      this.space();
      found[key] = this.value();
      this.space();
      if (this.takes("}")) return found;
      if (!this.takes(",")) this.fail();
      this.space();
    }
  }

  list() {
    const found = [];
    if (this.takes("]")) return found;
    for (;;) {
      found.push(this.value());
      this.space();
      if (this.takes("]")) return found;
      if (!this.takes(",")) this.fail();
      this.space();
    }
  }

  string() {
    this.at += 1;
    let found = "";
    for (;;) {
      PLAIN.lastIndex = this.at;
      PLAIN.test(this.text);
      found += this.text.slice(this.at, PLAIN.lastIndex);
      this.at = PLAIN.lastIndex;
      if (this.takes('"')) break;
      if (!this.takes("\\")) this.fail();
      found += this.escaped();
    }
    if (/\p{Cs}/u.test(found)) this.fail();
    return found;
  }

  escaped() {
    const letter = this.text[this.at];
    this.at += 1;
    if (letter !== "u") return ESCAPES[letter] ?? this.fail();
    const digits = this.text.slice(this.at, this.at + 4);
    if (!/^[0-9A-Fa-f]{4}$/.test(digits)) this.fail();
    this.at += 4;
    return String.fromCharCode(parseInt(digits, 16));
  }

  number() {
    NUMBER.lastIndex = this.at;
    const match = NUMBER.exec(this.text);
    if (match === null || match[0].length > LONGEST_NUMBER) this.fail();
    this.at = NUMBER.lastIndex;
    const number = Number(match[0]);
    if (match[1] !== undefined || match[2] !== undefined) return Number.isFinite(number) ? new Inexact() : this.fail();
    if (!Number.isSafeInteger(number)) return new Inexact();
    return number === 0 ? 0 : number;
  }
}

/**
 * @param {Uint8Array} bytes
 * @returns {any} the value of one JSON text; JsonError for more than `maxBytes`, nesting deeper than `maxDepth`, and
 *   every leniency
 */
export function readJson(bytes, { maxBytes = 65536, maxDepth = 16 } = {}) {
  if (bytes.length > maxBytes) throw new JsonError("too long");
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new JsonError("not UTF-8");
  }
  // A byte order mark is kept by the decoder, and is no JSON.
  const reader = new Reader(text, maxDepth);
  reader.space();
  const value = reader.value();
  reader.space();
  if (reader.at !== text.length) reader.fail();
  return value;
}
