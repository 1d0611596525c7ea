// A few values by name in IndexedDB: keys (CryptoKey objects survive there) and what this device knows of itself.

import { databaseOf } from "./database.js";

const TABLE = "values";
const run = databaseOf("yunju", 1, (database) => database.createObjectStore(TABLE));

export const read = (name) => run([TABLE], "readonly", (tables) => tables[TABLE].get(name));
export const write = (name, value) => run([TABLE], "readwrite", (tables) => tables[TABLE].put(value, name));
export const remove = (name) => run([TABLE], "readwrite", (tables) => tables[TABLE].delete(name));
