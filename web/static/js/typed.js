// What people type, brought into one spelling: one function for each kind of field. The twin of cards/typed.py, held to
// it by shared cases (tests/cards/typed_cases.json).

const DASHES = /[\u2010-\u2015\u2212\ufe63\u30fc\u2500]/g;
// What scripts alone, or Python alone, take for white space: a blank to both.
// eslint-disable-next-line no-control-regex -- separators that a keyboard wedge can send
const BLANKS = /[\x1c-\x1f\x85\ufeff]/g;
const DOTS = "\u00b7\u2022\u30fb\u2027\u2219\u22c5\u25cf.";
const BETWEEN_PLATE = new RegExp(`[\\s${DOTS}-]+`, "g");
const EXTENSION = /(?:转|轉|分机|分機|ext\.?|x|#)\s*([0-9]{1,6})$/i;
const DASHED_EXTENSION = /^((?:0[0-9]{2,3}-)?[1-9][0-9]{6,7})-([0-9]{1,5})$/;
const PHONE = /^\+?[0-9]{5,15}$/;
const MOBILE = /^1[0-9]{10}$/;
const LANDLINE = /^(010|02[0-9]|0[3-9][0-9]{2})([0-9]{7,8})$/;
const HAN = /[\u2e80-\u9fff\uf900-\ufaff]|[\ud840-\ud8ff]/;
/** @type {Record<string, string>} */
const READ_ALIKES = { I: "1", L: "1", O: "0", U: "V" };

/** Full-width letters, digits and dashes made plain, white space around gone. @param {string} text */
export const plain = (text) => (text ?? "").normalize("NFKC").replace(BLANKS, " ").replace(DASHES, "-").trim();

/** A code read from paper or a screen. @param {string} text */
export const code = (text) =>
  plain(text).toUpperCase().replace(/[^\p{L}\p{N}]/gu, "").replace(/[ILOU]/g, (letter) => READ_ALIKES[letter]);

/** A PIN or a staff number, without blanks and dashes. @param {string} text */
export const digits = (text) => plain(text).replace(/[\s-]+/g, "");

/**
 * @param {string} text
 * @returns {string|null} `13800000000`, `020-86132888`, `020-86132888-8001`, `+85221234567`; null for what is none
 */
export function phone(text) {
  const [written, extension] = extensionApart(plain(text));
  let number = written.replace(/[\s().-]+/g, "").replace(/^(?:\+|00)86(?=[0-9]{8,})/, "+86");
  if (number.startsWith("+86")) {
    const rest = number.slice(3);
    number = MOBILE.test(rest) || rest.startsWith("0") ? rest : `0${rest}`;
  }
  if (!PHONE.test(number)) return null;
  const landline = MOBILE.test(number) ? null : LANDLINE.exec(number);
  const spelled = landline ? `${landline[1]}-${landline[2]}` : number;
  return extension === null ? spelled : `${spelled}-${extension}`;
}

/** @param {string} text @returns {[string, string|null]} */
function extensionApart(text) {
  const found = EXTENSION.exec(text);
  if (found) return [text.slice(0, found.index).replace(/[ ,;-]+$/, ""), found[1]];
  const bare = (text.startsWith("(") ? text.replaceAll(")", "-") : text).replace(/[\s()]+/g, "").replace(/^-+|-+$/g, "");
  const dashed = DASHED_EXTENSION.exec(bare.replace(/-+/g, "-"));
  return dashed ? [dashed[1], dashed[2]] : [text, null];
}

/** A text as its field's pattern wants it: `cz 3101` becomes `CZ3101`. @param {string} text @param {string} [pattern] */
export function byPattern(text, pattern) {
  const given = (text ?? "").normalize("NFC").replace(BLANKS, " ").trim();
  if (!pattern) return given;
  const whole = new RegExp(`^(?:${pattern})$`);
  const squeezed = plain(text).replace(/\s+/g, "").toUpperCase();
  return [given, plain(text), squeezed, squeezed.replace(/-+/g, "")].find((candidate) => whole.test(candidate)) ?? given;
}

/** @param {string} text */
export const plate = (text) => plain(text).toUpperCase().replace(BETWEEN_PLATE, "");

const KANGXI = /[\u2f00-\u2fd5\u2e9f\u2ef3]+/g;
const RADICALS = "⺠⻁⻄⻅⻆⻉⻋⻑⻓⻔⻘⻙⻚⻛⻜⻝⻢⻤⻥⻦⻧⻨⻩⻪⻬⻮⻰";
const CHARACTERS = "民虎西见角贝车長长门青韦页风飞食马鬼鱼鸟卤麦黄黾齐齿龙";

/** Radicals, as PDFs and scans give them, as the characters that they look like. @param {string} text */
const characters = (text) =>
  text.replace(KANGXI, (found) => found.normalize("NFKC")).replace(/[\u2ea0-\u2ef0]/g, (one) => CHARACTERS[RADICALS.indexOf(one)] ?? one);

/** One blank between words, none inside a Han name; radicals are characters. @param {string} text */
export function name(text) {
  const words = characters((text ?? "").normalize("NFC").replace(BLANKS, " ")).split(/\s+/).filter(Boolean);
  const joined = words.join(" ");
  return HAN.test(joined) && !/[A-Za-z]/.test(joined) ? words.join("") : joined;
}

/** Case, order of Latin words, blanks and dots do not matter. @param {string} one @param {string} other */
export const sameName = (one, other) => key(one) === key(other) || HAN.test(one) !== HAN.test(other);

/** @param {string} text */
function key(text) {
  const spelled = name((text ?? "").normalize("NFKC")).replace(new RegExp(`[${DOTS}]+`, "g"), "·").toLowerCase();
  return HAN.test(spelled) ? spelled : spelled.split(/[\s,]+/).sort().join(" ");
}
