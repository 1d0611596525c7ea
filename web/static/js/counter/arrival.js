// The screens of a look: a booking that was found, or a use about to be confirmed. Nothing is counted yet on either.

import { element, icon } from "../page.js";
import { timeOf } from "../times.js";
import { said, word } from "../words.js";
import { countField } from "./asked.js";
import { renderDetails, renderJourney, renderPeople, titleOf } from "./booked.js";
import { renderChecklist } from "./checklist.js";
import { timeLeft } from "./identity.js";
import { band, facts } from "./outcome.js";
import { portrait } from "./photo.js";
import { wayBack } from "./ways.js";

export function renderArrival(look, seen, ways) {
  const { service, chosen, mustCheck } = ways;
  const why = word(mustCheck ? "arrival.why-check" : "arrival.why", { service: said(service.name) });
  return [
    band("check", word("arrival.word"), { why, other: null }, look, "low slim", "calendar"),
    element("div", { class: "trip" },
      element("div", { class: "column" },
        choices(seen, ways),
        renderJourney(chosen),
        renderPeople(chosen, companions(chosen, service)),
        renderDetails(chosen, service.booking_fields)),
      element("div", { class: "column" },
        mustCheck ? comparison(look) : null,
        renderChecklist(service)),
      actions(look, seen, ways, { kind: "arrival", label: word(mustCheck ? "arrival.do-check" : "arrival.do") })),
  ];
}

export function renderConfirm(look, seen, ways) {
  const { service } = ways;
  return [
    band("check", word("confirm.word"), { why: word("confirm.why", { service: said(service.name) }), other: null }, look, "low"),
    element("div", { class: "after" },
      facts({ quotas: seen.quotas, assurance: look.assurance }),
      renderChecklist(service),
      actions(look, seen, ways, { kind: "confirm", label: word("confirm.do") })),
  ];
}

// Several bookings of one holder: the server's choice stands first, any other is one tap away.
function choices(seen, { chosen, onChoose }) {
  const held = seen.bookings ?? [];
  if (held.length < 2) return null;
  return element("div", { class: "segments", role: "radiogroup", "aria-label": word("arrival.which") }, held.map((booking) => {
    const input = element("input", { type: "radio", name: "booking", value: booking.id, onchange: () => onChoose(booking) });
    input.checked = booking.id === chosen.id;
    return element("label", { class: "segment" }, input, element("span", {}, `${titleOf(booking)} · ${timeOf(booking.expected_at)}`));
  }));
}

function comparison(look) {
  return element("section", { class: "panel tight compare", "aria-labelledby": "compare-heading" },
    portrait(look),
    element("div", { class: "grow" },
      element("h2", { id: "compare-heading" }, word("identity.heading")),
      element("ol", { class: "steps" },
        element("li", {}, word("identity.name", { name: look.holder?.name ?? "—" })),
        element("li", {}, word("identity.face")))));
}

function companions(booking, service) {
  if (!service.companions_most) return null;
  const value = Math.min(Math.max(0, (booking.party ?? 1) - 1), service.companions_most);
  return countField("arrived", value, service.companions_most);
}

function actions(look, seen, { service, mustCheck, onConfirm, onRefuse, onDelay, onBack }, { kind, label }) {
  const quota = seen.quotas?.[0];
  const told = quota ? word(`${kind}.counts`, { maximum: quota.maximum, used: quota.used, left: quota.remaining }) : "";
  return element("div", { class: "actions" },
    element("button", { class: "button main", type: "button", id: "look-confirm", onclick: onConfirm }, icon("granted"), label),
    onDelay ? element("button", { class: "button", type: "button", id: "look-delay", onclick: onDelay }, word("bookings.delay")) : null,
    wayBack(onBack),
    element("button", { class: "button", type: "button", id: "look-refuse", onclick: onRefuse },
      word(mustCheck ? "identity.refuse" : "arrival.refuse")),
    element("p", { class: "trace" }, told, told ? element("br") : null,
      element("span", { id: "look-time", class: "time-left" }, timeLeft(look, service))));
}
