// The way back from a look or an ID check: nothing is recorded, the next visitor may come. Esc does the same.

import { element } from "../page.js";
import { word } from "../words.js";

export const wayBack = (onBack) =>
  element("button", { class: "button", type: "button", id: "look-back", onclick: onBack }, word("look.back"));
