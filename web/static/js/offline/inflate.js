// Deflate (RFC 1951) and zlib (RFC 1950) undone, with a preset dictionary and a bound, and strictly: a stream that ends
// early, runs on, or would grow beyond the bound is refused, as Python's zlib is asked to. fflate forgives what follows a
// stream, and the browser's own DecompressionStream takes no dictionary.

/** The bytes are no such stream. */
export class InflateError extends Error {}

const BITS_MOST = 15;
const LENGTHS = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCES = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193,
  12289, 16385, 24577,
];
const DISTANCE_BITS = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
const CODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const [END, LITERALS, DISTANCE_CODES] = [256, 286, 30];

// A canonical Huffman code: how many codes of each length, and the symbols in the order of their codes. `left` says how
// much of the code space is unused: 0 for a complete code, negative for one that is over-subscribed.
function codeOf(lengths) {
  const counts = new Uint16Array(BITS_MOST + 1);
  for (const length of lengths) counts[length] += 1;
  let left = 1;
  for (let bits = 1; bits <= BITS_MOST; bits += 1) {
    left = left * 2 - counts[bits];
    if (left < 0) throw new InflateError("over-subscribed");
  }
  const starts = new Uint16Array(BITS_MOST + 2);
  for (let bits = 1; bits <= BITS_MOST; bits += 1) starts[bits + 1] = starts[bits] + counts[bits];
  const symbols = new Uint16Array(lengths.length);
  lengths.forEach((length, symbol) => {
    if (length) symbols[starts[length]++] = symbol;
  });
  return { counts, symbols, left };
}

// zlib takes an incomplete code only where it has one symbol, of one bit, or none at all.
const isUsable = ({ counts, left }, size) => left === 0 || counts[0] + counts[1] === size;

const fixed = (() => {
  const lengths = Array.from({ length: 288 }, (_, at) => (at < 144 ? 8 : at < 256 ? 9 : at < 280 ? 7 : 8));
  return { literals: codeOf(lengths), distances: codeOf(new Array(32).fill(5)) };
})();

class Stream {
  constructor(bytes, most, dictionary) {
    this.bytes = bytes;
    this.at = 0;
    this.held = 0;
    this.count = 0;
    this.start = dictionary.length;
    this.out = new Uint8Array(dictionary.length + most);
    this.out.set(dictionary);
    this.end = dictionary.length;
  }

  fail() {
    throw new InflateError("not a deflate stream within its bounds");
  }

  bits(count) {
    while (this.count < count) {
      if (this.at >= this.bytes.length) this.fail();
      this.held |= this.bytes[this.at++] << this.count;
      this.count += 8;
    }
    const value = this.held & ((1 << count) - 1);
    this.held >>>= count;
    this.count -= count;
    return value;
  }

  symbol({ counts, symbols }) {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= BITS_MOST; length += 1) {
      code |= this.bits(1);
      const count = counts[length];
      if (code - count < first) return symbols[index + (code - first)];
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    return this.fail();
  }

  put(byte) {
    if (this.end >= this.out.length) this.fail();
    this.out[this.end++] = byte;
  }

  stored() {
    this.held = 0;
    this.count = 0;
    if (this.at + 4 > this.bytes.length) this.fail();
    const size = this.bytes[this.at] | (this.bytes[this.at + 1] << 8);
    const check = this.bytes[this.at + 2] | (this.bytes[this.at + 3] << 8);
    this.at += 4;
    if ((size ^ 0xffff) !== check || this.at + size > this.bytes.length || this.end + size > this.out.length) this.fail();
    this.out.set(this.bytes.subarray(this.at, this.at + size), this.end);
    this.at += size;
    this.end += size;
  }

  dynamic() {
    const literalCount = this.bits(5) + 257;
    const distanceCount = this.bits(5) + 1;
    const codeCount = this.bits(4) + 4;
    if (literalCount > LITERALS || distanceCount > DISTANCE_CODES) this.fail();
    const order = new Array(CODE_ORDER.length).fill(0);
    for (let index = 0; index < codeCount; index += 1) order[CODE_ORDER[index]] = this.bits(3);
    const lengthCode = codeOf(order);
    if (lengthCode.left !== 0) this.fail();
    const lengths = this.lengths(lengthCode, literalCount + distanceCount);
    if (lengths[END] === 0) this.fail();
    const literals = codeOf(lengths.slice(0, literalCount));
    const distances = codeOf(lengths.slice(literalCount));
    if (!isUsable(literals, literalCount) || !isUsable(distances, distanceCount)) this.fail();
    this.codes({ literals, distances });
  }

  lengths(code, size) {
    const found = [];
    while (found.length < size) {
      const symbol = this.symbol(code);
      if (symbol < 16) {
        found.push(symbol);
        continue;
      }
      if (symbol === 16 && found.length === 0) this.fail();
      const repeated = symbol === 16 ? found.at(-1) : 0;
      const times = symbol === 16 ? 3 + this.bits(2) : symbol === 17 ? 3 + this.bits(3) : 11 + this.bits(7);
      if (found.length + times > size) this.fail();
      for (let count = 0; count < times; count += 1) found.push(repeated);
    }
    return found;
  }

  codes({ literals, distances }) {
    for (;;) {
      const symbol = this.symbol(literals);
      if (symbol === END) return;
      if (symbol < END) {
        this.put(symbol);
        continue;
      }
      if (symbol - 257 >= LENGTHS.length) this.fail();
      const length = LENGTHS[symbol - 257] + this.bits(LENGTH_BITS[symbol - 257]);
      const place = this.symbol(distances);
      if (place >= DISTANCES.length) this.fail();
      const distance = DISTANCES[place] + this.bits(DISTANCE_BITS[place]);
      if (distance > this.end) this.fail();
      for (let count = 0; count < length; count += 1) this.put(this.out[this.end - distance]);
    }
  }

  blocks() {
    for (let last = 0; !last;) {
      last = this.bits(1);
      const kind = this.bits(2);
      if (kind === 0) this.stored();
      else if (kind === 1) this.codes(fixed);
      else if (kind === 2) this.dynamic();
      else this.fail();
    }
    return this.out.slice(this.start, this.end);
  }
}

/** Undoes raw deflate. @returns {Uint8Array} of at most `most` bytes; InflateError unless all of `bytes` was used. */
export function inflateRaw(bytes, most, dictionary = new Uint8Array()) {
  const stream = new Stream(bytes, most, dictionary);
  const found = stream.blocks();
  if (stream.at !== bytes.length) stream.fail();
  return found;
}

/** Undoes zlib, its checksum included. @returns {Uint8Array} as `inflateRaw` */
export function inflateZlib(bytes, most) {
  const head = (bytes[0] << 8) | bytes[1];
  const isZlib = bytes.length >= 6 && (bytes[0] & 15) === 8 && bytes[0] >> 4 <= 7 && head % 31 === 0 && !(bytes[1] & 32);
  if (!isZlib) throw new InflateError("not a zlib stream");
  const found = inflateRaw(bytes.subarray(2, -4), most);
  const [low, high] = adler32(found);
  const end = bytes.length;
  if (((bytes[end - 4] << 8) | bytes[end - 3]) !== high || ((bytes[end - 2] << 8) | bytes[end - 1]) !== low) {
    throw new InflateError("the checksum differs");
  }
  return found;
}

function adler32(bytes) {
  let [low, high] = [1, 0];
  for (const byte of bytes) {
    low = (low + byte) % 65521;
    high = (high + low) % 65521;
  }
  return [low, high];
}
