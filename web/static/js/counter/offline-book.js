// The book of this device: each check-in made offline becomes one signed record, numbered and naming the one before,
// on the disk before anybody is told the outcome (docs/offline.md). Two tabs write one after the other.

import { makeRecord, recordDigest, signRecord } from "../offline/record.js";
import { digest } from "../offline/tokens.js";
import * as store from "./offline-store.js";

const LOCK = "yunju-offline-book";
const TRIES = 5;

// The device's disk is full: nothing was recorded, so nothing may be told.
export class StorageFull extends Error {}

export class Book {
  constructor(device) {
    this.device = device;
  }

  // `told`: {operation, asked, judgement, at, serverTime, about}. Gives the row that was kept. The same operation again
  // gives the row of then: what was told once is told again.
  async write(told) {
    return alone(LOCK, async () => {
      const before = await store.recordOf(told.operation);
      if (before) return before;
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await this.append(told);
        } catch (error) {
          if (error.name === "QuotaExceededError") {
            if (attempt > 1) throw new StorageFull();
            await store.tidy(told.at, true).catch(() => null);
          } else if (error.name !== "AbortError" || attempt >= TRIES) {
            throw error;
          }
        }
      }
    });
  }

  async append(told) {
    const { operation, asked, judgement, at, serverTime, about } = told;
    const device = this.device.kept.device;
    const last = await store.lastRecord(device);
    const claims = makeRecord({
      last, device, at, operation,
      service: asked.service,
      point: this.device.point,
      beneficiary: asked.beneficiary,
      presentation: judgement.presentation,
      reason: judgement.outcome === "granted" ? null : judgement.reason,
      serverTime,
      operator: this.device.onDuty?.operator ?? null,
      reference: asked.reference ?? null,
      booking: asked.booking ?? null,
      companions: asked.companions ?? 0,
      idChecked: asked.id_checked === true,
      notHolder: asked.not_holder === true,
    });
    const text = await signRecord(claims, this.device.key.privateKey);
    const row = {
      device, seq: claims.seq, operation, at, text, state: store.WAITING,
      service: asked.service, outcome: judgement.outcome, reason: judgement.reason, tier: judgement.card?.tier ?? null, about,
    };
    const head = { seq: claims.seq, digest: await recordDigest(text), at };
    await store.keepRecord(row, head, { use: useOf(told, this.device.point), card: await cardOf(judgement, at) });
    return row;
  }
}

function useOf({ operation, asked, judgement, at }, point) {
  if (!judgement.card) return null;
  return {
    operation, point, at, service: asked.service, subject: judgement.card.subject, offline: true,
    granted: judgement.outcome === "granted",
    card: judgement.used.card, proof: judgement.used.proof,
    reEntry: judgement.reEntry,
  };
}

// Only a card that held is remembered: what was never signed by the issuer fills no disk.
async function cardOf(judgement, at) {
  if (!judgement.card) return null;
  return { ath: await digest(judgement.presentation.card), text: judgement.presentation.card, at };
}

// Where the browser has no locks the store's own check keeps the chain whole.
export const alone = (lock, act) => (navigator.locks ? navigator.locks.request(lock, act) : act());
