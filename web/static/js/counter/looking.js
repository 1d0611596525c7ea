// Look, then confirm: what is shown before anything is counted. A card that may be a copy is always looked at first; a
// card with a proof where the service or the counter wants it. A refusal that is certain needs no tap: it is recorded.

import { randomId } from "../encoding.js";
import { byId, showView } from "../page.js";
import { said, word } from "../words.js";
import { renderArrival, renderConfirm } from "./arrival.js";
import { renderClerk } from "./clerk.js";
import { askPhoto } from "./photo.js";
import { verdictShown } from "./pace.js";
import { isBareCard, isDelegated } from "./presented.js";
import { sound } from "./sound.js";

// A code that these say of is refused whatever staff compare: its refusal is recorded at once.
const CERTAIN = new Set(["delegation-over", "delegation-elsewhere"]);

export class Looking {
  constructor(desk, { onDelay }) {
    this.desk = desk;
    this.onDelay = onDelay;
  }

  wanted(text) {
    return isBareCard(text) || this.desk.services.looksFirst;
  }

  async first(text, asked) {
    const { services, device } = this.desk;
    const { byBooking, looksFirst } = services;
    const anyService = byBooking || isDelegated(text);
    const body = anyService ? { presentation: text } : { presentation: text, service: asked.service };
    const look = await device.call("POST", "/v1/verifications", { body });
    if (look.valid && look.represented) return this.clerk(look, asked, text);
    const seen = byBooking ? mostLikely(look.services ?? []) : look.services?.[0];
    const wish = { ...asked, service: seen?.code ?? asked.service, look: look.id };
    const mustCheck = look.needs?.includes("id_check");
    if (look.valid && seen?.entitled && seen.booking) this.show("arrival", look, seen, wish);
    else if (mustCheck) this.desk.identify(look, wish);
    else if (look.valid && seen?.entitled && looksFirst) this.show("confirm", look, seen, wish);
    else return this.desk.perform({ id: randomId(), body: wish }, { text });
    return null;
  }

  // An employer's clerk: the code chose the service. A code that is over, or for no service of this point, is refused.
  clerk(look, asked, text) {
    const { desk } = this;
    const { service: chosen } = look.represented;
    const service = desk.services.find(chosen);
    const seen = look.services?.find((one) => one.code === (service ? chosen : asked.service));
    const { not_holder: _, beneficiary: __, ...rest } = asked;
    const wish = { ...rest, look: look.id };
    if (seen?.entitled && chosen !== asked.service) return desk.hold(text, word("clerk.elsewhere", { service: said(service.name) }));
    if (CERTAIN.has(seen?.reason)) return desk.perform({ id: randomId(), body: wish }, { text });
    return this.showClerk(look, wish, service ?? desk.services.find(asked.service), text);
  }

  // `wish` is the check-in that a confirming tap completes with the word that the clerk's ID was compared.
  showClerk(look, wish, service, code) {
    const { desk } = this;
    const shown = showView("look");
    shown.dataset.kind = "clerk";
    desk.look = look;
    desk.identityService = service;
    desk.draw = () => shown.replaceChildren(...renderClerk(look, {
      service, code, onBack: () => desk.next(),
      onConfirm: () => desk.send({ ...wish, id_checked: true }, {}),
      onRefuse: () => desk.send(wish, {}),
    }));
    desk.draw();
    verdictShown();
    sound("check");
    desk.announce(word("clerk.word"), word("clerk.why"), look.represented.employer);
    byId("clerk-confirm").focus({ preventScroll: true });
    scrollTo(0, 0);
  }

  // A booking of the look on the screen has another time now: the look stands, and shows it.
  moved(booking, message) {
    const { desk, shown } = this;
    if (!desk.look || desk.look !== shown?.look) {
      desk.changed(message); // its two minutes ended meanwhile
      return;
    }
    const { kind, look, seen, wish } = shown;
    const held = (seen.bookings ?? []).map((one) => (one.id === booking.id ? booking : one));
    this.show(kind, look, { ...seen, bookings: held, booking: seen.booking.id === booking.id ? booking : seen.booking }, wish, booking);
    desk.announce(message);
    desk.refreshToday();
  }

  // A screen of this look: `chosen` is the booking that a confirming tap would use.
  show(kind, look, seen, wish, chosen = seen.booking) {
    const { desk } = this;
    this.shown = { kind, look, seen, wish };
    const service = desk.services.find(seen.code);
    const mustCheck = Boolean(look.needs?.includes("id_check"));
    const shown = showView("look");
    shown.dataset.kind = kind;
    desk.look = look;
    if (mustCheck) askPhoto(desk.device, look);
    desk.identityService = service;
    const confirm = () => desk.send(this.confirmed(wish, chosen, service, mustCheck), {});
    const refuse = () => desk.send(mustCheck ? wish : { ...wish, not_holder: true }, {});
    desk.draw = () => shown.replaceChildren(...(kind === "arrival" ? renderArrival : renderConfirm)(look, seen, {
      service, chosen, mustCheck, onConfirm: confirm, onRefuse: refuse, onBack: () => desk.next(),
      onChoose: (booking) => this.show(kind, look, seen, wish, booking),
      onDelay: desk.device.may("bookings") && chosen ? () => this.onDelay(chosen) : null,
    }));
    desk.draw();
    verdictShown();
    sound("check");
    const sentence = kind === "arrival" ? [said(service.name), chosen.details?.flight] : [said(service.name)];
    desk.announce(word(`${kind}.word`), ...sentence, look.holder?.name);
    byId("look-confirm").focus({ preventScroll: true });
    scrollTo(0, 0);
  }

  confirmed(wish, chosen, service, mustCheck) {
    const body = { ...wish };
    if (chosen) body.booking = chosen.id;
    const companions = Number(byId("arrived")?.value ?? 0);
    if (companions > 0) body.companions = Math.min(companions, service.companions_most);
    if (mustCheck) body.id_checked = true;
    return body;
  }
}

// Of a visitor's services the one that can be used now; else the one whose booking says why not.
function mostLikely(services) {
  return services.find((seen) => seen.entitled && seen.booking) ?? services.find((seen) => seen.booking) ?? services[0];
}
