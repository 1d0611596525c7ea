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
const FRESH_KEY = "wallet-key-to-be";
const LOOK_AGAIN_MS = 60 * 60 * 1000;

const hash = async (text) => b64u(await sha256(utf8(text)));

async function walletProof(key, method, path, body, card) {
  const claims = { htm: method, htu: config.base + path, iat: nowSeconds(), jti: newTokenId(), bh: await hash(body ?? "") };
  if (card) claims.ath = await hash(card);
  return signToken(key, { alg: "ES256", typ: "wallet-proof+jwt" }, claims);
}

export const claimsOf = (token) => JSON.parse(fromUtf8(unb64u(token.split(".")[1])));

export class Phone {
  constructor(key, kept) {
    this.key = key;
    this.hold(kept);
  }

  hold(kept) {
    this.kept = kept;
    this.claims = claimsOf(kept.card);
  }

  static async load() {
    const [key, kept] = await Promise.all([store.read(KEY), store.read(CARD)]);
    return key && kept ? new Phone(key, kept) : null;
  }

  // The key is made once and kept before it is first sent: if the answer is lost, the same key may ask again.
  static async enrol(code, idLast4) {
    const key = (await store.read(FRESH_KEY)) ?? await makeKey();
    await store.write(FRESH_KEY, key);
    const sign = async (method, path, text) => ({ "Wallet-Proof": await walletProof(key, method, path, text, null) });
    const body = { code, id_last4: idLast4, jwk: key.jwk };
    const { recovery_code: recoveryCode, ...card } = await call("POST", "/v1/wallet/enrolments", { body, sign });
    const kept = { ...card, checked_at: now(), registered: false };
    await store.write(KEY, key);
    await store.write(CARD, kept);
    await Promise.all([store.remove(FRESH_KEY), store.remove(USAGE)]);
    return { phone: new Phone(key, kept), recoveryCode };
  }

  static async forget() {
    await Promise.all([KEY, CARD, USAGE].map(store.remove));
  }

  async keep(changes) {
    this.hold({ ...this.kept, ...changes });
    await store.write(CARD, this.kept);
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

  // Sends the card to one of the wallet's calls, signed for this very card.
  ask(path) {
    const { card } = this.kept;
    const sign = async (method, to, text) => ({ "Wallet-Proof": await walletProof(this.key, method, to, text, card) });
    return call("POST", path, { body: { card }, sign, retries: 1 });
  }

  // What is left of each service; kept for when there is no network.
  async usage() {
    const told = { ...await this.ask("/v1/wallet/usage"), read_at: now() };
    await store.write(USAGE, told);
    return told;
  }

  keptUsage = async () => (await store.read(USAGE)) ?? null;

  // Registers the card where it will be shown, so that the short code is enough there.
  async register() {
    const { token } = await this.prove();
    await call("POST", "/v1/cards", { body: { presentation: `${this.kept.card}~${token}` }, retries: 1 });
    await this.keep({ registered: true });
  }

  // Renews the card when its day has come, and asks once an hour whether it still stands. Throws what the issuer says.
  async refresh({ force = false } = {}) {
    const due = now() >= Date.parse(this.kept.refresh_from);
    if (!force && !due && now() - this.kept.checked_at < LOOK_AGAIN_MS) return false;
    const answer = await this.ask("/v1/wallet/refresh");
    const changed = answer.card !== this.kept.card;
    await this.keep({ ...answer, checked_at: now(), registered: this.kept.registered && !changed });
    return changed;
  }
}

export const recover = (act, number, recoveryCode) =>
  call("POST", `/v1/wallet/${act}`, { body: { number, recovery_code: recoveryCode }, retries: 1 });
