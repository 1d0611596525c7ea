// Answers, line by line, how the pages' own modules read what the server's modules read (tests/fuzz/engines.py).
import { createInterface } from "node:readline";

const from = (name) => import(new URL(`../../web/static/js/${name}.js`, import.meta.url));
const names = ["wire", "bundle", "status", "binding", "record", "verify", "strictjson", "tokens", "claims"];
const core = Object.assign({}, ...(await Promise.all(names.map((name) => from(`offline/${name}`)))));
const [{ undone }, typed, { b64u, unb64u }] = await Promise.all(["transport", "typed", "encoding"].map(from));

const dictionaries = new Map();
const known = {};

const reading = {
  learn: ({ dictionary, keys, issuer, audience, root }) => {
    dictionaries.set(dictionary.number, { ...dictionary, content: unb64u(dictionary.content) });
    Object.assign(known, { keys, issuer, audience, root });
    return true;
  },
  read: async ({ text }) => {
    const found = await core.read(text, dictionaries);
    return [found.card, found.proof];
  },
  undone: ({ text }) => undone(text),
  typed: ({ text }) => ["plain", "code", "digits", "phone", "plate", "name"].map((kind) => typed[kind](text) ?? null),
  json: ({ data }) => {
    core.readJson(unb64u(data));
    return true;
  },
  bundle: async ({ text, at, seen }) => (await core.verifyBundle(text, known.root, at, seen)).version,
  card: async ({ card, proof, bundle, list, uri, at, audience }) => {
    const trusted = await core.verifyBundle(bundle, known.root, at);
    const held = await core.verifyStatusList(list, trusted, uri, at);
    const trust = { ...trusted, audience, lists: new Map([[uri, held]]) };
    const verdict = await core.verifyPresentation({ card, proof }, trust, at, { idChecked: true });
    return [verdict.reason ?? null, verdict.assurance ?? null];
  },
  list: async ({ text, bundle, uri, at }) => {
    const trusted = await core.verifyBundle(bundle, known.root, at);
    const list = await core.verifyStatusList(text, trusted, uri, at);
    return [0, 5, 63, 64].map((index) => core.statusAt(list, index) ?? null);
  },
};

const errors = new Set(["JsonError", "InflateError"]);
for await (const line of createInterface({ input: process.stdin })) {
  const { kind, ...given } = JSON.parse(line);
  let told;
  try {
    told = { value: await reading[kind](given) };
  } catch (error) {
    told = error.reason ? { error: error.reason } : errors.has(error.constructor.name) ? { error: error.constructor.name } : { threw: String(error.stack) };
  }
  process.stdout.write(`${JSON.stringify(told)}\n`);
}
