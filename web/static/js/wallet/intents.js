// One change that the holder wants, kept before it is first sent, so that a retry or a reload is the same operation and
// is never counted twice. While one is unconfirmed, no other is made.

import { call, Unconfirmed } from "../calls.js";
import { randomId } from "../encoding.js";
import * as store from "../store.js";

export class Intents {
  constructor(phone) {
    this.phone = phone;
  }

  get name() {
    return this.phone.named("wallet-intent");
  }

  waiting = async () => (await store.read(this.name)) ?? null;

  // The card that it was made with goes along: a refresh in between must not make it another operation.
  async make(method, path, body, about) {
    if (await this.waiting()) throw new Unconfirmed(null); // made on another page of this phone
    const intent = { operation: randomId(), method, path, body: { card: this.phone.kept.card, ...body }, about };
    await store.write(this.name, intent);
    return this.send(intent);
  }

  // Throws Unconfirmed and keeps the intent; any other answer settles it.
  async send(intent) {
    const { method, path, body, operation } = intent;
    try {
      const told = await call(method, path, { body, operation, sign: this.phone.signing(body.card) });
      await this.drop();
      return told;
    } catch (error) {
      if (!(error instanceof Unconfirmed)) await this.drop();
      throw error;
    }
  }

  drop = () => store.remove(this.name);
}
