// A few values by name in IndexedDB: keys (CryptoKey objects survive there) and what this device knows of itself.

import { openDB } from "../vendor/idb/index.js";

const TABLE = "values";
const open = () => openDB("yunju", 1, { upgrade: (database) => database.createObjectStore(TABLE) });

/**
 * Runs `act` in one transaction and gives what it found, once the transaction is over. What was written is on the disk
 * by then ("strict"). Where the transaction is aborted, nothing of it is kept, and the error is thrown.
 * @template T
 * @param {() => Promise<import("idb").IDBPDatabase>} opened @param {string[]} tables
 * @param {IDBTransactionMode} mode @param {(transaction: any) => Promise<T>} act
 */
export async function within(opened, tables, mode, act) {
  const database = await opened();
  try {
    const durability = mode === "readwrite" ? "strict" : "default";
    const transaction = database.transaction(tables, mode, { durability });
    const found = act(transaction);
    found.catch(() => null); // where the transaction is aborted, its own error says why: the disk is full, say
    await transaction.done;
    return await found;
  } finally {
    database.close();
  }
}

const values = (mode, act) => within(open, [TABLE], mode, (transaction) => act(transaction.store));

export const read = (name) => values("readonly", (table) => table.get(name));
export const write = (name, value) => values("readwrite", (table) => table.put(value, name));
export const remove = (name) => values("readwrite", (table) => table.delete(name));
