// This phone as a card: its key, its card token, and the calls that get, renew and register it.

import { call } from "../calls.js";
import { now, nowSeconds } from "../clock.js";
import { b64u, fromUtf8, randomBytes, sha256, unb64u, utf8 } from "../encoding.js";
import { makeKey, newTokenId, signBytes, signToken } from "../keys.js";
import { config } from "../page.js";
import * as store from "../store.js";

const KEY = "wallet-key";
const CARD = "wallet-card";
const USAGE = "wallet-usage";
const BOOKINGS = "wallet-bookings";
const REQUESTS = "wallet-requests";
const OF_A_CARD = [KEY, CARD, USAGE, BOOKINGS, REQUESTS, "wallet-intent"];
const SHOWN = "wallet-shown";
export const PLACES = 6;
const FRESH_KEY = "wallet-key-to-be";
const LOOK_AGAIN_MS = 60 * 60 * 1000;
const JUST_NOW_MS = 3000;
// What the verifier says of a card that will not be good again by waiting.
const STOPPED = new Set(["revoked", "suspended"]);

const hash = async (text) => b64u(await sha256(utf8(text)));

async function walletProof(key, method, path, body, card) {
  const claims = { htm: method, htu: config.base + path, iat: nowSeconds(), jti: newTokenId(), bh: await hash(body ?? "") };
  if (card) claims.ath = await hash(card);
  return signToken(key, { alg: "ES256", typ: "wallet-proof+jwt" }, claims);
}

export const claimsOf = (token) => JSON.parse(fromUtf8(unb64u(token.split(".")[1])));

// A card's place on this phone: its key, its token and what was told of it lie under names of their own.
const placed = (name, place) => (place === 0 ? name : `${name}-${place}`);

export class Phone {
  constructor(place, key, kept) {
    this.place = place;
    this.key = key;
    this.onStopped = () => null; // told when an answer says that the card is not valid
    this.hold(kept);
  }

  hold(kept) {
    this.kept = kept;
    this.claims = claimsOf(kept.card);
  }

  named = (name) => placed(name, this.place);

  static async at(place) {
    const [key, kept] = await Promise.all([store.read(placed(KEY, place)), store.read(placed(CARD, place))]);
    return key && kept ? new Phone(place, key, kept) : null;
  }

  // All cards of this phone, in the order of their places.
  static async all() {
    const found = await Promise.all(Array.from({ length: PLACES }, (_, place) => Phone.at(place)));
    return found.filter(Boolean);
  }

  // The card that was shown last, else the first there is.
  static async load() {
    const [phones, last] = [await Phone.all(), await store.read(SHOWN)];
    return phones.find((phone) => phone.place === last) ?? phones[0] ?? null;
  }

  shown = () => store.write(SHOWN, this.place);

  // The key is made once and kept before it is first sent: if the answer is lost, the same key may ask again.
  // Each card has a key of its own. A new card of the same holder takes the old one's place.
  static async enrol(code, idLast4) {
    const key = (await store.read(FRESH_KEY)) ?? await makeKey();
    await store.write(FRESH_KEY, key);
    const sign = async (method, path, text) => ({ "Wallet-Proof": await walletProof(key, method, path, text, null) });
    const body = { code, id_last4: idLast4, jwk: key.jwk };
    const { recovery_code: recoveryCode, ...card } = await call("POST", "/v1/wallet/enrolments", { body, sign });
    const kept = { ...card, checked_at: now(), enrolled_at: now(), registered: false };
    const place = await Phone.room(claimsOf(card.card).sub);
    await Promise.all(OF_A_CARD.map((name) => store.remove(placed(name, place))));
    await store.write(placed(KEY, place), key);
    await store.write(placed(CARD, place), kept);
    await store.remove(FRESH_KEY);
    const phone = new Phone(place, key, kept);
    await phone.shown();
    return { phone, recoveryCode };
  }

  static async room(holder) {
    const phones = await Phone.all();
    const same = phones.find((phone) => phone.claims.sub === holder);
    const free = Array.from({ length: PLACES }, (_, place) => place).find((place) => !phones.some((phone) => phone.place === place));
    return same?.place ?? free ?? 0;
  }

  // The card has ended here: what was told of its holder is no longer this phone's to show.
  async end(reason) {
    await this.keep({ ended: reason });
    await Promise.all([USAGE, BOOKINGS, REQUESTS].map((name) => store.remove(this.named(name))));
  }

  async forget() {
    document.cookie = "yunju_phone=; Path=/; Max-Age=0"; // the holder took it away: nothing was lost
    await Promise.all([...OF_A_CARD.map((name) => store.remove(this.named(name))), store.remove(SHOWN)]);
  }

  async keep(changes) {
    this.hold({ ...this.kept, ...changes });
    await store.write(this.named(CARD), this.kept);
  }

  get isExpired() {
    return now() >= this.claims.exp * 1000;
  }

  // A fresh proof as its fields, and as the token that they stand for.
  async prove() {
    const fields = { issuedAt: nowSeconds(), id: randomBytes(16), cardDigest: await sha256(utf8(this.kept.card)) };
    const claims = { iat: fields.issuedAt, aud: config.audience, jti: b64u(fields.id), ath: b64u(fields.cardDigest) };
    const parts = [{ alg: "ES256", typ: "card-proof+jwt" }, claims].map((part) => b64u(utf8(JSON.stringify(part))));
    const input = parts.join(".");
    fields.signature = await signBytes(this.key, utf8(input));
    return { fields, token: `${input}.${b64u(fields.signature)}` };
  }

  // What proves a call for a card: the one in hand, or the one that an operation was made with.
  signing = (card) => async (method, to, text) => ({ "Wallet-Proof": await walletProof(this.key, method, to, text, card) });

  // Sends the card to one of the wallet's calls, signed for this very card.
  async ask(path, more = {}) {
    const { card } = this.kept;
    try {
      return await call("POST", path, { body: { card, ...more }, sign: this.signing(card), retries: 1 });
    } catch (error) {
      if (error.code === "card-does-not-hold") this.stopped(error.document.reason);
      throw error;
    }
  }

  stopped(reason) {
    if (STOPPED.has(reason)) this.onStopped(reason);
  }

  // What is left of each service; kept for when there is no network.
  async usage() {
    const told = { ...await this.ask("/v1/wallet/usage"), read_at: now() };
    await store.write(this.named(USAGE), told);
    if (!told.valid) this.stopped(told.reason);
    return told;
  }

  keptUsage = async () => (await store.read(this.named(USAGE))) ?? null;

  async bookings() {
    const { bookings } = await this.ask("/v1/wallet/bookings/list");
    await store.write(this.named(BOOKINGS), bookings);
    return bookings;
  }

  keptBookings = async () => (await store.read(this.named(BOOKINGS))) ?? null;

  async requests() {
    const requests = [];
    let before;
    do {
      const page = await this.ask("/v1/wallet/requests/list", before ? { before } : {});
      requests.push(...page.requests);
      before = page.next;
    } while (before);
    await store.write(this.named(REQUESTS), requests);
    return requests;
  }

  keptRequests = async () => (await store.read(this.named(REQUESTS))) ?? null;

  history = (before) => this.ask("/v1/wallet/history", before ? { before } : {});

  // Registers the card where it will be shown, so that the short code is enough there.
  async register() {
    const { token } = await this.prove();
    await call("POST", "/v1/cards", { body: { presentation: `${this.kept.card}~${token}` }, retries: 1 });
    await this.keep({ registered: true });
  }

  // Renews the card when its day has come, and asks once an hour whether it still stands; at once where the page was just
  // opened or came back (`force`). Throws what the issuer says.
  async refresh({ force = false } = {}) {
    const due = now() >= Date.parse(this.kept.refresh_from);
    if (force && !this.kept.ended && Math.abs(now() - this.kept.checked_at) < JUST_NOW_MS) return false;
    if (!force && !due && !this.kept.ended && now() - this.kept.checked_at < LOOK_AGAIN_MS) return false;
    const answer = await this.ask("/v1/wallet/refresh");
    const changed = answer.card !== this.kept.card;
    await this.keep({ ...answer, ended: null, checked_at: now(), registered: this.kept.registered && !changed });
    return changed;
  }
}

export const recover = (act, number, recoveryCode) =>
  call("POST", `/v1/wallet/${act}`, { body: { number, recovery_code: recoveryCode }, retries: 1 });
