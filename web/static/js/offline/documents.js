// The signed documents that a page relies on while the server is away: bundle, status lists, the programme, the server's
// time. What devices/documents.py does for the agent. Nothing older than what was seen is ever taken.

import { readBindings, verifyBindings } from "./binding.js";
import { verifyBundle } from "./bundle.js";
import { checkRules, checkWire } from "./programme.js";
import { verifyTime } from "./record.js";
import { freshnessOf, verifyStatusList } from "./status.js";
import { LEEWAY_MS, TokenError } from "./tokens.js";
import { dictionaryOf } from "./wire.js";

/** How old the last server-signed time may be for this device's clock to be believed (docs/design.md §6, Offline). */
export const TIME_HELD_MOST_MS = 24 * 3_600_000;

// Everything that hangs together is one value, so that a crash leaves the old set or the new one.
const KEPT = "offline-documents";
const TIME = "offline-time";
const RANKS = ["fresh", "stale", "expired"];

/**
 * @typedef {object} State What may be relied on at one instant; hand it to `judge` as `documents`.
 * @property {boolean} usable whether anything can be judged at all
 * @property {null|"no-root"|"no-bundle"|"bundle-expired"|"no-programme"|"programme-changed"|"clock-back"} problem why not
 * @property {Record<string, any>|null} trust `{issuer, audience, version, keys, lists}`
 * @property {Record<string, any>|null} programme the answer of GET /v1/programme
 * @property {Map<number, object>} dictionaries for `wire.read`; usable even where `usable` is false
 * @property {"fresh"|"stale"|"expired"} freshness the worst of the status lists: expired where one is missing
 * @property {{bundle: number|null, lists: number|null, time: number|null, refresh: number|null}} ages seconds: of the
 *   bundle, of the oldest status list (both since they were signed), of the newest signed server time, and since
 *   everything was last fetched and held
 * @property {{bundle: number|null, lists: number|null}} ends milliseconds: when bundle and first status list expire
 * @property {"believed"|"unsure"|"back"} clock `unsure`: the last signed time is more than 24 h old or missing, so that
 *   the server will doubt records; `back`: this clock is behind a time the server signed
 * @property {string|null} serverTime the newest signed time, as its text, for `server_time` of records
 */

export class Documents {
  #store;
  #fetchText;
  #root;
  #programme;
  #read = new Map(); // contents of binding lists, read once: by list, with what they are the content of

  /**
   * @param {object} given
   * @param {{get(key: string): Promise<any>, put(key: string, value: any): Promise<void>}} given.store keys begin `offline-`
   * @param {(path: string) => Promise<string>} given.fetchText the body of a GET of the own server; throws when it is away,
   *   an error with `missing` where the server has no such document
   * @param {string|null} given.root thumbprint told at enrolment (`root` of POST /v1/devices/enrolments)
   * @param {Record<string, any>} [given.programme] what of the programme a page was told that judges no service; then none is fetched
   */
  constructor({ store, fetchText, root, programme = null }) {
    this.#store = store;
    this.#fetchText = fetchText;
    this.#root = root ?? null;
    this.#programme = programme;
  }

  /**
   * Fetches everything anew and keeps what verifies.
   * @returns {Promise<{ok: boolean, away: boolean, problem: string|null}>} `away`: the server did not answer. `problem`: the reason why
   *   a document was not taken (`rolled-back`, `unknown-root`, `bad-signature`, …); what was held stays in force.
   */
  async refresh(nowMs) {
    let fetched;
    try {
      fetched = await this.#fetched(nowMs);
    } catch (error) {
      if (error instanceof TokenError) return { ok: false, away: false, problem: error.reason };
      if (error instanceof Away) return { ok: false, away: true, problem: null };
      throw error;
    }
    const { kept, time } = fetched;
    // Another page of this device may have fetched something newer meanwhile.
    if (isOlder(kept, await this.#kept())) return { ok: false, away: false, problem: "rolled-back" };
    await this.#store.put(KEPT, kept);
    await this.keepTime(time, nowMs);
    return { ok: true, away: false, problem: null };
  }

  async #get(path) {
    try {
      return (await this.#fetchText(path)).trim();
    } catch (error) {
      throw new Away(path, { cause: error });
    }
  }

  // The bindings of a list, asked for after it: never older then. The content is fetched where it is another than is held.
  async #bindings(bundle, uri, listed, before, nowMs) {
    const path = `/v1/binding-lists/${numberOf(uri)}`;
    let token;
    try {
      token = await this.#get(path);
    } catch (error) {
      // An issuer that never published bindings goes on without; a list that had some is not taken without them.
      if (error.cause?.missing && before.bindings[uri] === undefined) return null;
      throw error;
    }
    const stated = await verifyBindings(token, bundle, uri, nowMs);
    if (stated.issuedAt < listed.issuedAt) throw new TokenError("not-bound");
    const held = before.bindings[uri];
    const content = held?.hash === stated.content ? held.content : await this.#get(`${path}/content`);
    await this.#contentOf(uri, content, stated);
    return { token, content, hash: stated.content };
  }

  async #contentOf(uri, content, stated) {
    const held = this.#read.get(uri);
    if (held?.hash === stated.content && held.size === stated.size) return held.bound;
    const bound = await readBindings(content, stated);
    this.#read.set(uri, { hash: stated.content, size: stated.size, bound });
    return bound;
  }

  async #fetched(nowMs) {
    const before = await this.#kept();
    const bundleText = await this.#get("/v1/trust-bundle");
    const bundle = await verifyBundle(bundleText, this.#pin(before), nowMs, before.version);
    const [lists, issued, bindings] = [{}, { ...before.issued }, { ...before.bindings }];
    for (const uri of bundle.statusLists) {
      lists[uri] = await this.#get(`/v1/status-lists/${numberOf(uri)}`);
      const listed = await verifyStatusList(lists[uri], bundle, uri, nowMs, before.issued[uri] ?? null);
      issued[uri] = listed.issuedAt;
      const bound = await this.#bindings(bundle, uri, listed, before, nowMs);
      if (bound !== null) bindings[uri] = bound;
    }
    const programme = this.#programme ?? parsed(await this.#get("/v1/programme"));
    (this.#programme === null ? checkRules : checkWire)(programme);
    if (programme.issuer !== bundle.issuer) throw new TokenError("bad-claims", "the programme is another issuer's");
    if (isReplaced(programme, bundle, nowMs)) throw new TokenError("programme-changed");
    const marks = { version: bundle.version, pin: bundle.pin, issued, root: this.#root };
    const kept = { bundle: bundleText, lists, bindings, programme, at: nowMs, ...marks };
    return { kept, time: await this.#signedTime() };
  }

  // A server that gives no signed time (too many asked, say) still gives everything else.
  async #signedTime() {
    try {
      return JSON.parse(await this.#get("/v1/time")).time ?? "";
    } catch {
      return "";
    }
  }

  // Beside the documents, the marks that never go back: the bundle's version, the root in force, each list's instant.
  // A device that was enrolled anew and told another root begins anew.
  async #kept() {
    const none = { bundle: null, lists: {}, bindings: {}, programme: null, at: null, version: 0, pin: null, issued: {} };
    const kept = await this.#store.get(KEPT);
    return kept?.root === this.#root ? { ...none, ...kept } : none;
  }

  async #time() {
    const held = await this.#store.get(TIME);
    return held?.root === this.#root ? held : { text: null, at: null };
  }

  #pin({ pin }) {
    return pin ?? this.#root ?? "";
  }

  /** Keeps a time that the server signed (`time` of an upload's answer); what does not hold or is older changes nothing. */
  async keepTime(text, nowMs) {
    try {
      const told = await verifyTime(String(text), await this.#bundle(await this.#kept(), nowMs), nowMs);
      const before = await this.#time();
      if (told >= (before.at ?? 0)) await this.#store.put(TIME, { text: String(text), at: told, root: this.#root });
    } catch (error) {
      onlyTokenErrors(error);
    }
  }

  async #bundle(kept, nowMs) {
    if (kept.bundle === null) throw new TokenError("no-bundle");
    return verifyBundle(kept.bundle, this.#pin(kept), nowMs, kept.version);
  }

  /** Reads what is kept. @returns {Promise<State>} */
  async state(nowMs) {
    const [kept, time] = [await this.#kept(), await this.#time()];
    const { programme } = kept;
    const found = {
      usable: false, problem: null, trust: null, programme,
      dictionaries: programme === null ? new Map() : new Map([[programme.wire_dictionary, dictionaryOf(programme)]]),
      freshness: "expired", clock: clockAt(time.at, nowMs), serverTime: time.text,
      ages: { bundle: null, lists: null, time: age(time.at, nowMs), refresh: age(kept.at, nowMs) },
      ends: { bundle: null, lists: null },
    };
    try {
      const bundle = await this.#bundle(kept, nowMs);
      await fill(found, bundle, kept, nowMs, (...bound) => this.#contentOf(...bound));
      found.problem = faultOf(found, bundle, nowMs);
    } catch (error) {
      onlyTokenErrors(error);
      found.problem = this.#pin(kept) === "" ? "no-root" : error.reason === "expired" ? "bundle-expired" : "no-bundle";
    }
    found.usable = found.problem === null;
    return /** @type {any} */ (found);
  }
}

class Away extends Error {}

const isOlder = (one, other) =>
  one.version < other.version || Object.entries(other.issued).some(([uri, at]) => (one.issued[uri] ?? 0) < at);

const age = (since, nowMs) => (since === null ? null : Math.max(0, Math.floor((nowMs - since) / 1000)));
const numberOf = (uri) => /\/(\d+)$/.exec(uri)?.[1] ?? "0";

function onlyTokenErrors(error) {
  if (error instanceof TokenError) return null;
  throw error;
}

function parsed(body) {
  try {
    return JSON.parse(body);
  } catch {
    throw new TokenError("malformed", "the programme is no JSON");
  }
}

// Nothing is granted by other rules than the bundle names, from the instant on at which it names them.
const isReplaced = (programme, { programme: pin }, at) => at >= pin.effectiveAt && programme.sha256 !== pin.sha256;

function clockAt(time, nowMs) {
  if (time !== null && nowMs < time - LEEWAY_MS) return "back";
  return time === null || nowMs - time > TIME_HELD_MOST_MS ? "unsure" : "believed";
}

function faultOf({ programme, clock }, bundle, nowMs) {
  if (clock === "back") return "clock-back";
  if (programme === null) return "no-programme";
  return isReplaced(programme, bundle, nowMs) ? "programme-changed" : null;
}

async function boundBy(kept, bundle, list, nowMs, contentOf) {
  if (kept === undefined) return {};
  const stated = await verifyBindings(kept.token, bundle, list.uri, nowMs);
  if (stated.issuedAt < list.issuedAt) throw new TokenError("not-bound");
  return { bindings: await contentOf(list.uri, kept.content, stated) };
}

// A status list that is missing or over is left out, as is one whose bindings do not hold: its cards are `status-unknown`.
async function fill(found, bundle, kept, nowMs, contentOf) {
  const lists = new Map();
  for (const uri of bundle.statusLists) {
    const seen = kept.issued[uri] ?? null;
    const list = await verifyStatusList(kept.lists[uri] ?? "", bundle, uri, nowMs, seen).catch(onlyTokenErrors);
    const bound = list === null ? null : await boundBy(kept.bindings[uri], bundle, list, nowMs, contentOf).catch(onlyTokenErrors);
    if (bound !== null) lists.set(uri, { ...list, ...bound });
  }
  const held = [...lists.values()];
  const audience = found.programme?.audience ?? null;
  found.trust = { issuer: bundle.issuer, audience, version: bundle.version, keys: bundle.keys, lists };
  const ranks = held.map((list) => RANKS.indexOf(freshnessOf(list, nowMs)));
  found.freshness = held.length < bundle.statusLists.length ? "expired" : RANKS[Math.max(0, ...ranks)];
  found.ages.bundle = age(bundle.issuedAt, nowMs);
  found.ends.bundle = bundle.expiresAt;
  if (held.length) {
    found.ages.lists = age(Math.min(...held.map((list) => list.issuedAt)), nowMs);
    found.ends.lists = Math.min(...held.map((list) => list.expiresAt));
  }
}
