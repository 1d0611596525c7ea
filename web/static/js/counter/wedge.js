// A keyboard-wedge scanner types a code fast and ends it with Enter, wherever the page's focus is. People type slower.
// Text pasted anywhere outside a field is taken as scanned too.
//
// A scanner presses the keys of an American keyboard. What the system makes of them (a French layout, caps lock, a
// Chinese input method) may be another text; so the keys themselves are kept beside it, and read where the text is none.

import { clean, looksPresented } from "./presented.js";

const GAP_MS = 200;
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

export function listenForScans({ onScan, onInputMethod }) {
  let typed = "";
  let pressed = "";
  let last = 0;
  let swallowed = 0;

  const reset = () => {
    typed = pressed = "";
    swallowed = 0;
  };

  const ended = (event) => {
    const isScan = Math.max(typed.length, pressed.length) >= LEAST;
    const text = readable(typed, pressed);
    reset();
    return isScan && event.timeStamp - last <= GAP_MS ? text : null;
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isModal()) return;
    const inField = isEditable(event.target);
    const isMethod = event.key === "Process" || event.isComposing;
    if (event.timeStamp - last > GAP_MS) reset();
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
