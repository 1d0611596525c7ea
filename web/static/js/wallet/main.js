// The wallet page: makes this phone a card, then shows it.

import { askTime, Unconfirmed } from "../calls.js";
import { offsetSeconds } from "../clock.js";
import { canKeepKeys } from "../keys.js";
import { byId, config, element, showView } from "../page.js";
import { loadWords, onLanguage, said, word } from "../words.js";
import { BenefitsView } from "./benefits.js";
import { CardView } from "./card.js";
import { Phone, recover } from "./phone.js";

const CARE_EVERY_MS = 5 * 60 * 1000;

let phone = null;
let view = null;
let benefits = null;

// The code comes in the link's fragment, which no server sees; it leaves the address bar at once.
function codeFromLink() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (location.hash) history.replaceState(null, "", location.pathname);
  return given.get("code") ?? given.get("enrol") ?? "";
}

function sentence(error) {
  if (error instanceof Unconfirmed) return word("shared.unreachable");
  return said(error.document?.message) || word("problem.other");
}

function showEnrolment(code) {
  showView("enrol");
  byId("enrol-code").value = code;
  byId(code ? "id-last4" : "enrol-code").focus();
}

async function enrol(event) {
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
    const made = await Phone.enrol(code, last4);
    phone = made.phone;
    showRecovery(made.recoveryCode);
    care();
  } catch (error) {
    fault.textContent = sentence(error);
    byId("id-last4").focus();
  } finally {
    button.disabled = false;
    button.textContent = word("wallet.do");
  }
}

function showRecovery(code) {
  showView("recovery");
  byId("recovery-code").textContent = code;
  byId("recovery-number").textContent = word("wallet.recovery-number", { number: phone.kept.number });
  byId("recovery-heading").focus();
}

function showCard() {
  byId("recovery-code").textContent = "";
  showView("card");
  markTab("card");
  view ??= new CardView(phone);
  view.start();
}

function showBenefits() {
  showView("benefits");
  markTab("benefits");
  benefits ??= new BenefitsView(phone);
  benefits.show();
}

function markTab(name) {
  for (const tab of document.querySelectorAll("#tabs button")) {
    if (tab.value === name) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
}

// What keeps the card good, whenever there is a network: refresh it, register it where it will be shown.
async function care({ force = false } = {}) {
  const offset = offsetSeconds();
  await askTime();
  if (offset !== offsetSeconds()) view?.renew(); // a code made by a wrong clock is no good
  try {
    const changed = await phone.refresh({ force: force || phone.isExpired });
    if (!phone.kept.registered) await phone.register();
    if (changed) view?.changed();
    else view?.show();
    if (document.body.dataset.shown === "ended") showCard();
  } catch (error) {
    if (error.code === "card-not-valid") showEnded(error.document.reason);
    // Anything else passes: the card is shown without a network too.
  }
}

function showEnded(reason) {
  const draw = () => {
    byId("ended-reason").textContent = word(`wallet.reason-${reason}`);
    byId("ended-call").replaceChildren(word("wallet.call", { name: said(config.contact.name) }), element("b", {}, config.contact.phone));
    byId("ended-call").href = `tel:${config.contact.phone}`;
  };
  showView("ended");
  draw();
  onLanguage(draw);
}

async function copy() {
  byId("copied").textContent = "";
  await view.renew();
  await navigator.clipboard.writeText(view.text);
  byId("copied").textContent = word("wallet.copied");
}

let sure = false;

async function removeCard() {
  if (!sure) {
    sure = true;
    byId("remove-note").textContent = word("wallet.remove-sure");
    return;
  }
  await Phone.forget();
  location.reload();
}

async function stopOrResume(event) {
  event.preventDefault();
  const act = event.submitter?.value ?? "block";
  const said_ = byId("lost-answer");
  try {
    const { state } = await recover(act, byId("lost-number").value.trim(), byId("lost-code").value.trim());
    said_.textContent = word(`wallet.state-${state}`);
  } catch (error) {
    said_.textContent = sentence(error);
  }
}

async function main() {
  const code = codeFromLink();
  await loadWords();
  byId("enrol-form").addEventListener("submit", enrol);
  byId("recovery-do").addEventListener("click", showCard);
  byId("tab-card").addEventListener("click", showCard);
  byId("tab-benefits").addEventListener("click", showBenefits);
  byId("copy").addEventListener("click", copy);
  byId("remove").addEventListener("click", removeCard);
  byId("again").addEventListener("click", () => showEnrolment(""));
  for (const form of document.querySelectorAll(".lost-form")) form.addEventListener("submit", stopOrResume);
  if (!canKeepKeys()) {
    showEnrolment(code);
    byId("enrol-fault").textContent = word("wallet.no-crypto");
    return;
  }
  phone = await Phone.load();
  if (!phone || code) {
    showEnrolment(code);
    return;
  }
  showCard();
  care();
  setInterval(() => care(), CARE_EVERY_MS);
  addEventListener("online", () => care());
}

await main();
