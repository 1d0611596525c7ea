// Who asked for which name, when and what for: told to every auditor, without a name.

import { element } from "../page.js";
import { word } from "../words.js";
import { ask, begin, empty, fill } from "./frame.js";
import { entryPath, moment, table } from "./labels.js";

function draw({ asked }) {
  if (!asked.length) return empty(word("audit-names.none"), word("audit-names.none-more"));
  return table(word("audit-names.title"), ["when", "who", "entry", "purpose"].map((name) => word(`audit-names.${name}`)),
    asked.map((one) => [moment(one.at), one.by || "—", element("a", { class: "mono", href: entryPath(one.entry) }, one.entry), one.purpose]));
}

await begin();
await fill("names", () => ask("GET", "/v1/audit/names"), draw);
