// A card that may be a copy: nothing is granted yet. Staff compare three things, then say so or refuse.

import { element, icon } from "../page.js";
import { secondsUntil } from "../times.js";
import { has, said, word } from "../words.js";
import { band } from "./outcome.js";
import { portrait } from "./photo.js";
import { wayBack } from "./ways.js";

export function renderIdentity(look, { service, onConfirm, onRefuse, onBack }) {
  const name = look.holder?.name ?? "—";
  return [
    band("check", word("identity.word"), { why: word("identity.why"), other: null }, look, "low"),
    element("div", { class: "identity" },
      element("figure", {},
        portrait(look),
        element("figcaption", {}, word("identity.photo-more"))),
      element("div", { class: "column" },
        element("div", { class: "panel tight grow" },
          element("h2", {}, word("identity.heading")),
          element("ol", { class: "steps" },
            element("li", {}, word("identity.name", { name })),
            element("li", {}, word("identity.face")),
            element("li", {}, word("identity.valid"))),
          likelyRefusal(look, service),
          element("p", { class: "note check" }, icon("shield"), element("span", {}, word("identity.promise")))),
        element("div", { class: "actions" },
          element("button", { class: "button main", type: "button", id: "id-confirm", onclick: onConfirm },
            icon("identity"), word("identity.do")),
          wayBack(onBack),
          element("button", { class: "button danger", type: "button", id: "id-refuse", onclick: onRefuse },
            word("identity.refuse"))),
        element("p", { class: "second time-left", id: "id-time" }, timeLeft(look, service)))),
  ];
}

// What the records say now: staff need not compare an ID for a use that is spent.
export function likelyRefusal(look, service) {
  const seen = look.services?.find((one) => one.code === service.code);
  if (!seen?.reason || !has(`reason.${seen.reason}`)) return null;
  return element("p", { class: "note amber", id: "likely" }, icon("warning"),
    element("span", {}, word("identity.likely", { reason: word(`reason.${seen.reason}`) }), " ", said(seen.message)));
}

export function timeLeft(look, service) {
  const left = secondsUntil(look.expires_at);
  const time = left >= 60
    ? word("identity.minutes", { minutes: Math.floor(left / 60), seconds: left % 60 })
    : word("identity.seconds", { seconds: left });
  return word("identity.time", { service: said(service.name), time });
}
