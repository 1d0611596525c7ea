// What staff fill in beside the code: the service's one reference, for whom, how many come along. Fields alone.

import { byId, element } from "../page.js";
import { currentLanguage, said, word } from "../words.js";

const BENEFICIARIES = ["holder", "spouse", "dependent-child", "child", "employer"];
const CLASS = /^\^?\[([^\]]+)\]\{(\d+)(?:,(\d+))?\}\$?$/;

// Whether a reference has the form that the service takes.
export function matches(service, reference) {
  const choices = Object.keys(service.reference_choices ?? {});
  if (choices.length) return choices.includes(reference);
  if (!service.reference_pattern) return true;
  try {
    return new RegExp(`^(?:${service.reference_pattern})$`, "u").test(reference);
  } catch {
    return true; // the server has the last word on a pattern that this browser cannot read
  }
}

// The form of a reference in words, where its pattern is one class of characters; else that the form is another.
export function shapeOf(pattern) {
  const found = CLASS.exec(pattern ?? "");
  if (!found) return word("reference.other");
  const [, set, least, most] = found;
  const parts = [["A-Z", "letters"], ["0-9", "digits"], ["-", "hyphens"]]
    .filter(([part]) => (part === "-" ? /^-|-$/.test(set) : set.includes(part)))
    .map(([, name]) => word(`reference.${name}`));
  const count = most && most !== least ? `${least}–${most}` : least;
  return word("reference.shape", { parts: parts.join(currentLanguage() === "zh" ? "、" : ", "), count });
}

export function referenceField(service, onChoice) {
  if (!service.reference) return null;
  const label = said(service.reference);
  const shown = service.reference_required ? label : word("scan.optional", { label });
  const choices = Object.entries(service.reference_choices ?? {});
  const field = choices.length ? choiceField(service, choices, onChoice) : textField(service);
  return element("div", { class: "field" }, element("label", { for: "reference" }, shown), ...field);
}

function choiceField(service, choices, onChoice) {
  const none = element("option", { value: "" }, word(service.reference_required ? "scan.pick" : "scan.pick-none"));
  return [element("select", { id: "reference", required: service.reference_required, onchange: onChoice },
    none, choices.map(([code, name]) => element("option", { value: code }, said(name))))];
}

function textField(service) {
  const input = element("input", {
    id: "reference", autocomplete: "off", autocapitalize: "characters", spellcheck: "false", maxlength: "8192",
    required: service.reference_required, "aria-describedby": "reference-shape",
  });
  const check = () => {
    const typed = input.value.trim();
    const wrong = Boolean(typed) && !matches(service, typed) && !matches(service, typed.toUpperCase());
    input.setAttribute("aria-invalid", String(wrong));
  };
  input.addEventListener("change", check);
  return [input, element("span", { class: "hint", id: "reference-shape" }, shapeOf(service.reference_pattern))];
}

// What the matter is that a check-in opens, and who decides it: the register (台账) says so from the first day. A kind is
// always asked for where the service has kinds.
export function matterFields(service, onChoice) {
  return [["kinds", "matter-kind"], ["departments", "matter-decides"]].map(([list, id]) => {
    const choices = Object.entries(service[`matter_${list}`] ?? {});
    if (!choices.length) return null;
    return element("div", { class: "field" }, element("label", { for: id }, word(`scan.${id}`)),
      element("select", { id, required: list === "kinds", onchange: onChoice }, element("option", { value: "" }, word(list === "kinds" ? "scan.pick" : "scan.pick-none")),
        choices.map(([code, name]) => element("option", { value: code }, said(name)))));
  });
}

// Whether the service has kinds of matters and none is chosen.
export const lacksKind = (service) => Boolean(Object.keys(service.matter_kinds ?? {}).length) && !byId("matter-kind")?.value;

// What is said of the matter; null for nothing.
export function matterAsked() {
  const said = { kind: byId("matter-kind")?.value, decides: byId("matter-decides")?.value };
  const given = Object.entries(said).filter(([, value]) => value);
  return given.length ? Object.fromEntries(given) : null;
}

export function beneficiaryField(service) {
  const shown = BENEFICIARIES.filter((who) => service.beneficiaries.includes(who));
  if (shown.length < 2) return null;
  return element("div", { class: "field" },
    element("label", { for: "beneficiary" }, word("scan.for")),
    element("select", { id: "beneficiary", name: "beneficiary" },
      shown.map((who) => element("option", { value: who }, word(`who.${who}`)))));
}

// How many come along; a booking's own count stands where the booking is shown.
export function companionsField(service) {
  if (!service.companions_most || service.look_first) return null;
  return countField("companions", 0, service.companions_most);
}

export function countField(id, value, most) {
  return element("div", { class: "field" },
    element("label", { for: id }, word("scan.companions", { most })),
    element("input", { id, type: "number", inputmode: "numeric", min: "0", max: String(most), value: String(value) }));
}

export function notHolderField() {
  return element("label", { class: "choice" },
    element("input", { type: "checkbox", id: "not-holder" }), element("span", {}, word("scan.not-holder")));
}
