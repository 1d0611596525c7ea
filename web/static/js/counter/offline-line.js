// Whether the server can be reached: lost after a call that nobody answered, found again by asking every few seconds.

const SINCE = "yunju-offline-since";
const ASK_MS = 10000;

export class Line {
  // `ask()` throws while the server does not answer; `onChange()` after each turn.
  constructor({ ask, onChange }) {
    this.ask = ask;
    this.onChange = onChange;
    this.since = Number(localStorage.getItem(SINCE)) || null;
    this.asking = false;
    setInterval(() => this.isLost && this.tryAgain(), ASK_MS);
    addEventListener("online", () => this.isLost && this.tryAgain());
  }

  get isLost() {
    return this.since !== null;
  }

  lost(at) {
    if (this.isLost) return;
    this.since = at;
    localStorage.setItem(SINCE, String(at));
    this.onChange();
  }

  found() {
    if (!this.isLost) return;
    this.since = null;
    localStorage.removeItem(SINCE);
    this.onChange();
  }

  // Gives whether the server answered.
  async tryAgain() {
    if (this.asking) return false;
    this.asking = true;
    try {
      await this.ask();
      this.found();
      return true;
    } catch {
      return false;
    } finally {
      this.asking = false;
    }
  }
}
