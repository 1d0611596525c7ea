// An auditor's sign-in: a cookie that scripts cannot read, then back to the page that was asked for.

import { byId } from "../page.js";
import { word } from "../words.js";
import { ask, begin, reasonOf } from "./frame.js";

// Only pages of auditors: an address from elsewhere is not followed.
function next() {
  const asked = new URLSearchParams(location.search).get("next") ?? "";
  return /^\/audit(?:[/?]|$)/.test(asked) ? asked : "/audit";
}

async function signIn(event) {
  event.preventDefault();
  const form = event.target;
  const { name, password } = Object.fromEntries(new FormData(form));
  const button = form.querySelector("[type=submit]");
  if (!name.trim() || !password) {
    refuse(word("audit-sign-in.empty"), name.trim() ? "password" : "name");
    return;
  }
  button.disabled = true;
  try {
    await ask("POST", "/v1/sessions", { body: { name: name.trim(), password, cookie: true } });
    location.assign(next());
  } catch (error) {
    form.elements.password.value = "";
    refuse(error.status === 429 ? word("audit-sign-in.later", { seconds: error.after || 30 }) : reasonOf(error), "password");
    button.disabled = false;
  }
}

function refuse(text, field) {
  byId("fault").textContent = text;
  for (const name of ["name", "password"]) byId(name).setAttribute("aria-invalid", "true");
  byId(field).focus();
}

await begin();
byId("sign-in").addEventListener("submit", signIn);
