// An entry's receipt: the proof that its leaf lies in the public log, worked through on this phone (RFC 9162 §2.1.3.2).

import { b64u, sha256, unb64u } from "../encoding.js";
import { element, icon } from "../page.js";
import { word } from "../words.js";

const joined = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));
const inner = (left, right) => sha256(joined([1], left, right));
const bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

// The parts of a C2SP tlog-proof: the leaf's index, the hashes beside its way up, the checkpoint.
export function parsed(text) {
  const [head, checkpoint] = [text.slice(0, text.indexOf("\n\n")), text.slice(text.indexOf("\n\n") + 2)];
  const lines = head.split("\n");
  const at = lines.findIndex((line) => line.startsWith("index "));
  const [origin, size, root] = checkpoint.split("\n");
  return {
    index: Number(lines[at].slice(6)), path: lines.slice(at + 1).filter(Boolean).map(bytesOf),
    origin, size: Number(size), root: bytesOf(root), checkpoint,
  };
}

// The root that a leaf's hash and the hashes beside it come to; null where their number does not fit.
export async function rootOf(leaf, index, size, path) {
  let [place, last, root] = [index, size - 1, leaf];
  if (!(index < size)) return null;
  for (const beside of path) {
    if (last === 0) return null;
    if (place % 2 || place === last) {
      root = await inner(beside, root);
      while (place % 2 === 0 && place !== 0) [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
    } else {
      root = await inner(root, beside);
    }
    [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  }
  return last === 0 ? root : null;
}

export class Receipt {
  static async of(phone, entry) {
    const told = await phone.ask(`/v1/wallet/log/${entry.id}/proof`);
    const proof = parsed(told.proof);
    const root = await rootOf(unb64u(entry.leaf_hash), proof.index, proof.size, proof.path);
    const holds = told.leaf_hash === entry.leaf_hash && root !== null && b64u(root) === b64u(proof.root);
    return Object.assign(new Receipt(), { entry, proof, text: told.proof, holds });
  }

  drawn() {
    const { holds, proof, text, entry } = this;
    const signed = proof.checkpoint.split("\n").filter((line) => line.startsWith("\u2014 ")).map((line) => line.split(" ")[1]);
    const rows = [
      ["receipt-place", `${proof.index + 1} / ${proof.size}`], ["receipt-log", proof.origin],
      ["receipt-signed", [...new Set(signed)].join(", ")], ["receipt-leaf", entry.leaf_hash],
    ];
    const save = ({ target }) => { target.href = URL.createObjectURL(new Blob([text], { type: "text/plain" })); };
    return element("div", { class: "stack", "data-holds": String(holds) },
      element("p", { class: `note ${holds ? "ok" : "no"}`, role: "status" }, icon(holds ? "shield" : "warning"),
        element("span", {}, word(holds ? "wallet.receipt-holds" : "wallet.receipt-broken"))),
      element("dl", { class: "facts" }, rows.flatMap(([name, value]) => [element("dt", {}, word(`wallet.${name}`)), element("dd", { class: "mono" }, value)])),
      element("a", { class: "button", href: "#", onclick: save, download: `${entry.id}.tlog-proof` }, word("wallet.receipt-save")));
  }
}
