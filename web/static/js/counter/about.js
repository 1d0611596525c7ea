// What staff tell whoever asks about the service chosen: materials, steps, notes, numbers. Folded until somebody asks.

import { element } from "../page.js";
import { said, word } from "../words.js";

export function renderAbout(service) {
  const parts = [
    listed("ol", "about.materials", service?.materials), listed("ol", "about.steps", service?.steps),
    listed("ul", "about.notes", service?.notes), calls(service?.numbers),
  ].filter(Boolean);
  if (!parts.length) return null;
  return element("details", { class: "about", id: "about" }, element("summary", {}, word("about.heading")), parts);
}

const listed = (tag, key, texts) => (texts?.length
  ? element("section", {}, element("h3", {}, word(key)), element(tag, {}, texts.map((text) => element("li", {}, said(text))))) : null);

const calls = (numbers) => (numbers?.length
  ? element("section", {}, element("h3", {}, word("about.numbers")),
    element("ul", {}, numbers.map(({ department, phone }) => element("li", {}, `${said(department)} `, element("b", {}, phone))))) : null);
