// What the card gives: per benefit what is left and from when anew, what to bring, what to do, whom to call.
// The last answer is kept, so that it can be read without a network; it says how old it is.

import { now } from "../clock.js";
import { isOpen, offerOf } from "./booking-rules.js";
import { noticeOf } from "./notices.js";
import { isSpent } from "./doing.js";
import { byId, config, element, folded, icon } from "../page.js";
import { dateOf, lastDayOf, timeOf } from "../times.js";
import { currentLanguage, onLanguage, said, word } from "../words.js";

// A benefit goes by its first service: the one that the guide names it for.
const USED_AT_COUNTERS = new Set(["scanned", "booked"]);

export class BenefitsView {
  // `go(tab, item)`: the holder wishes to book, ask for or send a clerk with one of a benefit's services.
  constructor(phone, go) {
    this.phone = phone;
    this.go = go;
    this.told = null;
    this.state = "loading";
    this.open = new Set();
    onLanguage(() => this.draw());
  }

  use(phone) {
    Object.assign(this, { phone, told: null });
    this.open.clear();
  }

  async show() {
    this.told ??= await this.phone.keptUsage();
    this.state = "loading";
    this.draw();
    try {
      this.told = await this.phone.usage();
      this.state = "told";
    } catch {
      this.state = "away"; // whatever it was, the card itself is none the worse
    }
    this.draw();
  }

  draw() {
    const { told, state } = this;
    byId("benefits-loading").hidden = state !== "loading" || told !== null;
    byId("benefits-away").hidden = state !== "away";
    byId("benefits-away-said").textContent = word(told ? "wallet.usage-old" : "wallet.usage-away");
    byId("benefits-said").textContent = told ? this.summary() : "";
    const shown = told === null ? [] : told.valid ? benefits(told, this.open, this.go) : [stopped(told)];
    byId("benefits-list").replaceChildren(...shown);
  }

  summary() {
    const { told } = this;
    const when = word("wallet.usage-at", { date: dateOf(told.read_at), time: timeOf(told.read_at) });
    if (!told.valid) return when;
    const count = byItem(told).filter(([, services]) => services.some((service) => service.entitled)).length;
    const until = told.entitled_until ? [word("wallet.entitled-until", { date: lastDayOf(told.entitled_until) })] : [];
    return [`${said(told.tier_name)} ${this.phone.claims.name}`, word("wallet.benefits-count", { count }), ...until, when].join(" · ");
  }
}

function byItem(told) {
  const found = new Map(Object.keys(told.items).map((number) => [Number(number), []]));
  for (const service of told.services) found.get(service.item).push(service);
  return [...found].sort(([one], [other]) => one - other);
}

const listed = (names) => names.join(currentLanguage() === "zh" ? "、" : ", ");

// Figures first, then what is used at a counter, then what is asked for; what is not open yet comes last.
function rankOf(services) {
  if (services.every((service) => service.closed)) return 4;
  if (services.some((service) => service.quotas?.length)) return 0;
  if (services.some((service) => USED_AT_COUNTERS.has(service.mode) && !service.closed)) return 1;
  return services.some((service) => service.request) ? 2 : 3;
}

function benefits(told, open, go) {
  const items = byItem(told);
  const carried = items.map(([number, services]) => [number, services.filter((service) => service.entitled)])
    .filter(([, services]) => services.length).sort(([, one], [, other]) => rankOf(one) - rankOf(other));
  const without = items.filter(([, services]) => services.length && !services.some((service) => service.entitled))
    .map(([number]) => said(told.items[number]));
  return [
    ...carried.map(([number, services]) => benefit(number, told, services, open, go)),
    without.length ? element("p", { class: "second" }, word("wallet.not-carried", { names: listed(without) })) : "",
  ];
}

function benefit(number, told, services, open, go) {
  const name = said(told.items[number]);
  // What another choice has taken is not left, whatever its own count says.
  const mine = services.filter((service) => !service.taken);
  const quotas = [...new Map(mine.flatMap((service) => service.quotas ?? []).map((quota) => [quota.limit, quota])).values()];
  const single = quotas.length === 1 && services.every((service) => service.quotas?.length);
  const head = element("span", { class: "head" },
    element("span", { class: "grow" },
      element("strong", {}, name),
      element("span", { class: "second small" }, listed(services.map((service) => said(service.name))))),
    mark(services, quotas, single));
  const act = (tab, key) => element("button", { class: "button main", type: "button", "data-go": tab, onclick: () => go(tab, number) }, word(key));
  const booked = services.some((service) => service.booking && isOpen(offerOf(service, told.booking_rules[service.booking], now())));
  return folded({ key: number, opened: open, class: "panel benefit", id: `benefit-${number}` }, [head, ...quotas.map((quota) => meter(quota, single)), choiceNote(services)], [
    ways(services),
    booked ? act("bookings", "wallet.book-this") : "",
    services.some((service) => service.request && !isSpent(service)) ? act("requests", "wallet.ask-this") : "",
    services.some((service) => service.delegable) ? act("delegations", "wallet.send-this") : "",
  ]);
}

// At the right of a benefit: what is left, that it is not open yet, or that it is not limited.
function mark(services, quotas, single) {
  if (services.every((service) => service.taken)) return element("span", { class: "pill amber" }, icon("warning"), word("wallet.taken-short"));
  if (services.every((service) => service.closed)) return element("span", { class: "pill" }, icon("clock"), word("wallet.closed"));
  if (single) return left(quotas[0]);
  const unlimited = !quotas.length && USED_AT_COUNTERS.has(services[0].mode);
  return unlimited ? element("span", { class: "second" }, word("outcome.unlimited")) : null;
}

// The figure stands out of its sentence, wherever the language puts it.
function left(quota) {
  const [before, after] = word("wallet.left-of", { left: "\n", maximum: quota.maximum }).split("\n");
  return element("span", { class: "left" }, before, element("b", {}, String(quota.remaining)), after);
}

function meter(quota, single) {
  const parts = Array.from({ length: quota.maximum }, (_, place) => element("i", { class: place < quota.remaining ? "on" : null }));
  const again = quota.resets_at ? word("wallet.resets", { date: dateOf(quota.resets_at) }) : word("wallet.resets-never");
  return element("span", { class: "quota" },
    single ? null : element("span", { class: "head" }, element("span", { class: "grow" }, said(quota.name)), left(quota)),
    element("span", { class: "meter", "aria-hidden": "true" }, quota.maximum <= 12 ? parts : null),
    element("span", { class: "second small" }, again));
}

// Of a choice: which one was made, or that one is to be made.
function choiceNote(services) {
  const { taken } = services.find((service) => service.taken) ?? {};
  if (taken) return element("span", { class: "note amber" }, word("wallet.taken", { name: said(taken.name), date: dateOf(taken.at) }));
  const { one_of: others } = services.find((service) => service.one_of) ?? {};
  return others ? element("span", { class: "second small" }, word("wallet.one-of", { names: listed(others.map((name) => said(name))) })) : null;
}

// Services that are used in the same way, be it at several places, are told of once.
function ways(services) {
  const groups = new Map();
  for (const service of services) {
    const key = JSON.stringify([service.closed, noticeOf(service), service.materials, service.steps, service.phones]);
    groups.set(key, [...(groups.get(key) ?? []), service]);
  }
  return [...groups.values()].map((group) => way(group, groups.size > 1));
}

function way(group, named) {
  const [{ closed, materials = [], steps = [], phones = [] }] = group;
  const places = [...new Map(group.flatMap((service) => service.places ?? []).map((place) => [place.point, place])).values()];
  const numbers = new Set(phones.map((phone) => phone.number));
  return element("section", { class: "way" },
    named ? element("h3", {}, listed(group.map((service) => said(service.name)))) : null,
    closed ? element("p", { class: "note" }, icon("clock"), element("span", {}, said(closed))) : null,
    noticeOf(group[0]) ? element("p", { class: "note", "data-notice": group[0].code }, icon("calendar"), element("span", {}, noticeOf(group[0]))) : null,
    numbered("wallet.bring", materials),
    numbered("wallet.steps", steps),
    calls("wallet.places", places.map((place) => [said(place.name), numbers.has(place.phone) ? null : place.phone])),
    calls("wallet.phones", phones.map((phone) => [said(phone.label), phone.number])));
}

const heading = (key) => element("h4", {}, word(key));

const numbered = (key, texts) => texts.length
  ? [heading(key), element("ol", {}, texts.map((text) => element("li", {}, said(text))))] : null;

const calls = (key, rows) => rows.length
  ? [heading(key), element("ul", {}, rows.map(([name, number]) => element("li", {}, number ? telephone(name, number) : name)))] : null;

const telephone = (name, number) => element("a", { class: "telephone", href: `tel:${number.replace(/[^\d+]/g, "")}` },
  icon("call"), element("span", { class: "grow" }, name), element("b", {}, number));

const stopped = (told) => element("div", { class: "panel stack" },
  element("p", { class: "note no" }, icon("refused"), element("span", {}, said(told.message))),
  telephone(said(config.contact.name), config.contact.phone));
