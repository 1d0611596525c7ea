// A keyboard-wedge scanner types a code fast and ends it with Enter, wherever the page's focus is. People type slower.
// Text pasted anywhere outside a field is taken as scanned too.

const GAP_MS = 200;
const LEAST = 20;
const IME_KEYS = 8;

const FIELDS = 'input:not([type="radio"], [type="checkbox"]), textarea, select, [contenteditable]';
const isEditable = (target) => target?.closest?.(FIELDS) != null;
const isModal = () => document.querySelector("dialog[open]") !== null;

export function listenForScans({ onScan, onInputMethod }) {
  let typed = "";
  let last = 0;
  let swallowed = 0;

  const reset = () => {
    typed = "";
    swallowed = 0;
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isEditable(event.target) || isModal()) return;
    const fast = event.timeStamp - last <= GAP_MS;
    if (!fast) reset();
    if (event.key === "Process" || event.isComposing) {
      last = event.timeStamp;
      swallowed += 1;
      if (swallowed === IME_KEYS) onInputMethod();
    } else if (event.key === "Enter" || event.key === "Tab") {
      if (fast && typed.length >= LEAST) {
        event.preventDefault();
        onScan(typed);
      }
      reset();
    } else if (event.key.length === 1) {
      last = event.timeStamp;
      // Within a burst no key may press a button or scroll: base45 has spaces.
      if (typed) event.preventDefault();
      typed += event.key;
    }
  }, { capture: true });

  document.addEventListener("paste", (event) => {
    if (isEditable(event.target) || isModal()) return;
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (text.trim()) onScan(text);
  });
}
