// How a phone gets a card and how a lost one's is stopped: enrolment, the recovery code shown once, block and unblock.

import { byId, config, element, icon, showView } from "../page.js";
import { browserKind, hadCard, keepStorage } from "./browser.js";
import { dateOf, timeOf } from "../times.js";
import { onLanguage, said, word } from "../words.js";
import { Phone, recover } from "./phone.js";

// `enrolled(phone)`: a card was made; `done()`: its recovery code was written down; `back()`: to what was shown before.
export class Enrolment {
  constructor({ enrolled, done, back, problemText }) {
    Object.assign(this, { enrolled, problemText, standing: null });
    byId("enrol-form").addEventListener("submit", (event) => this.enrol(event));
    byId("recovery-do").addEventListener("click", () => {
      byId("recovery-code").textContent = "";
      done();
    });
    byId("lost-form").addEventListener("submit", (event) => this.stopOrResume(event));
    byId("lost-open").addEventListener("click", () => this.lost());
    for (const button of document.querySelectorAll("[data-back]")) button.addEventListener("click", back);
    for (const kind of ["ios", "wechat"]) byId(`first-${kind}-anyway`).addEventListener("click", () => this.first(""));
    const draw = () => {
      for (const id of ["lost-call", "gone-call"]) dial(byId(id), config.contact.name, config.contact.phone);
      this.stands();
    };
    onLanguage(draw);
    draw();
  }

  // `another`: there is a card already, to go back to. Where a key would not last, that is said before one is made.
  show(code = "", { another = false } = {}) {
    showView("enrol");
    byId("enrol-back").hidden = !another;
    byId("enrol-code").value = code;
    byId("enrol-fault").textContent = "";
    byId("enrol-call").hidden = true;
    byId("id-last4").value = "";
    byId("gone").hidden = another || !hadCard();
    byId("first-code").textContent = code;
    byId("first-code").hidden = !code;
    this.first(another ? "" : browserKind());
  }

  first(kind) {
    for (const each of ["ios", "wechat"]) byId(`first-${each}`).hidden = each !== kind;
    byId("enrol-form").hidden = kind !== "";
    byId(kind ? `first-${kind}-anyway` : byId("enrol-code").value ? "id-last4" : "enrol-code").focus();
  }

  lost(number = "") {
    showView("lost");
    if (number) byId("lost-number").value = number;
    byId("lost-heading").focus();
  }

  async enrol(event) {
    event.preventDefault();
    const button = byId("enrol-do");
    const code = byId("enrol-code").value.trim();
    const last4 = byId("id-last4").value.trim();
    const fault = byId("enrol-fault");
    fault.textContent = code && last4.length >= 4 ? "" : word("wallet.empty");
    if (fault.textContent || button.disabled) return;
    button.disabled = true;
    button.textContent = word("wallet.working");
    try {
      byId("enrol-call").hidden = true;
      const { phone, recoveryCode } = await Phone.enrol(code, last4);
      keepStorage();
      if (location.hash) history.replaceState(null, "", location.pathname);
      this.recovery(phone, recoveryCode);
      this.enrolled(phone);
    } catch (error) {
      fault.textContent = this.problemText(error);
      const whom = error.document?.call;
      byId("enrol-call").hidden = !whom;
      if (whom) dial(byId("enrol-call"), whom.department, whom.phone);
      byId("id-last4").focus();
    } finally {
      button.disabled = false;
      button.textContent = word("wallet.do");
    }
  }

  recovery(phone, code) {
    showView("recovery");
    byId("recovery-code").textContent = code;
    byId("recovery-number").textContent = word("wallet.recovery-number", { number: phone.kept.number });
    byId("recovery-moved").hidden = !phone.kept.moved;
    byId("recovery-heading").focus();
  }

  async stopOrResume(event) {
    event.preventDefault();
    const act = event.submitter?.value ?? "block";
    this.standing = null;
    const [number, code] = [byId("lost-number").value.trim(), byId("lost-code").value.trim()];
    if (!number || !code) {
      byId("lost-answer").replaceChildren(element("p", { class: "note no" }, icon("refused"), element("span", {}, word("wallet.lost-empty"))));
      return;
    }
    try {
      this.standing = { act, ...await recover(act, number, code) };
      this.stands();
    } catch (error) {
      byId("lost-answer").replaceChildren(element("p", { class: "note no" }, icon("refused"), element("span", {}, this.problemText(error))));
    }
  }

  // Where the card stands now, and until when the counters may go by what was before.
  stands() {
    if (!this.standing) return;
    const { act, state, online_by: online, offline_by: offline } = this.standing;
    const done = state === (act === "block" ? "suspended" : "valid");
    const when = word("wallet.in-force", { online: timeOf(online), date: dateOf(offline), offline: timeOf(offline) });
    byId("lost-answer").replaceChildren(element("div", { class: `note ${done ? "ok" : "amber"}` }, icon(done ? "granted" : "warning"),
      element("div", {}, element("p", {}, word(`wallet.state-${state}`)), done ? element("p", {}, when) : "")));
  }
}

function dial(link, name, phone) {
  link.href = `tel:${phone.replace(/[^\d+]/g, "")}`;
  link.replaceChildren(icon("call"), element("span", { class: "grow" }, said(name)), element("b", {}, phone));
}
