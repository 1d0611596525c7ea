// Shows what a search finds while it is typed. Without this script the button beside does the same.
// The server answers with the whole page, as it does when the form is sent; the parts that a search changes are taken
// over. Only the newest question is out: the one before it is dropped. Nothing that was asked already is asked again.

const WAIT_MS = 400;
const form = document.querySelector("form[role=search]");
const told = document.getElementById("told");
let waiting = 0;
let running = null;
let shown = addressOf();

function addressOf() {
  const typed = new URLSearchParams(new FormData(form));
  for (const [name, value] of [...typed]) if (!value.trim()) typed.delete(name);
  const tab = new URLSearchParams(location.search).get("tab");
  if (tab) typed.set("tab", tab);
  return `${location.pathname}?${typed}`;
}

// Whoever has gone on into the list stays in it: at the same link if it is still there.
function replaceWith(page) {
  for (const part of ["#found", ".languages"]) {
    const here = document.querySelector(part);
    const focused = here.contains(document.activeElement) ? document.activeElement : null;
    const next = document.adoptNode(page.querySelector(part));
    here.replaceWith(next);
    if (focused) ([...next.querySelectorAll("a")].find((link) => link.href === focused.href) ?? next).focus();
  }
  told.textContent = page.getElementById("told").textContent; // a region that stays: a screen reader says the new text
}

function answered(address, { status, responseXML: page }) {
  if (status !== 200 || !page) return failed();
  if (!page.getElementById("found")) return location.assign(address); // signed out meanwhile: the way back has the search
  shown = address;
  history.replaceState(null, "", address);
  replaceWith(page);
}

function failed() {
  shown = "";
  told.textContent = form.dataset.away;
}

function ask() {
  const address = addressOf();
  running?.abort();
  if (address === shown) return;
  running = new XMLHttpRequest();
  running.open("GET", address);
  running.setRequestHeader("X-Searching", "typed");
  running.responseType = "document"; // no script of it runs, and nothing is written as markup
  running.onload = ({ target }) => answered(address, target);
  running.onerror = failed;
  running.send();
}

function soon() {
  clearTimeout(waiting);
  waiting = setTimeout(ask, WAIT_MS);
}

// While Chinese is being composed, the field holds letters that nobody means.
form.addEventListener("input", (event) => !event.isComposing && soon());
form.addEventListener("compositionend", soon);
form.addEventListener("submit", () => {
  clearTimeout(waiting);
  running?.abort();
});
