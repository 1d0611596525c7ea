// A counter that goes on while its server is away: the way from one to the other and back, for the desk (desk.js).

import { call, ProblemError, Unconfirmed } from "../calls.js";
import { now } from "../clock.js";
import { word } from "../words.js";
import { lookOf } from "./offline-answer.js";
import { StorageFull } from "./offline-book.js";
import { OfflineDesk } from "./offline-desk.js";
import { Line } from "./offline-line.js";
import { isUsable, needsEyes, OfflinePanel } from "./offline-panel.js";
import * as store from "./offline-store.js";
import { Upload } from "./offline-upload.js";

const POINT = "point";
const PATIENCE_MS = 4000;
const CARE_MS = 20000;

// The point as the server tells it, else as it told it last: {point, isKept}. Throws where neither is to be had.
export async function findPoint(code) {
  try {
    const point = await call("GET", `/v1/points/${code}`, { retries: 0, patience: PATIENCE_MS });
    await store.values.put(POINT, point).catch(() => null);
    return { point, isKept: false };
  } catch (error) {
    const kept = error instanceof Unconfirmed ? await store.values.get(POINT).catch(() => null) : null;
    if (kept?.code !== code) throw error;
    return { point: kept, isKept: true };
  }
}

export class OfflineCounter {
  constructor(desk, { isKept }) {
    this.desk = desk;
    this.rows = [];
    this.offline = new OfflineDesk(desk.device);
    this.line = new Line({ ask: () => this.back(), onChange: () => this.turned() });
    this.upload = new Upload(desk.device, { onChange: () => this.render(), onTime: (text) => this.offline.keepTime(text) });
    this.panel = new OfflinePanel(desk.services, { retry: () => this.retry(), seen: () => this.seen() });
    if (isKept) this.line.lost(now());
  }

  // Once at the start: what is kept from the last time, and what was left unsent.
  async start() {
    await this.offline.look();
    await this.reread();
    this.turned();
    setInterval(() => this.care(), CARE_MS);
    const prepared = this.offline.prepare().then(() => this.ready());
    if (this.line.isLost) this.line.tryAgain();
    else this.care();
    await Promise.race([prepared, new Promise((resolve) => setTimeout(resolve, 50))]);
  }

  // From now on no call waits long: what is not answered soon is judged here.
  ready() {
    if (isUsable(this.offline.state)) this.desk.device.patience = PATIENCE_MS;
    this.render();
  }

  get isLost() {
    return this.line.isLost;
  }

  // The desk heard from the server, or did not. Gives whether this counter goes on without it.
  heard(yes) {
    if (!yes && !this.isLost && this.canServe) this.line.lost(now());
    return this.isLost;
  }

  get canServe() {
    return isUsable(this.offline.state);
  }

  // The answer to a check-in, from the server or from here; null where an ID check comes first.
  async checkIn(operation, text) {
    if (!this.isLost) {
      const answer = await this.online(operation);
      if (answer) {
        this.offline.learn(operation.id, operation.body, text, answer).catch(() => null);
        return answer;
      }
    }
    return this.here(operation, text);
  }

  // Null where nobody answered and this counter can go on by itself.
  async online(operation) {
    operation.tried = true;
    try {
      return await this.desk.device.call("POST", "/v1/check-ins", {
        body: operation.body, operation: operation.id, operator: operation.operator,
      });
    } catch (error) {
      if (!(error instanceof Unconfirmed) || !this.canDo(operation)) throw error;
      this.heard(false);
      return null;
    }
  }

  // A supervisor's word and a booking are the server's to take. A record holds no kind of a matter: the department adds it.
  canDo({ body }) {
    return this.canServe && !body.override && this.offline.takes(body.service);
  }

  // The same operation goes on as a record of this device.
  async here(operation, text, told = false) {
    if (operation.body.override) throw new Unconfirmed(null);
    if (this.desk.device.isUnstaffed) throw new ProblemError(null, { code: "operator-needed" });
    let found;
    try {
      found = await this.offline.perform({ operation: operation.id, asked: operation.body, text, told });
    } catch (error) {
      if (error instanceof StorageFull) throw new ProblemError(null, { code: "storage-full" });
      throw error;
    }
    if (found.problem) throw this.problemOf(found.problem, operation);
    if (found.judgement) {
      // Only somebody who is signed in here can answer for an ID: the server would hold the record.
      if (!this.desk.device.onDuty) throw new ProblemError(null, { code: "operator-needed" });
      this.identify(found, operation, text);
      return null;
    }
    await this.reread();
    this.render();
    return found.answer;
  }

  // What could not be judged here. Where the server may have counted it, only the server can tell.
  problemOf(problem, operation) {
    if (operation.tried && problem !== "malformed") return new Unconfirmed({ code: problem, document: {} });
    const code = { "card-unknown": "card-unknown-here", "clock-back": "clock-back" }[problem] ?? problem;
    return new ProblemError(null, { code });
  }

  identify({ judgement, at }, operation, text) {
    const confirmed = { ...operation, body: { ...operation.body, id_checked: true } };
    const act = (chosen, told) => () => this.desk.guard(() => this.desk.settle(chosen, () => this.here(chosen, text, told)));
    this.desk.identify(lookOf(judgement, at), operation.body, { onConfirm: act(confirmed, false), onRefuse: act(operation, true) });
  }

  // Somebody asks for the server now.
  async retry() {
    if (!(await this.line.tryAgain())) this.desk.announce(word("offline.still-away"));
  }

  // Asks the server; whatever it answers, it is there. Then the records go first.
  async back() {
    try {
      await this.desk.today.refresh();
    } catch (error) {
      if (error instanceof Unconfirmed) throw error;
      this.desk.refused(error);
      if (error.code !== "operator-needed") return; // records go whoever is signed in, and when nobody is
    }
    await this.send();
  }

  async send() {
    const answered = await this.upload.run();
    await this.reread();
    this.render();
    if (answered?.length) this.tell(answered);
  }

  tell(answered) {
    const eyes = answered.filter(needsEyes).length;
    const counts = { count: answered.length, eyes };
    this.desk.told(word(eyes ? "offline.sent-look" : "offline.sent", counts));
  }

  // Staff have opened the list.
  async seen() {
    const rows = this.rows.filter((row) => row.unseen);
    await store.keepAnswers(rows.map((row) => ({ ...row, unseen: false }))).catch(() => null);
    await this.reread();
    this.render();
  }

  async reread() {
    const rows = await store.allRecords().catch(() => []);
    this.rows = rows.sort((one, other) => other.at - one.at || other.seq - one.seq);
    this.desk.device.queued = this.waiting;
  }

  get waiting() {
    return this.rows.filter((row) => row.state === store.WAITING).length;
  }

  turned() {
    if (!this.isLost) this.desk.isReachable = true;
    this.desk.services.takes = this.isLost ? (code) => this.offline.takes(code) : null;
    this.desk.services.renderList();
    this.desk.showLine();
    this.render();
    if (!this.isLost) this.offline.refresh().then(() => this.ready());
  }

  // Every few seconds: ages grow while the server is away; what another tab or day left unsent goes while it is there.
  async care() {
    await (this.isLost ? this.offline.look() : this.reread());
    this.render();
    if (this.isLost || !this.waiting) return;
    await this.send().catch((error) => this.heard(!(error instanceof Unconfirmed)));
  }

  render() {
    this.panel.render({
      lostAt: this.line.since,
      state: this.offline.state,
      rows: this.rows,
      waiting: this.waiting,
      progress: this.upload.progress,
      stopped: this.upload.stopped,
    });
  }

  // A check-in of the log was taken back, or its holder left.
  changed(entry, kind) {
    return this.offline.changed(entry, kind);
  }
}
