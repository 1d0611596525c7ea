// A supervisor's own sign-in for one act at this counter: beside whoever is on duty, and ended once the act is done.

import { byId, element } from "../page.js";
import { word } from "../words.js";

// Whether this tablet may carry such an act at all, given somebody who may.
export const mayCarry = (device, right) => device.kept.rights.includes(right);

// Whether whoever is signed in may do it without another sign-in.
export const mayNow = (device, right) => Boolean(device.operator) && mayCarry(device, right) && device.operator.rights.includes(right);

export function supervisorFields(prefix) {
  return element("fieldset", { class: "stack supervisor", id: `${prefix}-supervisor` },
    element("legend", {}, word("override.supervisor")),
    element("div", { class: "pair-of-fields" },
      field(`${prefix}-code`, "operator.code", {}),
      field(`${prefix}-pin`, "operator.pin", { type: "password", inputmode: "numeric" })));
}

const field = (id, label, attributes) => element("div", { class: "field" },
  element("label", { for: id }, word(label)), element("input", { id, autocomplete: "off", ...attributes }));

// Signs in whoever the fields name; null where they stand empty.
export async function signedIn(device, prefix) {
  const operator = byId(`${prefix}-code`)?.value.trim();
  const pin = byId(`${prefix}-pin`)?.value;
  if (!operator) return null;
  const body = pin ? { operator, pin } : { operator };
  return device.call("POST", "/v1/operators/sessions", { body, retries: 0, operator: null });
}

// The session ends here; that the server could not be told is no fault of the act that is done.
export async function signedOut(device, session) {
  if (session) await device.call("DELETE", "/v1/operators/sessions", { retries: 0, operator: session }).catch(() => null);
}
