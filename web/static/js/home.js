import { loadWords } from "./words.js";

await loadWords();
