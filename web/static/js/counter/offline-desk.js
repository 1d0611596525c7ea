// The counter without its server: judges by what this device keeps, records, then tells; learns while the server is there.

import { now } from "../clock.js";
import { Documents } from "../offline/documents.js";
import { judge } from "../offline/judge.js";
import { digest } from "../offline/tokens.js";
import { fromUtf8, unb64u } from "../encoding.js";
import { read } from "../offline/wire.js";
import { answerOf, loadReasons } from "./offline-answer.js";
import { alone, Book } from "./offline-book.js";
import * as store from "./offline-store.js";

const JUDGING = "yunju-offline-judging";
const FETCH_MS = 10000;
const TIDY_MS = 60 * 60 * 1000;
const REFRESH_MS = 4 * 60 * 1000; // a status list is renewed every five minutes

async function fetchText(path) {
  const response = await fetch(path, { cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(FETCH_MS) });
  if (!response.ok) throw Object.assign(new Error(`${path}: ${response.status}`), { missing: response.status === 404 });
  return response.text();
}

const tidy = () => store.tidy(now()).catch(() => null);

const claimsOf = (token) => JSON.parse(fromUtf8(unb64u(token.split(".")[1])));

export class OfflineDesk {
  constructor(device) {
    this.device = device;
    this.documents = new Documents({ store: store.values, fetchText, root: device.kept.root ?? null });
    this.book = new Book(device);
    this.state = null;
  }

  // What the page needs before the server is lost; each part may fail by itself and is tried again.
  async prepare() {
    await loadReasons().catch(() => null);
    await this.look();
    await this.refresh();
    setInterval(() => this.refresh(), REFRESH_MS);
    tidy();
    setInterval(tidy, TIDY_MS);
  }

  async refresh() {
    await this.documents.refresh(now()).catch(() => null);
    await loadReasons().catch(() => null);
    await this.look();
  }

  // Reads what is kept as of now. A disk that cannot be read is like an empty one: nothing is granted.
  async look() {
    this.state = await this.documents.state(now()).catch(() => null);
    return this.state;
  }

  async keepTime(text) {
    await this.documents.keepTime(text, now()).catch(() => null);
  }

  // Whether a service can be granted here at all, as far as the programme says.
  takes(code) {
    const service = this.state?.programme?.services[code];
    return !service || (service.offline_limit !== 0 && service.booking === null);
  }

  // {problem}, {judgement} that needs an ID check first, or {answer} of what was recorded. `asked`: as the check-in's body.
  // One after the other, in every tab: what one grants counts for the next.
  perform(given) {
    return alone(JUDGING, () => this.judged(given));
  }

  async judged({ operation, asked, text, told = false }) {
    const at = now();
    const documents = await this.look();
    if (documents === null) return { problem: "no-documents" };
    const judgement = await judge({
      text, at, documents,
      service: asked.service,
      beneficiary: asked.beneficiary,
      idChecked: asked.id_checked === true,
      notHolder: asked.not_holder === true,
      point: this.device.point,
      seen: async (ath) => (await store.cardBy(ath))?.text ?? null,
      uses: await this.usesOf(text, documents),
      figures: (subject) => store.figuresOf(subject),
    });
    if (judgement.problem) return judgement;
    if (judgement.needs.length && !told) return { judgement, at };
    await loadReasons().catch(() => null);
    const row = await this.book.write({
      operation, asked, judgement, at, serverTime: documents.serverTime, about: aboutOf(judgement),
    });
    return { answer: answerOf(judgement, row, documents.programme) };
  }

  // Which holder it may be: read without any check, only to look up what is known of that holder.
  async usesOf(text, documents) {
    const found = await this.shown(text, documents).catch(() => null);
    return found ? store.usesOf(found.claims.sub) : [];
  }

  async shown(text, documents) {
    const { card, proof } = await read(text, documents.dictionaries);
    const ath = card === null ? claimsOf(proof).ath : await digest(card);
    const whole = card ?? (await store.cardBy(ath))?.text ?? null;
    return whole === null ? null : { ath, card: whole, proof, claims: claimsOf(whole) };
  }

  // Learns from an online answer, after the server has verified what was shown. Best effort: the answer stands without it.
  async learn(operation, asked, text, answer) {
    if (!text || !answer.tier) return;
    const documents = this.state ?? (await this.look());
    const found = documents && (await this.shown(text, documents));
    if (!found) return;
    const at = Date.parse(answer.at ?? answer.server_time);
    const subject = found.claims.sub;
    await store.learn({
      card: { ath: found.ath, text: found.card, at },
      use: answer.outcome ? useOf(operation, asked, answer, found, { at, subject, point: this.device.point }) : null,
      figures: (answer.quotas ?? []).map(({ limit, period, used }) => ({ subject, limit, period, used, at })),
    });
  }

  // A check-in of the log was taken back, or its holder left.
  async changed(entry, change) {
    await store.markUse(entry, change === "void" ? { voided: true } : { checkedOut: true }).catch(() => null);
  }
}

function useOf(operation, asked, answer, { claims, proof }, more) {
  return {
    operation, ...more, entry: answer.id, service: asked.service, granted: answer.outcome === "granted", offline: false,
    card: claims.jti, proof: proof === null ? null : claimsOf(proof).jti ?? null, reEntry: answer.visit?.re_entry === true,
  };
}

// What the list of records shows: no name, no number.
const aboutOf = ({ assurance, freshness, clock }) => ({ assurance, freshness, clock });
