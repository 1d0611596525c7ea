// The wallet page: makes this phone a card, then shows it, what it gives, its bookings and its history.

import { askTime, Unconfirmed } from "../calls.js";
import { now, offsetSeconds } from "../clock.js";
import { canKeepKeys } from "../keys.js";
import { byId, clouds, config, element, showView } from "../page.js";
import { lastDayOf } from "../times.js";
import { loadWords, onLanguage, said, word } from "../words.js";
import { browserKind, keepStorage } from "./browser.js";
import { CardView } from "./card.js";
import { Enrolment } from "./enrol.js";
import { Phone, PLACES } from "./phone.js";

const CARE_EVERY_MS = 5 * 60 * 1000;
const NEWS_MS = 24 * 60 * 60 * 1000;
// What nobody is taken away from because the card has ended meanwhile.
const OWN_BUSINESS = new Set(["enrol", "recovery", "lost"]);
// What is behind a tab is loaded once a card is shown, so that it is there without a network.
const BEHIND = {
  benefits: () => import("./benefits.js"), bookings: () => import("./bookings.js"), requests: () => import("./requests.js"),
  delegations: () => import("./delegations.js"), history: () => import("./history.js"),
};
const VIEWS = {
  benefits: ({ BenefitsView }) => new BenefitsView(phone, show),
  bookings: ({ BookingsView }) => new BookingsView(phone, problemText),
  requests: ({ RequestsView }) => new RequestsView(phone, problemText),
  delegations: ({ DelegationsView }) => new DelegationsView(phone, problemText),
  history: ({ HistoryView }) => new HistoryView(phone, problemText),
};

let phones = [];
let phone = null;
let card = null;
let using = null;
let enrolment = null;
let ended = null;
const views = {};

// The code comes in the link's fragment, which no server sees; it leaves the address bar at once. In a chat's browser it
// stays: the system's browser, which is to open the page, is handed the address.
function askedByLink() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (location.hash && browserKind() !== "wechat") history.replaceState(null, "", location.pathname);
  return { code: given.get("code") ?? given.get("enrol") ?? "", lost: given.has("lost") };
}

function problemText(error) {
  if (error instanceof Unconfirmed) return word("shared.unreachable");
  return said(error.document?.message) || word("problem.other");
}

// ---- cards of this phone ----

async function use(chosen) {
  take(chosen);
  await phone.shown();
  phones = await Phone.all();
  if (chosen === phone) drawCards();
}

// From here on it is this card's page: whatever is pressed next means this card, and no form that is opened meanwhile is
// covered later.
function take(chosen) {
  phone = chosen;
  ended = null;
  phone.onStopped = (reason) => stopped(chosen, reason);
  card ??= new CardView(phone);
  card.use(phone);
  for (const view of Object.values(views)) view.use(phone);
  drawCards();
}

// A counter's answer, or the list of benefits, says that the card is not valid: the issuer says why, and whether it is so.
async function stopped(mine, reason) {
  if (mine.kept.ended) return;
  const told = await mine.refresh({ force: true }).catch((error) => error);
  if (told instanceof Error) await endsHere(mine, told.code === "card-not-valid" ? told.document.reason : reason);
}

async function endsHere(mine, reason) {
  await mine.end(reason);
  if (mine === phone && !OWN_BUSINESS.has(document.body.dataset.shown)) showEnded(reason);
}

function drawCards() {
  for (const place of document.querySelectorAll(".cards")) {
    place.hidden = phones.length < 2;
    place.replaceChildren(...phones.map((one) => element("button", {
      type: "button", "data-place": String(one.place), "aria-pressed": String(one.place === phone?.place), onclick: () => switchTo(one),
    }, clouds(config.tiers[one.claims.tier]?.clouds ?? 0), element("span", {}, `${said(config.tiers[one.claims.tier]?.name)} ${one.claims.name}`))));
  }
  byId("add-card").hidden = phones.length >= PLACES;
  byId("others").replaceChildren(...(phone?.kept.others ?? []).map((other) => element("li", {}, word(`wallet.other-${other.state}`, {
    form: word(`wallet.form-${other.form}`), tier: said(config.tiers[other.tier]?.name), date: lastDayOf(other.valid_until),
  }))));
  byId("others-none").hidden = Boolean(phone?.kept.others?.length);
}

function switchTo(chosen) {
  const using_ = use(chosen);
  shownNow();
  care({ force: true });
  return using_;
}

const shownNow = () => (phone.kept.ended ? showEnded(phone.kept.ended) : showCard());

// ---- tabs ----

async function show(name, ...more) {
  scrollTo(0, 0);
  if (name === "card") {
    shownNow();
    return;
  }
  showView(name);
  markTab(name);
  const loaded = await BEHIND[name]().catch(() => null);
  if (!loaded) {
    byId(`${name}-loading`).hidden = true;
    byId(`${name}-away`).hidden = false;
    return;
  }
  views[name] ??= VIEWS[name](loaded);
  views[name].show(...more);
}

function showCard() {
  showView("card");
  markTab("card");
  byId("moved-note").hidden = !phone.kept.moved || now() - phone.kept.enrolled_at > NEWS_MS;
  card.start();
  for (const load of Object.values(BEHIND)) load().catch(() => null);
}

// Bookings, requests and codes for a clerk stand behind one tab, and beside one another on top.
function markTab(name) {
  const [tabs, doings] = [document.querySelectorAll("#tabs button"), document.querySelectorAll(".doings button")];
  for (const tab of [...tabs, ...doings]) {
    if (tab.value === name || (["requests", "delegations"].includes(name) && tab.id === "tab-bookings")) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
}

// What keeps the card good, whenever there is a network: refresh it, register it where it will be shown.
async function care({ force = false } = {}) {
  const mine = phone;
  const offset = offsetSeconds();
  await askTime();
  if (offset !== offsetSeconds()) card?.renew(); // a code made by a wrong clock is no good
  try {
    const changed = await mine.refresh({ force: force || mine.isExpired });
    if (!mine.kept.registered) await mine.register();
    if (mine !== phone) return;
    if (changed) card.changed();
    else card.show();
    drawCards();
    if (document.body.dataset.shown === "ended") showCard();
  } catch (error) {
    if (error.code === "card-not-valid") await endsHere(mine, error.document.reason);
    // Anything else passes: the card is shown without a network too.
  }
}

async function careForAll({ force = false } = {}) {
  if (!phone) return;
  await care({ force });
  await careForOthers();
}

// Opened, or looked at again: whether the card still stands is asked before anybody relies on it.
const careAnew = () => careForAll({ force: true });

// The other cards of this phone stay good too, so that each is at hand when it is wanted.
async function careForOthers() {
  for (const other of phones.filter((one) => one !== phone)) {
    try {
      await other.refresh({ force: other.isExpired });
      if (!other.kept.registered) await other.register();
    } catch (error) {
      if (error.code === "card-not-valid") await other.end(error.document.reason);
    }
  }
}

function showEnded(reason) {
  ended = reason;
  showView("ended");
  drawEnded();
}

function drawEnded() {
  if (!ended) return;
  byId("ended-heading").textContent = word(ended === "moved" ? "wallet.moved" : "wallet.card-not-valid");
  byId("ended-reason").textContent = word(`wallet.reason-${ended}`);
  byId("ended-call").replaceChildren(word("wallet.call", { name: said(config.contact.name) }), element("b", {}, config.contact.phone));
  byId("ended-call").href = `tel:${config.contact.phone}`;
}

async function copy() {
  byId("copied").textContent = "";
  await card.renew();
  await navigator.clipboard.writeText(card.text);
  byId("copied").textContent = word("wallet.copied");
}

let sure = false;

async function removeCard() {
  if (!sure) {
    sure = true;
    byId("remove-note").textContent = word("wallet.remove-sure");
    return;
  }
  await phone.forget();
  location.reload();
}

const back = () => (phone ? shownNow() : enrolment.show(byId("enrol-code").value));

function listen() {
  for (const tab of document.querySelectorAll("#tabs button, .doings button")) tab.addEventListener("click", () => show(tab.value));
  for (const name of Object.keys(VIEWS)) byId(`${name}-retry`).addEventListener("click", () => show(name));
  byId("copy").addEventListener("click", copy);
  byId("remove").addEventListener("click", removeCard);
  byId("again").addEventListener("click", () => enrolment.show("", { another: phones.length > 1 }));
  byId("add-card").addEventListener("click", () => enrolment.show("", { another: true }));
  byId("lost-this").addEventListener("click", () => enrolment.lost(phone.kept.number));
  byId("next-booking").addEventListener("click", () => show("bookings"));
  onLanguage(() => {
    drawCards();
    drawEnded();
  });
}

async function main() {
  const { code, lost } = askedByLink();
  await loadWords("wallet");
  enrolment = new Enrolment({
    enrolled: async (made) => {
      using = use(made);
      await using;
      care();
    },
    // Who has the recovery code at once must not be faster than this phone is ready.
    done: async () => {
      await using;
      show("card");
    },
    back, problemText,
  });
  listen();
  if (!canKeepKeys()) {
    enrolment.show(code);
    byId("enrol-fault").textContent = word("wallet.no-crypto");
    return;
  }
  const found = await Phone.load();
  if (found) await use(found);
  if (lost) enrolment.lost();
  else if (!found || code) enrolment.show(code, { another: Boolean(found) });
  else shownNow();
  if (found) {
    keepStorage(); // granted, as a rule, once the page stands on the home screen
    careAnew();
  }
  setInterval(() => careForAll(), CARE_EVERY_MS);
  addEventListener("online", careAnew);
  document.addEventListener("visibilitychange", () => document.hidden || careAnew());
}

await main();
