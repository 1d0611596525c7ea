// Cards and tags tapped on a tablet that reads NFC in the browser (Web NFC: Chrome on Android). It reads what a tag holds,
// and can ask no chip anything: a chip card answers challenges at a reader of the agent's alone.

import { byId } from "../page.js";
import { onLanguage, word } from "../words.js";

const CARD_TYPE = "application/vnd.yunju.card";
const CHOICE = "yunju-nfc";

// The card's text or the tag's link among a message's records, the first of either; null where there is none of ours.
export function textOf(records) {
  for (const { recordType, mediaType, data } of records) {
    const read = () => new TextDecoder("ascii").decode(data);
    if (recordType === "mime" && mediaType?.toLowerCase() === CARD_TYPE) return read();
    if (recordType === "url" || recordType === "absolute-url") return read();
  }
  return null;
}

export class NfcReader {
  constructor({ onText, onForeign }) {
    this.onText = onText;
    this.onForeign = onForeign;
    this.state = "off";
    this.reading = null;
    this.possible = "NDEFReader" in globalThis;
    byId("nfc").hidden = byId("nfc-toggle").hidden = !this.possible;
    if (!this.possible) return;
    byId("nfc-toggle").addEventListener("click", () => (this.reading ? this.stop() : this.start()));
    onLanguage(() => this.show());
    this.show();
    this.resumed();
  }

  // Browsers ask once, at a touch; a tablet that may read already does so from the start.
  async resumed() {
    const allowed = await navigator.permissions?.query({ name: "nfc" }).catch(() => null);
    if (localStorage.getItem(CHOICE) && allowed?.state === "granted") await this.start();
  }

  set(state) {
    this.state = state;
    this.show();
  }

  show() {
    byId("nfc-state").textContent = word(`scan.nfc-${this.state}`);
    byId("nfc-toggle").querySelector("span").textContent = word(this.reading ? "scan.nfc-stop" : "scan.nfc-start");
  }

  async start() {
    const reader = new NDEFReader();
    const ending = new AbortController();
    try {
      await reader.scan({ signal: ending.signal });
    } catch (error) {
      localStorage.removeItem(CHOICE);
      this.set(error.name === "NotAllowedError" ? "refused" : "none");
      return;
    }
    reader.addEventListener("reading", ({ message }) => {
      const text = textOf(message.records);
      if (text) this.onText(text);
      else this.onForeign();
    }, { signal: ending.signal });
    reader.addEventListener("readingerror", () => this.onForeign(), { signal: ending.signal });
    this.reading = ending;
    localStorage.setItem(CHOICE, "on");
    this.set("on");
  }

  stop() {
    this.reading.abort();
    this.reading = null;
    localStorage.removeItem(CHOICE);
    this.set("off");
  }
}
