// The holder's own history, page by page. Each entry shows its receipt: where it stands in the public log, and the proof.

import { byId, element, folded, icon } from "../page.js";
import { dateOf, timeOf } from "../times.js";
import { has, onLanguage, said, word } from "../words.js";

const USES = new Set(["check-in", "offline"]);

export class HistoryView {
  constructor(phone, problemText) {
    Object.assign(this, { phone, problemText, entries: [], next: null, state: "loading", stopped: null, receipts: new Map(), open: new Set() });
    byId("history-more").addEventListener("click", () => this.more());
    onLanguage(() => this.draw());
  }

  use(phone) {
    Object.assign(this, { phone, entries: [], next: null, stopped: null });
    this.receipts.clear();
    this.open.clear();
  }

  async show() {
    this.state = "loading";
    this.draw();
    await this.load(null);
  }

  async more() {
    byId("history-more").disabled = true;
    await this.load(this.next);
    byId("history-more").disabled = false;
  }

  async load(before) {
    try {
      const page = await this.phone.history(before);
      this.stopped = page.valid ? null : page.message;
      this.entries = before ? [...this.entries, ...(page.entries ?? [])] : page.entries ?? [];
      this.next = page.next ?? null;
      this.state = "told";
    } catch {
      this.state = "away";
    }
    this.draw();
  }

  draw() {
    byId("history-loading").hidden = this.state !== "loading" || this.entries.length > 0;
    byId("history-away").hidden = this.state !== "away";
    byId("history-none").hidden = this.state !== "told" || this.entries.length > 0 || this.stopped !== null;
    byId("history-more").hidden = this.next === null || this.state === "away";
    const days = new Map();
    for (const entry of this.entries) days.set(dateOf(entry.at), [...(days.get(dateOf(entry.at)) ?? []), entry]);
    byId("history-list").replaceChildren(
      ...(this.stopped ? [element("p", { class: "note no" }, icon("refused"), element("span", {}, said(this.stopped)))] : []),
      ...[...days].flatMap(([day, entries]) => [element("h3", { class: "day" }, day), ...entries.map((entry) => this.entry(entry))]));
  }

  entry(entry) {
    const head = element("span", { class: "head" },
      element("span", { class: "grow" },
        element("strong", {}, said(entry.service_name)),
        element("span", { class: "second small" }, `${timeOf(entry.at)} · ${said(entry.point_name)}`)),
      mark(entry));
    const told = facts(entry).flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]);
    return folded({ key: entry.id, opened: this.open, class: "panel benefit entry", "data-entry": entry.id }, [head],
      [element("dl", { class: "facts" }, told), this.receipt(entry)]);
  }

  receipt(entry) {
    const found = this.receipts.get(entry.id);
    return element("div", { class: "stack receipt" },
      element("p", { class: "second small" }, word("wallet.receipt-why")),
      found ? found() : element("button", { class: "button", type: "button", "data-act": "receipt", onclick: () => this.prove(entry) }, icon("shield"), word("wallet.receipt")));
  }

  async prove(entry) {
    try {
      const { Receipt } = await import("./receipt.js");
      const receipt = await Receipt.of(this.phone, entry);
      this.receipts.set(entry.id, () => receipt.drawn());
    } catch (error) {
      const key = error.status ? null : "wallet.receipt-unproved";
      this.receipts.set(entry.id, () => element("div", { class: "stack" },
        element("p", { class: "note amber", role: "status" }, icon("clock"), element("span", {}, key ? word(key) : this.problemText(error))),
        element("button", { class: "button", type: "button", "data-act": "receipt", onclick: () => this.prove(entry) }, word("shared.retry"))));
    }
    this.draw();
  }
}

// In words, with a shape besides the colour.
function mark(entry) {
  if (entry.voided) return element("span", { class: "pill amber" }, icon("turn"), word("wallet.entry-voided"));
  if (entry.held) return element("span", { class: "pill amber" }, icon("clock"), word("wallet.entry-held"));
  if (entry.outcome === "denied") return element("span", { class: "pill no" }, icon("refused"), word("wallet.entry-denied"));
  const key = USES.has(entry.kind) ? "wallet.entry-granted" : `wallet.entry-${entry.kind}`;
  const used = USES.has(entry.kind) && entry.outcome === "granted"; // a booking or a request is no use yet
  return element("span", { class: `pill ${used ? "ok" : ""}` }, icon(used ? "granted" : "list"), word(has(key) ? key : "wallet.entry-other"));
}

function facts(entry) {
  const rows = [[word("wallet.entry-at"), `${dateOf(entry.at)} ${timeOf(entry.at)}`], [word("wallet.book-where"), said(entry.point_name)]];
  if (entry.reason) {
    const keys = [`reason.${entry.reason}`, `void.${entry.reason}`, `wallet.ended-${entry.reason}`];
    const key = keys.find(has);
    rows.push([word("wallet.entry-reason"), word(key ?? "wallet.ended-other")]);
  }
  for (const { name, units, period, resets_at: resets } of entry.counted ?? []) {
    const until = resets ? word("wallet.resets", { date: dateOf(resets) }) : word("wallet.resets-never");
    rows.push([word("wallet.entry-counted"), `${said(name)} · ${word("wallet.units", { units })} · ${period} · ${until}`]);
  }
  if (entry.held) rows.push([word("wallet.entry-how"), word("wallet.entry-held-more")]);
  if (entry.kind === "offline") rows.push([word("wallet.entry-how"), word("wallet.entry-offline")]);
  rows.push([word("wallet.entry-id"), entry.id]);
  return rows;
}
