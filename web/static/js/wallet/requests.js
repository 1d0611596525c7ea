// Requests for services without a counter: asked, followed, taken back.

import { byId, element } from "../page.js";
import { dateOf, timeOf } from "../times.js";
import { said, word } from "../words.js";
import { fieldsOf } from "./booking-rules.js";
import { Doing, door, isSpent, own, rowsOf, shutDoor } from "./doing.js";
import { fieldInput } from "./fields.js";
import { Form } from "./form.js";

const LIST = "/v1/wallet/requests";
const MARK = { done: "ok", "passed-on": "ok", refused: "no" };

const pair = (key) => ({ zh: word(key, {}, "zh"), en: word(key, {}, "en") });

export class RequestsView extends Doing {
  constructor(phone, problemText) {
    super("requests", phone, problemText);
  }

  // `item`: the benefit of which the holder wishes to ask for something, if one was tapped.
  async show(item = null) {
    this.form = null;
    await super.show();
    const asked = this.told?.valid && item !== null ? this.services().filter((service) => service.item === item && !isSpent(service)) : [];
    if (asked.length === 1 && !this.intent) this.begin(asked[0]);
  }

  services = () => this.told.services.filter((service) => service.request);

  kept = () => this.phone.keptRequests();

  load = () => this.phone.requests();

  drawHome(able) {
    const { own: listed } = this;
    byId("requests-own").replaceChildren(...(listed ?? []).map((request) => this.request(request)),
      listed?.length === 0 ? element("p", { class: "second" }, word("wallet.ask-none")) : "");
    const services = able ? this.services() : [];
    byId("requests-new").replaceChildren(...services.map((service) => this.door(service)));
    byId("requests-new-heading").hidden = !services.length;
  }

  begin = (service) => this.fill(new RequestForm(service, (...wish) => this.ask(...wish), () => this.close()));

  door(service) {
    const quota = service.quotas?.[0];
    if (isSpent(service)) {
      const about = quota.resets_at ? word("wallet.door-spent-ask", { date: dateOf(quota.resets_at) }) : word("wallet.door-spent-never");
      return shutDoor({ code: service.code, name: service.name, about });
    }
    const about = quota ? word("wallet.left-of", { left: quota.remaining, maximum: quota.maximum }) : said(Object.values(service.request.departments)[0]);
    return door({ code: service.code, name: service.name, about, sign: "list", open: () => this.begin(service) });
  }

  ask = (service, wish) => this.make("POST", LIST, { service: service.code, ...wish }, service.name);

  request(request) {
    const { id, stage, outcome } = request;
    const state = outcome ? `wallet.ask-${outcome}` : `wallet.ask-${stage}`;
    const service = this.told?.services.find((one) => one.code === request.service);
    const rows = [[word("wallet.ask-by"), said(request.department_name)]];
    if (request.deadline) rows.push([word("wallet.ask-deadline"), `${dateOf(request.deadline)} ${timeOf(request.deadline)}`]);
    if (request.closed_at) rows.push([word("wallet.ask-closed"), `${dateOf(request.closed_at)} ${timeOf(request.closed_at)}`]);
    const choice = service?.request?.reference?.choices?.[request.reference];
    if (request.reference) rows.push([said(service?.request?.reference?.label) || word("wallet.entry-id"), said(choice) || request.reference]);
    for (const field of service?.request?.fields ?? []) {
      const value = request.details?.[field.code];
      if (value) rows.push([said(field.label), String(value)]);
    }
    rows.push([word("wallet.entry-id"), id]);
    return own({ id, name: said(request.service_name), when: dateOf(request.opened_at), state: word(state), kind: outcome ? MARK[outcome] ?? "" : "check", opened: this.opened },
      rowsOf(rows),
      stage === "opened" && !this.intent ? element("button", { class: "button danger", type: "button", "data-act": "withdraw", onclick: () => this.withdraw(request) },
        word(this.sure === id ? "wallet.ask-withdraw-sure" : "wallet.ask-withdraw")) : "");
  }

  withdraw(request) {
    if (this.certain(request.id, "withdraw")) this.make("POST", `${LIST}/${request.id}/withdraw`, {}, request.service_name);
  }
}

class RequestForm extends Form {
  constructor(service, submit, back) {
    super();
    Object.assign(this, { service, submit, back, state: {}, rule: { basis: "", party_most: 1 } });
    const { fields, reference, departments, declarations = [] } = service.request;
    this.own = fields;
    this.fields = [
      ...(Object.keys(departments).length > 1 ? [{ code: "department", kind: "choice", label: pair("wallet.ask-whom"), required: true, choices: departments }] : []),
      ...(reference ? [{ ...reference, code: "reference", kind: Object.keys(reference.choices ?? {}).length ? "choice" : "text" }] : []),
      ...fields,
      ...(declarations.length ? [{ code: "confirmed", kind: "confirm", label: joined(declarations), required: true }] : []),
    ];
    this.draw();
  }

  parts = () => [["", this.fields]];

  draw() {
    const { steps = [], phones = [] } = this.service;
    this.root.replaceChildren(
      ...this.heading(word("wallet.ask-of", { name: said(this.service.name) })),
      steps.length ? element("p", { class: "second" }, steps.map((step) => said(step)).join(" ")) : "",
      element("form", { class: "stack", novalidate: true, onsubmit: (event) => this.send(event) },
        element("section", { class: "panel stack" }, this.fields.map((field) => fieldInput(field, this))),
        element("p", { class: "second small" }, word("wallet.ask-private")),
        this.ending(word("wallet.ask-do"))),
      phones.length ? element("p", { class: "second small" }, word("wallet.ask-phone", { phones: phones.map((phone) => phone.number).join("、") })) : "");
    this.show();
  }

  values() {
    const { department, reference, confirmed, ...rest } = fieldsOf(this.rule, this.fields, this.state);
    return { fields: rest, ...(department ? { department } : {}), ...(reference ? { reference } : {}), ...(confirmed ? { confirmed } : {}) };
  }
}

const joined = (texts) => ({ zh: texts.map((text) => text.zh).join("；"), en: texts.map((text) => text.en).join("; ") });
