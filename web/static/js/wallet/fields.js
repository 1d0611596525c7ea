// The inputs of a form, one kind each. Each writes what was typed into the form's state and can show a fault at itself.

import { element, icon } from "../page.js";
import { said, word } from "../words.js";
import { partyList } from "./booking-rules.js";

const id = (field, part = "") => `f-${field.code}${part}`;

function input(field, state, { key = field.code, ...attributes } = {}) {
  return element("input", {
    id: id(field), value: state[key] ?? "", autocomplete: "off", spellcheck: "false", maxlength: "100",
    "aria-describedby": id(field, "-fault"), ...attributes, oninput: (event) => { state[key] = event.target.value; },
  });
}

const label = (field, text = said(field.label)) => element("label", { for: id(field) }, text);

const LISTED = { names: "wallet.listed-people", plates: "wallet.listed-cars" };

const faultPlace = (field) => element("p", { class: "fault at-field", id: id(field, "-fault"), hidden: true });

const boxed = (field, ...children) => element("div", { class: "field", "data-field": field.code }, ...children, faultPlace(field));

const KINDS = {
  text: (field, form) => boxed(field, label(field), input(field, form.state)),
  phone: (field, form) => boxed(field, label(field), input(field, form.state, { type: "tel", autocomplete: "tel" })),
  number: (field, form) => boxed(field, label(field), input(field, form.state, { inputmode: "numeric", maxlength: "4" })),
  date: (field, form) => boxed(field, label(field), input(field, form.state, { type: "date" })),
  datetime: times,
  names: list,
  plates: list,
  note: (field, form) => boxed(field, label(field), element("textarea", {
    id: id(field), rows: "4", maxlength: "500", "aria-describedby": id(field, "-fault"), oninput: (event) => { form.state[field.code] = event.target.value; },
  }, form.state[field.code] ?? "")),
  choice: (field, form) => group(field, choice(field, Object.entries(field.choices).map(([code, name]) => ({
    text: said(name), checked: form.state[field.code] === code, choose: () => { form.state[field.code] = code; },
  })))),
  confirm: (field, form) => element("div", { class: "field", "data-field": field.code },
    element("label", { class: "choice" }, element("input", {
      type: "checkbox", id: id(field), checked: form.state[field.code] === true, "aria-describedby": id(field, "-fault"),
      onchange: (event) => { form.state[field.code] = event.target.checked || null; },
    }), element("span", {}, said(field.label))), faultPlace(field)),
  "yes-no": (field, form) => group(field, choice(field, [["yes", true], ["no", false]].map(([name, value]) => ({
    text: word(`wallet.${name}`), checked: form.state[field.code] === value, choose: () => { form.state[field.code] = value; },
  })))),
};

export const fieldInput = (field, form) => KINDS[field.kind](field, form);

function group(field, ...children) {
  return element("fieldset", { class: "field", "data-field": field.code, "aria-describedby": id(field, "-fault") },
    element("legend", {}, said(field.label)), ...children, faultPlace(field));
}

// A Chinese character takes the room of two letters.
const width = (text) => text.length + (text.match(/[\u3000-\u9fff\uff00-\uffef]/g)?.length ?? 0);

// One of a few: large, and told apart by a mark besides the colour.
export function choice(field, options) {
  const long = options.some((option) => width(option.text) > (options.length > 2 ? 26 : 16));
  return element("div", { class: `segments${long ? " wide" : options.length > 2 ? " pairs" : ""}` }, options.map((option, place) =>
    element("label", {},
      element("input", {
        class: "unseen", type: "radio", name: id(field), id: place ? null : id(field), checked: option.checked,
        onchange: option.choose,
      }),
      icon("granted"), element("span", {}, option.text))));
}

// A date and a time, or two of a slot, with the last moment to submit below.
function times(field, form) {
  const state = form.state[field.code] ??= {};
  const slot = Boolean(form.rule.slot_most_minutes);
  const part = (key, name, type) => element("div", { class: "field" },
    element("label", { for: id(field, key === "date" ? "" : `-${key}`) }, word(`wallet.${name}`)),
    element("input", {
      type, id: id(field, key === "date" ? "" : `-${key}`), value: state[key] ?? "", "aria-describedby": `${id(field, "-hint")} ${id(field, "-fault")}`,
      oninput: (event) => { state[key] = event.target.value; form.timed(); },
    }));
  const hint = element("span", { class: "hint", id: id(field, "-hint"), role: "status" });
  form.hint = hint;
  return element("fieldset", { class: "field", "data-field": field.code },
    element("legend", {}, said(field.label)),
    element("div", { class: "pair" }, part("date", "date", "date"), part("from", slot ? "from" : "time", "time"), slot ? part("to", "to", "time") : null),
    slot || form.rule.basis === "slot" ? element("span", { class: "hint", id: "f-day", role: "status" }) : null,
    hint, faultPlace(field));
}

// Names or plates, as many as there are. The list of those who come begins with the holder, whose name stands above.
function list(field, form) {
  const fields = form.fields;
  const party = field.code === partyList(fields);
  const state = form.state[field.code] ??= [];
  const rows = element("div", { class: "rows" });
  const most = party ? form.rule.party_most - 1 : 20;
  const draw = (focus) => {
    rows.replaceChildren(...state.map((value, place) => row(field, state, place, draw)));
    add.hidden = state.length >= most;
    counted.textContent = word(party ? "wallet.party-of" : state.length ? LISTED[field.kind] : "wallet.listed-none", { count: state.length + party, most: form.rule.party_most });
    if (focus !== undefined) (rows.querySelectorAll("input")[focus] ?? add).focus();
  };
  const counted = element("span", { class: "second small" });
  const add = element("button", {
    class: "button", type: "button", id: id(field), "aria-describedby": id(field, "-fault"),
    onclick: () => { state.push(""); draw(state.length - 1); },
  }, word(`wallet.add-${field.kind}`, { name: said(field.label) }));
  draw();
  return element("fieldset", { class: "field", "data-field": field.code },
    element("legend", {}, said(field.label), " ", counted), rows, add, faultPlace(field));
}

function row(field, state, place, draw) {
  const name = `${said(field.label)} ${place + 1}`;
  return element("div", { class: "row" },
    element("input", {
      value: state[place], "aria-label": name, autocomplete: "off", spellcheck: "false", maxlength: "60",
      "aria-describedby": id(field, "-fault"), oninput: (event) => { state[place] = event.target.value; },
    }),
    element("button", {
      class: "button quiet", type: "button", "aria-label": word("wallet.take-out", { name }),
      onclick: () => { state.splice(place, 1); draw(Math.max(0, place - 1)); },
    }, icon("minus")));
}

export function showFault(root, code, text) {
  const place = root.querySelector(`#f-${code}-fault`);
  if (!place) return;
  place.hidden = !text;
  place.replaceChildren(...(text ? [icon("refused"), element("span", {}, text)] : []));
  for (const each of root.querySelectorAll(`[data-field="${code}"] :is(input:not([type=radio]), textarea)`)) {
    if (text) each.setAttribute("aria-invalid", "true");
    else each.removeAttribute("aria-invalid");
  }
}

export const focusField = (root, code) => root.querySelector(`[data-field="${code}"] :is(input, textarea, button)`)?.focus();
