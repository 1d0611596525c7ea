// Codes with which an employer's clerk uses one service for some days: made, shown once as a QR and in digits, taken back.

import { byId, element, icon } from "../page.js";
import { dateOf, timeOf } from "../times.js";
import { currentLanguage, said, word } from "../words.js";
import { fieldsOf } from "./booking-rules.js";
import { drawCode } from "./code.js";
import { Doing, door, own, rowsOf } from "./doing.js";
import { fieldInput } from "./fields.js";
import { Form } from "./form.js";

const LIST = "/v1/wallet/delegations";
const MARK = { "in-force": "ok", over: "", revoked: "" };
const SIDE = 240;

const pair = (key) => ({ zh: word(key, {}, "zh"), en: word(key, {}, "en") });

export class DelegationsView extends Doing {
  constructor(phone, problemText) {
    super("delegations", phone, problemText);
  }

  forget() {
    super.forget();
    this.made = null;
  }

  kept = async () => null; // who was sent with which code is not kept here

  load = async () => (await this.phone.ask(`${LIST}/list`)).delegations;

  // `item`: the benefit for which a clerk is to be sent, if one was tapped.
  async show(item = null) {
    this.made = null;
    this.form = null;
    await super.show();
    const found = this.told?.valid && item !== null ? this.told.services.filter((service) => service.delegable && service.item === item) : [];
    if (found.length === 1 && !this.intent) this.begin(found[0]);
  }

  drawHome(able) {
    const place = byId("delegations-made");
    // Drawn once a language: a code that is being read off the screen stays where it is.
    if (place.dataset.shown !== this.shown()) place.replaceChildren(...(this.made ? [this.code()] : []));
    place.dataset.shown = this.shown();
    byId("delegations-own").replaceChildren(...(this.own ?? []).map((one) => this.one(one)),
      this.own?.length === 0 ? element("p", { class: "second" }, word("wallet.send-none")) : "");
    const services = able ? this.told.services.filter((service) => service.delegable) : [];
    byId("delegations-new").replaceChildren(...services.map((service) => door({
      code: service.code, name: service.name, sign: "person", open: () => this.begin(service),
    })));
    byId("delegations-new-heading").hidden = !services.length;
  }

  shown = () => (this.made ? `${this.made.delegation.id} ${currentLanguage()}` : "");

  begin(service) {
    this.made = null;
    this.fill(new DelegationForm(service, (_, wish) => this.make("POST", LIST, { service: service.code, ...wish }, service.name), () => this.close()));
  }

  // A code's answer brings the code, this once; any other says what became of a delegation.
  async done(answer) {
    this.made = answer.code ? answer : null;
    this.close();
    await this.refresh();
  }

  code() {
    const { code, spaced, delegation } = this.made;
    const canvas = element("canvas", { id: "delegation-code", role: "img", "aria-label": word("wallet.send-code-of", { code: spaced }) });
    drawCode(canvas, code, SIDE);
    return element("div", { class: "codebox" },
      canvas,
      element("p", { class: "digits" }, spaced),
      element("p", { class: "center" }, word("wallet.send-for", { service: said(delegation.service_name), employer: delegation.employer })),
      element("p", { class: "center" }, word("wallet.send-until", { date: dateOf(delegation.ends_at), time: timeOf(delegation.ends_at) })),
      element("p", { class: "note amber" }, icon("warning"), element("span", {}, word("wallet.send-once"))),
      element("button", { class: "button", type: "button", "data-act": "copy", onclick: (event) => this.copy(event.target, code) }, word("wallet.send-copy")));
  }

  async copy(button, code) {
    await navigator.clipboard.writeText(code);
    button.textContent = word("wallet.send-copied");
  }

  one(delegation) {
    const { id, state } = delegation;
    const rows = [
      [word("wallet.send-employer"), delegation.employer],
      [word("wallet.send-ends"), `${dateOf(delegation.ends_at)} ${timeOf(delegation.ends_at)}`],
      [word("wallet.send-uses"), delegation.used_at ? `${delegation.uses} · ${dateOf(delegation.used_at)} ${timeOf(delegation.used_at)}` : String(delegation.uses)],
    ];
    return own({ id, name: said(delegation.service_name), when: delegation.employer, state: word(`wallet.send-${state}`), kind: MARK[state], opened: this.opened },
      rowsOf(rows),
      state === "in-force" && !this.intent ? element("button", { class: "button danger", type: "button", "data-act": "revoke", onclick: () => this.revoke(delegation) },
        word(this.sure === id ? "wallet.send-revoke-sure" : "wallet.send-revoke")) : "");
  }

  revoke(delegation) {
    if (this.certain(delegation.id, "revoke")) this.make("POST", `${LIST}/${delegation.id}/revoke`, {}, delegation.service_name);
  }
}

class DelegationForm extends Form {
  constructor(service, submit, back) {
    super();
    Object.assign(this, { service, submit, back, state: {}, rule: { basis: "", party_most: 1 } });
    this.fields = [{ code: "employer", kind: "text", label: pair("wallet.send-employer"), required: true }];
    this.draw();
  }

  parts = () => [["", this.fields]];

  draw() {
    this.root.replaceChildren(
      ...this.heading(word("wallet.send-of", { name: said(this.service.name) })),
      element("p", { class: "second" }, word("wallet.send-why")),
      element("form", { class: "stack", novalidate: true, onsubmit: (event) => this.send(event) },
        element("section", { class: "panel stack" }, this.fields.map((field) => fieldInput(field, this))),
        this.ending(word("wallet.send-do"))));
    this.show();
  }

  values = () => fieldsOf(this.rule, this.fields, this.state);
}
