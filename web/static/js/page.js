// What every page's script starts from: the configuration in the page, and small ways to build elements without HTML.

export const config = JSON.parse(document.getElementById("config").textContent);

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

// element("p", {class: "second", onclick: f}, "text", child, null): attributes, listeners, children. Never HTML.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

// A part of a list that opens in place. `opened`: the keys of the open ones, kept while the list is drawn anew. The tap notes
// it: the event `toggle` comes later, and a list drawn anew in between would close what the holder has just opened.
export function folded({ key, opened, ...attributes }, head, body) {
  const made = element("details", { ...attributes, open: opened.has(key) },
    element("summary", { onclick: () => (made.open ? opened.delete(key) : opened.add(key)) }, ...head),
    element("div", { class: "stack" }, ...body));
  return made;
}

export function icon(name, kind = "icon", box = "0 0 24 24") {
  const drawn = document.createElementNS(SVG, "svg");
  drawn.setAttribute("class", kind);
  drawn.setAttribute("viewBox", box);
  drawn.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  drawn.append(use);
  return drawn;
}

export function clouds(count) {
  const drawn = Array.from({ length: count }, () => icon("cloud", "solid", "0 0 44 30"));
  return element("span", { class: "clouds" }, drawn);
}

// Shows one of the page's views (sections with data-view) and hides the others.
export function showView(name) {
  for (const view of document.querySelectorAll("[data-view]")) view.hidden = view.dataset.view !== name;
  document.body.dataset.shown = name;
  return document.querySelector(`[data-view="${name}"]`);
}
