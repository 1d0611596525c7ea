// A clerk with a delegation's code: nothing is recorded yet. Staff compare the clerk's ID, the firm's papers and the
// matter with what the holder chose; three ways out, of which 返回 writes nothing.

import { element, icon } from "../page.js";
import { dateOf, dayOf, timeOf } from "../times.js";
import { said, word } from "../words.js";
import { likelyRefusal, timeLeft } from "./identity.js";
import { band } from "./outcome.js";
import { wayBack } from "./ways.js";

const TAIL = 4;

// `ways`: {service, code, onConfirm, onRefuse, onBack}; `code` is what the clerk's code was typed or scanned as.
export function renderClerk(look, ways) {
  const { service } = ways;
  const { employer } = look.represented;
  return [
    band("check", word("clerk.word"), { why: word("clerk.why"), other: null, role: word("outcome.by") }, look, "low", "building"),
    element("div", { class: "after" },
      element("div", { class: "pair even" },
        element("section", { class: "panel tight", "aria-label": word("clerk.employer") },
          element("p", { class: "second" }, word("clerk.employer")),
          element("p", { class: "employer", id: "clerk-employer" }, employer),
          facts(look.represented, ways)),
        element("section", { class: "panel tight", "aria-labelledby": "clerk-heading" },
          element("h2", { id: "clerk-heading" }, word("clerk.heading")),
          element("ol", { class: "steps short" },
            element("li", {}, word("clerk.face")),
            element("li", {}, word("clerk.papers", { employer })),
            element("li", {}, word("clerk.matter", { service: said(service.name) }))),
          likelyRefusal(look, service),
          element("p", { class: "note check" }, icon("shield"), element("span", {}, word("clerk.promise"))))),
      actions(look, ways)),
  ];
}

function facts({ ends_at: endsAt, uses, used_at: usedAt }, { service, code }) {
  const digits = (code ?? "").replace(/\D/g, "");
  const used = uses && usedAt
    ? word("clerk.used-at", { count: uses, date: dateOf(usedAt), time: timeOf(usedAt) }) : word("clerk.unused");
  const rows = [
    ["clerk.service", word("clerk.service-only", { service: said(service.name) })],
    ["clerk.until", `${dayOf(endsAt)} ${timeOf(endsAt)}`],
    ["clerk.used", used],
    digits ? ["clerk.code", word("clerk.code-tail", { tail: digits.slice(-TAIL) })] : null,
  ].filter(Boolean);
  return element("dl", { class: "pairs" }, rows.flatMap(([key, value]) => [element("dt", {}, word(key)), element("dd", {}, value)]));
}

function actions(look, { service, onConfirm, onRefuse, onBack }) {
  return element("div", { class: "actions" },
    element("button", { class: "button main", type: "button", id: "clerk-confirm", onclick: onConfirm }, icon("granted"), word("clerk.do")),
    wayBack(onBack),
    element("span", { class: "grow" }),
    element("button", { class: "button danger", type: "button", id: "clerk-refuse", onclick: onRefuse }, word("clerk.refuse")),
    element("p", { class: "trace foot" },
      element("span", { class: "time-left" }, timeLeft(look, service)), element("br"), word("look.foot")));
}
