// Today's list of this point: counts and last entries, without names. Voiding and checking out start here too.

import { byId, config, element, icon } from "../page.js";
import { timeOf } from "../times.js";
import { has, said, word } from "../words.js";
import { mayCarry } from "./supervisor.js";
import { now } from "../clock.js";

const RECENT = 3;
const KINDS = new Set(["void", "booking", "booking-cancel", "booking-missed", "matter", "request"]);
const VOID_MS = 15 * 60 * 1000;

export class Today {
  constructor(device, services, { onVoid, onLeave, onDeliver, isDelivered }) {
    this.isDelivered = isDelivered;
    this.device = device;
    this.services = services;
    this.onVoid = onVoid;
    this.onLeave = onLeave;
    this.onDeliver = onDeliver;
    this.found = null;
  }

  // Asks for the list; keeps the last one known where the server cannot be reached.
  async refresh() {
    this.found = await this.device.call("GET", `/v1/points/${this.device.point}/today`, { retries: 0 });
    this.render();
  }

  render() {
    const counts = { granted: this.found?.granted ?? 0, denied: this.found?.denied ?? 0 };
    const said_ = word("scan.counts", counts);
    byId("recent-count").textContent = said_;
    byId("today-count").textContent = said_;
    byId("count").hidden = this.found === null;
    byId("count").querySelector("b").textContent = String(counts.granted);
    const entries = this.found?.entries ?? [];
    const empty = () => element("li", { class: "second" }, word("scan.none"));
    byId("recent").replaceChildren(...(entries.length ? entries.slice(0, RECENT).map((entry) => this.row(entry)) : [empty()]));
    byId("today-entries").replaceChildren(
      ...(entries.length ? entries.map((entry) => this.row(entry, this.changes(entry))) : [empty()]));
  }

  row(entry, buttons = null) {
    const tier = config.tiers[entry.tier];
    const about = entry.outcome === "denied" && entry.reason
      ? (has(`reason.${entry.reason}`) ? word(`reason.${entry.reason}`) : entry.reason)
      : tier ? said(tier.name) : "";
    const service = said(this.services.find(entry.service)?.name) || entry.service;
    const text = [`${timeOf(entry.at)} ${service}`, about, entry.voided ? word("today.voided") : ""].filter(Boolean).join(" · ");
    return element("li", {}, pillOf(entry), element("span", { class: entry.voided ? "grow voided" : "grow" }, text), buttons);
  }

  changes(entry) {
    if (!isUse(entry) || entry.outcome !== "granted" || entry.voided) return null;
    const buttons = [];
    const young = now() - Date.parse(entry.at) < VOID_MS;
    const byStaff = young && this.device.may("void");
    if (byStaff || mayCarry(this.device, "void-any")) {
      const ask = () => this.onVoid(entry, { late: !byStaff });
      buttons.push(element("button", { class: "button compact", type: "button", onclick: ask }, word(byStaff ? "today.take-back" : "today.supervised")));
    }
    if (entry.inside) {
      buttons.push(element("button", { class: "button compact", type: "button", onclick: () => this.onLeave(entry.id) }, word("today.leave")));
    }
    const service = this.services.find(entry.service);
    if (service?.includes?.length && !this.isDelivered(entry.id)) {
      buttons.push(element("button", { class: "button compact", type: "button", onclick: () => this.onDeliver(entry.id, service) }, word("deliver.ask")));
    }
    return buttons;
  }
}

function isUse(entry) {
  return entry.kind === "check-in" || entry.kind === "offline";
}

// What an entry that is no use tells of.
function changeOf({ kind, change, delivered }) {
  if (kind === "check-out") return delivered ? "delivered" : "check-out";
  if (kind === "booking-change") return change ?? "rebooked";
  return KINDS.has(kind) ? kind : "other";
}

function pillOf(entry) {
  if (!isUse(entry)) return element("span", { class: "pill" }, word(`today.${changeOf(entry)}`));
  if (entry.reason === "already-in") return element("span", { class: "pill amber" }, icon("warning"), word("outcome.already-in"));
  if (entry.re_entry) return element("span", { class: "pill" }, word("today.re-entry"));
  const granted = entry.outcome === "granted";
  return element("span", { class: granted ? "pill ok" : "pill no" },
    icon(granted ? "granted" : "refused"), word(granted ? "today.granted" : "today.denied"));
}
