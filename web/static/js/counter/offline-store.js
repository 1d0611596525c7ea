// What this device keeps for when the server is away: documents, cards it has seen, its own uses, its signed records.
// A table beside the page's few values (store.js), so that a page of an older version can still open those.

import { openDB } from "../../vendor/idb/index.js";
import { within } from "../store.js";

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

const open = () => openDB(DATABASE, VERSION, { upgrade });
const reading = (tables, act) => within(open, tables, "readonly", act);
const writing = (tables, act) => within(open, tables, "readwrite", act);

// The store of documents.js: texts and values by name.
export const values = {
  get: (name) => reading(["values"], ({ store }) => store.get(name)),
  put: (name, value) => writing(["values"], ({ store }) => store.put(value, name)),
};

const headOf = (device) => `head:${device}`;

// The record before: {seq, digest, at}, or null on a device that has made none.
export const lastRecord = async (device) => (await values.get(headOf(device))) ?? null;

// Keeps a signed record, the use it tells of and the card that was shown, all or nothing, if none came between.
export function keepRecord(row, head, { use, card }) {
  return writing(["values", "records", "uses", "cards"], async (transaction) => {
    const kept = transaction.objectStore("values");
    const before = await kept.get(headOf(row.device));
    if ((before?.seq ?? 0) !== row.seq - 1) {
      transaction.abort(); // another tab wrote meanwhile; the record is signed anew after that one
      return;
    }
    await Promise.all([
      transaction.objectStore("records").add(row),
      kept.put(head, headOf(row.device)),
      use && transaction.objectStore("uses").put(use),
      card && transaction.objectStore("cards").put(card),
    ]);
  });
}

export const recordOf = (operation) => reading(["records"], ({ store }) => store.index("operation").get(operation));

export const allRecords = () => reading(["records"], ({ store }) => store.getAll());

export const waitingRecords = (most) => reading(["records"], ({ store }) => store.index("state").getAll(WAITING, most));

export const countWaiting = () => reading(["records"], ({ store }) => store.index("state").count(WAITING));

// Puts the server's answers down in one step: what was sent and not answered stays waiting.
export const keepAnswers = (rows) =>
  writing(["records"], ({ store }) => Promise.all(rows.map((row) => store.put(row))));

// What an online answer taught: the card, the use it tells of, the figures of its quotas.
export const learn = ({ card, use, figures }) => writing(["cards", "uses", "figures"], (transaction) => Promise.all([
  transaction.objectStore("cards").put(card),
  use && transaction.objectStore("uses").put(use),
  ...figures.map((figure) => transaction.objectStore("figures").put(figure)),
]));

export const figuresOf = (subject) => reading(["figures"], ({ store }) =>
  store.getAll(IDBKeyRange.bound([subject], [subject, []])));

// A use that was taken back, or that its holder left: by the entry's number in the log.
export const markUse = (entry, change) => writing(["uses"], async ({ store }) => {
  const cursor = await store.index("entry").openCursor(IDBKeyRange.only(entry));
  await cursor?.update({ ...cursor.value, ...change });
});

export const keepCard = (card) => writing(["cards"], ({ store }) => store.put(card));

export const cardBy = (ath) => reading(["cards"], ({ store }) => store.get(ath));

export const usesOf = (subject) => reading(["uses"], ({ store }) => store.index("subject").getAll(subject));

// Lets go of what no rule asks for any more. Records that wait are never touched. `hard`: the disk is full.
export function tidy(at, hard = false) {
  return writing(["cards", "uses", "figures", "records"], async (transaction) => {
    const [cards, uses, figures] = ["cards", "uses", "figures"].map((name) => transaction.objectStore(name));
    await drop(figures.index("at"), IDBKeyRange.upperBound(at - USES_MS));
    await drop(uses.index("at"), IDBKeyRange.upperBound(at - USES_MS));
    await drop(cards.index("at"), IDBKeyRange.upperBound(at - (hard ? 86400000 : SEEN_MS)));
    await drop(cards.index("at"), null, (await cards.count()) - SEEN_MOST);
    for await (const cursor of transaction.objectStore("records")) {
      const { state, answeredAt } = cursor.value;
      if (state !== WAITING && (hard || answeredAt < at - TAKEN_MS)) await cursor.delete();
    }
  });
}

// Deletes the rows of a range, oldest first; at most so many.
async function drop(index, range, most = Infinity) {
  let left = most;
  for (let cursor = left > 0 ? await index.openCursor(range) : null; cursor && left > 0; left -= 1) {
    await cursor.delete();
    cursor = await cursor.continue();
  }
}
