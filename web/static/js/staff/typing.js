// Tells what is wrong with a booking while it is typed: the server looks into what is there, as it does when the form
// is sent, and records nothing. Without this script the button beside does the same.

const WAIT_MS = 700;
const form = document.getElementById("booking");
let waiting = 0;
let running = null;

// What has a value, or was just left: what nobody has come to yet is no fault.
const isFilled = (control) => !["hidden", "radio", "checkbox", "submit"].includes(control.type) && control.id && control.value.trim();

function tellFault(control, page) {
  const here = document.getElementById(`${control.id}-fault`);
  const there = page.getElementById(`${control.id}-fault`);
  const drawn = page.getElementById(control.id);
  if (here && there) here.textContent = there.textContent;
  else if (here) here.remove();
  else if (there && control !== document.activeElement) control.before(document.adoptNode(there));
  else return;
  for (const name of ["aria-describedby", "aria-invalid"]) {
    const value = drawn?.getAttribute(name);
    if (value) control.setAttribute(name, value);
    else control.removeAttribute(name);
  }
}

function show(page) {
  const told = page.getElementById("foretold");
  if (!told) return; // another page, such as the sign-in's: what was typed stays as it is
  const here = document.getElementById("foretold");
  if (!here.isEqualNode(told)) here.replaceChildren(...[...told.childNodes].map((node) => document.adoptNode(node)));
  for (const control of form.elements) if (isFilled(control)) tellFault(control, page);
}

function ask() {
  running?.abort();
  const typed = new FormData(form);
  typed.set("do", "typing");
  running = new XMLHttpRequest();
  running.open("POST", location.href);
  running.responseType = "document";
  running.onload = ({ target }) => target.status === 200 && target.responseXML && show(target.responseXML);
  running.send(new URLSearchParams(typed));
}

function soon(wait) {
  clearTimeout(waiting);
  if ([...form.elements].some(isFilled)) waiting = setTimeout(ask, wait);
}

form.addEventListener("input", () => soon(WAIT_MS));
form.addEventListener("change", () => soon(0));
form.addEventListener("submit", () => {
  clearTimeout(waiting);
  running?.abort();
});
