// This tablet as a device of its point: enrolled once with a code and a key of its own, every call bound to the key
// (DPoP, RFC 9449; `bh` binds the body, `hh` the operation and the operator).

import { call } from "../calls.js";
import { now, nowSeconds, offsetSeconds } from "../clock.js";
import { b64u, sha256, utf8 } from "../encoding.js";
import { makeKey, newTokenId, signToken } from "../keys.js";
import { config } from "../page.js";
import * as store from "../store.js";

const KEY = "counter-key";
const DEVICE = "counter-device";
const OPERATOR = "counter-operator";

const hash = async (text) => b64u(await sha256(utf8(text)));

async function dpop(key, method, path, body, token, { operation = null, operator = null } = {}) {
  const claims = { jti: newTokenId(), htm: method, htu: config.base + path.split("?")[0], iat: nowSeconds() };
  if (token) claims.ath = await hash(token);
  if (body !== undefined) claims.bh = await hash(body);
  claims.hh = await hash(`${operation ?? ""}\n${operator ?? ""}`);
  return signToken(key, { alg: "ES256", typ: "dpop+jwt", jwk: key.jwk }, claims);
}

// A sign-in has no way without the server: it waits longer than a check-in, which the tablet can judge by itself.
const SIGN_IN_PATIENCE_MS = 20000;

export class Device {
  constructor(key, kept, operator) {
    this.key = key;
    this.kept = kept;
    this.operator = operator;
    this.patience = undefined;
    this.queued = 0; // records that wait here
  }

  // The operator signed in, as far as this device knows while the server is away.
  get onDuty() {
    return this.operator && Date.parse(this.operator.expires_at) > now() ? this.operator : null;
  }

  // The device that this browser is enrolled as, or null.
  static async load() {
    const [key, kept, operator] = await Promise.all([store.read(KEY), store.read(DEVICE), store.read(OPERATOR)]);
    return key && kept ? new Device(key, kept, operator ?? null) : null;
  }

  // The key is made before the code is sent and kept whatever comes of it: a code is used up once.
  static async enrol(code) {
    const key = await makeKey();
    const body = { code, jwk: key.jwk };
    const sign = async (method, path, text) => ({ DPoP: await dpop(key, method, path, text, null) });
    const kept = await call("POST", "/v1/devices/enrolments", { body, sign, retries: 0 });
    await store.write(KEY, key);
    await store.write(DEVICE, kept);
    await store.remove(OPERATOR);
    return new Device(key, kept, null);
  }

  async forget() {
    await Promise.all([store.remove(KEY), store.remove(DEVICE), store.remove(OPERATOR)]);
  }

  get point() {
    return this.kept.point;
  }

  // A device that needs its operator has no right while nobody is signed in (`needs_operator` of its enrolment).
  get isUnstaffed() {
    return this.kept.needs_operator === true && !this.onDuty;
  }

  may(right) {
    if (this.isUnstaffed) return false;
    const rights = this.operator?.rights ?? this.kept.rights;
    return rights.includes(right);
  }

  // What proves who calls: made anew for every sending.
  async headers(method, path, text, operator = this.operator, operation = null) {
    const named = { operation, operator: operator?.session ?? null };
    const proof = await dpop(this.key, method, path, text, this.kept.access_token, named);
    const headers = { Authorization: `DPoP ${this.kept.access_token}`, DPoP: proof, "Yunju-Device": this.report };
    if (operator) headers["Yunju-Operator"] = operator.session;
    return headers;
  }

  // What whoever looks after the tablets is told with every call (docs/devices.md).
  get report() {
    return `version=${config.version}; queued=${this.queued}; clock=${-offsetSeconds()}`;
  }

  // Asks what this device is now; gives whether it was moved to another point.
  async isMoved() {
    const { point } = this;
    this.kept = { ...this.kept, ...(await this.call("GET", "/v1/devices/self", { retries: 0, operator: null })) };
    await store.write(DEVICE, this.kept);
    return this.point !== point;
  }

  // `operator`: another session than that of whoever is on duty; null for none.
  // A device that can go on without the server sets `patience`: it then waits no longer for an answer than that.
  async call(method, path, { body, operation, retries, operator = this.operator, patience = this.patience } = {}) {
    const sign = (verb, where, text) => this.headers(verb, where, text, operator, operation ?? null);
    return call(method, path, { body, operation, sign, retries, patience, within: this.patience });
  }

  async signIn(operator, pin) {
    this.operator = null;
    const body = pin ? { operator, pin } : { operator };
    this.operator = await this.call("POST", "/v1/operators/sessions", { body, retries: 0, patience: SIGN_IN_PATIENCE_MS });
    await store.write(OPERATOR, this.operator);
  }

  async signOut() {
    const ending = this.call("DELETE", "/v1/operators/sessions", { retries: 0 });
    await ending.catch(() => null); // the session ends here even when the server cannot be told
    await this.dropOperator();
  }

  async dropOperator() {
    this.operator = null;
    await store.remove(OPERATOR);
  }
}
