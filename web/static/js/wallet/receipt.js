// An entry's receipt: the server's promise for it and the proof that its leaf lies in the public log, verified on this
// phone against the keys that the root, known since enrolment, stands behind. What is broken can be reported.

import { now, nowSeconds } from "../clock.js";
import { verifyBundle } from "../offline/bundle.js";
import { element, icon } from "../page.js";
import { logKeys, standing, verifyPromise } from "../promises.js";
import { dateOf, timeOf } from "../times.js";
import { word } from "../words.js";

const MARK = { kept: ["ok", "shield"], pending: ["amber", "clock"], broken: ["no", "warning"] };

async function bundleFor(root) {
  const response = await fetch("/v1/trust-bundle", { cache: "no-store" });
  return verifyBundle((await response.text()).trim(), root, now());
}

export class Receipt {
  static async of(phone, entry) {
    const bundle = await bundleFor(phone.kept.root);
    const promise = await verifyPromise(entry.promise, bundle, now());
    const { proof = null } = await phone.ask("/v1/wallet/log/promises", { promise: entry.promise });
    const [keys, isHere] = [await logKeys(bundle), promise.leaf === entry.leaf_hash && promise.id === entry.id];
    const found = isHere ? await standing(promise, proof, keys, nowSeconds()) : { state: "broken" };
    return Object.assign(new Receipt(), { phone, entry, promise, proof, found, log: bundle.issuer });
  }

  drawn() {
    const { found: { state, index, size }, promise, proof, entry } = this;
    const [kind, sign] = MARK[state];
    const rows = [["receipt-promised", `${dateOf(promise.madeAt * 1000)} ${timeOf(promise.madeAt * 1000)}`], ["receipt-log", this.log], ["receipt-leaf", entry.leaf_hash]];
    if (state === "kept") rows.unshift(["receipt-place", `${index + 1} / ${size}`]);
    const text = [entry.promise, proof].filter(Boolean).join("\n\n");
    const save = ({ target }) => { target.href = URL.createObjectURL(new Blob([text], { type: "text/plain" })); };
    return element("div", { class: "stack", "data-receipt": state },
      element("p", { class: `note ${kind}`, role: "status" }, icon(sign), element("span", {}, word(`wallet.receipt-${state}`))),
      element("details", { class: "more" }, element("summary", {}, word("wallet.receipt-details")),
        element("dl", { class: "facts" }, rows.flatMap(([name, value]) => [element("dt", {}, word(`wallet.${name}`)), element("dd", { class: "mono" }, value)]))),
      element("a", { class: "button", href: "#", onclick: save, download: `${entry.id}.tlog-proof` }, word("wallet.receipt-save")),
      state === "broken" ? this.reporting() : "");
  }

  reporting() {
    const said = element("p", { role: "status" });
    const report = async ({ target }) => {
      target.disabled = true;
      const found = this.proof ? { found: "bad-proof", proof: this.proof } : { found: "absent" };
      const taken = await this.phone.ask("/v1/wallet/log/breaches", { promise: this.entry.promise, ...found }).catch(() => null);
      said.textContent = word(taken ? "wallet.receipt-reported" : "shared.unreachable");
      target.disabled = Boolean(taken);
    };
    return element("div", { class: "stack" }, element("button", { class: "button danger", type: "button", "data-act": "report", onclick: report }, word("wallet.receipt-report")), said);
  }
}
