// What this device keeps for when the server is away: documents, cards it has seen, its own uses, its signed records.
// A table beside the page's few values (store.js), so that a page of an older version can still open those.

import { databaseOf } from "../database.js";

const DATABASE = "yunju-offline";
const VERSION = 1;
const SEEN_MOST = 4000;
const SEEN_MS = 35 * 86400000; // a phone's card lives 30 days
const USES_MS = 400 * 86400000; // the longest period that is counted is a year
const TAKEN_MS = 7 * 86400000;

export const WAITING = "waiting";

function upgrade(database) {
  database.createObjectStore("values");
  database.createObjectStore("cards", { keyPath: "ath" }).createIndex("at", "at");
  const uses = database.createObjectStore("uses", { keyPath: "operation" });
  uses.createIndex("subject", "subject");
  uses.createIndex("at", "at");
  uses.createIndex("entry", "entry");
  database.createObjectStore("figures", { keyPath: ["subject", "limit", "period"] }).createIndex("at", "at");
  const records = database.createObjectStore("records", { keyPath: ["device", "seq"] });
  records.createIndex("operation", "operation", { unique: true });
  records.createIndex("state", "state");
}

const run = databaseOf(DATABASE, VERSION, upgrade);

// The store of documents.js: texts and values by name.
export const values = {
  get: (name) => run(["values"], "readonly", (tables) => tables.values.get(name)),
  put: (name, value) => run(["values"], "readwrite", (tables) => tables.values.put(value, name)),
};

const headOf = (device) => `head:${device}`;

// The record before: {seq, digest, at}, or null on a device that has made none.
export const lastRecord = async (device) => (await values.get(headOf(device))) ?? null;

// Keeps a signed record, the use it tells of and the card that was shown, all or nothing, if none came between.
export function keepRecord(row, head, { use, card }) {
  return run(["values", "records", "uses", "cards"], "readwrite", (tables, transaction) => {
    const before = tables.values.get(headOf(row.device));
    before.onsuccess = () => {
      if ((before.result?.seq ?? 0) !== row.seq - 1) {
        transaction.abort(); // another tab wrote meanwhile; it is signed anew after that one
        return;
      }
      tables.records.add(row);
      tables.values.put(head, headOf(row.device));
      if (use) tables.uses.put(use);
      if (card) tables.cards.put(card);
    };
    return null;
  });
}

export const recordOf = (operation) =>
  run(["records"], "readonly", (tables) => tables.records.index("operation").get(operation));

export const allRecords = () => run(["records"], "readonly", (tables) => tables.records.getAll());

export const waitingRecords = (most) =>
  run(["records"], "readonly", (tables) => tables.records.index("state").getAll(WAITING, most));

export const countWaiting = () => run(["records"], "readonly", (tables) => tables.records.index("state").count(WAITING));

// Puts the server's answers down in one step: what was sent and not answered stays waiting.
export function keepAnswers(rows) {
  return run(["records"], "readwrite", (tables) => {
    for (const row of rows) tables.records.put(row);
    return null;
  });
}

// What an online answer taught: the card, the use it tells of, the figures of its quotas.
export function learn({ card, use, figures }) {
  return run(["cards", "uses", "figures"], "readwrite", (tables) => {
    tables.cards.put(card);
    if (use) tables.uses.put(use);
    for (const figure of figures) tables.figures.put(figure);
    return null;
  });
}

export const figuresOf = (subject) => run(["figures"], "readonly", (tables) =>
  tables.figures.getAll(IDBKeyRange.bound([subject], [subject, []])));

// A use that was taken back, or that its holder left: by the entry's number in the log.
export function markUse(entry, change) {
  return run(["uses"], "readwrite", (tables) => {
    const walk = tables.uses.index("entry").openCursor(IDBKeyRange.only(entry));
    walk.onsuccess = () => walk.result?.update({ ...walk.result.value, ...change });
    return null;
  });
}

export const keepCard = (card) => run(["cards"], "readwrite", (tables) => tables.cards.put(card));

export const cardBy = (ath) => run(["cards"], "readonly", (tables) => tables.cards.get(ath));

export const usesOf = (subject) => run(["uses"], "readonly", (tables) => tables.uses.index("subject").getAll(subject));

// Lets go of what no rule asks for any more. Records that wait are never touched. `hard`: the disk is full.
export function tidy(at, hard = false) {
  return run(["cards", "uses", "figures", "records"], "readwrite", (tables) => {
    drop(tables.figures.index("at"), IDBKeyRange.upperBound(at - USES_MS));
    drop(tables.uses.index("at"), IDBKeyRange.upperBound(at - USES_MS));
    drop(tables.cards.index("at"), IDBKeyRange.upperBound(at - (hard ? 86400000 : SEEN_MS)));
    const counting = tables.cards.count();
    counting.onsuccess = () => drop(tables.cards.index("at"), null, counting.result - SEEN_MOST);
    const walk = tables.records.openCursor();
    walk.onsuccess = () => {
      const cursor = walk.result;
      if (!cursor) return;
      const { state, answeredAt } = cursor.value;
      if (state !== WAITING && (hard || answeredAt < at - TAKEN_MS)) cursor.delete();
      cursor.continue();
    };
    return null;
  });
}

// Deletes the rows of a range, oldest first; at most so many.
function drop(index, range, most = Infinity) {
  if (most <= 0) return;
  let left = most;
  const walk = index.openCursor(range);
  walk.onsuccess = () => {
    const cursor = walk.result;
    if (!cursor || left <= 0) return;
    left -= 1;
    cursor.delete();
    cursor.continue();
  };
}
