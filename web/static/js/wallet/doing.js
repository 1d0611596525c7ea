// What the views share in which the holder does something: one intent at a time, kept until it is answered; what came of
// it is said above the list.

import { Unconfirmed } from "../calls.js";
import { byId, element, folded, icon } from "../page.js";
import { onLanguage, said, word } from "../words.js";
import { Intents } from "./intents.js";

// A view is called `name` in the page: #name-home, -note, -away, -loading, -place. It has `load()` and `drawHome()`.
export class Doing {
  constructor(name, phone, problemText) {
    Object.assign(this, { name, phone, problemText, intents: new Intents(phone) });
    this.forget();
    onLanguage(() => {
      this.form?.draw();
      this.draw();
    });
  }

  forget() {
    Object.assign(this, { told: null, own: null, form: null, intent: null, note: null, state: "loading", sure: null, late: null, opened: new Set() });
  }

  use(phone) {
    this.phone = phone;
    this.intents.phone = phone;
    this.forget();
  }

  async show() {
    this.note = null; // what was done before is no news any more
    this.told ??= await this.phone.keptUsage();
    this.own ??= await this.kept();
    this.intent = await this.intents.waiting();
    this.state = "loading";
    this.draw();
    await this.refresh();
  }

  async refresh() {
    try {
      [this.told, this.own] = await Promise.all([this.phone.usage(), this.load()]);
      this.state = "told";
    } catch {
      this.state = "away";
    }
    this.draw();
  }

  place = (part) => byId(`${this.name}-${part}`);

  fill(form) {
    this.note = null;
    this.form = form;
    this.draw();
    form.root.querySelector("h2").focus();
    scrollTo(0, 0);
  }

  close(note = null) {
    Object.assign(this, { form: null, note, sure: null, late: null, opened: new Set() });
    this.draw();
    this.place("heading").focus();
    scrollTo(0, 0);
  }

  draw() {
    this.place("home").hidden = Boolean(this.form);
    this.place("place").hidden = !this.form;
    this.showForm();
    this.place("loading").hidden = this.state !== "loading" || this.own !== null;
    this.place("away").hidden = this.state !== "away";
    this.place("note").replaceChildren(...this.notes());
    this.drawHome(Boolean(this.told?.valid) && !this.intent);
  }

  // A form that is on the screen already stays as it is: put in anew, it would lose its focus while somebody types.
  showForm() {
    const place = this.place("place");
    const root = this.form?.root ?? null;
    if (place.firstElementChild !== root) place.replaceChildren(...(root ? [root] : []));
  }

  notes() {
    if (this.intent) return [this.unconfirmed()];
    if (!this.note) return [];
    return [element("div", { class: `note ${this.note.kind}`, role: "status" }, icon(this.note.kind === "ok" ? "granted" : "warning"),
      element("div", {}, this.note.lines.filter(Boolean).map((line) => element("p", {}, said(line)))))];
  }

  unconfirmed() {
    return element("div", { class: "panel stack", "data-unconfirmed": true },
      element("p", { class: "note amber", role: "alert" }, icon("warning"), element("span", {}, word("wallet.unconfirmed", { name: said(this.intent.about) }))),
      element("button", { class: "button main", type: "button", "data-act": "again", onclick: ({ target }) => this.again(target) }, word("wallet.unconfirmed-retry")),
      element("button", { class: "button", type: "button", onclick: () => this.giveUp() }, word("wallet.unconfirmed-drop")));
  }

  async again(button) {
    button.disabled = true;
    await this.settle(this.intents.send(this.intent));
  }

  async giveUp() {
    await this.intents.drop();
    this.intent = null;
    await this.show();
  }

  make = (...intent) => this.settle(this.intents.make(...intent));

  // The answer of a change: done, refused by the rules, a fault of its fields, or none yet.
  async settle(answering) {
    try {
      const answer = await answering;
      this.intent = null;
      if (answer.outcome === "denied") this.denied(answer);
      else await this.done(answer);
    } catch (error) {
      await this.failed(error);
    }
    this.draw();
  }

  async done(answer) {
    const warnings = (answer.warnings ?? []).map((one) => one.message);
    this.close({ kind: "ok", lines: [answer.message ?? { zh: word("wallet.done", {}, "zh"), en: word("wallet.done", {}, "en") }, answer.hint, ...warnings] });
    await this.refresh();
  }

  denied(answer) {
    if (this.form) this.form.denied(answer);
    else this.note = { kind: "amber", lines: [answer.message] };
  }

  async failed(error) {
    this.intent = null;
    if (error instanceof Unconfirmed) {
      this.form = null;
      this.intent = await this.intents.waiting();
    } else if (this.form && error.code === "invalid-field") this.form.refused(error.document.fields ?? []);
    else if (this.form) this.form.problem(this.problemText(error));
    else this.note = { kind: "amber", lines: [error.document?.message] };
  }

  // Twice, the second time for good.
  certain(id, act) {
    if (this.sure === id) return true;
    this.sure = id;
    this.draw();
    document.querySelector(`[data-one="${id}"] [data-act=${act}]`)?.focus();
    return false;
  }
}

export const rowsOf = (rows) => element("dl", { class: "facts" }, rows.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]));

export function door({ code, name, about, open, sign = "calendar" }) {
  return element("button", { class: "door", type: "button", "data-open": code, onclick: open },
    icon(sign), element("span", { class: "grow" }, element("strong", {}, said(name)), about ? element("span", { class: "second small" }, about) : ""), icon("next"));
}

export const isSpent = (service) => Boolean(service.quotas?.some((quota) => quota.remaining === 0));

// What cannot be booked or asked for now, and why.
export const shutDoor = ({ code, name, about }) => element("div", { class: "door shut", "data-shut": code },
  icon("clock"), element("span", { class: "grow" }, element("strong", {}, said(name)), element("span", { class: "second small" }, about)));

// One of the holder's own: name, when, state; opens in place, and stays so while the list is drawn anew.
export function own({ id, name, when, state, kind, opened }, ...parts) {
  const head = element("span", { class: "head" },
    element("span", { class: "grow" }, element("strong", {}, name), element("span", { class: "second small" }, when)),
    element("span", { class: `pill ${kind}` }, state));
  return folded({ key: id, opened, class: "panel benefit own", "data-one": id }, [head], parts);
}
