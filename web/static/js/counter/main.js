// The counter page: enrols this tablet, then serves one visitor after the other.

import { allowSound } from "./sound.js";
import { listenToAgent, wantsAgent } from "./agent.js";
import { Camera } from "./camera.js";
import { Device } from "./device.js";
import { listenForScans } from "./wedge.js";
import { NfcReader } from "./nfc.js";
import { nameOf } from "./problem.js";
import { now } from "../clock.js";
import { byId, element, icon, showView } from "../page.js";
import { dayOf, timeOf } from "../times.js";
import { canKeepKeys } from "../keys.js";
import { loadWords, onLanguage, said, word } from "../words.js";

let device = null;
let desk = null;
let point = null;

// The address in the operator's QR code carries the code behind its #, where no server sees it.
const codeIn = (text) => new URLSearchParams(text.slice(text.indexOf("#") + 1)).get("code") ?? text.trim();

function showEnrolment() {
  showView("enrol");
  byId("enrol-code").value = location.hash ? codeIn(location.hash) : "";
  if (location.hash) history.replaceState(null, "", location.pathname);
  byId("enrol-scan").hidden = !navigator.mediaDevices?.getUserMedia;
  byId("enrol-code").focus();
}

async function scanCode() {
  const { readOnce } = await import("./enrol-camera.js");
  const found = await readOnce(byId("enrol-form"), () => document.body.dataset.shown === "enrol").catch(() => null);
  if (!found) return byId("enrol-code").focus();
  byId("enrol-code").value = codeIn(found);
  return byId("enrol-form").requestSubmit();
}

async function enrol(event) {
  event.preventDefault();
  const button = event.submitter ?? byId("enrol-form").querySelector("button");
  const code = codeIn(byId("enrol-code").value);
  const fault = byId("enrol-fault");
  fault.textContent = code ? "" : word("enrol.empty");
  byId("enrol-code").setAttribute("aria-invalid", String(!code));
  if (!code || button.disabled) return;
  button.disabled = true;
  try {
    device = await Device.enrol(code);
    await start();
  } catch (error) {
    byId("enrol-code").setAttribute("aria-invalid", "true");
    fault.textContent = enrolmentFault(error);
    byId("enrol-code").focus();
  } finally {
    button.disabled = false;
  }
}

function enrolmentFault(error) {
  if (error.code === "code-refused") return said(error.document.message);
  const name = nameOf(error);
  return `${word(`problem.${name}`)} ${word(`problem.${name}-more`, { seconds: error.after || 30 })}`;
}

// The desk is fetched once there is a device to serve with: the first screen stays light.
async function begin() {
  const [{ Desk }, { findPoint }] = await Promise.all([import("./desk.js"), import("./offline-counter.js")]);
  const found = await findPoint(device.point);
  point = found.point;
  if (desk) {
    location.reload(); // enrolled anew: nothing of the old desk may linger
    return;
  }
  desk = new Desk(device, point, { onSignIn: openSignIn, onRevoked: forget, isKept: found.isKept });
  const camera = new Camera((text) => desk.present(text), {
    onForeign: () => desk.foreign(), onSeveral: () => desk.note(word("scan.several")),
  });
  desk.onIdle = () => camera.resume();
  desk.onSettled = () => camera.pause();
  showHeader();
  desk.isReachable = true;
  if (wantsAgent()) listenToAgent(desk);
  new NfcReader({ onText: (text) => desk.present(text), onForeign: () => desk.note(word("scan.nfc-foreign")) });
  listenForScans({
    onScan: (text) => {
      heardScanner();
      if (byId("book").open) desk.bookings.withBooking((form) => form.take(text)); // for whoever books at this desk
      else desk.present(text);
    },
    onInputMethod: () => desk.note(word("scan.ime")), onLost: () => desk.note(word("scan.lost")),
  });
  byId("paste-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = byId("presented").value;
    byId("presented").value = "";
    desk.present(text);
  });
  byId("show-today").addEventListener("click", () => {
    desk.refreshToday();
    byId("today").showModal();
  });
  byId("show-help").addEventListener("click", () => byId("help").showModal());
  desk.start();
}

// Whether a scanner is plugged in only its first scan tells.
function heardScanner() {
  byId("scanner-state").dataset.t = "scan.scanner-ready";
  byId("scanner-state").textContent = word("scan.scanner-ready");
}

async function forget() {
  await device.forget();
  location.reload();
}

function showHeader() {
  byId("point").textContent = said(point.name);
  byId("show-bookings").hidden = !desk.bookings.offered;
  byId("desk").removeAttribute("data-t");
  byId("desk").textContent = deskName(device.kept.label);
  const operator = byId("operator");
  operator.hidden = false;
  operator.replaceChildren(icon("person"), element("span", {}, device.operator
    ? word("counter.on-duty", { name: device.operator.name })
    : word("counter.sign-in")));
  showClock();
}

// A desk's label as it was given; a number alone gets the word for a window.
function deskName(label) {
  if (!label) return word("counter.title");
  return word(/^\d+$/.test(label) ? "counter.desk-number" : "counter.desk", { label });
}

function showClock() {
  const clock = byId("clock");
  clock.hidden = point === null;
  clock.querySelector("b").textContent = timeOf(now());
  clock.querySelector("span").textContent = dayOf(now());
}

function openSignIn() {
  byId("sign-in-fault").textContent = desk.away.isLost ? word("operator.offline") : "";
  byId("operator-pin").value = "";
  byId("sign-in").showModal();
}

function signInOrOut() {
  if (!device.operator) {
    openSignIn();
    return;
  }
  byId("sign-out-who").textContent = word("operator.out-who", { name: device.operator.name });
  byId("sign-out").showModal();
}

async function signOut(event) {
  event.preventDefault();
  byId("sign-out").close();
  await device.signOut();
  showHeader();
  desk.today.render();
}

async function signIn(event) {
  event.preventDefault();
  const fault = byId("sign-in-fault");
  try {
    await device.signIn(byId("operator-code").value.trim(), byId("operator-pin").value);
    byId("sign-in").close();
    desk.away.care(); // a supervisor may bring what this tablet recorded under its former name
    showHeader();
    desk.today.render();
  } catch (error) {
    fault.textContent = said(error.document?.message) || word(`problem.${nameOf(error)}`);
  }
}

async function main() {
  await loadWords("counter");
  byId("enrol-form").addEventListener("submit", enrol);
  byId("enrol-scan").addEventListener("click", scanCode);
  byId("sign-in-form").addEventListener("submit", signIn);
  byId("sign-in").querySelector("[data-close]").addEventListener("click", () => byId("sign-in").close());
  byId("operator").addEventListener("click", signInOrOut);
  byId("sign-out-form").addEventListener("submit", signOut);
  byId("sign-out").querySelector("[data-close]").addEventListener("click", () => byId("sign-out").close());
  for (const type of ["pointerdown", "keydown"]) document.addEventListener(type, allowSound, { once: true });
  onLanguage(() => point && showHeader());
  setInterval(() => point && showClock(), 1000);
  if (!canKeepKeys()) {
    showEnrolment();
    byId("enrol-fault").textContent = word("wallet.no-crypto");
    return;
  }
  device = await Device.load();
  if (device) await start();
  else showEnrolment();
}

// The server may be away when the tablet wakes: say so and try again.
async function start() {
  try {
    await begin();
  } catch {
    showView("boot");
    byId("boot-note").textContent = word("shared.unreachable");
    setTimeout(start, 3000);
  }
}

await main();
