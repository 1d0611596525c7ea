// A few values by name in IndexedDB: keys (CryptoKey objects survive there) and what this device knows of itself.

const DATABASE = "yunju";
const TABLE = "values";

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(TABLE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function run(mode, act) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(TABLE, mode);
      const request = act(transaction.objectStore(TABLE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

export const read = (name) => run("readonly", (table) => table.get(name));
export const write = (name, value) => run("readwrite", (table) => table.put(value, name));
export const remove = (name) => run("readwrite", (table) => table.delete(name));
