// A keyboard-wedge scanner types a code fast, wherever the page's focus is, and ends it with Enter, with Tab, or with
// nothing at all: then a pause tells. People type slower. Text pasted anywhere outside a field is taken as scanned too.
//
// A scanner presses the keys of an American keyboard. What the system makes of them (a French layout, caps lock, a
// Chinese input method) may be another text; so the keys themselves are kept beside it, and read where the text is none.

import { clean, looksPresented, looksWhole } from "./presented.js";

const GAP_MS = 200;
const PAUSE_MS = 300; // a scanner without Enter has ended; where the code may be only half, it is given longer
const LONG_PAUSE_MS = 900;
const LEAST = 20;
const IME_KEYS = 8;

// A list has no text of its own: keys that open it or jump in it are a scanner's like any other.
const FIELDS = 'input:not([type="radio"], [type="checkbox"]), textarea, [contenteditable]';
const isEditable = (target) => target?.closest?.(FIELDS) != null;
const isModal = () => document.querySelector("dialog[open]") !== null;

const DIGITS = ")!@#$%^&*(";
const MARKS = {
  Minus: "-_", Equal: "=+", Period: ".>", Comma: ",<", Slash: "/?", Semicolon: ":;", Quote: "'\"", Space: "  ", Backquote: "`~",
  BracketLeft: "[{", BracketRight: "]}", Backslash: "\\|", NumpadAdd: "++", NumpadSubtract: "--", NumpadMultiply: "**",
  NumpadDivide: "//", NumpadDecimal: "..",
};

// The character that a key has on an American keyboard; "" for a key that types none.
function printed({ code, shiftKey, getModifierState }, event) {
  const letter = /^Key([A-Z])$/.exec(code);
  if (letter) {
    const upper = shiftKey !== Boolean(getModifierState?.call(event, "CapsLock"));
    return upper ? letter[1] : letter[1].toLowerCase();
  }
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(code);
  if (digit) return shiftKey && code.startsWith("Digit") ? DIGITS[digit[1]] : digit[1];
  const mark = MARKS[code];
  if (code === "Semicolon") return shiftKey ? ":" : ";";
  return mark ? mark[shiftKey ? 1 : 0] : "";
}

// Of what was typed and what was pressed, the one that is a code; else what was typed, to be explained.
export function readable(typed, pressed) {
  if (looksPresented(clean(typed))) return typed;
  return looksPresented(clean(pressed)) ? pressed : typed || pressed;
}

export function listenForScans({ onScan, onInputMethod, onLost = () => null }) {
  let typed = "";
  let pressed = "";
  let last = 0;
  let swallowed = 0;
  let pause = 0;

  const reset = () => {
    typed = pressed = "";
    swallowed = 0;
    clearTimeout(pause);
  };

  const isBurst = () => Math.max(typed.length, pressed.length) >= LEAST;

  const ended = (event) => {
    const isScan = isBurst();
    const text = readable(typed, pressed);
    reset();
    return isScan && event.timeStamp - last <= LONG_PAUSE_MS ? text : null;
  };

  // The burst has stopped and no Enter came. In a field that shows the code a person may still be editing: it is left.
  const waited = (field, isLong) => {
    const text = clean(readable(typed, pressed));
    const isCode = looksPresented(text);
    if (isCode && !isLong && !looksWhole(text)) {
      pause = setTimeout(() => waited(field, true), LONG_PAUSE_MS - PAUSE_MS);
      return;
    }
    reset();
    if (isCode) {
      if (field) field.value = "";
      onScan(text);
    } else if (!field) {
      onLost(text);
    }
  };

  const expectPause = (field) => {
    clearTimeout(pause);
    if (isBurst()) pause = setTimeout(() => waited(field, false), PAUSE_MS);
  };

  document.addEventListener("keydown", (event) => {
    if (isModal()) return;
    const inBurst = event.timeStamp - last <= LONG_PAUSE_MS && pressed.length > 1;
    // Some scanners hold Alt or Control down for a character; by itself such a key is a person's shortcut.
    if ((event.ctrlKey || event.metaKey || event.altKey) && !(event.altKey && (inBurst || isPlain(event)))) return;
    const inField = isEditable(event.target);
    const isMethod = event.key === "Process" || event.isComposing;
    const gap = looksPresented(clean(typed)) || looksPresented(clean(pressed)) ? LONG_PAUSE_MS : GAP_MS;
    if (event.timeStamp - last > gap) reset();
    if (event.code === "Enter" || event.code === "NumpadEnter" || event.key === "Enter" || event.key === "Tab") {
      const text = ended(event);
      // A field keeps what its own text says; only a code that the field cannot show is taken out of it.
      if (text === null || (inField && !isMethod && looksPresented(clean(event.target.value ?? "")))) return;
      if (inField && !looksPresented(clean(text))) return;
      event.preventDefault();
      if (inField) event.target.value = "";
      onScan(text);
      return;
    }
    if (!isMethod && event.key.length !== 1) return;
    last = event.timeStamp;
    if (isMethod) {
      swallowed += 1;
      if (swallowed === IME_KEYS && !event.code) onInputMethod();
    } else {
      // Within a burst no key may press a button or scroll: base45 has spaces.
      if (typed && !inField) event.preventDefault();
      typed += event.key;
    }
    pressed += printed(event, event);
    expectPause(inField ? event.target : null);
  }, { capture: true });

  // What an input method puts into a field after the scan was taken belongs to nobody.
  document.addEventListener("compositionend", (event) => {
    if (isEditable(event.target) && performance.now() - last <= GAP_MS * 2 && !typed && !pressed) event.target.value = "";
  });

  document.addEventListener("paste", (event) => {
    if (isEditable(event.target) || isModal()) return;
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (text.trim()) onScan(text);
  });
}

// A character that needs no Alt on an American keyboard: with Alt held it is a scanner's, outside any field.
const isPlain = (event) => printed(event, event) !== "" && !isEditable(event.target);
