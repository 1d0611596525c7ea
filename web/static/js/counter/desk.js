// One visitor after the other: from a presented text to the answer on the screen. Each intended check-in has its
// operation id before it is first sent and keeps it through every retry; while one is under way nothing else starts.

import { ProblemError, Unconfirmed } from "../calls.js";
import { randomId } from "../encoding.js";
import { byId, icon, showView } from "../page.js";
import { secondsUntil } from "../times.js";
import { onLanguage, said, word } from "../words.js";
import { renderIdentity, timeLeft } from "./identity.js";
import { renderOutcome, verdictOf } from "./outcome.js";
import { clean, looksPresented, looksTurned, whyUnreadable } from "./presented.js";
import { verdictShown } from "./pace.js";
import { nameOf, renderProblem } from "./problem.js";
import { sound } from "./sound.js";
import { Today } from "./today.js";
import { Services } from "./services.js";
import { ChangeDialogs } from "./changes.js";
import { Bookings } from "./bookings.js";
import { Looking } from "./looking.js";
import { Overriding } from "./override.js";
import { askPhoto } from "./photo.js";
import { OfflineCounter } from "./offline-counter.js";

const RETURN_S = 6;
const SAME_MS = 3000;
const SLOW_AFTER_MS = 3000;
const SHOW_BUSY_AFTER_MS = 300;
const HELD_MS = 60000;
const REFRESH_MS = 60000;

export class Desk {
  constructor(device, point, { onSignIn, onRevoked, isKept = false }) {
    this.device = device;
    this.point = point;
    this.onSignIn = onSignIn;
    this.onRevoked = onRevoked;
    this.busy = false;
    this.pending = null; // an operation that was not confirmed
    this.held = null; // a text that waits for a service to be chosen
    this.last = { text: "", at: 0 };
    this.draw = () => null;
    this.left = null;
    this.services = new Services(point, { onReady: () => this.release(), onScan: (text) => this.present(text) });
    this.changes = new ChangeDialogs(device, (message, entry, kind) => this.changed(message, entry, kind));
    this.today = new Today(device, this.services, {
      onVoid: (entry, how) => this.changes.askVoid(entry.id, how),
      onLeave: (entry) => this.changes.askLeave(entry),
      onDeliver: (entry, service) => this.changes.askDeliver(entry, service),
      isDelivered: (entry) => this.changes.delivered.has(entry),
    });
    this.overriding = new Overriding(this);
    this.bookings = new Bookings(this);
    this.looking = new Looking(this, { onDelay: (booking) => this.bookings.askDelay(booking) });
    this.text = ""; // what the visitor under way has shown
    this.away = new OfflineCounter(this, { isKept });
    setInterval(() => this.tick(), 1000);
    setInterval(() => this.refreshToday(), REFRESH_MS);
    onLanguage(() => this.redraw());
    document.addEventListener("keydown", (event) => this.escape(event));
    for (const type of ["keydown", "pointerdown"]) document.addEventListener(type, (event) => this.stay(event));
  }

  start() {
    this.services.render();
    this.today.render();
    this.idle();
    this.refreshToday();
    this.bookings.count();
    return this.away.start();
  }

  idle() {
    this.held = null;
    this.draw = () => null;
    this.left = null;
    this.look = null;
    showView("scan");
    this.note("");
    this.services.reset();
    this.onIdle?.();
  }

  // Somebody asks for the next visitor: the next scan is meant, whatever it says.
  next() {
    this.last.text = "";
    this.idle();
  }

  // Esc leaves a look or an ID check as 返回 does: nothing is recorded.
  escape(event) {
    if (event.key !== "Escape" || this.busy || document.querySelector("dialog[open]")) return;
    if (["identity", "look"].includes(document.body.dataset.shown)) this.next();
  }

  note(text) {
    const shown = byId("scan-note");
    shown.textContent = text;
    shown.hidden = !text;
  }

  redraw() {
    this.services.render();
    this.today.render();
    this.showLine();
    this.away.render();
    this.draw();
  }

  announce(...sentences) {
    byId("announcement").textContent = sentences.filter(Boolean).join(" ");
  }

  async refreshToday() {
    if (this.away.isLost) return; // it is asked for every few seconds then
    try {
      await this.today.refresh();
      this.reachable(true);
    } catch (error) {
      this.reachable(!(error instanceof Unconfirmed));
      this.refused(error);
    }
  }

  // The server answered that this device may no longer ask.
  refused(error) {
    if (nameOf(error) === "device-revoked" && !this.busy) this.fail(error);
    if (error.code === "not-permitted") this.device.isMoved().then((moved) => moved && location.reload(), () => null);
  }

  // A text was scanned, typed or pasted.
  async present(raw) {
    const text = clean(raw);
    if (this.busy) return;
    if (!text || this.isRepeat(text)) {
      if (document.body.dataset.shown === "scan" && !this.held) this.onIdle?.();
      return;
    }
    if (this.pending) {
      this.announce(word("problem.unconfirmed"), word("problem.unconfirmed-more"));
      return;
    }
    if (document.body.dataset.shown !== "scan") this.idle();
    if (!looksPresented(text) || looksTurned(text)) {
      const why = whyUnreadable(text);
      this.foreign(why && word(why));
      return;
    }
    const asked = this.services.asked();
    if (!asked) {
      this.hold(text);
      return;
    }
    await this.begin(text, asked);
  }

  // A code that is no card of ours: a short note where the next scan is awaited, nothing recorded.
  foreign(why = null) {
    if (this.busy || this.pending || document.body.dataset.shown !== "scan") return;
    sound("amber");
    const sentence = [word("scan.foreign"), why].filter(Boolean).join(" ");
    this.note(sentence);
    this.announce(sentence);
    this.onIdle?.(); // the camera goes on looking
  }

  // The server could not read the code either.
  unreadable() {
    this.busy = false;
    this.idle();
    this.foreign();
  }

  // One code held before the camera, or a double scan, is one visitor.
  isRepeat(text) {
    const repeated = text === this.last.text && Date.now() - this.last.at < SAME_MS;
    this.last = { text, at: Date.now() };
    return repeated;
  }

  hold(text, why = null) {
    this.held = { text, at: Date.now() };
    const missing = why ? { note: why } : this.services.missing();
    this.note(missing.note);
    missing.at?.focus();
    return null;
  }

  // What was missing has been given: the held text goes on.
  release() {
    const held = this.held;
    const asked = this.services.asked();
    if (!held || !asked || this.busy) return;
    this.held = null;
    this.note("");
    if (Date.now() - held.at < HELD_MS) this.begin(held.text, asked);
  }

  async begin(text, asked) {
    this.text = text;
    if (this.away.isLost || !this.looking.wanted(text)) {
      await this.send({ ...asked, presentation: text }, { text });
      return;
    }
    await this.guard(() => this.lookFirst(text, asked));
  }

  // A look that nobody answers counts nothing: the check-in begins here then.
  async lookFirst(text, asked) {
    try {
      await this.looking.first(text, asked);
    } catch (error) {
      if (!(error instanceof Unconfirmed) || this.pending || !this.away.heard(false)) throw error;
      await this.perform({ id: randomId(), body: { ...asked, presentation: text } }, { text });
    }
  }

  // `ways`: what confirming and refusing do where another device took the look.
  identify(look, body, ways = {}) {
    const service = this.services.find(body.service);
    this.look = look;
    askPhoto(this.device, look);
    const shown = showView("identity");
    this.draw = () => shown.replaceChildren(...renderIdentity(look, {
      service,
      onConfirm: ways.onConfirm ?? (() => this.send({ ...body, id_checked: true }, {})),
      onRefuse: ways.onRefuse ?? (() => this.send(body, {})),
      onBack: () => this.next(),
    }));
    this.draw();
    verdictShown();
    sound("check");
    this.announce(word("identity.word"), word("identity.why"), look.holder?.name);
    byId("id-confirm").focus({ preventScroll: true });
    scrollTo(0, 0);
    this.identityService = service;
  }

  // Sends a check-in as a new operation.
  async send(body, context) {
    await this.guard(() => this.perform({ id: randomId(), body }, context));
  }

  async retry() {
    const { operation, context } = this.pending;
    await this.guard(() => this.perform(operation, context));
  }

  async perform(operation, context) {
    this.pending = { operation, context };
    await this.settle(operation, () => this.away.checkIn(operation, context.text ?? this.text), context);
  }

  // Waits for an operation's answer and shows it; no answer where an ID check comes first.
  async settle(operation, ask, context = {}) {
    this.pending = { operation, context };
    const answer = await ask();
    if (answer === null && operation.tried) return;
    this.pending = null;
    if (answer !== null) this.answered(answer, operation.body, context);
  }

  // Runs one thing at a time; whatever goes wrong ends on a screen that says what to do.
  async guard(act) {
    if (this.busy) return;
    this.busy = true;
    const timers = [
      setTimeout(() => { byId("busy").hidden = false; }, SHOW_BUSY_AFTER_MS),
      setTimeout(() => { byId("busy-slow").hidden = false; }, SLOW_AFTER_MS),
    ];
    try {
      await act();
      this.reachable(true);
    } catch (error) {
      if (!(error instanceof Unconfirmed)) this.pending = null;
      this.reachable(!(error instanceof Unconfirmed));
      if (nameOf(error) === "malformed") this.unreadable();
      else this.fail(error);
    } finally {
      timers.forEach(clearTimeout);
      byId("busy").hidden = byId("busy-slow").hidden = true;
      this.busy = false;
    }
  }

  answered(answer, body, { text }) {
    this.look = null;
    if (answer.reason === "id-check-needed" && text && !body.id_checked && body.presentation) {
      this.identifyByAnswer(answer, body);
      return;
    }
    const verdict = verdictOf(answer);
    const shown = showView("outcome");
    shown.dataset.outcome = answer.outcome;
    shown.dataset.reason = answer.reason ?? "";
    const service = this.services.find(answer.service);
    // Staff tick what they do next: that screen stays.
    this.left = answer.outcome === "granted" && !service?.includes?.length ? RETURN_S : null;
    const onOverride = answer.offline ? null : this.overriding.way(answer, body);
    this.draw = () => shown.replaceChildren(...renderOutcome(answer, {
      left: this.left,
      service,
      ticked: this.changes.ticked(answer.id),
      delivered: this.changes.delivered.has(answer.id),
      onDeliver: () => this.changes.askDeliver(answer.id, service),
      override: body.override,
      onOverride,
      canVoid: this.device.may("void"),
      onNext: () => this.next(),
      onVoid: () => this.changes.askVoid(answer.id),
      onLeave: () => this.changes.askLeave(answer.visit.entry),
    }));
    this.draw();
    verdictShown();
    this.last.at = Date.now(); // a double scan of this visitor's code is no next visitor
    sound(verdict.kind);
    this.announce(word(verdict.word), said(answer.message), said(answer.hint));
    byId("next").focus({ preventScroll: true });
    scrollTo(0, 0);
    this.onSettled?.();
    this.refreshToday();
    if (answer.booking) this.bookings.count();
  }

  // The server wants an ID check that the text did not tell of: the same presentation again, as a new operation.
  identifyByAnswer(answer, body) {
    const soon = new Date(Date.parse(answer.server_time) + 120000).toISOString();
    const look = { ...answer, expires_at: soon };
    if (answer.represented) this.looking.showClerk(look, body, this.services.find(body.service), body.presentation);
    else this.identify(look, body);
    this.refreshToday();
  }

  fail(error, hint = error.problem?.code === "card-unknown" ? word("problem.need-full-code") : null) {
    const name = nameOf(error);
    this.look = null;
    this.left = null;
    const shown = showView("problem");
    shown.dataset.problem = name;
    this.draw = () => shown.replaceChildren(renderProblem(error, { name, hint, actions: this.waysOut(name) }));
    this.draw();
    this.announce(word(`problem.${name}`), word(`problem.${name}-more`, { seconds: error.after || 30 }), hint);
    shown.querySelector("button").focus();
    this.onSettled?.();
  }

  waysOut(name) {
    const back = { id: "back", label: word("problem.back"), main: true, act: () => this.next() };
    if (this.pending) {
      const label = word("problem.give-up");
      return [
        { id: "retry", label: word("problem.retry-same"), main: true, act: () => this.retry() },
        { id: "give-up", label, main: false, act: () => this.giveUp() },
      ];
    }
    if (name === "device-revoked") return [{ id: "enrol-again", label: word("enrol.again"), main: true, act: this.onRevoked }];
    if (name === "operator-signed-out" || name === "operator-needed") {
      const act = () => { this.next(); this.onSignIn(); }; // the same card is shown again, at once
      return [{ id: "sign-in-again", label: word("operator.do"), main: true, act }];
    }
    return [back];
  }

  giveUp() {
    this.pending = null;
    this.next();
    this.refreshToday();
  }

  changed(message, entry, kind) {
    this.away.changed(entry, kind);
    this.announce(message);
    this.next();
    this.note(message);
    this.refreshToday();
  }

  reachable(yes) {
    this.isReachable = yes;
    this.away.heard(yes);
    this.showLine();
  }

  showLine() {
    const isLost = this.away.isLost;
    const kind = isLost ? "offline.title" : this.isReachable ? "shared.online" : "shared.unreachable";
    const pill = byId("network");
    pill.hidden = false;
    pill.className = !isLost && this.isReachable ? "pill ok" : "pill off";
    pill.replaceChildren(icon(isLost ? "offline" : "online"), word(kind));
  }

  // Something that staff should know, without taking the screen from them.
  told(message) {
    this.announce(message);
    if (document.body.dataset.shown === "scan" && !this.held) this.note(message);
  }

  // Once a second: the way back after a grant, the time left to confirm an ID check.
  tick() {
    if (this.left !== null && !this.busy && document.querySelector("dialog[open]") === null) {
      this.left -= 1;
      if (this.left <= 0) this.idle();
      else byId("next").textContent = word("outcome.next-in", { seconds: this.left });
    }
    if (this.look && !this.busy) {
      document.querySelector("[data-view]:not([hidden]) .time-left").textContent = timeLeft(this.look, this.identityService);
      if (secondsUntil(this.look.expires_at) === 0) {
        this.look = null;
        this.fail(new ProblemError(404, { code: "look-over" }));
      }
    }
  }

  // Whoever touches or types on the answer is reading it: it stays.
  stay(event) {
    if (this.left === null || event.target?.closest?.("#next")) return;
    this.left = null;
    const next = byId("next");
    // The finger is on its way to the button beside it, which must not move.
    next.style.minWidth = `${next.offsetWidth}px`;
    next.textContent = word("outcome.next");
  }
}
