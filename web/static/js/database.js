// IndexedDB as promises, for the page's few values and for what a counter keeps offline: one transaction an act.

/**
 * @param {string} name of the database
 * @param {number} version
 * @param {(database: IDBDatabase) => void} upgrade makes the tables of a database that is new
 */
export function databaseOf(name, version, upgrade) {
  /** @returns {Promise<IDBDatabase>} */
  const open = () => new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version);
    request.onupgradeneeded = () => upgrade(request.result);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

  /**
   * Runs `act(tables, transaction)` in one transaction; gives what the request it returns found. What was written is on
   * the disk when it is over ("strict").
   * @param {string[]} names of the tables @param {IDBTransactionMode} mode
   * @param {(tables: Record<string, IDBObjectStore>, transaction: IDBTransaction) => IDBRequest|null} act
   */
  return async (names, mode, act) => {
    const database = await open();
    try {
      return await new Promise((resolve, reject) => {
        const transaction = database.transaction(names, mode, { durability: mode === "readwrite" ? "strict" : "default" });
        const tables = Object.fromEntries(names.map((table) => [table, transaction.objectStore(table)]));
        /** @type {IDBRequest|null} */
        let request = null;
        transaction.oncomplete = () => resolve(request?.result);
        transaction.onabort = () => reject(transaction.error ?? new DOMException("aborted", "AbortError"));
        request = act(tables, transaction);
      });
    } finally {
      database.close();
    }
  };
}
