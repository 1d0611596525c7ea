// What a service includes and what the holder pays: staff tick what they have done, and promise nothing else.

import { element, icon } from "../page.js";
import { currentLanguage, said, word } from "../words.js";

// `ticked`: a set of places in the list, kept by whoever shows it; null where nothing can be ticked yet.
export function renderChecklist(service, { ticked = null, onTick = () => null } = {}) {
  const includes = service?.includes ?? [];
  if (!includes.length) return null;
  const count = element("span", { class: "second" }, progress(includes, ticked));
  const rows = includes.map((text, index) => row(said(text), index, { ticked, onTick: () => {
    count.textContent = progress(includes, ticked);
    onTick();
  } }));
  return element("fieldset", { class: "panel tight checklist" },
    element("legend", { class: "unseen" }, word("checklist.legend")),
    element("div", { class: "row" }, element("h2", { class: "grow" }, word("checklist.heading", { count: includes.length })), count),
    element("ul", { class: "ticks" }, rows),
    ownExpense(service));
}

// What the holder pays, also where there is nothing to tick; null where nothing is to be paid.
export function ownExpense(service) {
  const own = service?.own_expense ?? [];
  return own.length ? element("p", { class: "note amber own" }, icon("warning"),
    element("span", {}, element("b", {}, word("checklist.own")), own.map((text) => said(text)).join(currentLanguage() === "zh" ? "；" : "; "))) : null;
}

const progress = (includes, ticked) =>
  ticked === null ? word("checklist.later") : word("checklist.progress", { done: ticked.size, count: includes.length });

function row(text, index, { ticked, onTick }) {
  if (ticked === null) return element("li", {}, element("span", {}, text));
  const input = element("input", { type: "checkbox", name: "delivered", value: String(index), onchange: (event) => {
    if (event.target.checked) ticked.add(index);
    else ticked.delete(index);
    onTick();
  } });
  input.checked = ticked.has(index);
  return element("li", {}, element("label", { class: "choice" }, input, element("span", {}, text)));
}
