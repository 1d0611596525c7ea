// Reading what was scanned, tapped or pasted: plain tokens, the wire form in base45, its digits (docs/card-format.md).
// The reader of cards/presentation.py and cards/wire.py, byte for byte. Nothing is verified here.

/** The text is no presentation; `reason` is always `malformed`. */
export class PresentationError extends Error {
  constructor() {
    super("not a presentation");
    this.reason = "malformed";
  }
}

/**
 * @param {string} text as scanned
 * @param {Map<number, {number: number, content: Uint8Array, audience: string}>} dictionaries as `documents.state()` gives
 * @returns {Promise<{card: string|null, proof: string|null}>} plain tokens; PresentationError for every other text
 */
export async function read(text, dictionaries) {
  throw new Error(`not written yet: ${text} ${dictionaries}`);
}
